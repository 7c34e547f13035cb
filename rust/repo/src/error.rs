//! What can go wrong in a repository.

use std::io;
use std::path::{Path, PathBuf};

use ipfs_kit_cid::{Cid, to_string};
use ipfs_kit_dag::DagError;
use ipfs_kit_hash::HashError;
use ipfs_kit_ipns::IpnsError;
use ipfs_kit_pack::{PackError, PackId};

/// A repository operation that failed.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A pack cannot be read or written.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A block or DAG is missing, malformed or too large.
    #[error(transparent)]
    Dag(DagError),
    /// There is no repository at this path.
    #[error("{} is no repository: make one with `ipfs-kit init`", path.display())]
    NotFound {
        /// Where one was expected.
        path: PathBuf,
    },
    /// A newer version of this program made it.
    #[error(
        "the repository {} has format {found}, this version knows up to {known}: \
         upgrade ipfs_kit_py", path.display()
    )]
    Newer {
        /// The repository.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// The index is gone, or cannot be read, while there are packs.
    #[error(
        "the index {} {reason}: `ipfs-kit repo rebuild` makes it anew from the packs",
        path.display()
    )]
    IndexDamaged {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The index cannot be read or written for a reason that is not damage.
    #[error("cannot {action} the index {}: {source}", path.display())]
    Index {
        /// What was tried.
        action: &'static str,
        /// The index.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A statement failed, on a file that whoever ran it names.
    #[error(transparent)]
    Statement(#[from] rusqlite::Error),
    /// The folder lies on a network file system, whose locks cannot be relied on.
    #[error(
        "{} lies on a network file system ({kind}), on which locks and maps are not safe: \
         put the repository on a local disk, or open it read-only", path.display()
    )]
    NetworkFileSystem {
        /// The repository.
        path: PathBuf,
        /// Which file system.
        kind: &'static str,
    },
    /// Writing to a repository that was opened for reading, or cannot be written.
    #[error("the repository {} is read-only", path.display())]
    ReadOnly {
        /// The repository.
        path: PathBuf,
    },
    /// Another process holds what is needed for too long.
    #[error("the repository {} is busy: another process {what}; try again when it has ended", path.display())]
    Busy {
        /// The repository.
        path: PathBuf,
        /// What the other one does.
        what: &'static str,
    },
    /// The repository would outgrow its limit.
    #[error(
        "the repository would take {needed} bytes, more than its limit of {limit}: \
         remove pins and run `ipfs-kit repo gc`, or raise the limit"
    )]
    Full {
        /// Bytes it would take.
        needed: u64,
        /// Bytes it may take.
        limit: u64,
    },
    /// A process was forked without the interpreter's knowledge.
    #[error(
        "this process was forked behind the interpreter's back, so that the repository's \
         locks are not its own: start it by `spawn` instead"
    )]
    Forked,
    /// A root that is not pinned, or not in this way.
    #[error("{} is not pinned{how}: `ipfs-kit pin ls` lists what is", to_string(cid))]
    NotPinned {
        /// The root.
        cid: Box<Cid>,
        /// In which way it is not, or empty.
        how: &'static str,
    },
    /// A pin in the way of another.
    #[error("{} {how}", to_string(cid))]
    PinConflict {
        /// The root.
        cid: Box<Cid>,
        /// What is in the way.
        how: &'static str,
    },
    /// A block that pins need, or the mutable files.
    #[error("block {} is in use: {by}", to_string(cid))]
    InUse {
        /// The block.
        cid: Box<Cid>,
        /// By what.
        by: &'static str,
    },
    /// Stored bytes are not what they were.
    #[error("block {} is damaged in {}: {reason}", to_string(cid), place.display())]
    Damaged {
        /// The block.
        cid: Box<Cid>,
        /// The pack or file.
        place: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Blocks that were there when an import skipped them are not there at its end.
    #[error("blocks vanished while they were being added again: try again")]
    Vanished,
    /// The mutable files' root was changed by someone else meanwhile.
    #[error("the mutable files were changed by someone else at the same time: try again")]
    Conflict,
    /// Someone asked for the end.
    #[error("cancelled")]
    Cancelled,
    /// A pack that the index names is not in the folder.
    #[error(
        "pack {id} is gone: put the file back, or let `ipfs-kit repo rebuild` forget it"
    )]
    PackLost {
        /// Which pack.
        id: PackId,
    },
    /// Bytes given are not what their CID says.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A key, name or record that cannot be used.
    #[error(transparent)]
    Ipns(#[from] IpnsError),
    /// The file of a key does not hold one.
    #[error("the key file {} cannot be used", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: IpnsError,
    },
    /// The file of a key that others may read or write.
    #[error(
        "the key file {} is open to others (mode {mode:04o}): make it 0600",
        path.display()
    )]
    KeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A name that a key cannot have.
    #[error("{name:?} cannot be the name of a key: {reason}")]
    KeyName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// No key has this name.
    #[error("there is no key {name:?}")]
    KeyNotFound {
        /// What was asked for.
        name: String,
    },
    /// A key has this name already.
    #[error("there is a key {name:?} already")]
    KeyExists {
        /// The name.
        name: String,
    },
    /// No record of this name is known.
    #[error("nothing is known to be published under the name {name}")]
    NameNotFound {
        /// The name.
        name: String,
    },
    /// A name that only DNS knows.
    #[error(
        "{name:?} is a name of DNS, which is not asked here: give the CID or the IPNS name \
         that it stands for"
    )]
    DnsName {
        /// The name.
        name: String,
    },
    /// Names that lead to names, without end.
    #[error("the name {name} leads from name to name and comes to no end")]
    NameLoop {
        /// Where it began.
        name: String,
    },
    /// A sequence number that is not greater than the last one.
    #[error("the sequence number {given} is not greater than the last one, {last}")]
    Sequence {
        /// What was given.
        given: u64,
        /// The last one.
        last: u64,
    },
    /// A record that is older than the one that is known.
    #[error(
        "a newer record of this name is known: it has the sequence number {last}, this one \
         {given}"
    )]
    OlderRecord {
        /// The sequence number of what was given.
        given: u64,
        /// That of what is known.
        last: u64,
    },
}

