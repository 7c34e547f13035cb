//! What every store of blocks does, and one in memory for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, MemoryBlocks};
use ipfs_kit_hash::{Code, Hasher, Multihash};
use ipfs_kit_unixfs::Control;

use crate::{RepoError, Repository};

/// Blocks that come and go, for code that does not mind where they are.
///
/// Blocks are known by their hashes: what was put under one CID is found under another of
/// the same hash. Those with identity CIDs are in every store, and take no room.
pub trait Store: BlockSource {
    /// Takes blocks, all of them or none. One that is there already is no error.
    ///
    /// Every block is verified; one that does not match its CID is an error.
    fn put_blocks(&self, blocks: &[(Cid, Bytes)]) -> Result<(), RepoError>;

    /// Removes blocks; those that are not there are no error. Gives how many were.
    fn remove_blocks(&self, cids: &[Cid]) -> Result<u64, RepoError>;

    /// Lists the hashes of all blocks, in no order.
    fn hashes(&self) -> Result<Vec<Multihash>, RepoError>;
}

/// Makes sure that all blocks are what their CIDs say.
fn check(blocks: &[(Cid, Bytes)]) -> Result<(), RepoError> {
    for (cid, data) in blocks {
        if !Hasher::verify(cid.hash(), data)? {
            return Err(RepoError::Dag(DagError::Mismatch(Box::new(*cid))));
        }
    }
    Ok(())
}

impl Store for Repository {
    fn put_blocks(&self, blocks: &[(Cid, Bytes)]) -> Result<(), RepoError> {
        check(blocks)?;
        let session = self.session()?;
        for (cid, data) in blocks {
            session.put(cid, data)?;
        }
        session.commit()
    }

    fn remove_blocks(&self, cids: &[Cid]) -> Result<u64, RepoError> {
        self.remove(cids, &Control::new())
    }

    fn hashes(&self) -> Result<Vec<Multihash>, RepoError> {
        let mut hashes = Vec::new();
        self.each_block(|cid| {
            hashes.push(*cid.hash());
            Ok(())
        })?;
        Ok(hashes)
    }
}

/// A store in memory: for tests, and for DAGs that need not last.
#[derive(Debug, Default)]
pub struct MemoryStore {
    blocks: Mutex<MemoryBlocks>,
}

impl MemoryStore {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, MemoryBlocks> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BlockSource for MemoryStore {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        self.lock().get(cid)
    }
}

impl Store for MemoryStore {
    fn put_blocks(&self, blocks: &[(Cid, Bytes)]) -> Result<(), RepoError> {
        check(blocks)?;
        let mut held = self.lock();
        for (cid, data) in blocks {
            if cid.hash().code() != Code::Identity.code() {
                held.put(cid, data)?;
            }
        }
        Ok(())
    }

    fn remove_blocks(&self, cids: &[Cid]) -> Result<u64, RepoError> {
        let mut held = self.lock();
        Ok(cids.iter().filter(|cid| held.remove(cid)).count() as u64)
    }

    fn hashes(&self) -> Result<Vec<Multihash>, RepoError> {
        Ok(self.lock().hashes().copied().collect())
    }
}
