//! Why an archive cannot be listed.

use ipfs_kit_unixfs::UnixFsError;

/// An archive that is none, is cut off, or is out of bounds.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// What should be a head has not the sum that it names.
    #[error("there is no head of a member at byte {at}")]
    NoHead {
        /// Where it should be.
        at: u64,
    },
    /// A head that is there, with something in it that cannot be.
    #[error("the head at byte {at} has {what}")]
    Malformed {
        /// Where it is.
        at: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The file ends where a head should be, or in the middle of one.
    #[error("it ends before the head at byte {at} does")]
    CutOff {
        /// Where the head begins.
        at: u64,
    },
    /// The file ends before a member does.
    #[error("{name} is not whole")]
    NotWhole {
        /// The member.
        name: String,
    },
    /// More than any archive of use has.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What grew.
        what: &'static str,
        /// How far it may.
        limit: u64,
    },
    /// The file that the archive lies in cannot be read.
    #[error(transparent)]
    File(#[from] UnixFsError),
}
