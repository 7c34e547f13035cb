//! Keeping what a session is about to make part of a root of its own.

use ipfs_kit_cid::Cid;

use crate::{RepoError, Session};

impl Session {
    /// Keeps all that is here below a root until this session ends: a collection that begins
    /// later leaves it alone. For roots that become part of a new one without being written.
    pub fn keep(&self, root: &Cid) -> Result<(), RepoError> {
        self.lock().note_roots(std::iter::once(root))?;
        Ok(())
    }
}

impl RepoError {
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
                source.kind() == std::io::ErrorKind::StorageFull
            }
            _ => false,
        }
    }
}
