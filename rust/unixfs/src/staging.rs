//! Folders in which something is made before it is moved to its place.
//!
//! A process that is killed cannot remove its own, which may be as large as all that it wrote.
//! So whoever is alive holds a lock in it, and the next one removes those that nobody holds.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use tempfile::TempDir;

const PREFIX: &str = ".ipfs-kit-unpack-";
const LOCK: &str = "lock";
/// Under this name nobody looks for the lock: it is not held yet.
const NEW_LOCK: &str = "lock.new";

/// A folder of our own, removed with all that is left in it.
#[derive(Debug)]
pub(crate) struct Staging {
    // Let go before the folder is removed, as some systems want it.
    _lock: File,
    folder: TempDir,
}

impl Staging {
    /// Makes one, and removes those of processes that are gone.
    pub(crate) fn new(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
        let lock = File::create_new(folder.path().join(NEW_LOCK))?;
        // Where there are no locks, nobody can take one either, and all folders stay.
        lock.try_lock().ok();
        fs::rename(folder.path().join(NEW_LOCK), folder.path().join(LOCK))?;
        Ok(Self { _lock: lock, folder })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// What cannot be looked at or removed is not ours to care for.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_staging =
            entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if is_staging && is_abandoned(&entry.path()) {
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

fn is_abandoned(folder: &Path) -> bool {
    let lock = File::open(folder.join(OsStr::new(LOCK)));
    lock.is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_somebody_uses_stays_and_one_that_nobody_does_goes() {
        let parent = tempfile::tempdir().unwrap();
        let used = Staging::new(parent.path()).unwrap();
        let gone = parent.path().join(".ipfs-kit-unpack-gone");
        fs::create_dir(&gone).unwrap();
        fs::write(gone.join(LOCK), b"").unwrap();
        fs::write(gone.join("root"), b"half").unwrap();
        let new = parent.path().join(".ipfs-kit-unpack-new");
        fs::create_dir(&new).unwrap();
        let other = Staging::new(parent.path()).unwrap();
        assert!(used.path().is_dir() && other.path().is_dir() && new.is_dir());
        assert!(!gone.exists());
        drop((used, other));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
