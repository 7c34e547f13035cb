//! Any chunker, any hash, any source, with or without a sink: whole chunks in memory.
//!
//! Threads take turns to read: one fills its batch of chunks while the others hash theirs.
//! Small files only get their place in the batch then, and are read when it is the others'
//! turn. Batches are delivered in the order they were read, so that a sink gets the same blocks in
//! the same order whatever the number of threads.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ipfs_kit_dag::{BlockSink, InPlace};
use ipfs_kit_hash::{Code, Hasher, Message, Multihash};

use super::memory::{Remembered, check};
use super::stream::{Input, Stream};
use super::symlink::symlink;
use super::tree::{Folder, Place, StopOnPanic, Tree};
use super::walk::{Step, Walk};
use crate::blocks::{Blocks, Child, Leaf};
use crate::layout::Layout;
use crate::os::{self, Identified, Stamp};
use crate::sync::{lock, wait};
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

/// Files up to this size are read outside of the turn to read: opening and closing them
/// takes longer than their bytes do.
const SMALL_BYTES: u64 = 256 << 10;

/// From so many threads on: two do not wait for each other, and need not ask for sizes first.
const THREADS_FOR_SMALL: usize = 3;

/// What happened, in the order it was read.
enum Event {
    /// A file that this thread is still to read.
    Small {
        path: PathBuf,
        place: Place,
        follow: bool,
    },
    Leaf {
        file: Arc<OpenFile>,
        leaf: Leaf,
        range: Range<usize>,
    },
    /// The end of a file, and what is to be remembered of it.
    FileEnd(Arc<OpenFile>, Option<Identified>),
    /// A file of a folder that was not read, because it is as it was.
    Unchanged {
        folder: Arc<Folder>,
        file: Box<Remembered>,
    },
    /// A folder of nothing but such files.
    WholeUnchanged {
        place: Place,
        whole: Box<Remembered>,
    },
    /// A file given by itself that is as it was.
    LoneUnchanged {
        place: Place,
        child: Child,
    },
    Symlink {
        path: PathBuf,
        place: Place,
    },
    Listed(Arc<Folder>),
    Failed {
        root: usize,
        error: UnixFsError,
    },
}

/// A file whose leaves are on their way.
struct OpenFile {
    place: Place,
    /// Whether it was given by itself.
    lone: bool,
    /// Its path, where blocks may refer to it.
    in_place: Option<PathBuf>,
    attributes: Attributes,
    growing: Mutex<Growing>,
}

/// A file as far as its leaves have come.
struct Growing {
    layout: Option<Layout>,
    /// Where the next leaf begins.
    offset: u64,
}

/// A thread's chunks.
#[derive(Default)]
struct Batch {
    number: u64,
    events: Vec<Event>,
    buffer: Vec<u8>,
    chunks: usize,
    /// Bytes of the small files that are still to be read.
    due: usize,
    has_small: bool,
}

impl Batch {
    fn is_full(&self) -> bool {
        let bytes = self.buffer.len() + self.due;
        let long = bytes >= BATCH_LONG_CHUNKS * LONG_BYTES;
        let most = if long { BATCH_LONG_CHUNKS } else { BATCH_CHUNKS };
        bytes >= BATCH_BYTES || self.chunks >= most || self.events.len() >= 4096
    }

    /// Makes room for a small file.
    fn plan(&mut self, tree: &Tree<'_>, size: u64) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let chunk = tree.params.chunker.max_chunk_bytes();
        self.due = self.due.saturating_add(size);
        self.chunks += size.div_ceil(chunk).max(1);
        self.has_small = true;
    }
}

