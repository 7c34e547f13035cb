//! What a disk cache may be told, and what follows from its limit.

/// The smallest limit but 0, which is for no cache at all: with less, what a file takes
/// beside its data would not fit.
pub const LEAST_LIMIT_BYTES: u64 = 1 << 20;
/// A limit is this many segments.
const SEGMENTS: u64 = 16;
/// Segments of large caches.
const MOST_SEGMENT_BYTES: u64 = 64 << 20;
/// The unit in which file systems give space.
const BLOCK_BYTES: u64 = 4 << 10;

/// Options that no cache can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// A limit under [`LEAST_LIMIT_BYTES`], and more than nothing.
    #[error(
        "a disk cache of {limit_bytes} bytes is too small: {LEAST_LIMIT_BYTES} are the least"
    )]
    Limit {
        /// What was asked for.
        limit_bytes: u64,
    },
}

/// When a block is hashed that comes from the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyReads {
    /// Whenever it is read.
    Always,
    /// When a process reads it first, unless it wrote it itself.
    #[default]
    First,
    /// Never: for disks that are trusted.
    Never,
}

/// What is known of a block that is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The caller has verified it.
    Verified,
    /// It comes from outside: it is hashed, and refused if it is not what its CID names.
    Unverified,
}

/// How a disk cache behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskOptions {
    verify: VerifyReads,
}

impl DiskOptions {
    /// Blocks are hashed when they are first read.
    pub const fn new() -> Self {
        Self { verify: VerifyReads::First }
    }

    /// Sets when blocks are hashed.
    #[must_use]
    pub const fn with_verify(self, verify: VerifyReads) -> Self {
        Self { verify }
    }

    /// When blocks are hashed.
    pub const fn verify(&self) -> VerifyReads {
        self.verify
    }
}

/// How a folder with a limit is divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) limit: u64,
    /// What an unsealed segment counts as, and the most that a sealed one takes.
    pub(super) segment: u64,
    /// What data and index together may have: the rest is for ends of blocks that are not
    /// used, and for what the file system needs to find them.
    pub(super) useful: u64,
}

impl Plan {
    pub(super) fn new(limit: u64) -> Result<Self, OptionsError> {
        if limit == 0 {
            return Ok(Self { limit, segment: 0, useful: 0 });
        }
        if limit < LEAST_LIMIT_BYTES {
            return Err(OptionsError::Limit { limit_bytes: limit });
        }
        let segment = (limit / SEGMENTS).min(MOST_SEGMENT_BYTES);
        let segment = segment / BLOCK_BYTES * BLOCK_BYTES;
        Ok(Self { limit, segment, useful: segment - segment / 128 - 4 * BLOCK_BYTES })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_a_sixteenth_up_to_64_mib() {
        let segment = |limit| Plan::new(limit).unwrap().segment;
        assert_eq!(segment(LEAST_LIMIT_BYTES), 64 << 10);
        assert_eq!(segment(100_000_000), 6_250_000 / 4096 * 4096);
        assert_eq!(segment(1 << 40), 64 << 20);
        assert!(Plan::new(LEAST_LIMIT_BYTES - 1).is_err());
        assert_eq!(Plan::new(0).unwrap().limit, 0);
        assert!(Plan::new(LEAST_LIMIT_BYTES).unwrap().useful > 40 << 10);
    }
}
