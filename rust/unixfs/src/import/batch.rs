//! Any chunker, any hash, any source, with or without a sink: whole chunks in memory.
//!
//! Threads take turns to read: one fills its batch of chunks while the others hash theirs.
//! Batches are delivered in the order they were read, so that a sink gets the same blocks in
//! the same order whatever the number of threads.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipfs_kit_dag::BlockSink;
use ipfs_kit_hash::{Code, Hasher, Message, Multihash};
use parking_lot::{Condvar, Mutex};

use super::stream::{Input, Stream};
use super::symlink::symlink;
use super::tree::{Folder, Place, StopOnPanic, Tree};
use super::walk::{Step, Walk};
use crate::blocks::{Blocks, Leaf};
use crate::layout::Layout;
use crate::os::{self, Stamp};
use crate::{Attributes, UnixFsError};

/// Bytes of chunks a thread holds.
const BATCH_BYTES: usize = 32 << 20;
/// Chunks a thread holds: enough to fill the lanes twice with small ones.
const BATCH_CHUNKS: usize = 256;
/// Chunks a thread holds where each is long: once the lanes.
const BATCH_LONG_CHUNKS: usize = 32;
/// What makes a chunk long.
const LONG_BYTES: usize = 64 << 10;

/// Bytes and chunks that are hashed without a look at the stop button.
const UNWATCHED_BYTES: usize = 4 << 20;
const UNWATCHED_CHUNKS: usize = 4;

/// A sink as the threads of an import share it.
pub(crate) type SharedSink<'s> = &'s mut (dyn BlockSink + Send);

/// What happened, in the order it was read.
enum Event {
    Leaf { file: Arc<OpenFile>, leaf: Leaf, range: Range<usize> },
    FileEnd(Arc<OpenFile>),
    Symlink { path: PathBuf, place: Place },
    Listed(Arc<Folder>),
    Failed { root: usize, error: UnixFsError },
}

/// A file whose leaves are on their way.
struct OpenFile {
    place: Place,
    attributes: Attributes,
    layout: Mutex<Option<Layout>>,
}

/// A thread's chunks.
#[derive(Default)]
struct Batch {
    number: u64,
    events: Vec<Event>,
    buffer: Vec<u8>,
    chunks: usize,
}

impl Batch {
    fn is_full(&self) -> bool {
        let long = self.buffer.len() >= BATCH_LONG_CHUNKS * LONG_BYTES;
        let most = if long { BATCH_LONG_CHUNKS } else { BATCH_CHUNKS };
        self.buffer.len() >= BATCH_BYTES
            || self.chunks >= most
            || self.events.len() >= 4096
    }
}

/// What is read next; one thread has it at a time.
struct Reading<'a> {
    walk: Walk<'a>,
    /// A single source that is no file of the walk.
    given: Option<(Place, Input<'a>)>,
    open: Option<(Arc<OpenFile>, Stream<'a>)>,
    batches: u64,
}

struct Shared<'a, 's> {
    tree: &'a Tree<'a>,
    reading: Mutex<Reading<'a>>,
    /// The batch to be delivered next, and where its blocks go.
    turn: Mutex<(u64, Option<SharedSink<'s>>)>,
    turned: Condvar,
}

/// Imports all that the walk finds, and one given source; results are in the tree.
pub(crate) fn run<'a>(
    tree: &'a Tree<'a>,
    walk: Walk<'a>,
    given: Option<(Place, Input<'a>)>,
    sink: Option<SharedSink<'_>>,
    threads: usize,
) {
    let walk = if sink.is_some() { walk.sorted() } else { walk };
    let shared = Shared {
        tree,
        reading: Mutex::new(Reading { walk, given, open: None, batches: 0 }),
        turn: Mutex::new((0, sink)),
        turned: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| shared.work());
        }
        shared.work();
    });
}

impl Shared<'_, '_> {
    fn work(&self) {
        let _guard = StopOnPanic(self.tree);
        let mut batch = Batch::default();
        while !self.tree.is_stopped() {
            batch.events.clear();
            batch.buffer.clear();
            batch.chunks = 0;
            if !self.reading.lock().fill(self.tree, &mut batch) {
                return;
            }
            match hash(self.tree, &batch) {
                Ok(hashes) => self.deliver(&mut batch, hashes),
                Err(error) => self.tree.fail_all(error),
            }
        }
    }

