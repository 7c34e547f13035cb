//! Bytes that become part of a file without being written.

use std::fmt::Debug;
use std::fs::File;

use bytes::Bytes;

/// Who knows in which files the bytes of a source lie, and has the file system make them part of
/// another: a reflink. Both files then have the same place on the disk, until one is written to.
pub trait Sharing: Debug + Sync {
    /// Makes the first of these bytes, as many as can be, the bytes of a file at a place; gives
    /// how many. The file grows as if they had been written, but the place that is written next
    /// stays.
    fn share(&self, bytes: &Bytes, file: &File, at: u64) -> Shared;
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// So many bytes are there.
    Bytes(usize),
    /// None of these; of others it may be asked again.
    Nothing,
    /// Not with this file.
    Never,
}
