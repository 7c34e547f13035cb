//! The bytes of a range, block after block, read some way ahead.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use ipfs_kit_cid::codec;
use ipfs_kit_dag::{BlockSource, DagError};

use super::file::File;
use super::part::{Below, Part};
use super::{MAX_DEPTH, load_many, too_deep};
use crate::UnixFsError;

/// Blocks asked for at once, and bytes of the file in them.
const WINDOW_BLOCKS: usize = 64;
const WINDOW_BYTES: u64 = 32 << 20;
/// Threads for which more are asked for, at most.
const WIDEST_THREADS: usize = 16;

/// Blocks without a byte of their own that are read for nothing: so many, and two for each
/// that has some. No writer makes chains of nodes with one link each.
const MAX_EMPTY: u64 = 8192;
const EMPTY_FOR_EACH: u64 = 2;

/// Counts blocks with bytes and blocks without, so that few blocks which stand for endless
/// chains are refused.
#[derive(Debug, Default)]
pub(super) struct Work {
    empty: u64,
    full: u64,
}

impl Work {
    pub(super) fn count(&mut self, part: &Part) -> Result<(), UnixFsError> {
        if !part.data().is_empty() {
            self.full += 1;
            return Ok(());
        }
        self.empty += 1;
        if self.empty > MAX_EMPTY + self.full.saturating_mul(EMPTY_FOR_EACH) {
            let what = "number of inner nodes of a file";
            return Err(UnixFsError::Limit { what, limit: MAX_EMPTY });
        }
        Ok(())
    }

    pub(super) fn count_leaf(&mut self) {
        self.full += 1;
    }
}

/// A part on the way down, some of whose links are still to be followed.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) part: Arc<Part>,
    /// Where it begins in the file, and how many stand above it.
    pub(super) start: u64,
    pub(super) depth: usize,
    pub(super) next: usize,
}

impl Open {
    pub(super) fn new(part: Arc<Part>, start: u64, depth: usize, at: u64) -> Self {
        let next = part.first_beyond(at.saturating_sub(start));
        Self { part, start, depth, next }
    }

    /// The next part below that has bytes before `end`, placed in the file.
    pub(super) fn take(&mut self, end: u64) -> Result<Option<Below>, UnixFsError> {
        while let Some(below) = self.part.below(self.next)? {
            let (from, to) = (self.start + below.start, self.start + below.end);
            if from >= end {
                break;
            }
            self.next += 1;
            // A part of no bytes is not read: linked often enough, such parts would take for
            // ever and never reach a limit.
            if from < to {
                if self.depth + 1 >= MAX_DEPTH {
                    return Err(too_deep());
                }
                return Ok(Some(Below { start: from, end: to, ..below }));
            }
        }
        Ok(None)
    }
}

#[derive(Debug)]
enum Entry {
    Piece(Bytes),
    /// A part whose own bytes are still to be given, if it has any.
    Part(Open),
    /// A part whose links are followed.
    Links(Open),
}

/// Iterates over the bytes of a range; an error ends it.
#[derive(Debug)]
pub struct Pieces<'f, S> {
    file: &'f File,
    source: &'f S,
    range: Range<u64>,
    /// What comes next stands last.
    stack: Vec<Entry>,
    work: Work,
    window: Window,
}

/// How much is read ahead.
#[derive(Clone, Copy, Debug)]
struct Window {
    blocks: usize,
    bytes: u64,
}

impl<'f, S: BlockSource> Pieces<'f, S> {
    pub(super) fn new(file: &'f File, source: &'f S, range: Range<u64>) -> Self {
        let range = range.start..range.end.min(file.size());
        let mut stack = Vec::new();
        if range.start < range.end {
            let root = Arc::clone(&file.root);
            stack.push(Entry::Part(Open::new(root, 0, 0, range.start)));
        }
        let window = Window { blocks: WINDOW_BLOCKS, bytes: WINDOW_BYTES };
        Self { file, source, range, stack, work: Work::default(), window }
    }

    /// Asks for more blocks at once from now on: as many as keep so many threads hashing. For
    /// sources that have them at hand.
    pub fn widen(&mut self, threads: usize) {
        let threads = threads.clamp(2, WIDEST_THREADS);
        self.window = Window {
            blocks: WINDOW_BLOCKS * threads / 2,
            bytes: WINDOW_BYTES * threads as u64,
        };
    }

