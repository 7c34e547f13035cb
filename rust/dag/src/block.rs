//! Where blocks come from and go to.

use std::collections::HashMap;
use std::path::Path;

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_hash::{Code, Hasher, Multihash};

use crate::DagError;

/// Somewhere blocks are read from.
///
/// What a source gives matches its CID: one that reads from outside verifies, or is put into
/// [`Verifying`]. Callers need not check again.
pub trait BlockSource {
    /// Reads a block; `None` if it is not here.
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError>;

    /// Reads blocks that are wanted together, in the order asked for.
    ///
    /// A source that can verify or fetch many at once does so here.
    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        cids.iter().map(|cid| self.get(cid)).collect()
    }

    /// Tells whether a block is here, without reading it where that can be had.
    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        Ok(self.get(cid)?.is_some())
    }
}

impl<S: BlockSource + ?Sized> BlockSource for &S {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        (**self).get(cid)
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        (**self).get_many(cids)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        (**self).has(cid)
    }
}

/// A source whose blocks are checked against their CIDs as they are read.
#[derive(Debug)]
pub struct Verifying<S>(pub S);

impl<S: BlockSource> BlockSource for Verifying<S> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        match self.0.get(cid)? {
            Some(data) if !Hasher::verify(cid.hash(), &data)? => {
                Err(DagError::Mismatch(Box::new(*cid)))
            }
            found => Ok(found),
        }
    }
}

/// Somewhere blocks are written to.
///
/// Blocks come children first, so that a root never arrives before what it names. The same
/// block may come twice.
pub trait BlockSink {
    /// Takes a block whose bytes the caller has just hashed to `cid`.
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError>;

    /// Takes a block that lies in several pieces, one behind the other.
    fn put_parts(&mut self, cid: &Cid, parts: &[&[u8]]) -> Result<(), DagError> {
        self.put(cid, &parts.concat())
    }

    /// Takes a block whose bytes also lie in a file of the user's, which a sink that keeps
    /// references may note instead of the bytes.
    fn put_in_place(
        &mut self,
        cid: &Cid,
        data: &[u8],
        _place: &InPlace<'_>,
    ) -> Result<(), DagError> {
        self.put(cid, data)
    }
}

/// Where a block's bytes lie in a file that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InPlace<'a> {
    /// The file, as the caller named it.
    pub path: &'a Path,
    /// Where in it the block begins.
    pub offset: u64,
}

/// Blocks in memory, keyed by multihash as block stores are: for tests and small DAGs.
#[derive(Debug, Default, Clone)]
pub struct MemoryBlocks {
    blocks: HashMap<Multihash, Bytes>,
}

impl MemoryBlocks {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Blocks held.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }
}

impl MemoryBlocks {
    /// Takes a block out; false if it is not here.
    pub fn remove(&mut self, cid: &Cid) -> bool {
        self.blocks.remove(cid.hash()).is_some()
    }

    /// The hashes of all blocks, in no order.
    pub fn hashes(&self) -> impl Iterator<Item = &Multihash> {
        self.blocks.keys()
    }
}

impl BlockSource for MemoryBlocks {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        if cid.hash().code() == Code::Identity.code() {
            return Ok(Some(Bytes::copy_from_slice(cid.hash().digest())));
        }
        Ok(self.blocks.get(cid.hash()).cloned())
    }
}

impl BlockSink for MemoryBlocks {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        self.blocks.insert(*cid.hash(), Bytes::copy_from_slice(data));
        Ok(())
    }
}
