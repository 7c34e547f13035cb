//! Why bytes or text are no CID.

use ipfs_kit_hash::HashError;

/// A CID that cannot be parsed, built or converted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CidError {
    /// Nothing was given.
    #[error("a CID cannot be empty")]
    Empty,
    /// More text or bytes than any CID has.
    #[error("{length} characters are more than any CID has (at most {limit})")]
    TooLong {
        /// Characters or bytes given.
        length: usize,
        /// The most that are looked at.
        limit: usize,
    },
    /// The text's first character names no multibase, or its digits do not fit the base.
    #[error("{text:?} is not a CID: {reason}")]
    Multibase {
        /// The text, or its beginning.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that is no multibase.
    #[error("unknown multibase {0:?}; `ipfs-kit cid bases` lists them")]
    UnknownBase(String),
    /// A name that is no content codec.
    #[error("unknown codec {0:?}; `ipfs-kit cid codecs` lists them")]
    UnknownCodec(String),
    /// `CIDv0` stands bare, in base58btc, and is 46 characters long.
    #[error("a CIDv0 is written bare in base58btc, not behind a multibase prefix")]
    PrefixedV0,
    /// A version other than 0 and 1.
    #[error("CID version {0} is not supported (0 and 1 are)")]
    Version(u64),
    /// A varint that is overlong, over 63 bits, or cut short.
    #[error("bad varint at byte {offset}: {reason}")]
    Varint {
        /// Where it begins.
        offset: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The digest is not as long as the multihash says.
    #[error("the multihash says {expected} bytes of digest, {actual} are there")]
    DigestLength {
        /// Bytes the multihash announces.
        expected: u64,
        /// Bytes present.
        actual: usize,
    },
    /// Bytes after the end of the CID.
    #[error("{0} bytes after the end of the CID")]
    Trailing(usize),
    /// The codec and hash have no `CIDv0` form.
    #[error(
        "only dag-pb under sha2-256 has a CIDv0 (codec 0x{codec:x}, hash 0x{hash:x})"
    )]
    NotV0 {
        /// The CID's codec.
        codec: u64,
        /// The CID's hash code.
        hash: u64,
    },
    /// `CIDv0` is always printed in base58btc.
    #[error("a CIDv0 prints only in base58btc; convert it to v1 for {0}")]
    V0Base(&'static str),
    /// The identity base is bytes as they are, which are no text.
    #[error("the identity base is binary and cannot be printed: take the CID's bytes")]
    BinaryBase,
    /// The multihash itself is wrong.
    #[error(transparent)]
    Hash(#[from] HashError),
}
