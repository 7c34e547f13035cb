//! Counts, and what a cache says of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use super::fault::DiskState;

/// What happened through one handle in one process.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) puts: Counter,
    pub(super) refusals: Counter,
    pub(super) evicted_segments: Counter,
    pub(super) evicted_items: Counter,
    pub(super) carried_items: Counter,
    pub(super) damaged_items: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a disk cache holds, and what happened through one handle in this process.
#[derive(Clone, Debug)]
pub struct DiskStats {
    /// The bound.
    pub limit_bytes: u64,
    /// What the folder takes of the disk.
    pub allocated_bytes: u64,
    /// What the segments hold: blocks and records with their frames, without what this process
    /// knows to be removed.
    pub live_bytes: u64,
    /// Evicted files that take disk space still, because views of them are in use here.
    pub unlinked_mapped_bytes: u64,
    /// Segments that this process sees.
    pub segments: usize,
    /// Blocks and records in them; those that were removed from a sealed segment count until it
    /// goes.
    pub items: u64,
    /// Look-ups that found something.
    pub hits: u64,
    /// Look-ups that found nothing.
    pub misses: u64,
    /// Blocks and values that were written.
    pub puts: u64,
    /// Puts that were refused: too large, not what their CID names, no room, or off.
    pub refusals: u64,
    /// Segments that this process evicted.
    pub evicted_segments: u64,
    /// What was in them, less what was carried over.
    pub evicted_items: u64,
    /// What was carried over.
    pub carried_items: u64,
    /// Items that were found damaged, and dropped.
    pub damaged_items: u64,
    /// Whether it works, and why not.
    pub state: DiskState,
}
