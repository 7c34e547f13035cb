//! Which blocks of a pack were found whole.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::Found;

/// What stands for a block of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Its number in the index of a sealed pack.
    Ordinal(u32),
    /// Where its section begins.
    Offset(u64),
}

impl From<Found> for Key {
    fn from(found: Found) -> Self {
        Self::Ordinal(found.ordinal)
    }
}

/// A set of blocks of one pack: a bit for each that an index numbers, a hash set for others.
///
/// A block that is entered under one kind of key is not found under the other.
///
/// ```
/// use ipfs_kit_pack::{Key, Verified};
///
/// let verified = Verified::new(100);
/// assert!(!verified.contains(Key::Ordinal(99)));
/// verified.insert(Key::Ordinal(99));
/// verified.insert(Key::Offset(1 << 40));
/// assert!(verified.contains(Key::Ordinal(99)) && verified.contains(Key::Offset(1 << 40)));
/// ```
#[derive(Debug)]
pub struct Verified {
    numbered: usize,
    /// Made at the first insertion: most packs of a store are not read in a process.
    words: OnceLock<Box<[AtomicU64]>>,
    offsets: Mutex<HashSet<u64>>,
}

impl Verified {
    /// An empty set for a pack whose index has so many entries, 0 if it has none.
    pub fn new(numbered: usize) -> Self {
        Self { numbered, words: OnceLock::new(), offsets: Mutex::default() }
    }

    /// Whether a block is in it.
    pub fn contains(&self, key: impl Into<Key>) -> bool {
        match key.into() {
            Key::Ordinal(ordinal) => {
                let (word, bit) = split(ordinal);
                let words = self.words.get().and_then(|words| words.get(word));
                words.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
            }
            Key::Offset(offset) => self.offsets().contains(&offset),
        }
    }

    /// Adds a block. A number that the index does not have is ignored.
    pub fn insert(&self, key: impl Into<Key>) {
        match key.into() {
            Key::Ordinal(ordinal) => {
                let (word, bit) = split(ordinal);
                let words = self.words.get_or_init(|| {
                    (0..self.numbered.div_ceil(64)).map(|_| AtomicU64::new(0)).collect()
                });
                if let Some(word) = words.get(word) {
                    word.fetch_or(bit, Ordering::Relaxed);
                }
            }
            Key::Offset(offset) => {
                self.offsets().insert(offset);
            }
        }
    }

    fn offsets(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.offsets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn split(ordinal: u32) -> (usize, u64) {
    (ordinal as usize / 64, 1 << (ordinal % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_do_not_touch_each_other() {
        let verified = Verified::new(130);
        for ordinal in [0, 63, 64, 129] {
            verified.insert(Key::Ordinal(ordinal));
        }
        let found: Vec<_> = (0..200)
            .filter(|&ordinal| verified.contains(Key::Ordinal(ordinal)))
            .collect();
        assert_eq!(found, [0, 63, 64, 129]);
    }

    #[test]
    fn numbers_that_no_entry_has_are_ignored() {
        let verified = Verified::new(0);
        verified.insert(Key::Ordinal(u32::MAX));
        assert!(!verified.contains(Key::Ordinal(u32::MAX)));
    }
}