/// What is read next; one thread has it at a time.
struct Reading<'a> {
    walk: Walk<'a>,
    /// A single source that is no file of the walk.
    given: Option<(Place, Input<'a>)>,
    /// Whether blocks may refer to files.
    in_place: bool,
    open: Option<(Arc<OpenFile>, Stream<'a>)>,
    batches: u64,
}

struct Shared<'a, 's> {
    tree: &'a Tree<'a>,
    in_place: bool,
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
    in_place: bool,
) {
    let walk = if sink.is_some() {
        walk.sorted(tree.memory, !tree.lists_entries())
    } else {
        walk
    };
    let walk = if threads >= THREADS_FOR_SMALL { walk.sized() } else { walk };
    let shared = Shared {
        tree,
        in_place,
        reading: Mutex::new(Reading { walk, given, in_place, open: None, batches: 0 }),
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
            batch.due = 0;
            batch.has_small = false;
            if !lock(&self.reading).fill(self.tree, &mut batch) {
                return;
            }
            self.read_small(&mut batch);
            match hash(self.tree, &batch) {
                Ok(hashes) => self.deliver(&mut batch, hashes),
                Err(error) => self.tree.fail_all(error),
            }
        }
    }

    /// Reads the small files of a batch into their places.
    fn read_small(&self, batch: &mut Batch) {
        if !batch.has_small {
            return;
        }
        for event in std::mem::take(&mut batch.events) {
            let Event::Small { path, place, follow } = event else {
                batch.events.push(event);
                continue;
            };
            let root = place.root();
            let at = (path, place, (follow, false));
            match open_file(self.tree, at, self.in_place, Some(SMALL_BYTES)) {
                Ok((file, mut stream)) => {
                    let mut start = batch.buffer.len();
                    while let Some(end) =
                        read_chunk(self.tree, batch, start, &file, &mut stream)
                    {
                        start = end;
                    }
                }
                Err(error) => batch.events.push(Event::Failed { root, error }),
            }
        }
    }

    /// Waits for the batch's turn, then passes its blocks on.
    fn deliver(&self, batch: &mut Batch, hashes: Vec<Multihash>) {
        let mut turn = lock(&self.turn);
        while turn.0 != batch.number {
            if self.tree.is_stopped() {
                return;
            }
            turn = wait(&self.turned, turn, Duration::from_millis(50));
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
            Event::FileEnd(file, stat) => {
                (file.place.root(), file.finish(tree, stat.as_ref(), blocks))
            }
            Event::Unchanged { folder, file } => {
                (folder.place.root(), tree.unchanged(&folder, *file, blocks))
            }
            Event::WholeUnchanged { place, whole } => {
                return tree.whole_unchanged(&place, &whole, blocks);
            }
            Event::LoneUnchanged { place, child } => {
                tree.control.add_unchanged(1, child.size);
                return tree.deliver(&place, child, blocks);
            }
            Event::Symlink { path, place } => {
                let made = symlink(tree, &path, blocks);
                let delivered = made.map(|child| tree.deliver(&place, child, blocks));
                (place.root(), delivered)
            }
            Event::Listed(folder) => return tree.listed(&folder, blocks),
            Event::Failed { root, error } => (root, Err(error)),
            // `read_small` has put other events into its place.
            Event::Small { .. } => return,
        };
        if let Err(error) = result {
            tree.fail(root, error);
        }
    }
}

impl OpenFile {
    fn new(
        tree: &Tree<'_>,
        place: Place,
        attributes: Attributes,
        lone: bool,
        in_place: Option<PathBuf>,
    ) -> Self {
        let layout = Some(Layout::new(tree.params));
        let growing = Mutex::new(Growing { layout, offset: 0 });
        Self { place, lone, in_place, attributes, growing }
    }

    fn take(
        &self,
        tree: &Tree<'_>,
        leaf: &Leaf,
        hash: Multihash,
        data: &[u8],
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let child = tree.rules.leaf_child(leaf, hash)?;
        let mut growing = lock(&self.growing);
        let path = self.in_place.as_deref();
        let place = path.map(|path| InPlace { path, offset: growing.offset });
        blocks.leaf(&child.cid, leaf, data, place.as_ref())?;
        growing.offset += data.len() as u64;
        match &mut growing.layout {
            Some(layout) => layout.push(child, blocks),
            None => Ok(()),
        }
    }

