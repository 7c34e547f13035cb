//! Why a disk cache stopped.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ipfs_kit_pack::PackError;

/// What turned a disk cache off. Nothing that was asked of it failed by this: look-ups miss,
/// and puts are refused.
#[derive(Debug, thiserror::Error)]
pub enum DiskFault {
    /// It is to hold nothing.
    #[error("the disk cache is switched off: its limit is 0 bytes")]
    SwitchedOff,
    /// There is no folder, and none can be made.
    #[error("there is no folder for the disk cache at {}", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: PackError,
    },
    /// The folder cannot be written to.
    #[error("the disk cache at {} cannot be written to", path.display())]
    ReadOnly {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: PackError,
    },
    /// The disk, or what this user may have of it, is full.
    #[error("the disk of the cache at {} is full", path.display())]
    Full {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: PackError,
    },
    /// Anything else.
    #[error("the disk cache at {} failed", path.display())]
    Failed {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: PackError,
    },
}

impl DiskFault {
    pub(super) fn new(path: &Path, source: PackError) -> Self {
        let path = path.to_owned();
        let kind = match &source {
            PackError::Io { source, .. } => source.kind(),
            PackError::ReadOnly { .. } => io::ErrorKind::ReadOnlyFilesystem,
            _ => io::ErrorKind::Other,
        };
        match kind {
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists => Self::Missing { path, source },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                Self::ReadOnly { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { path, source }
            }
            _ => Self::Failed { path, source },
        }
    }
}

/// Whether a disk cache works.
#[derive(Clone, Debug)]
pub enum DiskState {
    /// It does.
    On,
    /// It takes nothing more; what it holds can be had.
    ReadOnly(Arc<DiskFault>),
    /// It finds nothing and takes nothing.
    Off(Arc<DiskFault>),
}

impl DiskState {
    pub(super) fn after(fault: DiskFault) -> Self {
        match fault {
            DiskFault::ReadOnly { .. } | DiskFault::Full { .. } => {
                Self::ReadOnly(Arc::new(fault))
            }
            DiskFault::SwitchedOff
            | DiskFault::Missing { .. }
            | DiskFault::Failed { .. } => Self::Off(Arc::new(fault)),
        }
    }

    /// Whether it takes what is put.
    pub fn takes(&self) -> bool {
        matches!(self, Self::On)
    }

    /// Whether what it holds can be had.
    pub fn gives(&self) -> bool {
        !matches!(self, Self::Off(_))
    }

    /// Why it is not on.
    pub fn fault(&self) -> Option<&DiskFault> {
        match self {
            Self::On => None,
            Self::ReadOnly(fault) | Self::Off(fault) => Some(fault),
        }
    }
}

/// Names what was tried with which file.
pub(super) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> PackError + use<> {
    let path = path.to_owned();
    move |source| PackError::Io { action, path, source }
}
