//! The segments that a process sees.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use ipfs_kit_pack::{Folder, Mapping, PackError, PackId};

use super::census::{Census, Files};
use super::gate::Gate;
use super::name::Shortener;
use super::segment::Segment;

/// Segments, the latest first.
pub(super) type Segments = Arc<Vec<Arc<Segment>>>;

/// The maps of a segment that is gone, and the bytes of its file.
type Gone = (Vec<Mapping>, u64);

#[derive(Debug, Default)]
pub(super) struct Shelf {
    segments: RwLock<Segments>,
    /// The count of changes that the list is of. Held while it is made anew.
    seen: Mutex<Option<u64>>,
    /// Maps of segments that are gone.
    gone: Mutex<Vec<Gone>>,
}

impl Shelf {
    /// The list as it was last made.
    pub(super) fn segments(&self) -> Segments {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes the list anew if the folder changed, or if it is `forced`; says whether it did.
    ///
    /// A folder that cannot be listed leaves it as it is: what is mapped can be read.
    pub(super) fn refresh(
        &self,
        folder: &Folder,
        gate: &Gate,
        ahead: u64,
        shortener: &Shortener,
        forced: bool,
    ) -> Result<bool, PackError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = Some(gate.changes());
        if *seen == changes && !forced {
            return Ok(false);
        }
        *seen = changes;
        let census = Census::names(folder.path())?;
        let before = self.segments();
        let mut known: HashMap<PackId, Arc<Segment>> =
            before.iter().map(|segment| (segment.id(), segment.clone())).collect();
        drop(before);
        let mut segments = Vec::with_capacity(census.segments.len());
        for (id, files) in census.segments.into_iter().rev() {
            let known = known.remove(&id);
            segments.extend(open(folder, id, files, known, ahead, shortener));
        }
        *self.segments.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(segments);
        let gone = known.into_values().map(|gone| (gone.mappings(), gone.file_bytes()));
        let mut list = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(is_mapped);
        list.extend(gone);
        Ok(true)
    }

    /// Bytes of files that are gone and mapped still.
    pub(super) fn unlinked_mapped_bytes(&self) -> u64 {
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        gone.retain(is_mapped);
        gone.iter().map(|(_, bytes)| bytes).sum()
    }
}

fn is_mapped((mappings, _): &Gone) -> bool {
    mappings.iter().any(Mapping::is_alive)
}

/// A segment by its number.
pub(super) fn find(segments: &Segments, id: PackId) -> Option<&Arc<Segment>> {
    let place = segments.binary_search_by(|segment| id.cmp(&segment.id())).ok()?;
    segments.get(place)
}

/// What is to be used for a segment now; `None` if nothing can be read of it.
fn open(
    folder: &Folder,
    id: PackId,
    files: Files,
    known: Option<Arc<Segment>>,
    ahead: u64,
    shortener: &Shortener,
) -> Option<Arc<Segment>> {
    if !files.has_data {
        return None;
    }
    let newly_sealed = |known: &Arc<Segment>| files.is_sealed() && !known.is_sealed();
    if let Some(known) = known.as_ref().filter(|known| !newly_sealed(known)) {
        return Some(known.clone());
    }
    // One that cannot be opened is looked for again when something changes.
    let opened = Segment::open(folder, id, ahead, shortener).ok().flatten();
    match (opened, known) {
        (Some(mut opened), Some(known)) => {
            opened.inherit(&known);
            Some(Arc::new(opened))
        }
        (Some(opened), None) => Some(Arc::new(opened)),
        (None, known) => known,
    }
}
