//! A folder of packs: names, listing, making it durable.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{At, if_there};
use crate::{PackError, PackId};

/// A folder of packs: `<id>.car`, `<id>.idx`, `trash/`. Other names in it are left alone.
///
/// ```
/// use ipfs_kit_pack::{Folder, Writer};
///
/// let place = tempfile::tempdir()?;
/// let folder = Folder::create(place.path().join("packs"))?;
/// let writer = Writer::create(&folder)?;
/// assert_eq!(folder.packs()?, [writer.id()]);
/// assert!(!folder.has_index(writer.id()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    read_only: bool,
}

/// The end of a data file's name.
const DATA: &str = "car";
/// The end of an index's name.
const INDEX: &str = "idx";
/// The end of the name of an index that is being written.
pub(crate) const UNFINISHED: &str = "idx.tmp";
/// Where discarded files wait.
const TRASH: &str = "trash";

impl Folder {
    /// Opens the folder; makes it durably if it is not there.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, PackError> {
        let path = path.into();
        let folder = Self { path, read_only: false };
        create_with_parents(&folder.trash())?;
        Ok(folder)
    }

    /// Opens the folder to read what is in it.
    pub fn open_read_only(path: impl Into<PathBuf>) -> Result<Self, PackError> {
        let path = path.into();
        fs::read_dir(&path).at("open the folder", &path)?;
        Ok(Self { path, read_only: true })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was opened to be read only.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// Where the blocks of a pack are.
    pub fn pack_path(&self, id: PackId) -> PathBuf {
        self.path.join(format!("{id}.{DATA}"))
    }

    /// Where the index of a pack is, once it is sealed.
    pub fn index_path(&self, id: PackId) -> PathBuf {
        self.path.join(format!("{id}.{INDEX}"))
    }

    pub(crate) fn unfinished_path(&self, id: PackId) -> PathBuf {
        self.path.join(format!("{id}.{UNFINISHED}"))
    }

    pub(crate) fn trash(&self) -> PathBuf {
        self.path.join(TRASH)
    }

    /// The packs in it, by number.
    pub fn packs(&self) -> Result<Vec<PackId>, PackError> {
        let mut ids = self.with_ending(DATA)?;
        ids.sort_unstable();
        Ok(ids)
    }

    /// The packs of which anything is here: after a power loss it may be an index alone.
    pub fn remains(&self) -> Result<Vec<PackId>, PackError> {
        let mut ids = self.with_ending(DATA)?;
        ids.extend(self.with_ending(INDEX)?);
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Whether a pack has an index, and so is sealed.
    pub fn has_index(&self, id: PackId) -> bool {
        self.index_path(id).exists()
    }

    /// Makes names that were added or removed durable.
    pub fn sync(&self) -> Result<(), PackError> {
        sync_folder(&self.path)
    }

    /// The packs that have a file with this ending.
    pub(crate) fn with_ending(&self, ending: &str) -> Result<Vec<PackId>, PackError> {
        let path = &self.path;
        let mut ids = Vec::new();
        for entry in fs::read_dir(path).at("list the folder", path)? {
            let name = entry.at("list the folder", path)?.file_name();
            let stem = name.to_str().and_then(|name| name.split_once('.'));
            if let Some((stem, found)) = stem
                && found == ending
                && let Ok(id) = stem.parse()
            {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    pub(crate) fn check_writable(&self) -> Result<(), PackError> {
        if self.read_only {
            return Err(PackError::ReadOnly { path: self.path.clone() });
        }
        Ok(())
    }
}

/// Makes a folder and those above it, each durably.
fn create_with_parents(path: &Path) -> Result<(), PackError> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_with_parents(parent)?;
    }
    match fs::create_dir(path) {
        // Made by another process meanwhile, which may not have synced it yet.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        result => result.at("make the folder", path)?,
    }
    sync_folder(parent.unwrap_or(Path::new(".")))
}

/// Where folders cannot be opened, as on Windows, their entries are durable without it.
pub(crate) fn sync_folder(path: &Path) -> Result<(), PackError> {
    if cfg!(unix) {
        let folder = fs::File::open(path).at("open the folder", path)?;
        folder.sync_all().at("sync the folder", path)?;
    }
    Ok(())
}

/// Unlinks a file; gives its length, 0 if it is not there.
pub(crate) fn unlink(path: &Path) -> io::Result<u64> {
    let Some(metadata) = if_there(fs::symlink_metadata(path))? else { return Ok(0) };
    Ok(if_there(fs::remove_file(path))?.map_or(0, |()| metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_made_and_other_names_are_ignored() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/c");
        let folder = Folder::create(&path).unwrap();
        Folder::create(&path).unwrap();
        let names =
            ["00000000000000ff.car", "0000000000000001.car", "x.car", "00000000000000ff"];
        for name in names {
            fs::write(path.join(name), b"").unwrap();
        }
        fs::write(path.join("0000000000000002.car.tmp"), b"").unwrap();
        assert_eq!(folder.packs().unwrap(), [1, 255].map(PackId::from_u64));
    }

    #[test]
    fn a_folder_that_is_not_there_cannot_be_opened_to_read() {
        let place = tempfile::tempdir().unwrap();
        let opened = Folder::open_read_only(place.path().join("none"));
        assert!(matches!(opened, Err(PackError::Io { .. })));
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("packs"), b"").unwrap();
        let made = Folder::create(place.path().join("packs"));
        assert!(matches!(made, Err(PackError::Io { .. })));
    }
}
