//! The class `Chain`: where reads find blocks, one place after the other.
//!
//! The repository and the disk tier are asked here. What neither has is asked of Python, all
//! that is wanted together in one call, on the thread that called in: so Ctrl-C, cancel tokens
//! and whatever else belongs to a thread hold there too.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use ipfs_kit_cache::disk;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, DagError};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_repo::{PackSharing, hash_all};
use ipfs_kit_unixfs::Control;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::block::Block;
use crate::budget::Budget;
use crate::buffers::to_vec;
use crate::cid::CID;
use crate::disk_cache::DiskCache;
use crate::draft::Draft;
use crate::errors::{Failure, Outcome};
use crate::repo::{Handle, Repository};
use crate::repo_path;
use crate::running::{self, Desk};
use crate::stream::{Out, Report, Stream};

/// Where reads find blocks.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Chain {
    repository: Option<Py<Repository>>,
    beyond: Arc<Beyond>,
}

/// What stands before and behind the repository.
struct Beyond {
    /// Opened when there is something in it, or something to put there.
    disk: OnceLock<Arc<disk::DiskCache>>,
    /// Whether blocks of the disk are shown where they lie, or copied.
    mapped: bool,
    /// Gives a block or nothing for each CID of a list.
    fetch: Py<PyAny>,
    /// Gives the path that a name with more behind it leads to.
    resolve: Py<PyAny>,
}

#[pymethods]
impl Chain {
    #[new]
    #[pyo3(signature = (fetch, resolve, *, repository = None, mapped = true))]
    fn new(
        fetch: Py<PyAny>,
        resolve: Py<PyAny>,
        repository: Option<Py<Repository>>,
        mapped: bool,
    ) -> Self {
        let disk = OnceLock::new();
        Self { repository, beyond: Arc::new(Beyond { disk, mapped, fetch, resolve }) }
    }

    /// Ask a disk cache too, from now on; the first one that is given stays.
    fn set_disk(&self, disk: &DiskCache) {
        // A second one would be the same folder.
        self.beyond.disk.set(disk.share()).ok();
    }

    /// Shows Python's collector what this holds: the reader that `fetch` belongs to holds
    /// this, and without it neither would ever be let go of, nor the repository's files.
    ///
    /// What open files share is shown only once they are gone. Whoever begins to share it
    /// has the interpreter, so that a collection under way sees the same all along.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.repository)?;
        if Arc::strong_count(&self.beyond) == 1 {
            visit.call(&self.beyond.fetch)?;
            visit.call(&self.beyond.resolve)?;
        }
        Ok(())
    }
}

/// The places that one `core` stands for, be it a repository or a chain.
#[derive(Clone)]
pub(crate) struct Places {
    handle: Option<Handle>,
    beyond: Option<Arc<Beyond>>,
}

impl FromPyObject<'_, '_> for Places {
    type Error = PyErr;

    fn extract(core: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(repository) = core.cast::<Repository>() {
            return Ok(Self { handle: Some(repository.get().handle()?), beyond: None });
        }
        let chain = core.cast::<Chain>()?.get();
        let handle =
            chain.repository.as_ref().map(|repository| repository.get().handle());
        let handle = handle.transpose()?;
        Ok(Self { handle, beyond: Some(Arc::clone(&chain.beyond)) })
    }
}

impl Places {
    pub(crate) fn reads(&self, desk: Desk) -> Reads {
        Reads { places: self.clone(), desk, budget: Budget::default() }
    }

    /// The blocks and bytes of the repository, if that is all there is to read.
    pub(crate) fn held(&self) -> Outcome<Option<(u64, u64)>> {
        match &self.beyond {
            None => Ok(Some(self.held_here()?)),
            Some(_) => Ok(None),
        }
    }

    /// What can make blocks of the repository part of a file without writing them.
    pub(crate) fn sharing(&self) -> Option<PackSharing<'_>> {
        self.handle.as_ref().map(|handle| PackSharing::new(handle))
    }

    fn held_here(&self) -> Outcome<(u64, u64)> {
        let Some(handle) = &self.handle else { return Ok((0, 0)) };
        let held = handle.stat()?;
        Ok((held.blocks, held.bytes))
    }

    /// Reads on the calling thread, without the interpreter unless something is asked for.
    pub(crate) fn read_here<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&Control, &Reads) -> Outcome<T> + Send,
    ) -> Outcome<T> {
        running::run_here(py, |control| work(control, &self.reads(Desk::Here)))
    }

    /// Reads on another thread, so that Ctrl-C ends it.
    pub(crate) fn read<T: Send>(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        work: impl FnOnce(&Control, &Reads) -> Outcome<T> + Send,
    ) -> Outcome<T> {
        running::run_serving(py, progress, |control, desk| {
            work(control, &self.reads(desk))
        })
    }

    /// Reads so many bytes: here if they are few, else so that Ctrl-C ends it.
    pub(crate) fn read_by_size<T: Send>(
        &self,
        py: Python<'_>,
        bytes: u64,
        few: u64,
        work: impl FnOnce(&Control, &Reads) -> Outcome<T> + Send,
    ) -> Outcome<T> {
        if bytes <= few { self.read_here(py, work) } else { self.read(py, None, work) }
    }

    /// Reads as what is found is taken.
    pub(crate) fn stream(
        self,
        work: impl FnOnce(&Control, &mut Out, &Reads) -> Outcome<Report> + Send + 'static,
    ) -> Stream {
        Stream::start(move |control, out| {
            let reads = self.reads(out.desk());
            work(control, out, &reads)
        })
    }
}