impl RepoError {
    /// For `map_err`: what was tried on which path.
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the disk has no room left.
    pub fn is_disk_full(&self) -> bool {
        let is_full = |error: &rusqlite::Error| {
            // Memory that processes share is a file too, for which there was no room.
            let shared_memory = rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
            let code = error.sqlite_error().map(|error| error.extended_code);
            error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
                || code == Some(shared_memory)
        };
        match self {
            Self::Index { source, .. } | Self::Statement(source) => is_full(source),
            Self::Io { source, .. }
            | Self::Pack(ipfs_kit_pack::PackError::Io { source, .. }) => {
                is_disk_full(source)
            }
            _ => false,
        }
    }

    pub(crate) fn missing(cid: &Cid) -> Self {
        Self::Dag(DagError::Missing(Box::new(*cid)))
    }
}

impl From<DagError> for RepoError {
    fn from(error: DagError) -> Self {
        match error {
            // What went through a trait of the crates below comes back as it was.
            DagError::Store(source) => match source.downcast::<Self>() {
                Ok(own) => *own,
                Err(source) => Self::Dag(DagError::Store(source)),
            },
            error => Self::Dag(error),
        }
    }
}

impl From<RepoError> for DagError {
    fn from(error: RepoError) -> Self {
        match error {
            RepoError::Dag(error) => error,
            error => Self::Store(Box::new(error)),
        }
    }
}

/// Whether the disk has no room left, or whoever asks for it may have no more.
pub fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The whole chain of reasons.
pub(crate) fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_is_a_full_disk() {
        for (kind, is_full) in [
            (io::ErrorKind::StorageFull, true),
            (io::ErrorKind::QuotaExceeded, true),
            (io::ErrorKind::TimedOut, false),
        ] {
            let error = RepoError::io("write", Path::new("x"))(kind.into());
            assert_eq!(error.is_disk_full(), is_full, "{kind}");
        }
        #[cfg(target_os = "linux")]
        assert!(is_disk_full(&io::Error::from_raw_os_error(122)));
    }
}
