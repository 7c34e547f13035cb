//! Bytes as calls of a cache, for fuzzing: after each the whole cache is validated.

use std::collections::HashMap;

use crate::cache::ArcCache;
use crate::nodes::Place;

/// Keys are few, so that they come again.
const KEYS: u8 = 48;

/// Reads bytes as calls and makes them: two bytes of capacity, one of the largest item, then
/// three for each call: which one, its key, its size. What is left over is ignored.
///
/// # Panics
///
/// If an invariant is broken, or a value is not the last that its key was given.
pub fn exercise(data: &[u8]) {
    let Some(([low, high, most], calls)) = data.split_first_chunk() else { return };
    let capacity = u64::from(u16::from_le_bytes([*low, *high]));
    let mut cache = ArcCache::new(capacity).with_max_item(4 * u64::from(*most));
    let mut last: HashMap<u8, usize> = HashMap::new();
    let mut evicted = Vec::new();
    for (number, [call, key, size]) in calls.as_chunks().0.iter().enumerate() {
        let (key, size) = (key % KEYS, 1 << (size % 12) | u64::from(*size));
        match call % 16 {
            0..=4 => {
                let found = cache.get(&key).copied();
                assert!(found.is_none_or(|value| last.get(&key) == Some(&value)));
            }
            5..=9 => {
                if cache.put(key, number, size, &mut evicted) {
                    last.insert(key, number);
                    assert!(
                        cache.peek(&key) == Some(&number),
                        "what was put is not there"
                    );
                } else {
                    assert!(cache.peek(&key).is_none(), "what was refused is there");
                }
            }
            10 => {
                if cache.put_scanned(key, number, size) {
                    last.insert(key, number);
                }
            }
            11 => assert!(cache.remove(&key).is_none_or(|value| last[&key] == value)),
            12 => assert!(!cache.pin(&key) || cache.place(&key) == Some(Place::Pinned)),
            13 => assert!(!cache.unpin(&key) || cache.place(&key) == Some(Place::T2)),
            14 => evicted.extend(cache.evict()),
            _ => {
                let held = cache.len();
                assert!(
                    size % 8 != 0 || cache.clear().len() == held,
                    "clear loses values"
                );
            }
        }
        cache.validate();
    }
}
