//! Indexes of version 2: sorted digests with the offsets of their sections.
//!
//! Two kinds exist: `IndexSorted` holds digests alone, in one bucket a length;
//! `MultihashIndexSorted` keeps the hash functions apart as well. Offsets count from the
//! start of the CARv1 data and lead to the length of a section.

mod builder;
mod view;

pub use builder::IndexBuilder;
pub use view::{Entry, Index};

use crate::CarError;

/// The kind of an index, which is also its multicodec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexCodec {
    /// Digests, whatever function gave them.
    Sorted,
    /// Digests by hash function.
    MultihashSorted,
}

impl IndexCodec {
    /// The code that an index begins with.
    pub const fn code(self) -> u64 {
        match self {
            Self::Sorted => 0x0400,
            Self::MultihashSorted => 0x0401,
        }
    }

    /// The kind that has this code.
    pub const fn from_code(codec: u64) -> Result<Self, CarError> {
        match codec {
            0x0400 => Ok(Self::Sorted),
            0x0401 => Ok(Self::MultihashSorted),
            _ => Err(CarError::IndexCodec { codec }),
        }
    }
}

/// Bytes of an offset, which follow each digest.
const OFFSET_BYTES: usize = 8;

/// The beginning of a digest as a number, which sorts as the digest does.
fn key(digest: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let length = digest.len().min(8);
    bytes[..length].copy_from_slice(&digest[..length]);
    u64::from_be_bytes(bytes)
}
