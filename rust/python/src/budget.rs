//! How much may be read before it is taken for hostile, where blocks come from elsewhere.
//!
//! A few blocks may stand for endless trees. Of a repository or a CAR one knows beforehand how
//! much there can be; of other places only what came from there so far.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use ipfs_kit_dag::DagError;

use crate::car::{self, MIN_BYTES, MIN_ENTRIES};

/// Blocks and their bytes, counted by any thread.
#[derive(Default)]
struct Amount {
    blocks: AtomicU64,
    bytes: AtomicU64,
}

impl Amount {
    /// Counts more, and gives the sums.
    fn add<'a>(&self, more: impl Iterator<Item = &'a Bytes>) -> (u64, u64) {
        let (blocks, bytes) = more.fold((0, 0), |(blocks, bytes), block| {
            (blocks + 1, bytes + block.len() as u64)
        });
        let add = |to: &AtomicU64, more| to.fetch_add(more, Ordering::Relaxed) + more;
        (add(&self.blocks, blocks), add(&self.bytes, bytes))
    }
}

/// What one call has read, and what there was to read.
#[derive(Default)]
pub(crate) struct Budget {
    read: Amount,
    fetched: Amount,
    before: OnceLock<(u64, u64)>,
}

impl Budget {
    /// Notes blocks that came from elsewhere.
    pub(crate) fn earn<'a>(&self, blocks: impl Iterator<Item = &'a Bytes>) {
        self.fetched.add(blocks);
    }

    /// Notes blocks that are read; fails if the same few were read again and again.
    /// `before` counts the blocks and bytes that were here at the start.
    pub(crate) fn spend<'a>(
        &self,
        blocks: impl Iterator<Item = &'a Bytes>,
        before: impl FnOnce() -> (u64, u64),
    ) -> Result<(), DagError> {
        let (blocks, bytes) = self.read.add(blocks);
        if blocks <= MIN_ENTRIES && bytes <= MIN_BYTES {
            return Ok(());
        }
        let (here_blocks, here_bytes) = *self.before.get_or_init(before);
        let (new_blocks, new_bytes) = self.fetched.add(std::iter::empty());
        let most =
            car::limits(None, None, here_bytes + new_bytes, here_blocks + new_blocks);
        if blocks > most.max_entries {
            let what = "number of blocks that are read again and again";
            return Err(DagError::Limit { what, limit: most.max_entries });
        }
        if bytes > most.max_bytes {
            let what = "size of blocks that are read again and again";
            return Err(DagError::Limit { what, limit: most.max_bytes });
        }
        Ok(())
    }
}
