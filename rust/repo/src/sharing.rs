//! Blocks of packs that become part of other files without being written.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ipfs_kit_pack::{CLONE_UNIT_BYTES, PackId, clone_range};
use ipfs_kit_unixfs::{Shared, Sharing};

use crate::Repository;

/// Makes blocks of the packs of a repository part of files, where the file system can.
///
/// What is shared are the very pages that were read, and so were verified: a block is known by
/// where it is mapped, and the file is the one that is.
#[derive(Debug)]
pub struct PackSharing<'a> {
    repository: &'a Repository,
    /// The file of the last block: those of one file lie together.
    last: Mutex<Option<(PackId, Arc<File>)>>,
}

impl<'a> PackSharing<'a> {
    /// Of this repository.
    pub fn new(repository: &'a Repository) -> Self {
        Self { repository, last: Mutex::new(None) }
    }

    /// The file that a block lies in, and where in it.
    fn origin(&self, bytes: &Bytes) -> Option<(Arc<File>, u64)> {
        let shared = self.repository.shared().ok()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (pack, offset) = {
            let view = shared.view();
            let mut packs = view.packs.iter().filter_map(|entry| entry.slot.opened());
            packs.find_map(|pack| Some((Arc::clone(pack), pack.offset_of(bytes)?)))?
        };
        let file = match &*last {
            Some((id, file)) if *id == pack.id() => Arc::clone(file),
            _ => Arc::new(pack.reopen(&shared.packs)?),
        };
        *last = Some((pack.id(), Arc::clone(&file)));
        Some((file, offset))
    }
}

impl Sharing for PackSharing<'_> {
    fn share(&self, bytes: &Bytes, file: &File, at: u64) -> Shared {
        let whole = bytes.len() as u64 / CLONE_UNIT_BYTES * CLONE_UNIT_BYTES;
        let fits = |place: u64| place.is_multiple_of(CLONE_UNIT_BYTES);
        let Ok(count) = usize::try_from(whole) else { return Shared::Nothing };
        if whole == 0 || !fits(at) {
            return Shared::Nothing;
        }
        let Some((from, offset)) = self.origin(bytes).filter(|(_, offset)| fits(*offset))
        else {
            return Shared::Nothing;
        };
        // Whatever is wrong, writing shows whether it is an error.
        clone_range(&from, offset, whole, file, at)
            .map_or(Shared::Never, |()| Shared::Bytes(count))
    }
}
