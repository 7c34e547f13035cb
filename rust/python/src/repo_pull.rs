//! Fetching: whole DAGs from other places into a repository.

use std::cell::Cell;

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, DagError, Walk, WalkLimits};
use ipfs_kit_hash::Code;
use ipfs_kit_repo::{PinKind, Session};
use ipfs_kit_unixfs::{Control, UnixFsError};
use pyo3::prelude::*;

use crate::chain::{Places, Reads};
use crate::cid::CID;
use crate::errors::Outcome;
use crate::repo::Repository;
use crate::repo_path::take;

/// All that a killed process has to fetch again: what is not durable yet, and what is on
/// its way.
const WINDOW_BYTES: usize = 16 << 20;
/// The part of it that belongs to sources which read ahead of who asks.
const AHEAD_BYTES: usize = 8 << 20;
/// Sources give blocks in streams whose size in the mean is below this.
const SMALL_BYTES: usize = 256 << 10;
/// The largest block that others exchange.
const LARGEST_BYTES: usize = 2 << 20;

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
    let (mut blocks, mut bytes) = (0, 0);
    let keeping = Keeping::new(session, reads);
    for visit in Walk::new(&keeping, root, WalkLimits::default()) {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        let size = visit?.data.len();
        blocks += 1;
        bytes += size as u64;
        control.add_bytes(size);
    }
    Ok((blocks, bytes))
}

/// Puts what is read into a session, as soon as it is here, so that nothing but what is under
/// way and one window is ever without a durable copy: together they are no more than a window.
///
/// How large the next blocks are is known from those before; a DAG that changes from small
/// to large ones may exceed the window by once what is asked for together.
struct Keeping<'a> {
    session: &'a Session,
    reads: &'a Reads,
    /// Bytes that a killed process would lose.
    loose: Cell<usize>,
    /// What blocks are expected to be: the largest of late.
    expected: Cell<usize>,
}

impl<'a> Keeping<'a> {
    fn new(session: &'a Session, reads: &'a Reads) -> Self {
        Self { session, reads, loose: Cell::new(0), expected: Cell::new(LARGEST_BYTES) }
    }

    /// Makes room in the window for so many blocks.
    fn make_room(&self, count: usize) -> Result<(), DagError> {
        // Small blocks come in streams that run ahead of who reads them.
        let is_stream = self.expected.get() < SMALL_BYTES;
        let window = if is_stream { WINDOW_BYTES - AHEAD_BYTES } else { WINDOW_BYTES };
        let loose = self.loose.get();
        if loose > 0 && loose + count * self.expected.get() > window {
            self.session.commit()?;
            self.loose.set(0);
        }
        Ok(())
    }

    fn keep(&self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        if cid.hash().code() == Code::Identity.code() {
            return Ok(());
        }
        if self.session.put(cid, data)? {
            self.loose.set(self.loose.get() + data.len());
        }
        let before = self.expected.get();
        self.expected.set(data.len().max(before - before / 32));
        Ok(())
    }
}

impl BlockSource for Keeping<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        self.make_room(1)?;
        let found = self.reads.get(cid)?;
        if let Some(data) = &found {
            self.keep(cid, data)?;
        }
        Ok(found)
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        let mut found = Vec::with_capacity(cids.len());
        let mut rest = cids;
        while !rest.is_empty() {
            let most = (WINDOW_BYTES / self.expected.get().max(1)).clamp(1, rest.len());
            let (now, later) = rest.split_at(most);
            self.make_room(now.len())?;
            for (cid, data) in now.iter().zip(self.reads.get_many(now)?) {
                if let Some(data) = &data {
                    self.keep(cid, data)?;
                }
                found.push(data);
            }
            rest = later;
        }
        Ok(found)
    }
}
