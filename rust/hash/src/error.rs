//! What can be wrong with a request for a hash.

use crate::{Code, MAX_DIGEST_BYTES};

/// Why a hash function cannot be had, or not at that length.
///
/// ```
/// use ipfs_kit_hash::{Code, HashError};
///
/// assert_eq!(Code::from_code(0xd5), Err(HashError::Unsafe("md5")));
/// ```
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum HashError {
    /// The multicodec code is of no hash function known here.
    #[error("unknown hash function code 0x{0:x}")]
    UnknownCode(u64),
    /// The name is of no hash function known here.
    #[error("unknown hash function name {0:?}")]
    UnknownName(String),
    /// A known function, by its multicodec name, that anyone can find collisions for.
    #[error("{0} is not safe for content addressing: sha2-256 and blake3 are")]
    Unsafe(&'static str),
    /// The payload does not fit an identity multihash.
    #[error(
        "{length} bytes are too long for an identity hash, which holds {MAX_DIGEST_BYTES}"
    )]
    IdentityTooLong {
        /// Bytes of the payload.
        length: usize,
    },
    /// The function does not give digests of that length.
    #[error("{} does not give digests of {length} bytes", code.name())]
    DigestLength {
        /// The function asked.
        code: Code,
        /// Digest length asked for, in bytes.
        length: usize,
    },
}
