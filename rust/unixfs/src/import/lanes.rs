//! Hash only: chunks read tile by tile straight into the lanes of the sha2-256 engine.
//!
//! Each thread keeps all its lanes busy with chunks of any files: a lane that ends takes the
//! next chunk of a large file, or the next small file. Nothing but the tiles is held, and
//! they stay in the core's own cache.
//!
//! A small file costs five system calls: open, stat, read, stat, close. The read asks for one
//! byte more than the file has, so that it shows the end as well; the second stat shows a file
//! that changed meanwhile.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ipfs_kit_hash::sha256::{Digest, Engine, Feed, Filled, Kernel};
use ipfs_kit_hash::{Code, Hasher, Multihash};

use super::file::SharedFile;
use super::symlink::symlink;
use super::tree::{Place, StopOnPanic, Tree};
use super::walk::{Step, Walk};
use crate::blocks::{Blocks, Leaf};
use crate::os::{self, Stamp};
use crate::sync::{lock, wait};
use crate::{Attributes, UnixFsError};

/// Steps a thread takes from the walk at once: enough that the lock costs nothing, few enough
/// that the threads end together.
const STEPS_AT_ONCE: usize = 64;

/// Work that no thread has yet.
struct Queue<'a> {
    walk: Walk<'a>,
    walk_ended: bool,
    /// Files that still have chunks to take.
    files: VecDeque<Arc<SharedFile>>,
    /// Threads that may still put files there.
    busy: usize,
}

/// The queue and those who wait for it.
struct Shared<'a> {
    tree: &'a Tree<'a>,
    chunk_bytes: u64,
    queue: Mutex<Queue<'a>>,
    /// Whether `files` has any, to be seen without the lock.
    has_files: AtomicBool,
    changed: Condvar,
}

/// Hashes all that the walk finds; results are in the tree.
pub(crate) fn run(
    tree: &Tree<'_>,
    walk: Walk<'_>,
    kernel: Kernel,
    chunk: usize,
    threads: usize,
) {
    let queue = Queue { walk, walk_ended: false, files: VecDeque::new(), busy: 0 };
    let shared = Shared {
        tree,
        chunk_bytes: chunk as u64,
        queue: Mutex::new(queue),
        has_files: AtomicBool::new(false),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| shared.work(kernel));
        }
        shared.work(kernel);
    });
}

impl Shared<'_> {
    fn work(&self, kernel: Kernel) {
        let _guard = StopOnPanic(self.tree);
        let mut engine = Engine::new(kernel);
        while self.wait_for_work() {
            let lanes = (0..kernel.lanes()).map(|_| None).collect();
            let mut jobs = Jobs { shared: self, lanes, steps: VecDeque::new() };
            engine.run(&mut jobs);
            lock(&self.queue).busy -= 1;
            self.changed.notify_all();
        }
    }

    /// Waits until there is something to take; false when there will be nothing more.
    fn wait_for_work(&self) -> bool {
        let mut queue = lock(&self.queue);
        loop {
            if self.tree.is_stopped() {
                return false;
            }
            if !queue.walk_ended || !queue.files.is_empty() {
                queue.busy += 1;
                return true;
            }
            if queue.busy == 0 {
                return false;
            }
            queue = wait(&self.changed, queue, Duration::from_millis(50));
        }
    }

    fn add_file(&self, file: SharedFile) {
        lock(&self.queue).files.push_back(Arc::new(file));
        self.has_files.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    fn take_chunk(&self) -> Option<(Arc<SharedFile>, (u64, u64, u64))> {
        if !self.has_files.load(Ordering::Acquire) {
            return None;
        }
        let mut queue = lock(&self.queue);
        while let Some(file) = queue.files.front() {
            let wanted = !self.tree.has_failed(file.place.root());
            if let Some(chunk) = file.claim().filter(|_| wanted) {
                return Some((Arc::clone(file), chunk));
            }
            queue.files.pop_front();
        }
        self.has_files.store(false, Ordering::Release);
        None
    }

    fn take_steps(&self, steps: &mut VecDeque<Step>) {
        let mut queue = lock(&self.queue);
        while steps.len() < STEPS_AT_ONCE && !queue.walk_ended {
            match queue.walk.next() {
                Some(step) => steps.push_back(step),
                None => queue.walk_ended = true,
            }
        }
    }
}

/// One thread's lanes and the steps it has taken.
struct Jobs<'a, 'b> {
    shared: &'b Shared<'a>,
    lanes: Vec<Option<Job>>,
    steps: VecDeque<Step>,
}

/// A chunk in a lane.
struct Job {
    source: Source,
    leaf: Leaf,
    /// What of header and trailer is still to come.
    header_due: bool,
    trailer_due: bool,
    /// The next byte to read, and the end of the chunk.
    at: u64,
    end: u64,
}

