//! Looking after a repository: collection, checks, compaction, a new index.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::cid::CID;
use crate::errors::Outcome;
use crate::repo::{Repository, options};
use crate::running;
use crate::stream::{Item, Stream};
use crate::text::file_path;

/// Remove what nothing keeps; iterates over the CIDs of what was removed.
///
/// The report is [blocks, bytes, bytes given back to the disk].
#[pyfunction]
pub(crate) fn repo_gc(repository: &Repository) -> Outcome<Stream> {
    let handle = repository.handle()?;
    Ok(Stream::start(move |control, out| {
        let done = handle.gc(control, |cid| {
            // That nobody listens any more does not undo the removal.
            out.put(Item::Cid(cid)).ok();
        })?;
        Ok(vec![done.blocks, done.bytes, done.freed_bytes])
    }))
}

type Verified = (u64, u64, Vec<(Option<CID>, PathBuf, String)>, bool);

/// Hash every block: (blocks, bytes, bad places as (CID, file, reason), whether dropped).
#[pyfunction]
#[pyo3(signature = (repository, progress, *, drop_bad = false))]
pub(crate) fn repo_verify(
    py: Python<'_>,
    repository: &Repository,
    progress: Option<Py<PyAny>>,
    drop_bad: bool,
) -> Outcome<Verified> {
    let handle = repository.handle()?;
    let found =
        running::run(py, progress, |control| Ok(handle.verify(control, drop_bad)?))?;
    let bad = |bad: ipfs_kit_repo::Bad| (bad.cid.map(CID), bad.place, bad.reason);
    let all = found.bad.into_iter().map(bad).collect();
    Ok((found.blocks, found.bytes, all, found.dropped))
}

/// Give back the space of dead blocks; the result is how many bytes.
#[pyfunction]
pub(crate) fn repo_compact(
    py: Python<'_>,
    repository: &Repository,
    progress: Option<Py<PyAny>>,
) -> Outcome<u64> {
    let handle = repository.handle()?;
    running::run(py, progress, |control| Ok(handle.compact(control)?))
}

/// Make the index of a repository anew: (packs, blocks, pins kept, roots pinned, damage).
#[pyfunction]
pub(crate) fn repo_rebuild(
    py: Python<'_>,
    #[pyo3(from_py_with = file_path)] path: PathBuf,
    progress: Option<Py<PyAny>>,
) -> Outcome<(u64, u64, u64, u64, Vec<String>)> {
    let threads = running::default_threads();
    let options = options("existing", "first", None, threads, 0)?;
    let done = running::run(py, progress, |control| {
        Ok(ipfs_kit_repo::Repository::rebuild(&path, &options, control)?)
    })?;
    Ok((done.packs, done.blocks, done.pins_kept, done.roots_pinned, done.damaged))
}
