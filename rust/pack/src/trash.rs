//! Removing packs: first out of sight, then off the disk.
//!
//! A file that is still mapped cannot be unlinked everywhere. Renamed into `trash/` it is
//! gone for whoever looks for the pack, and what stays there is tried again later.

use std::fs::{self, OpenOptions};
use std::path::Path;

use crate::error::{At, if_there};
use crate::folder::{UNFINISHED, unlink};
use crate::{Folder, PackError, PackId, inherited};

impl Folder {
    /// Removes a pack; files that are not there are none to remove.
    ///
    /// Views of it stay readable. The index goes first, so that nobody finds a sealed pack
    /// without its data.
    pub fn discard(&self, id: PackId) -> Result<(), PackError> {
        self.check_writable()?;
        let trash = self.trash();
        fs::create_dir_all(&trash).at("make the folder", &trash)?;
        for path in [self.index_path(id), self.pack_path(id)] {
            let Some(name) = path.file_name() else { continue };
            let discarded = trash.join(name);
            if if_there(fs::rename(&path, &discarded)).at("discard", &path)?.is_some() {
                // What cannot be unlinked now waits for the trash to be emptied.
                unlink(&discarded).ok();
            }
        }
        Ok(())
    }

    /// Unlinks what is left of discarded packs, and indexes that nobody is writing any
    /// more; gives the bytes freed. What cannot be unlinked stays.
    pub fn empty_trash(&self) -> Result<u64, PackError> {
        self.check_writable()?;
        let mut freed = 0;
        let trash = self.trash();
        if let Some(entries) = if_there(fs::read_dir(&trash)).at("list", &trash)? {
            for entry in entries.flatten() {
                freed += unlink(&entry.path()).unwrap_or(0);
            }
        }
        for id in self.with_ending(UNFINISHED)? {
            freed += unlink_unfinished(&self.pack_path(id), &self.unfinished_path(id));
        }
        Ok(freed)
    }
}

/// Unlinks an index that is not finished, unless its pack has a writer.
fn unlink_unfinished(pack: &Path, index: &Path) -> u64 {
    // The lock is held until the file is gone, so that no writer begins meanwhile.
    let opened = if_there(OpenOptions::new().read(true).write(true).open(pack));
    let held = match opened {
        Ok(Some(file)) => Some((inherited::register(&file), file)),
        Ok(None) => None,
        Err(_) => return 0,
    };
    if held.as_ref().is_some_and(|(_, file)| file.try_lock().is_err()) {
        return 0;
    }
    let freed = unlink(index).unwrap_or(0);
    drop(held);
    freed
}