enum Source {
    /// A file of one chunk, read here alone.
    Whole(WholeFile),
    /// One chunk of a larger file.
    Part(Arc<SharedFile>, u64),
}

struct WholeFile {
    file: File,
    path: PathBuf,
    place: Place,
    stamp: Stamp,
    saw_end: bool,
}

impl<'a> Jobs<'a, '_> {
    fn tree(&self) -> &'a Tree<'a> {
        self.shared.tree
    }

    fn with_blocks(&self, act: impl FnOnce(&Tree<'_>, &mut Blocks<'_>)) {
        let tree = self.tree();
        act(tree, &mut Blocks { rules: &tree.rules, sink: None });
    }

    /// Finds the next chunk to hash; what needs no lane is finished on the way.
    fn next_job(&mut self) -> Option<Job> {
        loop {
            if self.tree().is_stopped() {
                return None;
            }
            if let Some((file, chunk)) = self.shared.take_chunk() {
                return Some(self.part(file, chunk));
            }
            if self.steps.is_empty() {
                self.shared.take_steps(&mut self.steps);
            }
            match self.steps.pop_front()? {
                Step::File { path, place, follow, .. } => {
                    let root = place.root();
                    match self.open(path, place, follow) {
                        Ok(Some(job)) => return Some(job),
                        Ok(None) => {}
                        Err(error) => self.tree().fail(root, error),
                    }
                }
                Step::Symlink { path, place } => {
                    self.with_blocks(|tree, blocks| match symlink(tree, &path, blocks) {
                        Ok(child) => tree.deliver(&place, child, blocks),
                        Err(error) => tree.fail(place.root(), error),
                    });
                }
                Step::Listed(folder) => {
                    self.with_blocks(|tree, blocks| tree.listed(&folder, blocks));
                }
                Step::Failed { root, error } => self.tree().fail(root, error),
                // Only a walk with a memory has these, and this one has none.
                Step::Unchanged { .. } | Step::WholeUnchanged { .. } => {}
            }
        }
    }

    fn part(&self, file: Arc<SharedFile>, (index, at, end): (u64, u64, u64)) -> Job {
        let rules = &self.tree().rules;
        let leaf = rules.leaf(chunk_len(at, end), &Attributes::default());
        Job::new(Source::Part(file, index), leaf, at, end)
    }

    /// Opens a file: a small one becomes a job, a large one goes where all threads find it.
    fn open(
        &self,
        path: PathBuf,
        place: Place,
        follow: bool,
    ) -> Result<Option<Job>, UnixFsError> {
        let tree = self.tree();
        let (file, metadata) = os::open_file(&path, follow)?;
        let stamp = Stamp::of(&metadata);
        let attributes = os::attributes(tree.params, &metadata, false);
        let chunk_bytes = self.shared.chunk_bytes;
        // A trickle file is never its only leaf: an empty one has no leaf at all.
        if stamp.size > chunk_bytes || tree.params.trickle {
            let opened = (file, path, place);
            let file = SharedFile::new(tree, opened, stamp, attributes, chunk_bytes);
            if stamp.size == 0 {
                self.with_blocks(|tree, blocks| file.finish_empty(tree, blocks));
            } else {
                self.shared.add_file(file);
            }
            return Ok(None);
        }
        let leaf = tree.rules.leaf(chunk_len(0, stamp.size), &attributes);
        let whole = WholeFile { file, path, place, stamp, saw_end: false };
        Ok(Some(Job::new(Source::Whole(whole), leaf, 0, stamp.size)))
    }

    fn finish(&self, job: Job, hash: Multihash) {
        self.with_blocks(|tree, blocks| {
            let root = job.place().root();
            if let Err(error) = job.deliver(tree, hash, blocks) {
                tree.fail(root, error);
            }
        });
    }

    /// Ends a chunk that goes into its CID whole and needs no hash.
    fn inline(&self, mut job: Job) {
        let mut block = vec![0; job.leaf.block_len() + 1];
        let mut filled = 0;
        let hash = loop {
            match job.fill(self.tree(), &mut block[filled..]) {
                Ok(Some(bytes)) => filled += bytes,
                Ok(None) => break Hasher::new(Code::Identity).hash(&block[..filled]),
                Err(error) => return self.tree().fail(job.place().root(), error),
            }
        };
        match hash {
            Ok(hash) => self.finish(job, hash),
            Err(error) => self.tree().fail(job.place().root(), error.into()),
        }
    }
}

impl Feed for Jobs<'_, '_> {
    fn start(&mut self, lane: usize) -> bool {
        while let Some(job) = self.next_job() {
            if self.tree().rules.inlines(job.leaf.block_len()) {
                self.inline(job);
                continue;
            }
            self.lanes[lane] = Some(job);
            return true;
        }
        false
    }

