//! What a reader accepts.

use crate::CarError;

/// Whether blocks are hashed as they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verify {
    /// Every block, those with identity CIDs too.
    #[default]
    Always,
    /// None: for files that were written here and are verified elsewhere.
    Never,
}

/// Limits and habits of a reader.
///
/// ```
/// use ipfs_kit_car::{ReadOptions, Verify};
///
/// let options = ReadOptions::new().with_verify(Verify::Never).with_zero_padding(true);
/// assert_eq!(options.max_block_bytes(), 2 << 20);
/// assert!(options.with_max_block_bytes(1 << 30).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOptions {
    verify: Verify,
    max_header_bytes: usize,
    max_block_bytes: usize,
    max_index_bytes: usize,
    zero_padding: bool,
}

impl ReadOptions {
    /// The largest limit for blocks that can be asked for.
    pub const MOST_BLOCK_BYTES: usize = 64 << 20;
    /// The largest limit for headers that can be asked for.
    pub const MOST_HEADER_BYTES: usize = 64 << 20;

    /// Verifies every block; blocks of at most 2 MiB as Bitswap has them, a header of at most
    /// 8 MiB, an index of at most 1 GiB, no padding.
    pub const fn new() -> Self {
        Self {
            verify: Verify::Always,
            max_header_bytes: 8 << 20,
            max_block_bytes: 2 << 20,
            max_index_bytes: 1 << 30,
            zero_padding: false,
        }
    }

    /// Says whether blocks are hashed.
    #[must_use]
    pub const fn with_verify(self, verify: Verify) -> Self {
        Self { verify, ..self }
    }

    /// Says whether a section of length zero ends the file, as padding does, or is an error.
    #[must_use]
    pub const fn with_zero_padding(self, zero_padding: bool) -> Self {
        Self { zero_padding, ..self }
    }

    /// Sets the longest block, up to [`ReadOptions::MOST_BLOCK_BYTES`].
    pub fn with_max_block_bytes(self, bytes: usize) -> Result<Self, CarError> {
        let max_block_bytes = limit("blocks", bytes, Self::MOST_BLOCK_BYTES)?;
        Ok(Self { max_block_bytes, ..self })
    }

    /// Sets the longest header, up to [`ReadOptions::MOST_HEADER_BYTES`].
    pub fn with_max_header_bytes(self, bytes: usize) -> Result<Self, CarError> {
        let max_header_bytes = limit("headers", bytes, Self::MOST_HEADER_BYTES)?;
        Ok(Self { max_header_bytes, ..self })
    }

    /// Sets the longest index that is loaded.
    pub fn with_max_index_bytes(self, bytes: usize) -> Result<Self, CarError> {
        let max_index_bytes = limit("indexes", bytes, usize::MAX)?;
        Ok(Self { max_index_bytes, ..self })
    }

    /// Whether blocks are hashed.
    pub const fn verify(&self) -> Verify {
        self.verify
    }

    /// The longest header.
    pub const fn max_header_bytes(&self) -> usize {
        self.max_header_bytes
    }

    /// The longest block.
    pub const fn max_block_bytes(&self) -> usize {
        self.max_block_bytes
    }

    /// The longest index that is loaded.
    pub const fn max_index_bytes(&self) -> usize {
        self.max_index_bytes
    }

    /// Whether a section of length zero ends the file.
    pub const fn zero_padding(&self) -> bool {
        self.zero_padding
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self::new()
    }
}

fn limit(what: &'static str, bytes: usize, most: usize) -> Result<usize, CarError> {
    if (1..=most).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(CarError::Limit { what, bytes, most })
    }
}
