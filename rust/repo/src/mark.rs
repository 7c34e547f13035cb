//! Marking: which blocks are needed by a root, and whether all of them are there.

use std::collections::HashMap;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSource, links};
use ipfs_kit_hash::Code;
use ipfs_kit_unixfs::Control;

use crate::RepoError;
use crate::key::Key;

/// Blocks that are needed, and as what each was read: about 60 bytes a block.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    seen: HashMap<Key, u8>,
}

/// What to do where a block is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// What lies below it cannot be known: an error.
    Fail,
    /// Keep what is there.
    Pass,
}

/// The bit of a codec whose links were followed; a block may be named under several.
fn bit_of(codec: u64) -> u8 {
    match codec {
        codec::RAW => 1,
        codec::DAG_PB => 2,
        codec::DAG_CBOR => 4,
        codec::DAG_JSON => 8,
        _ => 16,
    }
}

impl Marks {
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.seen.contains_key(key)
    }

    /// Marks a block alone.
    pub(crate) fn insert(&mut self, key: Key) {
        self.seen.entry(key).or_default();
    }

    /// Notes that a block was met under a codec; false if it was before.
    fn visit(&mut self, cid: &Cid) -> bool {
        let seen = self.seen.entry(Key::of(cid.hash())).or_default();
        let bit = bit_of(cid.codec());
        let is_new = *seen & bit == 0;
        *seen |= bit;
        is_new
    }

    /// Makes it as if a block had not been met.
    fn forget(&mut self, cid: &Cid) {
        if let Some(seen) = self.seen.get_mut(&Key::of(cid.hash())) {
            *seen &= !bit_of(cid.codec());
        }
    }

    /// Marks a root and all below it. Blocks without links are not read.
    pub(crate) fn follow(
        &mut self,
        root: &Cid,
        missing: Missing,
        control: &Control,
        mut read: impl FnMut(&Cid) -> Result<Option<Bytes>, RepoError>,
    ) -> Result<(), RepoError> {
        let mut ahead = vec![*root];
        while let Some(cid) = ahead.pop() {
            if control.is_cancelled() {
                return Err(RepoError::Cancelled);
            }
            if !self.visit(&cid) || cid.codec() == codec::RAW {
                continue;
            }
            match read(&cid)? {
                Some(data) => match links(&cid, &data) {
                    Ok(links) => ahead.extend(links.into_iter().rev()),
                    // What cannot be read has nothing below it that could be known.
                    Err(_) if missing == Missing::Pass => {}
                    Err(error) => return Err(error.into()),
                },
                None if missing == Missing::Fail => return Err(RepoError::missing(&cid)),
                // It may come before somebody needs it.
                None => self.forget(&cid),
            }
        }
        Ok(())
    }
}

/// The first block below a root that is missing, if any is.
pub(crate) fn first_missing(
    source: &impl BlockSource,
    root: &Cid,
    control: &Control,
) -> Result<Option<Cid>, RepoError> {
    let mut marks = Marks::default();
    let mut ahead = vec![*root];
    while let Some(cid) = ahead.pop() {
        if control.is_cancelled() {
            return Err(RepoError::Cancelled);
        }
        if !marks.visit(&cid) {
            continue;
        }
        if cid.codec() == codec::RAW {
            let inlined = cid.hash().code() == Code::Identity.code();
            if !inlined && !source.has(&cid)? {
                return Ok(Some(cid));
            }
            continue;
        }
        match source.get(&cid)? {
            Some(data) => ahead.extend(links(&cid, &data)?.into_iter().rev()),
            None => return Ok(Some(cid)),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use ipfs_kit_cid::parse;

    use super::*;

    #[test]
    fn a_block_that_was_passed_over_as_missing_is_looked_for_again() {
        let text = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354";
        let (root, control) = (parse(text).unwrap(), Control::new());
        let passed_over = || {
            let mut marks = Marks::default();
            marks.follow(&root, Missing::Pass, &control, |_| Ok(None)).unwrap();
            marks
        };
        let needed = passed_over().follow(&root, Missing::Fail, &control, |_| Ok(None));
        assert!(needed.is_err());
        let (mut marks, mut reads) = (passed_over(), 0);
        for _ in 0..2 {
            let read = |_: &Cid| {
                reads += 1;
                Ok(Some(Bytes::new()))
            };
            marks.follow(&root, Missing::Fail, &control, read).unwrap();
        }
        assert_eq!(reads, 1);
    }
}
