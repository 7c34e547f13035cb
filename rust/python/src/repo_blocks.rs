//! Single blocks: put, get, look at, remove, list.

use std::collections::HashSet;

use ipfs_kit_cid::codec;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_repo::{PinKind, RepoError, USERS};
use ipfs_kit_unixfs::{Control, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::block::Block;
use crate::buffers::HeldItems;
use crate::chain::{Places, Reads};
use crate::cid::CID;
use crate::column::CIDColumn;
use crate::errors::{Failure, Outcome};
use crate::parallel::{Messages, hash_all};
use crate::repo::Repository;
use crate::repo_path::take_cid;
use crate::running;
use crate::stream::{Item, Stream};
use crate::text::text;

/// The largest block that other nodes pass on.
const MAX_BLOCK_BYTES: usize = 2 << 20;

/// So many are read sooner than a thread begins.
const FEW_BLOCKS: usize = 16;

/// Put blocks, all in one commit.
#[pyfunction]
#[pyo3(signature = (repository, buffers, codec = "raw", hash = "sha2-256", *, pin = false, allow_big = false))]
pub(crate) fn repo_put(
    py: Python<'_>,
    repository: &Repository,
    buffers: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] codec: &str,
    #[pyo3(from_py_with = text)] hash: &str,
    pin: bool,
    allow_big: bool,
) -> Outcome<Vec<CID>> {
    let handle = repository.handle()?;
    let threads = repository.threads();
    let codec = codec::from_name(codec)?;
    let hasher = Hasher::new(Code::from_name(hash)?);
    let held = HeldItems::new(buffers)?;
    let slices = held.slices();
    if let Some(big) = slices.iter().find(|slice| slice.len() > MAX_BLOCK_BYTES)
        && !allow_big
    {
        return Err(Failure::limit(format!(
            "a block of {} bytes is larger than the 2 MiB that other nodes take: \
             add it as a file, or allow big blocks",
            big.len()
        )));
    }
    running::run(py, None, |control| {
        let digests = hash_all(Messages::Slices(&slices), hasher, threads, control)?;
        let column = CIDColumn::new(codec, hasher, slices.len(), digests);
        let session = handle.session()?;
        let mut cids = Vec::with_capacity(slices.len());
        for (at, data) in slices.iter().enumerate() {
            if control.is_cancelled() {
                return Err(UnixFsError::Cancelled.into());
            }
            let cid = column.cid(at)?;
            session.put(&cid.0, data)?;
            cids.push(cid.0);
        }
        let pinned = if pin { &cids[..] } else { &[] };
        session.commit_pins(pinned, PinKind::Recursive, None, control)?;
        Ok(cids.into_iter().map(CID).collect())
    })
}

/// Read a block as bytes; `None` if it is not here.
#[pyfunction]
pub(crate) fn repo_get<'py>(
    py: Python<'py>,
    core: Places,
    cid: &Bound<'py, PyAny>,
) -> Outcome<Option<Bound<'py, PyBytes>>> {
    let cid = take_cid(cid)?;
    let data = core.read_here(py, |_, reads| Ok(reads.get(&cid)?))?;
    Ok(data.map(|data| PyBytes::new(py, &data)))
}

/// Read a block where it lies; `None` if it is not here.
#[pyfunction]
pub(crate) fn repo_view(
    py: Python<'_>,
    core: Places,
    cid: &Bound<'_, PyAny>,
) -> Outcome<Option<Block>> {
    let cid = take_cid(cid)?;
    let data = core.read_here(py, |_, reads| Ok(reads.get(&cid)?))?;
    Ok(data.map(Block::new))
}

/// Read many blocks where they lie, side by side; `None` for each that is not here.
#[pyfunction]
pub(crate) fn repo_view_many(
    py: Python<'_>,
    core: Places,
    cids: Vec<Bound<'_, PyAny>>,
) -> Outcome<Vec<Option<Block>>> {
    let cids = cids.iter().map(take_cid).collect::<Outcome<Vec<_>>>()?;
    let work = |_: &Control, reads: &Reads| Ok(reads.get_many(&cids)?);
    let is_short = cids.len() <= FEW_BLOCKS;
    let found =
        if is_short { core.read_here(py, work)? } else { core.read(py, None, work)? };
    Ok(found.into_iter().map(|data| data.map(Block::new)).collect())
}

/// Tell whether a block is here.
#[pyfunction]
pub(crate) fn repo_has(
    py: Python<'_>,
    repository: &Repository,
    cid: &Bound<'_, PyAny>,
) -> Outcome<bool> {
    let (handle, cid) = (repository.handle()?, take_cid(cid)?);
    let is_inline = cid.hash().code() == Code::Identity.code();
    running::run_here(py, |_| Ok(is_inline || handle.has(&cid)?))
}

/// Remove blocks; those in use are an error, before any is removed.
///
/// The result is how many were here.
#[pyfunction]
#[pyo3(signature = (repository, cids, *, force = false))]
pub(crate) fn repo_remove(
    py: Python<'_>,
    repository: &Repository,
    cids: Vec<Bound<'_, PyAny>>,
    force: bool,
) -> Outcome<u64> {
    let handle = repository.handle()?;
    let cids = cids.iter().map(take_cid).collect::<Outcome<Vec<_>>>()?;
    running::run(py, None, |control| {
        for cid in cids.iter().filter(|_| !force) {
            if !handle.has(cid)? {
                return Err(Failure::missing(cid));
            }
        }
        Ok(handle.remove(&cids, control)?)
    })
}

/// Remove each of these blocks for itself: (CID, what is in the way or `None`), in order.
#[pyfunction]
#[pyo3(signature = (repository, cids, *, force = false))]
pub(crate) fn repo_remove_each(
    py: Python<'_>,
    repository: &Repository,
    cids: Vec<Bound<'_, PyAny>>,
    force: bool,
) -> Outcome<Vec<(CID, Option<PyErr>)>> {
    let handle = repository.handle()?;
    let cids = cids.iter().map(take_cid).collect::<Outcome<Vec<_>>>()?;
    running::run(py, None, |control| {
        let here =
            cids.iter().map(|cid| handle.has(cid)).collect::<Result<Vec<_>, _>>()?;
        let in_use: HashSet<_> =
            handle.remove_unused(&cids, control)?.into_iter().collect();
        let each = cids.into_iter().zip(here).map(|(cid, is_here)| {
            let error = if !is_here && !force {
                Some(Failure::missing(&cid))
            } else if is_here && in_use.contains(&cid) {
                Some(RepoError::InUse { cid: Box::new(cid), by: USERS }.into())
            } else {
                None
            };
            (CID(cid), error.map(PyErr::from))
        });
        Ok(each.collect())
    })
}

/// Iterate over the CIDs of all blocks, as raw ones in version 1.
#[pyfunction]
pub(crate) fn repo_blocks(repository: &Repository) -> Outcome<Stream> {
    let handle = repository.handle()?;
    Ok(Stream::start(move |_, out| {
        let mut stopped = None;
        let done = handle.each_block(|cid| {
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
