//! A walk over a DAG: depth first, each block once, within limits.

use std::collections::HashSet;

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
/// Memory grows with the blocks seen: about 200 bytes each.
#[derive(Debug)]
pub struct Walk<'a, S> {
    source: &'a S,
    limits: WalkLimits,
    stack: Vec<(Cid, usize)>,
    seen: HashSet<Cid>,
}

impl<'a, S: BlockSource> Walk<'a, S> {
    /// Starts at `root`.
    pub fn new(source: &'a S, root: Cid, limits: WalkLimits) -> Self {
        Self { source, limits, stack: vec![(root, 0)], seen: HashSet::new() }
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
        let data =
            self.source.get(&cid)?.ok_or_else(|| DagError::Missing(Box::new(cid)))?;
        let children = links(&cid, &data)?;
        self.stack.extend(children.into_iter().rev().map(|child| (child, depth + 1)));
        Ok(Visit { cid, data, depth })
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
                }
                return Some(visit);
            }
        }
        None
    }
}
