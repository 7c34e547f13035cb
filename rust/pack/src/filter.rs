//! A filter before an index: most blocks that are looked up in a pack are in another one.
//!
//! A blocked Bloom filter (Putze, Sanders, Singler 2007) with blocks of one word: 16 bits
//! and five probes a block of the pack, all of them in one place in memory. About one
//! look-up in a hundred gets through that finds nothing. It is made from the index, which
//! takes some milliseconds for a full pack, when so many look-ups have failed that it pays.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Bits for each block of the pack.
const BITS_A_BLOCK: usize = 16;
/// Failed look-ups, as a share of the blocks, after which the filter is made.
const BLOCKS_A_MISS: u32 = 64;
/// Packs with fewer blocks are cheap to search.
const LEAST_MISSES: u32 = 64;

/// See above.
#[derive(Debug)]
pub(crate) struct Filter {
    words: OnceLock<Box<[u64]>>,
    misses: AtomicU32,
    /// Where `misses` makes the filter.
    enough: u32,
}

impl Filter {
    /// One that lets everything through until it is made.
    pub(crate) fn new(blocks: usize) -> Self {
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        let enough = (blocks / BLOCKS_A_MISS).max(LEAST_MISSES);
        Self { words: OnceLock::new(), misses: AtomicU32::new(0), enough }
    }

    /// Whether a block is surely not in the pack.
    pub(crate) fn excludes(&self, probe: Probe) -> bool {
        let words = self.words.get();
        words.is_some_and(|words| {
            words[probe.word(words.len())] & probe.bits != probe.bits
        })
    }

    /// Notes that a look-up found nothing; `digests` are all of the pack's.
    pub(crate) fn missed<'a>(
        &self,
        blocks: usize,
        digests: impl Iterator<Item = &'a [u8]>,
    ) {
        if self.words.get().is_some() {
            return;
        }
        // One thread makes it; the others search on meanwhile.
        if self.misses.fetch_add(1, Ordering::Relaxed) == self.enough {
            let words = (blocks * BITS_A_BLOCK).div_ceil(64).max(1);
            let mut filter = vec![0; words].into_boxed_slice();
            for digest in digests {
                let probe = Probe::new(digest);
                filter[probe.word(words)] |= probe.bits;
            }
            // It is the first: the count passes `enough` once.
            let _ = self.words.set(filter);
        }
    }
}

/// What a filter is asked with, made once for all packs.
///
/// Digests are even already. The beginning of one chooses the word, so that a filter is made
/// in the order of the index; what follows chooses the bits.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    place: u64,
    bits: u64,
}

impl Probe {
    /// The probe of a block with this digest.
    pub fn new(digest: &[u8]) -> Self {
        let half = |from: usize| {
            let mut bytes = [0; 8];
            let given = digest.get(from..).unwrap_or_default();
            let length = given.len().min(8);
            bytes[..length].copy_from_slice(&given[..length]);
            u64::from_be_bytes(bytes)
        };
        let rest = half(8);
        let bit = |number: u32| 1 << (rest >> (6 * number) & 63);
        let bits = (0..5).map(bit).fold(0, |bits: u64, bit: u64| bits | bit);
        Self { place: half(0), bits }
    }

    fn word(self, words: usize) -> usize {
        let word = (u128::from(self.place) * words as u128) >> 64;
        usize::try_from(word).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use ipfs_kit_hash::{Code, Hasher};

    use super::*;

    fn digests(from: u64, count: u64) -> Vec<[u8; 32]> {
        let hasher = Hasher::new(Code::Blake3);
        let hash = |number: u64| hasher.hash(&number.to_le_bytes()).unwrap();
        (from..from + count).map(|at| hash(at).digest().try_into().unwrap()).collect()
    }

    fn made(digests: &[[u8; 32]]) -> Filter {
        let filter = Filter::new(digests.len());
        while filter.words.get().is_none() {
            filter.missed(digests.len(), digests.iter().map(|digest| &digest[..]));
        }
        filter
    }

    #[test]
    fn nothing_that_is_there_is_excluded() {
        let there = digests(0, 5000);
        let filter = made(&there);
        assert!(there.iter().all(|digest| !filter.excludes(Probe::new(digest))));
    }

    #[test]
    fn nearly_all_that_is_not_there_is_excluded() {
        let filter = made(&digests(0, 5000));
        let passed = digests(1 << 32, 20_000);
        let passed = passed
            .iter()
            .filter(|digest| !filter.excludes(Probe::new(&digest[..])))
            .count();
        assert!(passed < 400, "{passed} of 20000 got through");
    }

    #[test]
    fn it_lets_everything_through_until_enough_look_ups_failed() {
        let there = digests(0, 100);
        let filter = Filter::new(there.len());
        for _ in 0..=LEAST_MISSES {
            assert!(!filter.excludes(Probe::new(&[1; 32])));
            filter.missed(there.len(), there.iter().map(|digest| &digest[..]));
        }
        assert!(filter.words.get().is_some());
    }

    #[test]
    fn short_digests_and_empty_packs_are_no_trouble() {
        let filter = made(&[]);
        assert!(filter.excludes(Probe::new(b"ab")));
        let filter = Filter::new(1);
        while filter.words.get().is_none() {
            filter.missed(1, [&b"ab"[..]].into_iter());
        }
        assert!(!filter.excludes(Probe::new(b"ab")));
    }
}
