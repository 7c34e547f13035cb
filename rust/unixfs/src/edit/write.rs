//! Writing into a file, and giving it another size.

use std::io::Read;

use ipfs_kit_cid::Cid;

use super::append::Chunks;
use super::file::{Draft, Part, TOO_LONG};
use super::folder::Folder;
use super::trail::Trail;
use super::{Editor, check_name, show};
use crate::UnixFsError;

/// What a write may do besides changing bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteMode {
    /// Make the file if it is missing.
    pub create: bool,
    /// Make the directories above it that are missing.
    pub parents: bool,
    /// Drop what the file holds first.
    pub truncate: bool,
}

/// Data is written when more than this has gathered.
///
/// The size decides CIDs: chunks are cut anew from here, so that what comes in one write of
/// many mebibytes is cut as Kubo cuts it, which reads 32 KiB at a time.
const GATHER_BYTES: usize = 2 << 20;
const READ_BYTES: u64 = 32 << 10;

impl Editor<'_> {
    /// Writes data into a file from `offset` on; a gap before it is filled with zeros.
    pub fn write(
        &mut self,
        root: &Cid,
        path: &[&str],
        offset: u64,
        data: &mut dyn Read,
        mode: WriteMode,
    ) -> Result<Cid, UnixFsError> {
        self.edit_file(root, path, mode, |draft, editor| {
            if mode.truncate {
                draft.resize(editor, 0)?;
            }
            if offset > draft.root.size() {
                draft.resize(editor, offset)?;
            }
            draft.write(editor, offset, data)
        })
    }

    /// Makes a file so long: cuts it, or adds zeros.
    pub fn resize(
        &mut self,
        root: &Cid,
        path: &[&str],
        size: u64,
    ) -> Result<Cid, UnixFsError> {
        let mode = WriteMode::default();
        self.edit_file(root, path, mode, |draft, editor| draft.resize(editor, size))
    }

    fn edit_file(
        &mut self,
        root: &Cid,
        path: &[&str],
        mode: WriteMode,
        edit: impl FnOnce(&mut Draft, &mut Self) -> Result<bool, UnixFsError>,
    ) -> Result<Cid, UnixFsError> {
        let is_directory = || UnixFsError::IsADirectory { path: show(path) };
        let (name, above) = path.split_last().ok_or_else(is_directory)?;
        let trail = Trail::open(self, root, above, mode.parents)?;
        let mut draft = match trail.get(self, name)? {
            Some(child) => match Draft::read(self, &child.cid)? {
                Some(draft) => draft,
                None if Folder::read(self, &child.cid)?.is_some() => {
                    return Err(is_directory());
                }
                None => return Err(UnixFsError::IsASymlink { path: show(path) }),
            },
            None if mode.create => {
                check_name(name)?;
                Draft::empty(self.params, self.raw_leaves)
            }
            None => return Err(UnixFsError::NoSuchEntry { path: show(path) }),
        };
        if edit(&mut draft, self)?
            && let Part::Node(node) = &mut draft.root
            && node.message.attributes.mtime.is_some()
            && self.now.is_some()
        {
            node.message.attributes.mtime = self.now;
        }
        let child = draft.finish(self)?;
        trail.close(self, |folder, editor| folder.set(editor, name, &child))
    }
}

impl Draft {
    /// Tells whether anything changed.
    fn resize(
        &mut self,
        editor: &mut Editor<'_>,
        size: u64,
    ) -> Result<bool, UnixFsError> {
        let old = self.root.size();
        if size > old {
            if i64::try_from(size).is_err() {
                return Err(TOO_LONG);
            }
            self.append(editor, Chunks::zeros(size - old))?;
        } else if size < old {
            editor.cut(&mut self.root, size, 0)?;
        }
        Ok(size != old)
    }

    fn write(
        &mut self,
        editor: &mut Editor<'_>,
        mut offset: u64,
        data: &mut dyn Read,
    ) -> Result<bool, UnixFsError> {
        let mut gathered = Vec::new();
        let mut changed = false;
        loop {
            editor.check_stop()?;
            let mut piece = (&mut *data).take(READ_BYTES);
            let read = piece.read_to_end(&mut gathered).map_err(UnixFsError::Input)?;
            let end = read == 0;
            if gathered.len() > GATHER_BYTES || end && !gathered.is_empty() {
                self.write_at(editor, offset, &gathered)?;
                offset = offset.checked_add(gathered.len() as u64).ok_or(TOO_LONG)?;
                gathered.clear();
                changed = true;
            }
            if end {
                return Ok(changed);
            }
        }
    }

    fn write_at(
        &mut self,
        editor: &mut Editor<'_>,
        offset: u64,
        mut data: &[u8],
    ) -> Result<(), UnixFsError> {
        if offset < self.root.size() {
            editor.overwrite(&mut self.root, offset, &mut data, 0)?;
        }
        if data.is_empty() {
            return Ok(());
        }
        let chunks = Chunks::data(data, &editor.params.chunker)?;
        self.append(editor, chunks)
    }
}
