//! Why something cannot be imported, read or extracted.

use std::io;
use std::path::{Path, PathBuf};

use ipfs_kit_chunker::ChunkerError;
use ipfs_kit_cid::CidError;
use ipfs_kit_dag::DagError;
use ipfs_kit_hash::HashError;
use ipfs_kit_hash::sha256::KernelError;

use crate::{ParamError, os};

/// An import, a read or an extraction that failed.
#[derive(Debug, thiserror::Error)]
pub enum UnixFsError {
    /// The system refused to open, list or read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What was being read.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to create or write.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// What was being written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that did not stay the same while it was read.
    #[error("{} changed while it was being read: {detail}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// How it shows.
        detail: &'static str,
    },
    /// A name that `UnixFS`, whose names are UTF-8, cannot hold.
    #[error("the name of {path:?} is not valid UTF-8: rename it, or leave it out")]
    NotUtf8 {
        /// The file, its name escaped when shown.
        path: PathBuf,
    },
    /// Something that is no file, folder or symbolic link.
    #[error("{} is {kind}, which UnixFS cannot hold", path.display())]
    Unsupported {
        /// Where it stands.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// Symbolic links that lead back to themselves or to a folder above them.
    #[error("following {} leads in a circle", path.display())]
    SymlinkLoop {
        /// The link.
        path: PathBuf,
    },
    /// Two things with one name.
    #[error("{name:?} stands twice in one directory")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// Something to be put in a directory has no name there.
    #[error("wrapping needs a name, and what is read has none: give one")]
    Nameless,
    /// So many equal name hashes that the trie has no bits left to tell them apart.
    #[error("the directory's hash trie would be deeper than its hash is long")]
    HamtTooDeep,
    /// A node whose `UnixFS` message is malformed or contradicts its links.
    #[error("malformed UnixFS node: {reason}")]
    Node {
        /// What is wrong.
        reason: &'static str,
    },
    /// A name in a DAG that must not become a file name.
    #[error("unsafe name {name:?} in a directory: {reason}")]
    UnsafeName {
        /// The name.
        name: String,
        /// What it could do.
        reason: &'static str,
    },
    /// Something deeper, wider or longer than allowed.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What grew.
        what: &'static str,
        /// How far it may.
        limit: u64,
    },
    /// A range that is to be read at once and for which there is no room.
    #[error("{bytes} bytes do not fit into memory")]
    Memory {
        /// How long it is.
        bytes: u64,
    },
    /// The data to be written that cannot be read.
    #[error("cannot read the data to write: {0}")]
    Input(io::Error),
    /// A path at which nothing is.
    #[error("{path:?} does not exist")]
    NoSuchEntry {
        /// The path, from the root.
        path: String,
    },
    /// A path at which something is already.
    #[error("{path:?} exists already")]
    EntryExists {
        /// The path, from the root.
        path: String,
    },
    /// A directory where a file is asked for.
    #[error("{path:?} is a directory")]
    IsADirectory {
        /// The path, from the root.
        path: String,
    },
    /// A file, or a link, where a directory is asked for.
    #[error("{path:?} is not a directory")]
    NotADirectory {
        /// The path, from the root.
        path: String,
    },
    /// Something that has no bytes of a file to change.
    #[error("{path:?} is a symbolic link, which cannot be written to")]
    IsASymlink {
        /// The path, from the root.
        path: String,
    },
    /// A directory that is to be removed, but not with all that is in it.
    #[error("{path:?} is a directory: it is removed only with all that is in it")]
    NeedsRecursive {
        /// The path, from the root.
        path: String,
    },
    /// A directory that is to be removed only if it is empty.
    #[error("{path:?} is not empty")]
    NotEmpty {
        /// The path, from the root.
        path: String,
    },
    /// A directory that would move below itself.
    #[error("{path:?} cannot be moved into itself")]
    MoveIntoItself {
        /// The path, from the root.
        path: String,
    },
    /// Something that every directory but the root allows.
    #[error("the root directory cannot be {what}")]
    OnRoot {
        /// What was asked for.
        what: &'static str,
    },
    /// A name that no entry may have.
    #[error("{name:?} cannot be the name of an entry")]
    InvalidEntryName {
        /// The name.
        name: String,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A parameter that is wrong.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// A chunker that is wrong.
    #[error(transparent)]
    Chunker(#[from] ChunkerError),
    /// A CID that is wrong.
    #[error(transparent)]
    Cid(#[from] CidError),
    /// A hash that cannot be computed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A sha2-256 kernel that was forced and cannot be had.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// A node or block that is wrong, or missing.
    #[error(transparent)]
    Dag(#[from] DagError),
    /// A temporary file that cannot be written.
    #[error("cannot use a temporary file: {0}")]
    Spill(#[from] io::Error),
}

impl UnixFsError {
    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| {
            let path = path.to_owned();
            if os::is_link_loop(&source) {
                Self::SymlinkLoop { path }
            } else {
                Self::Read { path, source }
            }
        }
    }

    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}
