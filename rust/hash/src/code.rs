//! The table of hash functions: multicodec code, name and default digest length.

use crate::HashError;

/// A hash function that content addresses may use.
///
/// ```
/// use ipfs_kit_hash::Code;
///
/// assert_eq!(Code::from_name("blake3")?.code(), 0x1e);
/// # Ok::<(), ipfs_kit_hash::HashError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// The payload itself, up to [`MAX_DIGEST_BYTES`](crate::MAX_DIGEST_BYTES).
    Identity,
    /// SHA-1: only to read what Git and old tools wrote.
    Sha1,
    /// SHA2-256, the default.
    Sha2_256,
    /// SHA2-512.
    Sha2_512,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
    /// Keccak-256 with its original padding, as Ethereum uses it.
    Keccak256,
    /// `BLAKE2b` with 32 bytes.
    Blake2b256,
    /// `BLAKE2s` with 32 bytes.
    Blake2s256,
    /// BLAKE3; the one function with a choice of digest length.
    Blake3,
    /// SHA2-256 of the SHA2-256, as Bitcoin uses it.
    DblSha2_256,
}

/// Functions of the multicodec table that give no safety against forgery.
const UNSAFE: [(u64, &str); 12] = [
    (0x22, "murmur3-x64-64"),
    (0x23, "murmur3-32"),
    (0xd4, "md4"),
    (0xd5, "md5"),
    (0x0132, "crc32"),
    (0x0164, "crc64-ecma"),
    (0x0165, "crc64-nvme"),
    (0x1022, "murmur3-x64-128"),
    (0xb3e1, "xxh-32"),
    (0xb3e2, "xxh-64"),
    (0xb3e3, "xxh3-64"),
    (0xb3e4, "xxh3-128"),
];

impl Code {
    /// Every function, in the order of the enum.
    pub const ALL: [Self; 13] = [
        Self::Identity,
        Self::Sha1,
        Self::Sha2_256,
        Self::Sha2_512,
        Self::Sha3_224,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
        Self::Keccak256,
        Self::Blake2b256,
        Self::Blake2s256,
        Self::Blake3,
        Self::DblSha2_256,
    ];

    /// The row of the table: code, name, default digest length in bytes.
    const fn row(self) -> (u64, &'static str, usize) {
        match self {
            Self::Identity => (0x00, "identity", 0),
            Self::Sha1 => (0x11, "sha1", 20),
            Self::Sha2_256 => (0x12, "sha2-256", 32),
            Self::Sha2_512 => (0x13, "sha2-512", 64),
            Self::Sha3_224 => (0x17, "sha3-224", 28),
            Self::Sha3_256 => (0x16, "sha3-256", 32),
            Self::Sha3_384 => (0x15, "sha3-384", 48),
            Self::Sha3_512 => (0x14, "sha3-512", 64),
            Self::Keccak256 => (0x1b, "keccak-256", 32),
            Self::Blake2b256 => (0xb220, "blake2b-256", 32),
            Self::Blake2s256 => (0xb260, "blake2s-256", 32),
            Self::Blake3 => (0x1e, "blake3", 32),
            Self::DblSha2_256 => (0x56, "dbl-sha2-256", 32),
        }
    }

    /// The multicodec code.
    pub const fn code(self) -> u64 {
        self.row().0
    }

    /// The name in the multicodec table.
    pub const fn name(self) -> &'static str {
        self.row().1
    }

    /// The default digest length; 0 for identity, whose digest is as long as its payload.
    pub const fn digest_bytes(self) -> usize {
        self.row().2
    }

    /// Find the function with a multicodec code.
    pub fn from_code(code: u64) -> Result<Self, HashError> {
        if let Some(known) = Self::ALL.into_iter().find(|known| known.code() == code) {
            return Ok(known);
        }
        let unsafe_row = UNSAFE.into_iter().find(|row| row.0 == code);
        Err(unsafe_row
            .map_or(HashError::UnknownCode(code), |row| HashError::Unsafe(row.1)))
    }

    /// Find the function with a multicodec name.
    pub fn from_name(name: &str) -> Result<Self, HashError> {
        if let Some(known) = Self::ALL.into_iter().find(|known| known.name() == name) {
            return Ok(known);
        }
        let unsafe_row = UNSAFE.into_iter().find(|row| row.1 == name);
        Err(unsafe_row.map_or_else(
            || HashError::UnknownName(name.to_owned()),
            |row| HashError::Unsafe(row.1),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_code_and_by_name() {
        for code in Code::ALL {
            assert_eq!(Code::from_code(code.code()), Ok(code));
            assert_eq!(Code::from_name(code.name()), Ok(code));
        }
    }

    #[test]
    fn no_function_is_both_known_and_unsafe() {
        for (code, name) in UNSAFE {
            assert_eq!(Code::from_code(code), Err(HashError::Unsafe(name)));
            assert_eq!(Code::from_name(name), Err(HashError::Unsafe(name)));
        }
    }

    #[test]
    fn what_the_table_lacks_is_unknown() {
        assert_eq!(Code::from_code(0x99_9999), Err(HashError::UnknownCode(0x99_9999)));
        let error = Code::from_name("SHA-256").unwrap_err();
        assert_eq!(error.to_string(), "unknown hash function name \"SHA-256\"");
    }
}
