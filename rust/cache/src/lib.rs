//! Caches of blocks and files, in front of slower sources.
//!
//! - [`Memory`] holds values of any kind under a bound in bytes, by the ARC policy, in
//!   shards that threads use side by side.
//! - [`Plan`] is for those who know in which order they will read: it keeps what is needed
//!   soonest, which no policy that looks back can.
//! - [`disk`]: a folder of segments, bounded in bytes on the disk, shared by processes.

pub mod disk;
mod memory;
mod plan;

pub use ipfs_kit_arc_cache::{Counters, Equivalent, Place};
pub use memory::{Lists, Memory};
pub use plan::Plan;