    fn finish(
        &self,
        tree: &Tree<'_>,
        stat: Option<&Identified>,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let Some(layout) = lock(&self.growing).layout.take() else { return Ok(()) };
        let root = layout.finish(&self.attributes, blocks)?;
        tree.control.add_file();
        if let Some(stat) = stat {
            tree.note(&self.place, self.lone, stat, &root)?;
        }
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
                Some((file, mut stream)) => {
                    if let Some(end) = read_chunk(tree, batch, start, &file, &mut stream)
                    {
                        start = end;
                        self.open = Some((file, stream));
                    }
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

    /// Goes on to the next file; false when there is none.
    fn next(&mut self, tree: &'a Tree<'a>, batch: &mut Batch) -> bool {
        if let Some((place, input)) = self.given.take() {
            let root = place.root();
            let attributes = tree.params.attributes;
            let file = OpenFile::new(tree, place, attributes, false, None);
            match Stream::new(tree, input, PathBuf::new()) {
                Ok(stream) => self.open = Some((Arc::new(file), stream)),
                Err(error) => batch.events.push(Event::Failed { root, error }),
            }
            return true;
        }
        let Some(step) = self.walk.next() else { return false };
        let event = match step {
            Step::File { path, place, follow, size: Some(size), .. }
                if size <= SMALL_BYTES =>
            {
                batch.plan(tree, size);
                Event::Small { path, place, follow }
            }
            Step::File { path, place, follow, lone, .. } => {
                let root = place.root();
                let known = if lone { known(tree, &path) } else { Ok(None) };
                match known {
                    Ok(Some(child)) => Event::LoneUnchanged { place, child },
                    Ok(None) => {
                        let at = (path, place, (follow, lone));
                        match open_file(tree, at, self.in_place, None) {
                            Ok(open) => {
                                self.open = Some(open);
                                return true;
                            }
                            Err(error) => Event::Failed { root, error },
                        }
                    }
                    Err(error) => Event::Failed { root, error },
                }
            }
            Step::Unchanged { folder, file } => Event::Unchanged { folder, file },
            Step::WholeUnchanged { place, whole } => {
                Event::WholeUnchanged { place, whole }
            }
            Step::Symlink { path, place } => Event::Symlink { path, place },
            Step::Listed(folder) => Event::Listed(folder),
            Step::Failed { root, error } => Event::Failed { root, error },
        };
        batch.events.push(event);
        true
    }
}

/// Opens a file of the walk; one of more than `most` bytes has grown since it was listed.
fn open_file<'a>(
    tree: &'a Tree<'a>,
    (path, place, (follow, lone)): (PathBuf, Place, (bool, bool)),
    in_place: bool,
    most: Option<u64>,
) -> Result<(Arc<OpenFile>, Stream<'a>), UnixFsError> {
    let (file, metadata) = os::open_file(&path, follow)?;
    if most.is_some_and(|most| metadata.len() > most) {
        return Err(UnixFsError::Changed { path, detail: "it grew" });
    }
    let attributes = os::attributes(tree.params, &metadata, false);
    let input = Input::File { file, stamp: Stamp::of(&metadata) };
    let in_place = in_place.then(|| path.clone());
    let file = OpenFile::new(tree, place, attributes, lone, in_place);
    Ok((Arc::new(file), Stream::new(tree, input, path)?))
}

/// Reads one chunk of a file; gives where the next one begins, or nothing if it has ended.
fn read_chunk(
    tree: &Tree<'_>,
    batch: &mut Batch,
    start: usize,
    file: &Arc<OpenFile>,
    stream: &mut Stream<'_>,
) -> Option<usize> {
    let mut leaf = |range: Range<usize>, attributes: &Attributes| {
        let leaf = tree.rules.leaf(range.len(), attributes);
        batch.events.push(Event::Leaf { file: Arc::clone(file), leaf, range });
        batch.chunks += 1;
    };
    match stream.next_chunk(tree.control, &mut batch.buffer, start) {
        Ok(Some(chunk)) => {
            // The only leaf of a balanced file is its root.
            let is_root = chunk.is_whole && !tree.params.trickle;
            let attributes =
                if is_root { file.attributes } else { Attributes::default() };
            let end = chunk.range.end;
            leaf(chunk.range, &attributes);
            Some(end)
        }
        Ok(None) => {
            // A balanced file has a leaf even when it has no bytes.
            if stream.is_empty() && !tree.params.trickle {
                leaf(start..start, &file.attributes);
            }
            batch.events.push(Event::FileEnd(Arc::clone(file), stream.settled(tree)));
            None
        }
        Err(error) => {
            let root = file.place.root();
            batch.events.push(Event::Failed { root, error });
            batch.buffer.truncate(start);
            None
        }
    }
}

/// What a file given by itself became before, if it is as it was.
fn known(tree: &Tree<'_>, path: &Path) -> Result<Option<Child>, UnixFsError> {
    let Some(memory) = tree.memory else { return Ok(None) };
    let Ok(metadata) = fs::metadata(path) else { return Ok(None) };
    let stat = Identified::of(&metadata).filter(|_| metadata.is_file());
    let Some(stat) = stat.filter(|_| os::is_local(path)) else { return Ok(None) };
    for file in memory.recall(stat.id)? {
        if file.name.is_empty() && check(memory, &file, &stat)? {
            return Ok(Some(file.child()));
        }
    }
    Ok(None)
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
