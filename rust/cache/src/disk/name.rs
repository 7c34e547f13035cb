//! Names of blocks in a word.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;
use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::Probe;

/// Sixty-four bits of a multihash under a secret of the process.
///
/// Two blocks may share them, once in 2^64 pairs and not at anyone's will; then one hides the
/// other. What is found is always compared with the whole multihash.
pub(super) type Short = u64;

/// Makes [`Short`]s.
#[derive(Clone, Debug, Default)]
pub(super) struct Shortener(RandomState);

impl Shortener {
    pub(super) fn short(&self, hash: &Multihash) -> Short {
        self.0.hash_one((hash.code(), hash.digest()))
    }

    /// What a block is looked for with.
    pub(super) fn name<'a>(&self, hash: &'a Multihash) -> Name<'a> {
        Name { hash, short: self.short(hash), probe: Probe::new(hash.digest()) }
    }
}

/// A multihash with what is made of it once for all segments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) hash: &'a Multihash,
    pub(super) short: Short,
    pub(super) probe: Probe,
}