/// Make blocks of what a source gave: those that have the hashes of their CIDs, `None` for
/// the others.
///
/// A draft becomes its block, and is used up by it. Bytes of Python's are copied: a block may
/// end its life on a thread without the interpreter, where letting go of them would take a lock
/// that a process forked just then never gets.
#[pyfunction]
pub(crate) fn verified_blocks(
    py: Python<'_>,
    cids: Vec<PyRef<'_, CID>>,
    data: Vec<Bound<'_, PyAny>>,
) -> Outcome<Vec<Option<Block>>> {
    if cids.len() != data.len() {
        return Err(Failure::parameter("there are not as many blocks as CIDs"));
    }
    let cids: Vec<Cid> = cids.iter().map(|cid| cid.0).collect();
    let given = data.iter().map(Given::new).collect::<PyResult<Vec<_>>>()?;
    let threads = running::threads(None)?;
    running::run_here(py, |_| {
        let is_right = check(threads, &cids, &given)?;
        let blocks = given.iter().zip(is_right);
        Ok(blocks.map(|(data, is_right)| is_right.then(|| data.block())).collect())
    })
}

/// Bytes as they were given.
pub(crate) enum Given {
    Ours(Bytes),
    Pythons(PyBackedBytes),
}

impl Given {
    pub(crate) fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(block) = value.cast::<Block>() {
            return Ok(Self::Ours(block.get().bytes()));
        }
        if let Ok(draft) = value.cast::<Draft>() {
            return Ok(Self::Ours(draft.get().take()?));
        }
        Ok(match value.cast::<PyBytes>() {
            Ok(bytes) => Self::Pythons(PyBackedBytes::from(bytes.clone())),
            Err(_) => Self::Ours(Bytes::from(to_vec(value)?)),
        })
    }

    fn block(&self) -> Block {
        Block::new(match self {
            Self::Ours(bytes) => bytes.clone(),
            Self::Pythons(bytes) => Bytes::copy_from_slice(bytes),
        })
    }
}

impl AsRef<[u8]> for Given {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Ours(bytes) => bytes,
            Self::Pythons(bytes) => bytes,
        }
    }
}

/// Which blocks have their hashes; those of the usual kind are hashed side by side.
fn check(threads: usize, cids: &[Cid], data: &[Given]) -> Outcome<Vec<bool>> {
    let usual = (Code::Sha2_256.code(), 32);
    let is_usual = |cid: &Cid| (cid.hash().code(), cid.hash().size()) == usual;
    if cids.iter().all(is_usual) {
        let blocks = cids.iter().zip(data).map(|(cid, data)| (cid.hash(), data.as_ref()));
        return Ok(hash_all(threads, &blocks.collect::<Vec<_>>()));
    }
    let each = cids.iter().zip(data);
    Ok(each
        .map(|(cid, data)| Hasher::verify(cid.hash(), data.as_ref()))
        .collect::<Result<_, _>>()?)
}

/// The places as one source, and who asks Python for what they do not have.
pub(crate) struct Reads {
    places: Places,
    desk: Desk,
    budget: Budget,
}

impl Reads {
    fn on_disk(&self, cid: &Cid) -> Option<Bytes> {
        let beyond = self.places.beyond.as_ref()?;
        let found = beyond.disk.get()?.get(cid.hash())?;
        Some(if beyond.mapped { found } else { Bytes::copy_from_slice(&found) })
    }

    /// The same places for what is asked for by itself: its limits are its own.
    pub(crate) fn anew(&self) -> Self {
        self.places.reads(self.desk.clone())
    }