    /// Waits for the batch's turn, then passes its blocks on.
    fn deliver(&self, batch: &mut Batch, hashes: Vec<Multihash>) {
        let mut turn = self.turn.lock();
        while turn.0 != batch.number {
            if self.tree.is_stopped() {
                return;
            }
            self.turned.wait_for(&mut turn, Duration::from_millis(50));
        }
        let (number, sink) = &mut *turn;
        let sink = sink.as_mut().map(|sink| &mut **sink as SharedSink<'_>);
        let mut blocks = Blocks { rules: &self.tree.rules, sink };
        let mut hashes = hashes.into_iter();
        for event in batch.events.drain(..) {
            self.apply(event, &batch.buffer, &mut hashes, &mut blocks);
        }
        *number += 1;
        self.turned.notify_all();
    }

    fn apply(
        &self,
        event: Event,
        buffer: &[u8],
        hashes: &mut impl Iterator<Item = Multihash>,
        blocks: &mut Blocks<'_>,
    ) {
        let tree = self.tree;
        let (root, result) = match event {
            Event::Leaf { file, leaf, range } => {
                let Some(hash) = hashes.next() else { return };
                (file.place.root(), file.take(tree, &leaf, hash, &buffer[range], blocks))
            }
            Event::FileEnd(file) => (file.place.root(), file.finish(tree, blocks)),
            Event::Symlink { path, place } => {
                let made = symlink(tree, &path, blocks);
                let delivered = made.map(|child| tree.deliver(&place, child, blocks));
                (place.root(), delivered)
            }
            Event::Listed(folder) => return tree.listed(&folder, blocks),
            Event::Failed { root, error } => (root, Err(error)),
        };
        if let Err(error) = result {
            tree.fail(root, error);
        }
    }
}

impl OpenFile {
    fn take(
        &self,
        tree: &Tree<'_>,
        leaf: &Leaf,
        hash: Multihash,
        data: &[u8],
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let child = tree.rules.leaf_child(leaf, hash)?;
        if blocks.wants_data() {
            if leaf.header.is_empty() {
                blocks.put(&child.cid, data)?;
            } else {
                blocks.put(&child.cid, &[&leaf.header, data, &leaf.trailer].concat())?;
            }
        }
        match &mut *self.layout.lock() {
            Some(layout) => layout.push(child, blocks),
            None => Ok(()),
        }
    }

    fn finish(
        &self,
        tree: &Tree<'_>,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let Some(layout) = self.layout.lock().take() else { return Ok(()) };
        let root = layout.finish(&self.attributes, blocks)?;
        tree.control.add_file();
        tree.deliver(&self.place, root, blocks);
        Ok(())
    }
}

impl<'a> Reading<'a> {
    /// Fills a batch; false when there is nothing left to read.
    fn fill(&mut self, tree: &'a Tree<'a>, batch: &mut Batch) -> bool {
        let mut start = 0;
        while !batch.is_full() && !tree.is_stopped() {
            match self.open.take() {
                Some((file, stream)) => {
                    start = self.read(tree, batch, start, file, stream);
                }
                None if !self.next(tree, batch) => break,
                None => {}
            }
        }
        if let Some((_, stream)) = &mut self.open {
            stream.carry(&mut batch.buffer, start);
        }
        batch.number = self.batches;
        self.batches += 1;
        !batch.events.is_empty()
    }