    fn fill(&mut self, lane: usize, tile: &mut [u8]) -> Filled {
        let tree = self.shared.tree;
        let Some(job) = &mut self.lanes[lane] else { return Filled::Failed };
        if tree.is_stopped() {
            return Filled::Failed;
        }
        match job.fill(tree, tile) {
            Ok(Some(bytes)) => Filled::Bytes(bytes),
            Ok(None) => Filled::End,
            Err(error) => {
                tree.fail(job.place().root(), error);
                Filled::Failed
            }
        }
    }

    fn done(&mut self, lane: usize, digest: Digest) {
        let Some(job) = self.lanes[lane].take() else { return };
        match Multihash::wrap(Code::Sha2_256.code(), &digest) {
            Ok(hash) => self.finish(job, hash),
            Err(_) => unreachable!("32 bytes fit a multihash"),
        }
    }
}

impl Job {
    fn new(source: Source, leaf: Leaf, at: u64, end: u64) -> Self {
        let header_due = !leaf.header.is_empty();
        let trailer_due = !leaf.trailer.is_empty();
        Self { source, leaf, header_due, trailer_due, at, end }
    }

    fn place(&self) -> &Place {
        match &self.source {
            Source::Whole(whole) => &whole.place,
            Source::Part(file, _) => &file.place,
        }
    }

    /// Writes the next bytes of the block to `tile`; `None` at its end.
    fn fill(
        &mut self,
        tree: &Tree<'_>,
        tile: &mut [u8],
    ) -> Result<Option<usize>, UnixFsError> {
        let mut filled = 0;
        if self.header_due {
            filled = copy_to(tile, &self.leaf.header);
            self.header_due = false;
        }
        if self.at < self.end || self.probes_end() {
            let read = self.read(&mut tile[filled..])?;
            tree.control.add_bytes(read);
            self.at += read as u64;
            filled += read;
        }
        let room = tile.len() - filled >= self.leaf.trailer.len();
        if self.at == self.end && self.trailer_due && room {
            filled += copy_to(&mut tile[filled..], &self.leaf.trailer);
            self.trailer_due = false;
        }
        // A tile too full for the trailer is not empty.
        Ok((filled > 0).then_some(filled))
    }

    fn probes_end(&self) -> bool {
        matches!(&self.source, Source::Whole(whole) if !whole.saw_end)
    }

    fn read(&mut self, room: &mut [u8]) -> Result<usize, UnixFsError> {
        let left = chunk_len(self.at, self.end);
        match &mut self.source {
            Source::Part(file, _) => {
                let want = left.min(room.len());
                let read = os::read_at(&file.file, &mut room[..want], self.at)
                    .map_err(UnixFsError::read(&file.path))?;
                if read == 0 { Err(shrank(&file.path)) } else { Ok(read) }
            }
            Source::Whole(whole) => whole.read(room, self.at, left),
        }
    }

    fn deliver(
        self,
        tree: &Tree<'_>,
        hash: Multihash,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let child = tree.rules.leaf_child(&self.leaf, hash)?;
        match self.source {
            Source::Part(file, index) => file.deliver(tree, index, child, blocks),
            Source::Whole(whole) => {
                whole.check_unchanged()?;
                tree.control.add_file();
                tree.deliver(&whole.place, child, blocks);
                Ok(())
            }
        }
    }
}

impl WholeFile {
    /// Reads what is left and tries for one byte more, which must not be there.
    fn read(
        &mut self,
        room: &mut [u8],
        at: u64,
        left: usize,
    ) -> Result<usize, UnixFsError> {
        let want = (left + 1).min(room.len());
        let read = os::read_at(&self.file, &mut room[..want], at)
            .map_err(UnixFsError::read(&self.path))?;
        self.saw_end = want > left && read == left;
        match read {
            _ if read > left => {
                Err(UnixFsError::Changed { path: self.path.clone(), detail: "it grew" })
            }
            0 if left > 0 => Err(shrank(&self.path)),
            _ => Ok(read),
        }
    }

    /// Even one read can meet two states of a file that is cut and written again meanwhile.
    fn check_unchanged(&self) -> Result<(), UnixFsError> {
        let metadata = self.file.metadata().map_err(UnixFsError::read(&self.path))?;
        if Stamp::of(&metadata) == self.stamp {
            return Ok(());
        }
        let path = self.path.clone();
        Err(UnixFsError::Changed { path, detail: "its size or time is not what it was" })
    }
}

fn shrank(path: &std::path::Path) -> UnixFsError {
    UnixFsError::Changed { path: path.to_owned(), detail: "it shrank" }
}

/// A chunk has at most 2 MiB.
fn chunk_len(at: u64, end: u64) -> usize {
    usize::try_from(end - at).unwrap_or(usize::MAX)
}

fn copy_to(room: &mut [u8], bytes: &[u8]) -> usize {
    room[..bytes.len()].copy_from_slice(bytes);
    bytes.len()
}
