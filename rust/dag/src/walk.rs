//! A walk over a DAG: depth first, each block once, within limits.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use ipfs_kit_cid::Cid;

use crate::{BlockSource, DagError, links};

/// How far a walk goes before it is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Links followed one below the other.
    pub max_depth: usize,
    /// Blocks visited.
    pub max_blocks: u64,
}

impl Default for WalkLimits {
    /// 1024 levels, which no real DAG has, and a billion blocks.
    fn default() -> Self {
        Self { max_depth: 1024, max_blocks: 1 << 30 }
    }
}

/// Blocks that stand side by side are read together, so many at once.
const READ_AHEAD: usize = 16;
/// Blocks held that were read before their turn: with those of three levels above.
const MAX_AHEAD: usize = 4 * READ_AHEAD;

/// A block met on a walk.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Its CID.
    pub cid: Cid,
    /// Its bytes.
    pub data: Bytes,
    /// Links above it.
    pub depth: usize,
}

/// Iterates over the blocks below a root, parents first, as `dag export` writes them.
///
/// Memory grows with the blocks seen: about 200 bytes each, and those that were read ahead, 64
/// at most.
#[derive(Debug)]
pub struct Walk<'a, S> {
    source: &'a S,
    limits: WalkLimits,
    stack: Vec<(Cid, usize)>,
    seen: HashSet<Cid>,
    ahead: HashMap<Cid, Bytes>,
}

impl<'a, S: BlockSource> Walk<'a, S> {
    /// Starts at `root`.
    pub fn new(source: &'a S, root: Cid, limits: WalkLimits) -> Self {
        let (stack, seen, ahead) = (vec![(root, 0)], HashSet::new(), HashMap::new());
        Self { source, limits, stack, seen, ahead }
    }

    fn visit(&mut self, cid: Cid, depth: usize) -> Result<Visit, DagError> {
        if depth > self.limits.max_depth {
            let limit = self.limits.max_depth as u64;
            return Err(DagError::Limit { what: "depth of the DAG", limit });
        }
        if self.seen.len() as u64 > self.limits.max_blocks {
            let limit = self.limits.max_blocks;
            return Err(DagError::Limit { what: "blocks of the DAG", limit });
        }
        let data = self.read(&cid, depth)?;
        let children = links(&cid, &data)?;
        self.stack.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
        Ok(Visit { cid, data, depth })
    }

    /// Reads a block, and with it those of its siblings that come next.
    fn read(&mut self, cid: &Cid, depth: usize) -> Result<Bytes, DagError> {
        if let Some(data) = self.ahead.remove(cid) {
            return Ok(data);
        }
        let mut wanted = vec![*cid];
        if self.ahead.len() + READ_AHEAD <= MAX_AHEAD {
            let siblings = self.stack.iter().rev().take_while(|(_, at)| *at == depth);
            // Most are new; a long row of others is not worth looking through.
            for (sibling, _) in siblings.take(READ_AHEAD - 1) {
                let known =
                    self.seen.contains(sibling) || self.ahead.contains_key(sibling);
                if !known && !wanted.contains(sibling) {
                    wanted.push(*sibling);
                }
            }
        }
        let missing = || DagError::Missing(Box::new(*cid));
        if wanted.len() == 1 {
            return self.source.get(cid)?.ok_or_else(missing);
        }
        let mut given = self.source.get_many(&wanted)?.into_iter();
        let data = given.next().flatten().ok_or_else(missing)?;
        let siblings = wanted[1..].iter().zip(given);
        self.ahead.extend(siblings.filter_map(|(cid, data)| Some((*cid, data?))));
        Ok(data)
    }
}

impl<S: BlockSource> Iterator for Walk<'_, S> {
    type Item = Result<Visit, DagError>;

    /// An error ends the walk.
    fn next(&mut self) -> Option<Self::Item> {
        while let Some((cid, depth)) = self.stack.pop() {
            if self.seen.insert(cid) {
                let visit = self.visit(cid, depth);
                if visit.is_err() {
                    self.stack.clear();
                    self.ahead.clear();
                }
                return Some(visit);
            }
        }
        None
    }
}