    /// Reads one chunk of the open file; returns where the next one begins.
    fn read(
        &mut self,
        tree: &Tree<'_>,
        batch: &mut Batch,
        start: usize,
        file: Arc<OpenFile>,
        mut stream: Stream<'a>,
    ) -> usize {
        let root = file.place.root();
        match stream.next_chunk(tree.control, &mut batch.buffer, start) {
            Ok(Some(chunk)) => {
                // The only leaf of a balanced file is its root.
                let is_root = chunk.is_whole && !tree.params.trickle;
                let attributes =
                    if is_root { file.attributes } else { Attributes::default() };
                let range = chunk.range;
                let end = range.end;
                let leaf = tree.rules.leaf(range.len(), &attributes);
                batch.events.push(Event::Leaf { file: Arc::clone(&file), leaf, range });
                batch.chunks += 1;
                self.open = Some((file, stream));
                end
            }
            Ok(None) => {
                // A balanced file has a leaf even when it has no bytes.
                if stream.is_empty() && !tree.params.trickle {
                    let leaf = tree.rules.leaf(0, &file.attributes);
                    let range = start..start;
                    batch.events.push(Event::Leaf {
                        file: Arc::clone(&file),
                        leaf,
                        range,
                    });
                    batch.chunks += 1;
                }
                batch.events.push(Event::FileEnd(file));
                start
            }
            Err(error) => {
                batch.events.push(Event::Failed { root, error });
                batch.buffer.truncate(start);
                start
            }
        }
    }

    /// Goes on to the next file; false when there is none.
    fn next(&mut self, tree: &'a Tree<'a>, batch: &mut Batch) -> bool {
        if let Some((place, input)) = self.given.take() {
            let root = place.root();
            let attributes = tree.params.attributes;
            if let Err(error) = self.open(tree, place, input, PathBuf::new(), attributes)
            {
                batch.events.push(Event::Failed { root, error });
            }
            return true;
        }
        let Some(step) = self.walk.next() else { return false };
        let event = match step {
            Step::File { path, place, follow } => {
                let root = place.root();
                match self.open_file(tree, path, place, follow) {
                    Ok(()) => return true,
                    Err(error) => Event::Failed { root, error },
                }
            }
            Step::Symlink { path, place } => Event::Symlink { path, place },
            Step::Listed(folder) => Event::Listed(folder),
            Step::Failed { root, error } => Event::Failed { root, error },
        };
        batch.events.push(event);
        true
    }

    fn open_file(
        &mut self,
        tree: &'a Tree<'a>,
        path: PathBuf,
        place: Place,
        follow: bool,
    ) -> Result<(), UnixFsError> {
        let (file, metadata) = os::open_file(&path, follow)?;
        let attributes = os::attributes(tree.params, &metadata, false);
        let input = Input::File { file, stamp: Stamp::of(&metadata) };
        self.open(tree, place, input, path, attributes)
    }

    fn open(
        &mut self,
        tree: &'a Tree<'a>,
        place: Place,
        input: Input<'a>,
        path: PathBuf,
        attributes: Attributes,
    ) -> Result<(), UnixFsError> {
        let layout = Mutex::new(Some(Layout::new(tree.params)));
        let file = Arc::new(OpenFile { place, attributes, layout });
        let stream = Stream::new(tree, input, path)?;
        self.open = Some((file, stream));
        Ok(())
    }
}

/// Hashes the leaves of a batch side by side, but for those that go into their CIDs whole.
fn hash(tree: &Tree<'_>, batch: &Batch) -> Result<Vec<Multihash>, UnixFsError> {
    let (rules, function) = (&tree.rules, tree.rules.hash());
    let identity = Hasher::new(Code::Identity);
    let mut hashes = Vec::with_capacity(batch.chunks);
    let mut lanes = Vec::with_capacity(batch.chunks);
    let mut inlined = Vec::new();
    for event in &batch.events {
        let Event::Leaf { leaf, range, .. } = event else { continue };
        let (header, data, trailer) =
            (&leaf.header[..], &batch.buffer[range.clone()], &leaf.trailer[..]);
        if rules.inlines(leaf.block_len()) {
            inlined.push((
                inlined.len() + lanes.len(),
                identity.hash_parts(&[header, data, trailer])?,
            ));
        } else {
            lanes.push(Message { header, data, trailer });
        }
    }
    // The slowest hashes take a second for a whole batch: too long to look away.
    let all = function.code() == Code::Sha2_256 || batch.buffer.len() <= UNWATCHED_BYTES;
    let at_once = if all { lanes.len().max(1) } else { UNWATCHED_CHUNKS };
    for some in lanes.chunks(at_once) {
        if tree.is_stopped() {
            return Err(UnixFsError::Cancelled);
        }
        function.hash_many(some, &mut hashes)?;
    }
    for (index, hash) in inlined {
        hashes.insert(index, hash);
    }
    Ok(hashes)
}
