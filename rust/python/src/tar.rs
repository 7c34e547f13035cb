//! The class `TarMembers`: what lies where in a tar archive, stretch by stretch.

use std::sync::{Mutex, PoisonError};

use ipfs_kit_loader::{Member, Tar};
use pyo3::prelude::*;

use crate::errors::Outcome;
use crate::repo_read::FileReader;

/// Lists the regular files of a tar archive.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct TarMembers {
    reader: Py<FileReader>,
    tar: Mutex<Tar>,
}

type Stretch = (Vec<(Vec<u8>, u64, u64)>, u64, u64);

#[pymethods]
impl TarMembers {
    #[new]
    fn new(reader: Py<FileReader>) -> Self {
        Self { reader, tar: Mutex::default() }
    }

    /// Walk over about so many bytes: members as (name, start, end), and from where to where
    /// there were heads; `None` behind the last one.
    fn next(&self, py: Python<'_>, most_bytes: u64) -> Outcome<Option<Stretch>> {
        let reader = self.reader.get();
        let lock = || self.tar.lock().unwrap_or_else(PoisonError::into_inner);
        // A copy: Python may be asked for blocks, and no lock is held meanwhile.
        let mut tar = lock().clone();
        let stretch = reader.places.read_here(py, |_, reads| {
            let stretch = tar.next(&reader.file, reads, most_bytes)?;
            Ok(stretch.map(|stretch| (tar, stretch)))
        })?;
        let Some((tar, stretch)) = stretch else { return Ok(None) };
        *lock() = tar;
        let shown = |it: Member| (it.name, it.place.start, it.place.end);
        let members = stretch.members.into_iter().map(shown).collect();
        Ok(Some((members, stretch.heads.start, stretch.heads.end)))
    }
}
