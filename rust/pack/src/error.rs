//! Why a pack cannot be read or written.

use std::io;
use std::path::{Path, PathBuf};

use ipfs_kit_car::CarError;
use ipfs_kit_cid::{Cid, to_string};

use crate::PackId;

/// What a pack or its folder refuses, or fails in.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The file system failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A section that is not what was written.
    #[error("pack {id} is damaged at byte {offset}")]
    Damaged {
        /// Which pack.
        id: PackId,
        /// Where the section begins.
        offset: u64,
        /// What is wrong.
        #[source]
        reason: Damage,
    },
    /// A file that ends before its committed bytes do.
    #[error("pack {id} has {actual} bytes, of which {expected} were committed")]
    Short {
        /// Which pack.
        id: PackId,
        /// What was committed.
        expected: u64,
        /// What is there.
        actual: u64,
    },
    /// An index that cannot be used. The pack itself may be whole: see
    /// [`reindex`](crate::reindex).
    #[error("the index of pack {id} is damaged")]
    Index {
        /// Which pack.
        id: PackId,
        /// What is wrong.
        source: CarError,
    },
    /// A writer whose writing or syncing failed before. Nobody knows what of it is on disk.
    #[error("writing pack {id} failed before, so it takes no more")]
    Poisoned {
        /// Which pack.
        id: PackId,
    },
    /// A change of a folder that was opened to be read.
    #[error("{} was opened read-only", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// A text that names no pack.
    #[error("{text:?} is no pack id (16 hexadecimal digits in lower case)")]
    Id {
        /// The text.
        text: String,
    },
    /// A block that no CAR may hold.
    #[error(transparent)]
    Car(#[from] CarError),
}

/// What is wrong with a section of a pack.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It is no section, or it reaches beyond what is committed.
    #[error(transparent)]
    Frame(#[from] CarError),
    /// It holds another block than the one asked for.
    #[error("block {} stands there", to_string(.found))]
    OtherBlock {
        /// The block that is there.
        found: Box<Cid>,
    },
    /// The file does not begin as packs do.
    #[error("no header of a pack")]
    Header,
    /// It is asked for at a place where no section can begin.
    #[error("only {committed} bytes are committed")]
    Beyond {
        /// Where the committed bytes end.
        committed: u64,
    },
}

/// Names the action and the file in an error of the file system.
pub(crate) trait At<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, PackError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, PackError> {
        self.map_err(|source| PackError::Io { action, path: path.to_owned(), source })
    }
}

/// The same where absence is an answer.
pub(crate) fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
