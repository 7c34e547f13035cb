//! Why a CAR is refused.

use ipfs_kit_cid::{Cid, CidError, to_string};
use ipfs_kit_dag::DagError;
use ipfs_kit_hash::HashError;

/// A CAR that cannot be read or written. Offsets count from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum CarError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The file ends too early.
    #[error("cut short: {expected} bytes should follow byte {offset}, {actual} do")]
    Truncated {
        /// Where the missing part begins.
        offset: u64,
        /// Its length.
        expected: u64,
        /// How much of it is there.
        actual: u64,
    },
    /// A length that is overlong, over 63 bits, or cut short.
    #[error("bad varint at byte {offset}: {reason}")]
    Varint {
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The first frame is no CAR header.
    #[error("not a CAR: {reason} at byte {offset}")]
    Header {
        /// Where.
        offset: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A root of the header is no CID.
    #[error("root {index} of the CAR header is no CID")]
    Root {
        /// Its place, from 0.
        index: usize,
        /// Why it is none.
        source: CidError,
    },
    /// A header that is longer than allowed.
    #[error("a CAR header of {bytes} bytes is over the limit of {limit}")]
    HeaderTooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
    /// A version other than 1 and 2, or other than 1 within a version 2.
    #[error("CAR version {version} is not supported here")]
    Version {
        /// The version it says.
        version: u64,
    },
    /// The fixed header of version 2 contradicts itself.
    #[error("bad CARv2 header: {field} is {value}, {reason}")]
    V2Header {
        /// Which number.
        field: &'static str,
        /// What it is.
        value: u64,
        /// Why that cannot be.
        reason: &'static str,
    },
    /// A section of length zero, which some programs pad with.
    #[error("empty section at byte {offset}")]
    EmptySection {
        /// Where.
        offset: u64,
    },
    /// A section that is longer than allowed.
    #[error("section of {bytes} bytes at byte {offset} holds more than {limit} of block")]
    SectionTooLarge {
        /// Where it begins.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// The most that a block may have.
        limit: usize,
    },
    /// A section that ends behind the data of its version 2.
    #[error("section of {bytes} bytes at byte {offset} ends behind the data, at {end}")]
    SectionBeyondData {
        /// Where it begins.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// Where the data ends.
        end: u64,
    },
    /// A section that begins with no CID.
    #[error("section at byte {offset} begins with no CID")]
    Cid {
        /// Where the section begins.
        offset: u64,
        /// Why it is none.
        source: CidError,
    },
    /// A block whose bytes are not what its CID names.
    #[error("block {} at byte {offset} does not match its hash", to_string(.cid))]
    Mismatch {
        /// Where its section begins.
        offset: u64,
        /// The CID it came with.
        cid: Box<Cid>,
    },
    /// A block whose hash cannot be computed.
    #[error("block {} at byte {offset} cannot be verified", to_string(.cid))]
    Unverifiable {
        /// Where its section begins.
        offset: u64,
        /// The CID it came with.
        cid: Box<Cid>,
        /// Why.
        source: HashError,
    },
    /// The bytes of an index are not one. The offset counts from the index's start.
    #[error("bad CAR index: {reason} at byte {offset} of it")]
    Index {
        /// Where.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// An index of a kind that is not known here.
    #[error("CAR index codec 0x{codec:x} is not supported (0x400 and 0x401 are)")]
    IndexCodec {
        /// The code it begins with.
        codec: u64,
    },
    /// An index that is longer than allowed.
    #[error("a CAR index of {bytes} bytes is over the limit of {limit}")]
    IndexTooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: usize,
    },
    /// An index that names a place where another block stands.
    #[error(
        "the index says that {} is at byte {offset}, where {} stands",
        to_string(.expected), to_string(.actual)
    )]
    IndexMismatch {
        /// The place.
        offset: u64,
        /// The CID that was looked up.
        expected: Box<Cid>,
        /// The CID that is there.
        actual: Box<Cid>,
    },
    /// A limit that was asked for is not possible.
    #[error("a limit of {bytes} bytes for {what} is not in 1..={most}")]
    Limit {
        /// What it is for.
        what: &'static str,
        /// What was asked for.
        bytes: usize,
        /// The most that can be.
        most: usize,
    },
    /// A CAR was finished without the roots that were left open.
    #[error("the roots of this CAR were left open and were not given at the end")]
    RootsMissing,
    /// A CAR was finished with other roots than it began with.
    #[error("the roots of this CAR were given at its start and cannot be given again")]
    RootsGivenTwice,
}

impl From<CarError> for DagError {
    fn from(error: CarError) -> Self {
        match error {
            CarError::Io(error) => Self::Io(error),
            CarError::Mismatch { cid, .. } => Self::Mismatch(cid),
            other => {
                Self::Io(std::io::Error::new(std::io::ErrorKind::InvalidData, other))
            }
        }
    }
}
