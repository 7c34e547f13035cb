//! The adaptive replacement cache of Megiddo and Modha (ARC, FAST 2003), weighted by bytes.
//!
//! Two lists hold values: T1 those asked for once lately, T2 those asked for again. Two more,
//! B1 and B2, remember keys that were evicted from them (ghosts). A request for a ghost says
//! which of the two should have been larger, and moves the target size `p` of T1.
//!
//! With weights of one it is the paper's algorithm step by step, with real-valued `p`. With
//! sizes, all bounds count bytes, and a step of `p` is as large as the item (see
//! [`ArcCache::put`]).
//!
//! One thread, no clock, no statistics but counters: sharding, locks and hit ratios are the
//! caller's.
//!
//! # What an entry costs
//!
//! Beside key and value, about 90 bytes for an entry with a value and as much for a ghost:
//! a node of 40 bytes and the key and value types' own size, up to twice that while the slab
//! grows, and 5 to 10 bytes of hash table. There are never more ghosts than twice the values,
//! or [`LEAST_GHOSTS`].
//!
//! ```
//! use ipfs_kit_arc_cache::ArcCache;
//!
//! let mut cache = ArcCache::new(100);
//! let mut evicted = Vec::new();
//! assert!(cache.put("a", "first", 60, &mut evicted));
//! assert!(cache.put("b", "second", 60, &mut evicted));
//! assert_eq!(evicted, ["first"]);
//! assert_eq!(cache.get("b"), Some(&"second"));
//! ```

mod cache;
#[cfg(feature = "validate")]
mod exercise;
mod nodes;
#[cfg(any(test, feature = "validate"))]
mod validate;

pub use cache::{ArcCache, Counters, LEAST_GHOSTS};
#[cfg(feature = "validate")]
pub use exercise::exercise;
/// What a key may be looked up by: whatever it can be borrowed as, and more.
pub use hashbrown::Equivalent;
pub use nodes::Place;
