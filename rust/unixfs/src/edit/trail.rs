//! The directories from the root down to where something is edited, and the way back up.

use ipfs_kit_cid::Cid;

use super::folder::Folder;
use super::{Editor, check_name, show};
use crate::UnixFsError;
use crate::blocks::Child;

/// Open directories, each below the one before it.
#[derive(Debug)]
pub(super) struct Trail<'p> {
    names: &'p [&'p str],
    /// One more than names.
    folders: Vec<Folder>,
}

impl<'p> Trail<'p> {
    /// Opens all directories down to `path`; makes those that are missing, if asked to.
    pub(super) fn open(
        editor: &Editor<'_>,
        root: &Cid,
        path: &'p [&'p str],
        parents: bool,
    ) -> Result<Self, UnixFsError> {
        let none = || UnixFsError::NotADirectory { path: "/".to_owned() };
        let mut folder = Folder::read(editor, root)?.ok_or_else(none)?;
        let mut folders = Vec::with_capacity(path.len() + 1);
        for (depth, name) in path.iter().enumerate() {
            let here = || show(&path[..=depth]);
            let below = match folder.get(editor, name)? {
                Some(child) => Folder::read(editor, &child.cid)?
                    .ok_or_else(|| UnixFsError::NotADirectory { path: here() })?,
                None if parents => {
                    check_name(name)?;
                    Folder::empty(editor.params)
                }
                None => return Err(UnixFsError::NoSuchEntry { path: here() }),
            };
            folders.push(std::mem::replace(&mut folder, below));
        }
        folders.push(folder);
        Ok(Self { names: path, folders })
    }

    /// Finds an entry of the last directory.
    pub(super) fn get(
        &self,
        editor: &Editor<'_>,
        name: &str,
    ) -> Result<Option<Child>, UnixFsError> {
        match self.folders.last() {
            Some(folder) => folder.get(editor, name),
            None => Ok(None),
        }
    }

    /// Edits the last directory and writes all that becomes another: up to a new root.
    pub(super) fn close<T>(
        mut self,
        editor: &mut Editor<'_>,
        edit: impl FnOnce(&mut Folder, &mut Editor<'_>) -> Result<T, UnixFsError>,
    ) -> Result<Cid, UnixFsError> {
        let mut child = None;
        if let Some(mut last) = self.folders.pop() {
            edit(&mut last, editor)?;
            child = Some(last.save(editor)?);
        }
        for name in self.names.iter().rev() {
            if let (Some(mut folder), Some(below)) = (self.folders.pop(), child) {
                folder.set(editor, name, &below)?;
                child = Some(folder.save(editor)?);
            }
        }
        // There is always the root's folder.
        let none = UnixFsError::Node { reason: "no root" };
        child.map(|root| root.cid).ok_or(none)
    }
}