    fn step(&mut self) -> Result<Option<Bytes>, UnixFsError> {
        while let Some(entry) = self.stack.pop() {
            match entry {
                Entry::Piece(piece) => return Ok(Some(piece)),
                Entry::Part(open) => {
                    let piece = self.cut(open.part.data(), open.start);
                    if !open.part.is_leaf() {
                        self.stack.push(Entry::Links(open));
                    }
                    if piece.is_some() {
                        return Ok(piece);
                    }
                }
                Entry::Links(open) => self.read_ahead(open)?,
            }
        }
        Ok(None)
    }

    /// What of some bytes that begin at `start` is in the range.
    fn cut(&self, data: &Bytes, start: u64) -> Option<Bytes> {
        let end = start + data.len() as u64;
        let (from, to) = (self.range.start.max(start), self.range.end.min(end));
        let place = |at: u64| usize::try_from(at - start).ok();
        (from < to).then(|| Some(data.slice(place(from)?..place(to)?)))?
    }

    /// Reads the next blocks in the order of the file, as far as they are known.
    fn read_ahead(&mut self, open: Open) -> Result<(), UnixFsError> {
        let (mut wanted, mut cids, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut open = Some(open);
        'window: while let Some(mut above) = open {
            loop {
                if cids.len() >= self.window.blocks || bytes >= self.window.bytes {
                    self.stack.push(Entry::Links(above));
                    break 'window;
                }
                let Some(below) = above.take(self.range.end)? else { break };
                let depth = above.depth + 1;
                bytes += below.end - below.start;
                let known = self.file.cache.get((below.start, depth));
                if known.is_none() {
                    cids.push(below.cid);
                }
                wanted.push((below, depth, known));
            }
            // What was read ahead already comes before all that is further up.
            open = match self.stack.pop() {
                Some(Entry::Links(above)) => Some(above),
                Some(other) => {
                    self.stack.push(other);
                    None
                }
                None => None,
            };
        }
        let mut blocks = load_many(self.source, &cids)?.into_iter();
        let base = self.stack.len();
        for (below, depth, known) in wanted {
            let entry = if let Some(part) = known {
                Some(self.inner(part, below.start, depth)?)
            } else {
                let block = blocks.next().flatten();
                let block =
                    block.ok_or_else(|| DagError::Missing(Box::new(below.cid)))?;
                self.entry(&below, depth, block)?
            };
            self.stack.extend(entry);
        }
        self.stack[base..].reverse();
        Ok(())
    }

    fn entry(
        &mut self,
        below: &Below,
        depth: usize,
        block: Bytes,
    ) -> Result<Option<Entry>, UnixFsError> {
        if below.cid.codec() == codec::RAW {
            check_size(block.len() as u64, below)?;
            self.work.count_leaf();
            return Ok(self.cut(&block, below.start).map(Entry::Piece));
        }
        let part = Part::of_file(below.cid.codec(), block)?;
        check_size(part.size(), below)?;
        if part.is_leaf() {
            self.work.count_leaf();
            return Ok(self.cut(part.data(), below.start).map(Entry::Piece));
        }
        let part = Arc::new(part);
        self.file.cache.put((below.start, depth), &part);
        Ok(Some(self.inner(part, below.start, depth)?))
    }

    fn inner(
        &mut self,
        part: Arc<Part>,
        start: u64,
        depth: usize,
    ) -> Result<Entry, UnixFsError> {
        self.work.count(&part)?;
        let open = Open::new(part, start, depth, self.range.start);
        // One without bytes of its own does not stand in the way of reading ahead.
        Ok(if open.part.data().is_empty() {
            Entry::Links(open)
        } else {
            Entry::Part(open)
        })
    }
}

impl<S: BlockSource> Iterator for Pieces<'_, S> {
    type Item = Result<Bytes, UnixFsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if step.is_err() {
            self.stack.clear();
        }
        step.transpose()
    }
}

/// A part must be as long as its parent says.
pub(super) fn check_size(size: u64, below: &Below) -> Result<(), UnixFsError> {
    if size == below.end - below.start {
        return Ok(());
    }
    Err(UnixFsError::Node {
        reason: "a part of a file is not as long as its parent says",
    })
}
