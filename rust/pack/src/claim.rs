//! The exclusive lock of a pack that is not sealed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{At, if_there};
use crate::inherited::{self, Registered};
use crate::{
    Damage, Durability, Folder, HEADER, HEADER_BYTES, PackError, PackId, Writer,
};

/// The right to change an unsealed pack, which one holder has at a time.
///
/// It is a lock of the operating system on the pack's own file, so it ends with its
/// process. Whoever takes a pack over should first claim it, **then** read how much of it
/// is committed, and then resume: between reading and claiming another writer may commit.
///
/// ```
/// use ipfs_kit_pack::{Claim, Folder, Writer};
///
/// let place = tempfile::tempdir()?;
/// let folder = Folder::create(place.path())?;
/// let mut writer = Writer::create(&folder)?;
/// let (id, committed) = (writer.id(), writer.sync()?);
/// assert!(Claim::take(&folder, id)?.is_none());
/// drop(writer);
/// let claim = Claim::take(&folder, id)?.expect("nobody holds it now");
/// let writer = claim.resume(committed)?;
/// assert_eq!(writer.end(), committed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Claim {
    id: PackId,
    folder: Folder,
    path: PathBuf,
    // Before the file, so that its number is never listed once it may mean another.
    _registered: Registered,
    file: File,
}

impl Claim {
    /// Makes a new pack and claims it.
    pub(crate) fn create(folder: &Folder) -> Result<Self, PackError> {
        loop {
            if let Some(claim) = Self::create_as(folder, PackId::random())? {
                return Ok(claim);
            }
        }
    }

    /// Makes a new pack of this name, without a header, and claims it; `None` if there is one,
    /// or if who tidies the folder was faster and removes it.
    pub(crate) fn create_as(
        folder: &Folder,
        id: PackId,
    ) -> Result<Option<Self>, PackError> {
        folder.check_writable()?;
        let path = folder.pack_path(id);
        let mut options = OpenOptions::new();
        let file = match options.read(true).write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Ok(None);
            }
            result => result.at("make", &path)?,
        };
        let registered = inherited::register(&file);
        let locked = try_lock(&file, &path)?;
        let folder = folder.clone();
        let claim = Self { id, folder, path, _registered: registered, file };
        Ok((locked && claim.is_in_place()?).then_some(claim))
    }

    /// Claims a pack; `None` if it is gone, sealed, or held by another.
    pub fn take(folder: &Folder, id: PackId) -> Result<Option<Self>, PackError> {
        folder.check_writable()?;
        let path = folder.pack_path(id);
        let opened = if_there(OpenOptions::new().read(true).write(true).open(&path));
        let Some(file) = opened.at("open", &path)? else { return Ok(None) };
        let registered = inherited::register(&file);
        if !try_lock(&file, &path)? {
            return Ok(None);
        }
        let folder = folder.clone();
        let claim = Self { id, folder, path, _registered: registered, file };
        // What was true before the lock may have changed until it was ours.
        let ours = claim.is_in_place()? && !claim.folder.has_index(id);
        Ok(ours.then_some(claim))
    }

    /// Which pack.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// Begins to append behind the committed bytes; what lies above them is cut off.
    ///
    /// `committed` must be at least as much as anybody may believe to be committed.
    pub fn resume(self, committed: u64) -> Result<Writer, PackError> {
        self.resume_with(committed, Durability::Synced)
    }

    /// The same for a pack that is written as is said.
    pub fn resume_with(
        mut self,
        committed: u64,
        durability: Durability,
    ) -> Result<Writer, PackError> {
        let committed = committed.max(HEADER_BYTES);
        let actual = self.file.metadata().at("look at", &self.path)?.len();
        if actual < committed {
            let id = self.id;
            return Err(PackError::Short { id, expected: committed, actual });
        }
        let mut header = [0; HEADER.len()];
        self.file.read_exact(&mut header).at("read", &self.path)?;
        if header != *HEADER {
            let reason = Damage::Header;
            return Err(PackError::Damaged { id: self.id, offset: 0, reason });
        }
        if actual > committed {
            self.file.set_len(committed).at("cut", &self.path)?;
        }
        Writer::resume(self, committed, durability)
    }

    /// Removes the pack, which nobody can have begun to write again.
    pub fn discard(self) -> Result<(), PackError> {
        self.folder.discard(self.id)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether the path still leads to the file that is locked.
    #[cfg(unix)]
    pub(crate) fn is_in_place(&self) -> Result<bool, PackError> {
        use std::os::unix::fs::MetadataExt;
        let Some(there) =
            if_there(std::fs::metadata(&self.path)).at("look at", &self.path)?
        else {
            return Ok(false);
        };
        let held = self.file.metadata().at("look at", &self.path)?;
        Ok((there.dev(), there.ino()) == (held.dev(), held.ino()))
    }

    /// Names of packs are not used twice, so a file in this place is the same one.
    #[cfg(not(unix))]
    pub(crate) fn is_in_place(&self) -> Result<bool, PackError> {
        self.path.try_exists().at("look at", &self.path)
    }
}

fn try_lock(file: &File, path: &Path) -> Result<bool, PackError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).at("lock", path),
    }
}