    /// The same places, without asking Python for what they do not have.
    pub(crate) fn only_here(&self) -> OnlyHere<'_> {
        OnlyHere(self)
    }

    fn ask(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        let Some(beyond) = &self.places.beyond else {
            return Ok(vec![None; cids.len()]);
        };
        let (beyond, wanted) = (Arc::clone(beyond), cids.to_vec());
        let answer = self.desk.on_caller(move |py| {
            let wanted: Vec<_> = wanted.into_iter().map(CID).collect();
            let count = wanted.len();
            let given = beyond.fetch.bind(py).call1((wanted,))?;
            let given: Vec<Option<PyRef<'_, Block>>> = given.extract()?;
            if given.len() == count {
                Ok(given.iter().map(|one| one.as_ref().map(|one| one.bytes())).collect())
            } else {
                Err(Failure::internal("a source gave too few blocks or too many").into())
            }
        });
        let given: Vec<_> = answer.map_err(|error| DagError::Store(Box::new(error)))?;
        self.budget.earn(given.iter().flatten());
        Ok(given)
    }

    fn count<'a>(&self, found: impl Iterator<Item = &'a Bytes>) -> Result<(), DagError> {
        self.budget.spend(found, || {
            let (blocks, bytes) = self.places.held_here().unwrap_or_default();
            let disk = self.places.beyond.as_ref().and_then(|beyond| beyond.disk.get());
            let stats = disk.map(|disk| disk.stats());
            stats.map_or((blocks, bytes), |disk| {
                (blocks + disk.items, bytes + disk.live_bytes)
            })
        })
    }

    /// What this process has of a block. What is damaged here is an error only if nobody
    /// else has it.
    fn one_here(&self, cid: &Cid) -> (Option<Bytes>, Option<DagError>) {
        let kept = match &self.places.handle {
            Some(handle) => handle.get(cid).map_err(DagError::from),
            None => Ok(inline(cid)),
        };
        match kept {
            Ok(Some(block)) => (Some(block), None),
            Ok(None) => (self.on_disk(cid), None),
            Err(error) => (self.on_disk(cid), Some(error)),
        }
    }

    /// The same for many, which are looked at side by side.
    fn here(&self, cids: &[Cid]) -> (Vec<Option<Bytes>>, Option<DagError>) {
        let kept = self.places.handle.as_ref().map(|handle| handle.get_many(cids));
        let Some(Ok(mut found)) = kept else {
            // The long way: it says what is wrong with which.
            let each = cids.iter().map(|cid| self.one_here(cid));
            let (found, damage): (Vec<_>, Vec<_>) = each.unzip();
            return (found, damage.into_iter().flatten().next());
        };
        for (block, cid) in found.iter_mut().zip(cids) {
            if block.is_none() {
                *block = self.on_disk(cid);
            }
        }
        (found, None)
    }
}

fn absent(found: &[Option<Bytes>]) -> impl Iterator<Item = usize> {
    found.iter().enumerate().filter(|(_, block)| block.is_none()).map(|(at, _)| at)
}

/// A block that is whole in its CID.
fn inline(cid: &Cid) -> Option<Bytes> {
    let is_inline = cid.hash().code() == Code::Identity.code();
    is_inline.then(|| Bytes::copy_from_slice(cid.hash().digest()))
}

impl BlockSource for Reads {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        if let (Some(handle), None) = (&self.places.handle, &self.places.beyond) {
            return Ok(handle.get(cid)?);
        }
        let (mut found, damage) = self.one_here(cid);
        if found.is_none() {
            found = self.ask(std::slice::from_ref(cid))?.pop().flatten();
        }
        self.count(found.iter())?;
        match damage {
            Some(error) if found.is_none() => Err(error),
            _ => Ok(found),
        }
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        if let (Some(handle), None) = (&self.places.handle, &self.places.beyond) {
            return Ok(handle.get_many(cids)?);
        }
        let (mut found, damage) = self.here(cids);
        let left: Vec<_> = absent(&found).collect();
        if !left.is_empty() {
            let wanted: Vec<_> = left.iter().map(|&at| cids[at]).collect();
            for (at, block) in left.into_iter().zip(self.ask(&wanted)?) {
                found[at] = block;
            }
        }
        self.count(found.iter().flatten())?;
        match damage {
            Some(error) if absent(&found).next().is_some() => Err(error),
            _ => Ok(found),
        }
    }

    /// Tells whether a block is in this process: nobody else is asked.
    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        let disk = self.places.beyond.as_ref().and_then(|beyond| beyond.disk.get());
        if inline(cid).is_some() || disk.is_some_and(|disk| disk.contains(cid.hash())) {
            return Ok(true);
        }
        self.places.handle.as_ref().map_or(Ok(false), |handle| Ok(handle.has(cid)?))
    }
}

/// What is in this process, and nothing else.
pub(crate) struct OnlyHere<'a>(&'a Reads);

impl BlockSource for OnlyHere<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(self.0.one_here(cid).0)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        self.0.has(cid)
    }
}

impl repo_path::Source for Reads {
    fn name_path(&self, name: &str, rest: &[String]) -> Outcome<String> {
        match (&self.places.handle, &self.places.beyond) {
            (Some(handle), _) => Ok(handle.resolve_name(name, rest, true)?),
            (None, Some(beyond)) => {
                let (beyond, asked) =
                    (Arc::clone(beyond), (name.to_owned(), rest.to_vec()));
                Ok(self.desk.on_caller(move |py| {
                    beyond.resolve.bind(py).call1(asked)?.extract()
                })?)
            }
            (None, None) => Err(Failure::closed()),
        }
    }
}
