//! Adding up a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use ipfs_kit_pack::{PackError, PackId};

use super::fault::io_error;
use super::os;

/// What lies in a folder, and what it takes of the disk.
#[derive(Debug, Default)]
pub(super) struct Census {
    /// By age.
    pub(super) segments: BTreeMap<PackId, Files>,
    /// What all else takes.
    others: u64,
}

/// The files of a segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Files {
    pub(super) has_data: bool,
    pub(super) has_index: bool,
    allocated: u64,
}

impl Files {
    /// Whether nobody appends to it any more.
    pub(super) fn is_sealed(self) -> bool {
        self.has_index
    }

    /// What it counts as: an unsealed one may grow to a whole segment.
    pub(super) fn charge(self, segment_bytes: u64) -> u64 {
        if self.is_sealed() { self.allocated } else { self.allocated.max(segment_bytes) }
    }
}

impl Census {
    /// Only the names: what there is, not what it takes.
    pub(super) fn names(folder: &Path) -> Result<Self, PackError> {
        let mut census = Self::default();
        let listed = fs::read_dir(folder).map_err(io_error("list", folder))?;
        for entry in listed {
            let entry = entry.map_err(io_error("list", folder))?;
            census.add(&entry.file_name().to_string_lossy(), 0);
        }
        Ok(census)
    }

    /// All that is in the folder, what lies deeper too.
    pub(super) fn count(folder: &Path) -> Result<Self, PackError> {
        let mut census = Self::default();
        let listed = fs::read_dir(folder).map_err(io_error("list", folder))?;
        for entry in listed {
            let entry = entry.map_err(io_error("list", folder))?;
            let Some(allocated) = allocated(&entry).map_err(io_error("list", folder))?
            else {
                continue;
            };
            census.add(&entry.file_name().to_string_lossy(), allocated);
        }
        Ok(census)
    }

    /// What everything counts as.
    pub(super) fn charge(&self, segment_bytes: u64) -> u64 {
        let segments = self.segments.values().map(|files| files.charge(segment_bytes));
        self.others + segments.sum::<u64>()
    }

    /// What everything takes now.
    pub(super) fn allocated(&self) -> u64 {
        let segments = self.segments.values().map(|files| files.allocated);
        self.others + segments.sum::<u64>()
    }

    fn add(&mut self, name: &str, allocated: u64) {
        let parts = name.split_once('.');
        match parts.and_then(|(stem, end)| Some((stem.parse().ok()?, end))) {
            Some((id, "car")) => {
                let files = self.segments.entry(id).or_default();
                files.has_data = true;
                files.allocated += allocated;
            }
            Some((id, "idx")) => {
                let files = self.segments.entry(id).or_default();
                files.has_index = true;
                files.allocated += allocated;
            }
            _ => self.others += allocated,
        }
    }
}

/// What an entry and all below it take; `None` if it has just gone.
fn allocated(entry: &fs::DirEntry) -> io::Result<Option<u64>> {
    let meta = match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        meta => meta?,
    };
    let mut bytes = os::allocated(&meta);
    if meta.is_dir() {
        // What cannot be looked into is not ours.
        for entry in fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            bytes += allocated(&entry)?.unwrap_or(0);
        }
    }
    Ok(Some(bytes))
}
