//! Fetching: whole DAGs from other places into a repository.

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{Walk, WalkLimits};
use ipfs_kit_hash::Code;
use ipfs_kit_repo::{PinKind, Session};
use ipfs_kit_unixfs::{Control, UnixFsError};
use pyo3::prelude::*;

use crate::chain::{Places, Reads};
use crate::cid::CID;
use crate::errors::Outcome;
use crate::repo::Repository;
use crate::repo_path::take;

/// What is durable at once: all that a killed process has to fetch again.
const WINDOW_BYTES: usize = 16 << 20;

type Pulled = (CID, u64, u64, u64, u64);

/// Put all that is below a path into a repository: (CID, blocks, bytes, new blocks, new
/// bytes).
///
/// What was put before an error, or before the process was killed, is not fetched again.
#[pyfunction]
#[pyo3(signature = (repository, core, path, progress, *, pin = true, name = None))]
pub(crate) fn repo_pull(
    py: Python<'_>,
    repository: &Repository,
    core: Places,
    path: &Bound<'_, PyAny>,
    progress: Option<Py<PyAny>>,
    pin: bool,
    name: Option<&str>,
) -> Outcome<Pulled> {
    let (handle, at) = (repository.handle()?, take(path)?);
    core.read(py, progress, |control, reads| {
        let root = at.block(reads)?;
        let session = handle.session()?;
        let (blocks, bytes) = match fetch(&session, reads, root, control) {
            Ok(fetched) => fetched,
            Err(failure) => {
                // What came before it stays; why that failed too matters less.
                session.commit().ok();
                return Err(failure);
            }
        };
        let pinned = if pin { &[root][..] } else { &[] };
        session.commit_pins(pinned, PinKind::Recursive, name, control)?;
        let taken = session.taken();
        Ok((CID(root), blocks, bytes, taken.blocks, taken.bytes))
    })
}

/// Takes block after block; the session's lease keeps them all from collections.
fn fetch(
    session: &Session,
    reads: &Reads,
    root: Cid,
    control: &Control,
) -> Outcome<(u64, u64)> {
    let (mut blocks, mut bytes, mut window) = (0, 0, 0);
    for visit in Walk::new(reads, root, WalkLimits::default()) {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        let visit = visit?;
        let size = visit.data.len();
        blocks += 1;
        bytes += size as u64;
        control.add_bytes(size);
        let is_inline = visit.cid.hash().code() == Code::Identity.code();
        if !is_inline && session.put(&visit.cid, &visit.data)? {
            window += size;
        }
        if window >= WINDOW_BYTES {
            session.commit()?;
            window = 0;
        }
    }
    Ok((blocks, bytes))
}
