//! Repositories that cannot be written: a read-only folder, or one opened to be read.
//!
//! The index file is read as it lies, without its log: whoever closed the repository last has
//! moved the log into it. Where that did not happen, the file may be older than the packs;
//! then the folder's sealed packs count, and blocks of others are not seen.

use std::fs;

use crate::RepoError;
use crate::catalogue::{Access, Catalogue};
use crate::folder::Folder;
use crate::shared::Shared;
use crate::view::{Entry, Slot, View};

/// The catalogue, if its file can be relied on.
pub(crate) fn catalogue(folder: &Folder) -> Result<Option<Catalogue>, RepoError> {
    let index = folder.index();
    let log = index.with_extension("db-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) || !index.exists() {
        return Ok(None);
    }
    match Catalogue::open(&folder.root, &index, Access::Frozen) {
        Ok(catalogue) => Ok(Some(catalogue)),
        Err(error @ RepoError::Newer { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Adds the sealed packs of the folder, where no catalogue names them.
pub(crate) fn refresh(shared: &Shared, view: &mut View) -> Result<bool, RepoError> {
    if shared.catalogue.is_some() {
        return Ok(false);
    }
    let mut is_new = false;
    for id in shared.packs.packs()? {
        let known = view.packs.iter().any(|entry| entry.slot.id == id);
        if !known && shared.packs.has_index(id) {
            let bytes = fs::metadata(shared.packs.pack_path(id)).map_or(0, |at| at.len());
            view.packs.push(Entry { slot: Slot::new(id, true, bytes), dead: None });
            is_new = true;
        }
    }
    Ok(is_new)
}
