//! Making, linking, removing and moving entries.

use ipfs_kit_cid::{Cid, codec};

use super::folder::Folder;
use super::nodes::Node;
use super::trail::Trail;
use super::{Editor, check_name, show};
use crate::UnixFsError;
use crate::blocks::Child;

impl Editor<'_> {
    /// Makes an empty directory.
    ///
    /// With `parents`, also what is missing above it, and one that is there is no error.
    pub fn mkdir(
        &mut self,
        root: &Cid,
        path: &[&str],
        parents: bool,
    ) -> Result<Cid, UnixFsError> {
        let exists = || UnixFsError::EntryExists { path: show(path) };
        let Some((name, above)) = path.split_last() else {
            return if parents { Ok(*root) } else { Err(exists()) };
        };
        let trail = Trail::open(self, root, above, parents)?;
        if let Some(child) = trail.get(self, name)? {
            let keep = parents && self.is_directory(&child.cid)?;
            return if keep { Ok(*root) } else { Err(exists()) };
        }
        check_name(name)?;
        let made = Folder::empty(self.params).save(self)?;
        trail.close(self, |folder, editor| folder.set(editor, name, &made))
    }

    /// Puts a DAG that is there already at a path: no more than its root block is read.
    ///
    /// With `parents`, makes what is missing above it; with `replace`, takes the place of
    /// what is there, if that is no directory.
    pub fn link(
        &mut self,
        root: &Cid,
        path: &[&str],
        cid: &Cid,
        parents: bool,
        replace: bool,
    ) -> Result<Cid, UnixFsError> {
        let exists = || UnixFsError::EntryExists { path: show(path) };
        let (name, above) = path.split_last().ok_or_else(exists)?;
        let child = self.child(cid)?;
        let trail = Trail::open(self, root, above, parents)?;
        match trail.get(self, name)? {
            None => check_name(name)?,
            Some(_) if !replace => return Err(exists()),
            Some(old) if self.is_directory(&old.cid)? => {
                return Err(UnixFsError::IsADirectory { path: show(path) });
            }
            Some(_) => {}
        }
        trail.close(self, |folder, editor| folder.set(editor, name, &child))
    }

    /// Removes an entry; a directory only with `recursive`, even one that is empty.
    ///
    /// With it nothing of what is removed is read: what cannot be read can be removed.
    pub fn unlink(
        &mut self,
        root: &Cid,
        path: &[&str],
        recursive: bool,
    ) -> Result<Cid, UnixFsError> {
        let on_root = UnixFsError::OnRoot { what: "removed" };
        let (name, above) = path.split_last().ok_or(on_root)?;
        let trail = Trail::open(self, root, above, false)?;
        let none = || UnixFsError::NoSuchEntry { path: show(path) };
        let child = trail.get(self, name)?.ok_or_else(none)?;
        if !recursive && self.is_directory(&child.cid)? {
            return Err(UnixFsError::NeedsRecursive { path: show(path) });
        }
        trail.close(self, |folder, editor| folder.remove(editor, name))
    }

    /// Removes an empty directory.
    pub fn rmdir(&mut self, root: &Cid, path: &[&str]) -> Result<Cid, UnixFsError> {
        let on_root = UnixFsError::OnRoot { what: "removed" };
        let (name, above) = path.split_last().ok_or(on_root)?;
        let trail = Trail::open(self, root, above, false)?;
        let none = || UnixFsError::NoSuchEntry { path: show(path) };
        let child = trail.get(self, name)?.ok_or_else(none)?;
        let other = || UnixFsError::NotADirectory { path: show(path) };
        if !Folder::read(self, &child.cid)?.ok_or_else(other)?.is_empty() {
            return Err(UnixFsError::NotEmpty { path: show(path) });
        }
        trail.close(self, |folder, editor| folder.remove(editor, name))
    }

    /// Moves an entry: into the directory that is at `to`, in the place of the file that is
    /// there, or to that name.
    ///
    /// As with Kubo, a directory may take the place of a file, and what moves into the root
    /// that of a file of its name there. (A path that Kubo is given with a slash at its end
    /// is one that ends in the name of what is moved.)
    pub fn rename(
        &mut self,
        root: &Cid,
        from: &[&str],
        to: &[&str],
    ) -> Result<Cid, UnixFsError> {
        let on_root = UnixFsError::OnRoot { what: "moved" };
        let (name, from_above) = from.split_last().ok_or(on_root)?;
        // Below the root is where something moves that moves to the root.
        let mut to = if to.is_empty() { vec![*name] } else { to.to_vec() };
        let found = self.find(root, &to)?;
        let child = self.find(root, from)?;
        let none = || UnixFsError::NoSuchEntry { path: show(from) };
        let child = child.ok_or_else(none)?;
        if self.is_directory(&child.cid)? && to.starts_with(from) {
            return Err(UnixFsError::MoveIntoItself { path: show(from) });
        }
        match found {
            Some(found) if self.is_directory(&found.cid)? => {
                to.push(name);
                if self.find(root, &to)?.is_some() {
                    return Err(UnixFsError::EntryExists { path: show(&to) });
                }
            }
            Some(_) if to == from => return Ok(*root),
            _ => {}
        }
        let Some((new_name, to_above)) = to.split_last() else { return Ok(*root) };
        check_name(new_name)?;
        let removed = Trail::open(self, root, from_above, false)?;
        if from_above == to_above {
            return removed.close(self, |folder, editor| {
                folder.remove(editor, name)?;
                folder.set(editor, new_name, &child)
            });
        }
        let root = removed.close(self, |folder, editor| folder.remove(editor, name))?;
        let trail = Trail::open(self, &root, to_above, false)?;
        trail.close(self, |folder, editor| folder.set(editor, new_name, &child))
    }

    /// Moves an entry as `rename` of POSIX does: a file takes the place of a file, and a
    /// directory that of an empty one.
    ///
    /// With `into`, it goes into the directory that is at `to`, under its own name.
    pub fn move_entry(
        &mut self,
        root: &Cid,
        from: &[&str],
        to: &[&str],
        into: bool,
    ) -> Result<Cid, UnixFsError> {
        let on_root = UnixFsError::OnRoot { what: "moved" };
        let name = from.last().ok_or(on_root)?;
        let mut to = to.to_vec();
        if into
            && let Some(found) = self.find(root, &to)?
            && self.is_directory(&found.cid)?
        {
            to.push(name);
        }
        let none = || UnixFsError::NoSuchEntry { path: show(from) };
        let child = self.find(root, from)?.ok_or_else(none)?;
        let Some(found) = self.find(root, &to)? else {
            return self.rename(root, from, &to);
        };
        if to == from {
            return Ok(*root);
        }
        match (self.is_directory(&child.cid)?, self.is_directory(&found.cid)?) {
            (false, false) => self.rename(root, from, &to),
            (true, true) => {
                let root = self.rmdir(root, &to)?;
                self.rename(&root, from, &to)
            }
            (true, false) => Err(UnixFsError::NotADirectory { path: show(&to) }),
            (false, true) => Err(UnixFsError::IsADirectory { path: show(&to) }),
        }
    }

    /// What is at a path, all above it being directories.
    fn find(&self, root: &Cid, path: &[&str]) -> Result<Option<Child>, UnixFsError> {
        match path.split_last() {
            None => Ok(Some(Child { cid: *root, tsize: 0, size: 0 })),
            Some((name, above)) => Trail::open(self, root, above, false)?.get(self, name),
        }
    }

    fn is_directory(&self, cid: &Cid) -> Result<bool, UnixFsError> {
        if cid.codec() == codec::RAW {
            return Ok(false);
        }
        Ok(matches!(self.node(cid)?, Node::Pb(node) if node.is_directory()))
    }
}
