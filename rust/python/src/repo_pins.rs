//! Pins: set, list, look up, remove, check.

use ipfs_kit_repo::{PinKind, Pinned};
use pyo3::prelude::*;

use crate::cid::CID;
use crate::errors::Outcome;
use crate::repo::Repository;
use crate::repo_path::{take, take_cid};
use crate::running;
use crate::stream::{Item, Stream};
use crate::text::maybe_text;

fn kind(recursive: bool) -> PinKind {
    if recursive { PinKind::Recursive } else { PinKind::Direct }
}

/// Pin what a path names; the result is its CID.
#[pyfunction]
#[pyo3(signature = (repository, path, *, recursive = true, name = None))]
pub(crate) fn repo_pin(
    py: Python<'_>,
    repository: &Repository,
    path: &Bound<'_, PyAny>,
    recursive: bool,
    #[pyo3(from_py_with = maybe_text)] name: Option<&str>,
) -> Outcome<CID> {
    let (handle, at) = (repository.handle()?, take(path)?);
    running::run(py, None, |control| {
        let cid = at.block(&*handle)?;
        handle.pin(&cid, kind(recursive), name, control)?;
        Ok(CID(cid))
    })
}

/// Remove the pin of what a path names; the result is its CID.
#[pyfunction]
#[pyo3(signature = (repository, path, *, recursive = true))]
pub(crate) fn repo_unpin(
    py: Python<'_>,
    repository: &Repository,
    path: &Bound<'_, PyAny>,
    recursive: bool,
) -> Outcome<CID> {
    let (handle, at) = (repository.handle()?, take(path)?);
    running::run(py, None, |_| {
        let cid = at.block(&*handle)?;
        handle.unpin(&cid, kind(recursive))?;
        Ok(CID(cid))
    })
}

/// Make one recursive pin of another: (old CID, new CID).
#[pyfunction]
#[pyo3(signature = (repository, old, new, *, unpin = true))]
pub(crate) fn repo_pin_update(
    py: Python<'_>,
    repository: &Repository,
    old: &Bound<'_, PyAny>,
    new: &Bound<'_, PyAny>,
    unpin: bool,
) -> Outcome<(CID, CID)> {
    let (handle, old, new) = (repository.handle()?, take(old)?, take(new)?);
    running::run(py, None, |control| {
        let (old, new) = (old.block(&*handle)?, new.block(&*handle)?);
        handle.session()?.commit_pin_update(&old, &new, unpin, control)?;
        Ok((CID(old), CID(new)))
    })
}

/// List pins by key, at most `limit` behind a given one: (CID, recursive, name).
#[pyfunction]
pub(crate) fn repo_pins(
    py: Python<'_>,
    repository: &Repository,
    after: Option<&Bound<'_, PyAny>>,
    limit: usize,
) -> Outcome<Vec<(CID, bool, Option<String>)>> {
    let handle = repository.handle()?;
    let after = after.map(take_cid).transpose()?;
    let pins = running::run_here(py, |_| Ok(handle.pins(after.as_ref(), limit)?))?;
    let row = |pin: ipfs_kit_repo::Pin| {
        (CID(pin.cid), pin.kind == PinKind::Recursive, pin.name)
    };
    Ok(pins.into_iter().map(row).collect())
}

/// How a block is pinned: (`recursive`, `direct` or `indirect`; name; root), or `None`.
#[pyfunction]
pub(crate) fn repo_pinned(
    py: Python<'_>,
    repository: &Repository,
    cid: &Bound<'_, PyAny>,
) -> Outcome<Option<(&'static str, Option<String>, CID)>> {
    let (handle, cid) = (repository.handle()?, take_cid(cid)?);
    let found = running::run(py, None, |control| Ok(handle.pinned(&cid, control)?))?;
    Ok(found.map(|pinned| match pinned {
        Pinned::By(pin) => {
            let recursive = pin.kind == PinKind::Recursive;
            (if recursive { "recursive" } else { "direct" }, pin.name, CID(pin.cid))
        }
        Pinned::Below(root) => ("indirect", None, CID(root)),
    }))
}

/// Iterate over the blocks that are pinned only because they lie below a pin.
#[pyfunction]
pub(crate) fn repo_indirect_pins(repository: &Repository) -> Outcome<Stream> {
    let handle = repository.handle()?;
    Ok(Stream::start(move |control, out| {
        let mut stopped = None;
        let done = handle.indirect_pins(control, |cid| {
            out.put(Item::Cid(cid)).map_err(|failure| {
                stopped = Some(failure);
                ipfs_kit_repo::RepoError::Cancelled
            })
        });
        match stopped {
            Some(failure) => Err(failure),
            None => Ok(done.map(|()| Vec::new())?),
        }
    }))
}

/// The first block below a root that is not here, if any.
#[pyfunction]
pub(crate) fn repo_first_missing(
    py: Python<'_>,
    repository: &Repository,
    cid: &Bound<'_, PyAny>,
) -> Outcome<Option<CID>> {
    let (handle, cid) = (repository.handle()?, take_cid(cid)?);
    running::run(py, None, |control| Ok(handle.first_missing(&cid, control)?.map(CID)))
}
