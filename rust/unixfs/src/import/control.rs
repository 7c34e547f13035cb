//! What a caller and a running import tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A stop button and some counters, shared with the thread that waits.
///
/// Workers look at the button at every chunk, so an import stops within milliseconds unless
/// the system itself holds a read.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    bytes: AtomicU64,
    files: AtomicU64,
    unchanged: AtomicU64,
    unchanged_bytes: AtomicU64,
}

impl Control {
    /// Nothing done yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the import to stop; it ends with [`UnixFsError::Cancelled`].
    ///
    /// [`UnixFsError::Cancelled`]: crate::UnixFsError::Cancelled
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Bytes of files done so far, of those that were not read too.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Files finished so far.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Files so far that were not read, as they had not changed; [`files`](Self::files) counts
    /// them too.
    pub fn unchanged(&self) -> u64 {
        self.unchanged.load(Ordering::Relaxed)
    }

    /// Bytes of the files that had not changed; [`bytes`](Self::bytes) counts them too.
    pub fn unchanged_bytes(&self) -> u64 {
        self.unchanged_bytes.load(Ordering::Relaxed)
    }

    /// Counts bytes that the caller itself has read.
    pub fn add_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_unchanged(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.unchanged.fetch_add(files, Ordering::Relaxed);
        self.unchanged_bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}
