//! Which blocks of a file are still to be fetched.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::BlockSource;

use super::file::File;
use super::part::{Below, Part};
use super::pieces::{Open, Work, check_size};
use super::{is_identity, try_load};
use crate::UnixFsError;

/// Blocks asked for at once.
const MAX_MISSING: usize = 4096;
/// What a block holds at most; more of the file stands below it, not in it.
const MAX_BLOCK_BYTES: u64 = 2 << 20;

pub(super) fn missing<S: BlockSource>(
    file: &File,
    source: &S,
    range: Range<u64>,
    max_bytes: u64,
) -> Result<Vec<Cid>, UnixFsError> {
    let range = range.start..range.end.min(file.size());
    let mut found = Found { cids: Vec::new(), seen: HashSet::new(), bytes: 0, max_bytes };
    let mut work = Work::default();
    let mut stack = Vec::new();
    if range.start < range.end {
        stack.push(Open::new(Arc::clone(&file.root), 0, 0, range.start));
    }
    while let Some(mut open) = stack.pop() {
        let Some(below) = open.take(range.end)? else { continue };
        let depth = open.depth + 1;
        stack.push(open);
        match look(file, source, &below, depth)? {
            State::Present => work.count_leaf(),
            State::Part(part) => {
                work.count(&part)?;
                stack.push(Open::new(part, below.start, depth, range.start));
            }
            State::Missing => {
                if found.add(&below) {
                    break;
                }
            }
        }
    }
    Ok(found.cids)
}

enum State {
    Present,
    Missing,
    /// Present, with more below.
    Part(Arc<Part>),
}

fn look<S: BlockSource>(
    file: &File,
    source: &S,
    below: &Below,
    depth: usize,
) -> Result<State, UnixFsError> {
    if let Some(part) = file.cache.get((below.start, depth)) {
        return Ok(State::Part(part));
    }
    if below.cid.codec() == codec::RAW {
        let here = is_identity(&below.cid) || source.has(&below.cid)?;
        return Ok(if here { State::Present } else { State::Missing });
    }
    let Some(block) = try_load(source, &below.cid)? else { return Ok(State::Missing) };
    let part = Part::of_file(below.cid.codec(), block)?;
    check_size(part.size(), below)?;
    if part.is_leaf() {
        return Ok(State::Present);
    }
    let part = Arc::new(part);
    file.cache.put((below.start, depth), &part);
    Ok(State::Part(part))
}

struct Found {
    cids: Vec<Cid>,
    seen: HashSet<Cid>,
    bytes: u64,
    max_bytes: u64,
}

impl Found {
    /// Takes a block that is missing; true when there are enough.
    fn add(&mut self, below: &Below) -> bool {
        let size = (below.end - below.start).min(MAX_BLOCK_BYTES);
        if self.seen.insert(below.cid) {
            if !self.cids.is_empty() && self.bytes.saturating_add(size) > self.max_bytes {
                return true;
            }
            self.bytes = self.bytes.saturating_add(size);
            self.cids.push(below.cid);
        }
        self.cids.len() >= MAX_MISSING || self.bytes >= self.max_bytes
    }
}
