//! Where the packs of this process are mapped.
//!
//! A view is known by its address alone, whatever it went through since it was cut from its
//! map. Whoever holds one may ask here whether it lies in a pack: a region is taken off the list
//! before it is unmapped, and none is while a view of it lives. So what holds the view is in the
//! list all the time, and nothing else can be in its place.
//!
//! The list is an array of atomics, as in [`inherited`](crate::inherited): a forked child has it
//! whole, and takes no lock to let go of what it has from its parent.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Page of the start above, number of pages below; 0 is a free slot. One word, so that nobody
/// ever sees half of a change.
static SLOTS: [AtomicU64; SLOT_COUNT] = [const { AtomicU64::new(0) }; SLOT_COUNT];
const SLOT_COUNT: usize = 8192;
/// How many slots were ever taken.
static USED: AtomicUsize = AtomicUsize::new(0);

/// Of bytes as they are counted here, whatever the system's pages are.
const PAGE_BITS: u32 = 12;
/// Enough for 2 GiB; what is mapped beyond that is not listed.
const LENGTH_BITS: u32 = 19;

/// A mapped region in the list, until this is dropped; drop it before it is unmapped.
///
/// Of more than eight thousand at once the rest are not listed: views of them are copied where
/// others are joined.
#[derive(Debug)]
#[must_use]
pub(crate) struct Region(Option<usize>);

/// Lists what was just mapped.
pub(crate) fn register(bytes: &[u8]) -> Region {
    let Some(word) = word_of(bytes) else { return Region(None) };
    let take = |slot: &AtomicU64| {
        slot.compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    };
    let slot = SLOTS.iter().position(take);
    if let Some(slot) = slot {
        USED.fetch_max(slot + 1, Ordering::AcqRel);
    }
    Region(slot)
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Some(slot) = self.0.and_then(|slot| SLOTS.get(slot)) {
            slot.store(0, Ordering::Release);
        }
    }
}

/// The slot of the region that holds a view, if it is one of a pack; `near` is looked at first.
pub(crate) fn slot_of(view: &[u8], near: usize) -> Option<usize> {
    let holds = |slot: &AtomicU64| holds(slot.load(Ordering::Acquire), view);
    if SLOTS.get(near).is_some_and(holds) {
        return Some(near);
    }
    SLOTS.iter().take(USED.load(Ordering::Acquire)).position(holds)
}

fn word_of(bytes: &[u8]) -> Option<u64> {
    let start = bytes.as_ptr().addr() as u64 >> PAGE_BITS;
    let pages = (bytes.len() as u64).div_ceil(1 << PAGE_BITS);
    let fits = start >> (u64::BITS - LENGTH_BITS) == 0 && pages >> LENGTH_BITS == 0;
    (fits && start > 0 && pages > 0).then_some(start << LENGTH_BITS | pages)
}

fn holds(word: u64, view: &[u8]) -> bool {
    let start = (word >> LENGTH_BITS) << PAGE_BITS;
    let end = start + ((word & ((1 << LENGTH_BITS) - 1)) << PAGE_BITS);
    let from = view.as_ptr().addr() as u64;
    start <= from && from < end && view.len() as u64 <= end - from
}

#[cfg(test)]
mod tests {
    use memmap2::MmapMut;

    use super::*;

    #[test]
    fn views_are_found_as_long_as_their_region_is_listed() {
        let maps: Vec<_> =
            (1..20).map(|pages| MmapMut::map_anon(pages << PAGE_BITS).unwrap()).collect();
        let regions: Vec<_> = maps.iter().map(|map| register(map)).collect();
        for (map, region) in maps.iter().zip(&regions) {
            let slot = region.0.unwrap();
            for view in [&map[..], &map[..1], &map[map.len() - 1..], &map[7..100]] {
                for near in [slot, 0, usize::MAX] {
                    assert_eq!(slot_of(view, near), Some(slot));
                }
            }
        }
        drop(regions);
        assert!(maps.iter().all(|map| slot_of(map, 0).is_none()));
        assert!(slot_of(&[1, 2, 3], 0).is_none());
    }

    #[test]
    fn what_reaches_beyond_a_region_is_not_in_it() {
        let map = MmapMut::map_anon(8 << PAGE_BITS).unwrap();
        let _region = register(&map[..4 << PAGE_BITS]);
        assert!(slot_of(&map[..4 << PAGE_BITS], 0).is_some());
        assert!(slot_of(&map[1..=4 << PAGE_BITS], 0).is_none());
        assert!(slot_of(&map[4 << PAGE_BITS..], 0).is_none());
    }
}
