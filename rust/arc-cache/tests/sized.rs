//! With sizes: bounds hold after every call, and values are what was put last.

use std::collections::HashMap;

use ipfs_kit_arc_cache::{ArcCache, Place};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Call {
    Get(u8),
    Put(u8, u64),
    Scan(u8, u64),
    Remove(u8),
    Pin(u8),
    Unpin(u8),
    Evict,
    Clear,
}

fn call() -> impl Strategy<Value = Call> {
    let size = prop_oneof![4 => 0_u64..40, 2 => 1_u64..4, 1 => 0_u64..400];
    prop_oneof![
        20 => any::<u8>().prop_map(|key| Call::Get(key % 64)),
        20 => (any::<u8>(), size.clone()).prop_map(|(key, size)| Call::Put(key % 64, size)),
        4 => (any::<u8>(), size).prop_map(|(key, size)| Call::Scan(key % 64, size)),
        3 => any::<u8>().prop_map(|key| Call::Remove(key % 64)),
        3 => any::<u8>().prop_map(|key| Call::Pin(key % 64)),
        3 => any::<u8>().prop_map(|key| Call::Unpin(key % 64)),
        2 => Just(Call::Evict),
        1 => Just(Call::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn bounds_hold_and_values_are_the_last_ones(
        capacity in 1_u64..300,
        most in 1_u64..300,
        calls in prop::collection::vec(call(), 1..300),
    ) {
        let mut cache = ArcCache::new(capacity).with_max_item(most);
        let mut last: HashMap<u8, u32> = HashMap::new();
        let mut evicted = Vec::new();
        for (number, call) in (0_u32..).zip(calls) {
            match call {
                Call::Get(key) => {
                    if let Some(value) = cache.get(&key) {
                        prop_assert_eq!(Some(value), last.get(&key));
                        prop_assert!(cache.place(&key) != Some(Place::T1));
                    }
                }
                Call::Put(key, size) => {
                    let was = (cache.len(), cache.counters().evictions);
                    let had = cache.peek(&key).is_some();
                    let pinned = cache.bytes_of(Place::Pinned);
                    let own = if cache.place(&key) == Some(Place::Pinned) { pinned } else { 0 };
                    let taken = cache.put(key, number, size, &mut evicted);
                    if size.max(1) > most.min(capacity) {
                        prop_assert!(!taken);
                    }
                    if taken {
                        prop_assert_eq!(cache.peek(&key), Some(&number));
                        last.insert(key, number);
                    } else {
                        prop_assert!(cache.peek(&key).is_none());
                        prop_assert_eq!(cache.counters().evictions, was.1);
                        prop_assert_eq!(cache.len(), was.0 - usize::from(had));
                        prop_assert!(size.max(1) > most.min(capacity - pinned + own) || own > 0);
                    }
                }
                Call::Scan(key, size) => {
                    let was = (cache.len(), cache.counters());
                    if cache.put_scanned(key, number, size) {
                        last.insert(key, number);
                        prop_assert_eq!(cache.len(), was.0 + 1);
                    }
                    prop_assert_eq!(cache.counters(), was.1);
                }
                Call::Remove(key) => {
                    let had = cache.peek(&key).copied();
                    prop_assert_eq!(cache.remove(&key), had);
                    prop_assert!(cache.place(&key).is_none());
                }
                Call::Pin(key) => {
                    let there = cache.peek(&key).is_some();
                    prop_assert_eq!(cache.pin(&key), there);
                }
                Call::Unpin(key) => {
                    let pinned = cache.place(&key) == Some(Place::Pinned);
                    prop_assert_eq!(cache.unpin(&key), pinned);
                }
                Call::Evict => {
                    let was = cache.len();
                    let one = cache.evict();
                    prop_assert_eq!(was - cache.len(), usize::from(one.is_some()));
                }
                Call::Clear => {
                    let was = cache.len();
                    prop_assert_eq!(cache.clear().len(), was);
                    prop_assert!(cache.is_empty());
                }
            }
            cache.validate();
        }
    }

    #[test]
    fn what_is_pinned_stays(
        keys in prop::collection::vec(any::<u8>(), 1..400),
    ) {
        let mut cache = ArcCache::new(20);
        let mut evicted = Vec::new();
        cache.put(1000, 0, 5, &mut evicted);
        prop_assert!(cache.pin(&1000));
        for key in keys {
            cache.put(u16::from(key), 1, 3, &mut evicted);
            prop_assert_eq!(cache.get(&1000), Some(&0));
            cache.validate();
        }
    }
}

#[test]
fn a_value_of_no_bytes_costs_one() {
    let mut cache = ArcCache::new(3);
    let mut evicted = Vec::new();
    for key in 0..5 {
        assert!(cache.put(key, key, 0, &mut evicted));
    }
    assert_eq!((cache.len(), cache.bytes(), evicted.len()), (3, 3, 2));
}

#[test]
fn ghosts_are_bounded_in_count_when_large_items_push_out_small_ones() {
    let mut cache = ArcCache::new(1 << 20);
    let mut evicted = Vec::new();
    for key in 0..65_536_u32 {
        cache.put(key, (), 16, &mut evicted);
    }
    cache.validate();
    for key in 0..65_536_u32 {
        cache.get(&key);
    }
    // By their bytes all of them fit among the ghosts.
    for key in 0..5 {
        cache.put(1_000_000 + key, (), 200_000, &mut evicted);
        cache.validate();
    }
    assert!(evicted.len() > 12_000);
    for key in 0..5 {
        cache.get(&(1_000_000 + key));
        cache.put(2_000_000 + key, (), 200_000, &mut evicted);
        cache.validate();
    }
}
