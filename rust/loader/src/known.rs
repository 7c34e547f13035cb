//! Blocks of a batch that are at hand, before the source they came from.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, DagError};

/// The trouble of another sample of the batch: the source failed, and was not asked again.
///
/// A source that does not answer would keep a batch waiting once for each of its samples.
#[derive(Debug)]
pub struct SameAgain;

impl fmt::Display for SameAgain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source failed before, and was not asked again")
    }
}

impl std::error::Error for SameAgain {}

/// Blocks that were asked for together. What is not among them is asked of the source, until
/// that fails: then only what is here already is read.
pub(crate) struct Known<'s, S> {
    blocks: HashMap<Cid, Bytes>,
    source: &'s S,
    /// How the source failed, until a sample has this for its trouble.
    failure: Cell<Option<DagError>>,
    has_failed: Cell<bool>,
}

impl<'s, S: BlockSource> Known<'s, S> {
    pub(crate) fn new(source: &'s S) -> Self {
        let (failure, has_failed) = (Cell::new(None), Cell::new(false));
        Self { blocks: HashMap::new(), source, failure, has_failed }
    }

    /// Asks the source for blocks together, and keeps them at hand.
    pub(crate) fn gather(&mut self, cids: impl Iterator<Item = Cid>) {
        let mut seen = HashSet::new();
        let cids: Vec<Cid> = cids.filter(|cid| seen.insert(*cid)).collect();
        let found = self.ask(&cids);
        let pairs = cids.into_iter().zip(found);
        self.blocks.extend(pairs.filter_map(|(cid, block)| Some((cid, block?))));
    }

    /// Asks the source for blocks together; for none at all where one is damaged or the source
    /// fails: then each is to be asked for by itself.
    pub(crate) fn ask(&self, cids: &[Cid]) -> Vec<Option<Bytes>> {
        self.source.get_many(cids).unwrap_or_else(|error| {
            self.note(error);
            Vec::new()
        })
    }

    /// Notes that the source itself failed, not one block of it.
    fn note(&self, error: DagError) {
        if matches!(error, DagError::Store(_)) {
            self.has_failed.set(true);
            self.failure.set(Some(error));
        }
    }

    /// What the source gives, or how it fails or failed.
    fn asked<T>(&self, given: Result<T, DagError>) -> Result<T, DagError> {
        if matches!(given, Err(DagError::Store(_))) {
            self.has_failed.set(true);
        }
        given
    }

    fn failed(&self) -> DagError {
        let again = || DagError::Store(Box::new(SameAgain));
        self.failure.take().unwrap_or_else(again)
    }
}

impl<S: BlockSource> BlockSource for Known<'_, S> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        if let Some(block) = self.blocks.get(cid) {
            return Ok(Some(block.clone()));
        }
        if self.has_failed.get() && !self.source.has(cid)? {
            return Err(self.failed());
        }
        self.asked(self.source.get(cid))
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        let is_known = |cid| self.blocks.contains_key(cid);
        if self.has_failed.get() || cids.iter().any(is_known) {
            return cids.iter().map(|cid| self.get(cid)).collect();
        }
        self.asked(self.source.get_many(cids))
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        if self.blocks.contains_key(cid) { Ok(true) } else { self.source.has(cid) }
    }
}
