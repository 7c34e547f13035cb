//! The classes `Order`, `Samples` and `Feed`: what a data loader of Python's stands on.

use std::process;
use std::sync::Arc;
use std::time::Duration;

use ipfs_kit_dag::DagError;
use ipfs_kit_loader as loader;
use ipfs_kit_loader::{
    Blocks, Cids, Data, Folder, Names, OrderError, Ranges, SameAgain, Turn,
};
use ipfs_kit_unixfs::UnixFsError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::block::Block;
use crate::buffers::Held;
use crate::cancel;
use crate::chain::Places;
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::private_block::PrivateBlock;
use crate::repo_path::{take, take_cid};
use crate::running::{self, Desk, Job};

/// How often a thread that waits looks for signals and at its tokens.
const SLICE: Duration = Duration::from_millis(50);

/// Which sample comes at which place of an epoch.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Order(loader::Order);

#[pymethods]
impl Order {
    /// Without a key samples come as they lie; without blocks all are shuffled.
    #[new]
    #[pyo3(signature = (length, key = None, *, block = None, block_ends = None, window = 1))]
    fn new(
        length: u64,
        key: Option<&Bound<'_, PyBytes>>,
        block: Option<u64>,
        block_ends: Option<Vec<u64>>,
        window: u64,
    ) -> Outcome<Self> {
        let blocks = match (block, block_ends) {
            (None, None) => None,
            (Some(size), None) => Some(Blocks::Even(size)),
            (None, Some(ends)) => Some(Blocks::Ends(ends)),
            (Some(_), Some(_)) => {
                return Err(Failure::parameter(
                    "block and block_ends exclude each other",
                ));
            }
        };
        let Some(key) = key.map(|key| read_key(key.as_bytes())).transpose()? else {
            return Ok(Self(loader::Order::as_they_lie(length)));
        };
        let Some(blocks) = blocks else {
            return Ok(Self(loader::Order::shuffled(length, &key)));
        };
        let order = loader::Order::in_windows(length, &key, blocks, window);
        order.map(Self).map_err(|error| {
            Failure::parameter(match error {
                OrderError::Ends => "block_ends do not rise to the number of samples",
                OrderError::Empty => "block and window are to be more than nothing",
            })
        })
    }

    fn __len__(&self) -> usize {
        usize::try_from(self.0.length()).unwrap_or(usize::MAX)
    }

    /// The samples at some places, as 64-bit numbers in the machine's byte order.
    fn take<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        stop: u64,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let stop = stop.min(self.0.length());
        let count = usize::try_from(stop.saturating_sub(start))?;
        let mut room = vec![0; count];
        py.detach(|| self.0.fill(start, &mut room));
        let bytes: Vec<u8> = room.iter().flat_map(|at| at.to_ne_bytes()).collect();
        Ok(PyBytes::new(py, &bytes))
    }
}

fn read_key(bytes: &[u8]) -> Outcome<loader::Key> {
    let wrong = || Failure::parameter("the key of an order has 32 bytes");
    let mut key = [0; 4];
    if bytes.len() != 8 * key.len() {
        return Err(wrong());
    }
    for (part, bytes) in key.iter_mut().zip(bytes.chunks_exact(8)) {
        *part = u64::from_le_bytes(bytes.try_into().map_err(|_| wrong())?);
    }
    Ok(key)
}

/// Where the bytes of samples lie.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Samples {
    places: Arc<loader::Samples>,
    names: Names,
    sizes: Vec<u64>,
}

#[pymethods]
impl Samples {
    /// The files of a folder, in the order of their paths.
    #[staticmethod]
    fn folder(py: Python<'_>, core: Places, path: &Bound<'_, PyAny>) -> Outcome<Self> {
        let at = take(path)?;
        let Folder { cids, paths, sizes } = core.read(py, None, |control, reads| {
            let cid = at.block(reads)?;
            Ok(Folder::list(&reads.anew(), &cid, control)?)
        })?;
        let places = Arc::new(loader::Samples::Whole(cids));
        Ok(Self { places, names: paths, sizes })
    }

    /// Files or blocks.
    #[staticmethod]
    fn of(cids: Vec<Bound<'_, PyAny>>) -> Outcome<Self> {
        let cids = cids_of(&cids)?;
        Ok(Self::unnamed(loader::Samples::Whole(cids)))
    }

    /// Ranges of files: the number of the file of each (32 bits), where it begins, and where
    /// it ends (64 bits).
    #[staticmethod]
    fn ranges(
        py: Python<'_>,
        files: Vec<Bound<'_, PyAny>>,
        file_of: &Bound<'_, PyAny>,
        starts: &Bound<'_, PyAny>,
        ends: &Bound<'_, PyAny>,
    ) -> Outcome<Self> {
        let files = cids_of(&files)?;
        let file_of = words(py, file_of, u32::from_ne_bytes)?;
        let starts = words(py, starts, u64::from_ne_bytes)?;
        let ends = words(py, ends, u64::from_ne_bytes)?;
        let ranges = Ranges::new(files, file_of, starts, ends);
        let ranges =
            ranges.ok_or_else(|| Failure::parameter("the lists do not go together"))?;
        Ok(Self::unnamed(loader::Samples::Ranges(ranges)))
    }

    /// Read some samples on the calling thread, as a feed gives them.
    #[pyo3(signature = (core, samples, *, packed = false))]
    fn read(
        &self,
        py: Python<'_>,
        core: Places,
        samples: &Bound<'_, PyAny>,
        packed: bool,
    ) -> Outcome<Batch> {
        let wanted = words(py, samples, u64::from_ne_bytes)?;
        let batch = core.read_here(py, |control, reads| {
            Ok(loader::Batch::read(&self.places, reads, &wanted, packed, control))
        })?;
        Ok(shown(py, batch))
    }

    /// Some of the samples alone, in this order, with their paths and sizes.
    fn pick(&self, numbers: Vec<usize>) -> Outcome<Self> {
        if matches!(*self.places, loader::Samples::Ranges(_)) {
            return Err(Failure::parameter("only files are picked, not ranges of them"));
        }
        let (mut cids, mut names, mut sizes) =
            (Cids::default(), Names::default(), Vec::new());
        for number in numbers {
            let unknown = || Failure::parameter(format!("there is no sample {number}"));
            cids.push(&self.places.cid(number).ok_or_else(unknown)?);
            self.names.get(number).into_iter().for_each(|name| names.push(name));
            sizes.extend(self.sizes.get(number));
        }
        let places = Arc::new(loader::Samples::Whole(cids));
        Ok(Self { places, names, sizes })
    }

    fn __len__(&self) -> usize {
        self.places.len()
    }

    /// What a sample is, or the file it lies in.
    fn cid(&self, sample: usize) -> Option<CID> {
        self.places.cid(sample).map(CID)
    }

    /// The path of a sample below its folder.
    fn path(&self, sample: usize) -> Option<&str> {
        self.names.get(sample)
    }

    /// The paths of all samples; none if they have no names.
    fn paths(&self) -> Vec<&str> {
        (0..self.names.len()).filter_map(|at| self.names.get(at)).collect()
    }

    /// Bytes of all samples, as 64-bit numbers in the machine's byte order; `None` if they are
    /// not known before they are read.
    fn sizes<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let known = (0..self.places.len()).map(|at| self.places.size(at));
        let sizes = if self.sizes.is_empty() {
            known.collect::<Option<Vec<_>>>()?
        } else {
            self.sizes.clone()
        };
        let bytes: Vec<u8> = sizes.iter().flat_map(|size| size.to_ne_bytes()).collect();
        Some(PyBytes::new(py, &bytes))
    }
}

impl Samples {
    fn unnamed(samples: loader::Samples) -> Self {
        let (names, sizes) = (Names::default(), Vec::new());
        Self { places: Arc::new(samples), names, sizes }
    }
}

fn cids_of(cids: &[Bound<'_, PyAny>]) -> Outcome<Cids> {
    let mut list = Cids::default();
    for cid in cids {
        list.push(&take_cid(cid)?);
    }
    Ok(list)
}

/// The numbers of a buffer.
fn words<const N: usize, T>(
    py: Python<'_>,
    buffer: &Bound<'_, PyAny>,
    read: impl Fn([u8; N]) -> T,
) -> PyResult<Vec<T>> {
    let held = Held::new(buffer)?;
    let bytes = held.bytes(py);
    if bytes.len() % N != 0 {
        let bits = 8 * N;
        let message = format!("a buffer of {bits}-bit numbers has {} bytes", bytes.len());
        return Err(Failure::parameter(message).into());
    }
    let parts = bytes.chunks_exact(N);
    Ok(parts.filter_map(|part| part.try_into().ok()).map(read).collect())
}

/// Samples that were read together: views, or one block with where each ends; which could not
/// be read, and why.
type Batch = (Option<Vec<Block>>, Option<(PrivateBlock, Vec<u64>)>, Vec<(usize, PyErr)>);

/// Reads batches of samples ahead.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Feed {
    /// Taken when this ends.
    readers: Option<loader::Feed<Job>>,
    count: usize,
    process: u32,
}

#[pymethods]
impl Feed {
    #[new]
    #[pyo3(signature = (core, samples, *, ahead_bytes, threads = None))]
    fn new(
        core: Places,
        samples: &Samples,
        ahead_bytes: usize,
        threads: Option<&Bound<'_, PyAny>>,
    ) -> Outcome<Self> {
        let threads = running::threads(threads)?;
        let feed =
            loader::Feed::start(&samples.places, threads, ahead_bytes, move |errands| {
                let errands = errands.clone();
                let desk = Desk::Behind(Arc::new(move |job| errands.leave(job)));
                core.reads(desk)
            });
        let (count, process) = (samples.places.len(), process::id());
        Ok(Self { readers: Some(feed), count, process })
    }

    /// Ask for a batch: the numbers of its samples (64 bits each); `packed` copies them into
    /// one piece of memory.
    #[pyo3(signature = (samples, *, packed = false))]
    fn push(
        &self,
        py: Python<'_>,
        samples: &Bound<'_, PyAny>,
        packed: bool,
    ) -> Outcome<()> {
        let samples = words(py, samples, u64::from_ne_bytes)?;
        if let Some(wrong) = samples.iter().find(|&&at| at >= self.count as u64) {
            let message = format!("there is no sample {wrong} of {}", self.count);
            return Err(Failure::parameter(message));
        }
        self.here()?.push(samples, packed);
        Ok(())
    }

    /// Batches that were asked for and not taken.
    #[getter]
    fn waiting(&self) -> Outcome<u64> {
        Ok(self.here()?.waiting())
    }

    /// Bytes that lie ready or are being read.
    #[getter]
    fn bytes(&self) -> Outcome<usize> {
        Ok(self.here()?.bytes())
    }

    /// Wait for the next batch; `None` if none is under way.
    fn next(&self, py: Python<'_>) -> Outcome<Option<Batch>> {
        let feed = self.here()?;
        loop {
            match py.detach(|| feed.next(SLICE)) {
                Turn::Batch(batch) => return Ok(Some(shown(py, batch))),
                Turn::End => return Ok(None),
                Turn::Errand(_) | Turn::Waited => {}
            }
            check(py)?;
        }
    }

    /// Fetch what is not on this machine for the readers, until the feed is closed.
    fn serve(&self, py: Python<'_>) -> Outcome<()> {
        let feed = self.here()?;
        loop {
            match py.detach(|| feed.errand(SLICE)) {
                Turn::Errand(job) => job(py),
                Turn::Batch(_) | Turn::Waited => {}
                Turn::End => return Ok(()),
            }
            check(py)?;
        }
    }

    /// Stop the readers, and wait until they have stopped.
    fn close(&self, py: Python<'_>) {
        if let Ok(feed) = self.here() {
            py.detach(|| feed.close());
        }
    }
}

impl Feed {
    fn here(&self) -> Outcome<&loader::Feed<Job>> {
        if self.process != process::id() {
            let message = "this feed belongs to the process that was forked: begin anew";
            return Err(Failure::forked(message));
        }
        self.readers.as_ref().ok_or_else(Failure::closed)
    }
}

impl Drop for Feed {
    /// Readers end by themselves. In a process that was forked there are none, and their locks
    /// may be held for ever: there it is left as it is.
    fn drop(&mut self) {
        let readers = self.readers.take();
        if self.process != process::id() {
            std::mem::forget(readers);
        }
    }
}

fn check(py: Python<'_>) -> Outcome<()> {
    py.check_signals()?;
    cancel::check()
}

fn shown(py: Python<'_>, batch: loader::Batch) -> Batch {
    let mut errors: Vec<(usize, PyErr)> = Vec::with_capacity(batch.errors.len());
    for (at, error) in batch.errors {
        let error = match errors.last() {
            Some((_, last)) if is_same_again(&error) => last.clone_ref(py),
            _ => Failure::from(error).into(),
        };
        errors.push((at, error));
    }
    match batch.data {
        Data::Views(views) => {
            (Some(views.into_iter().map(Block::new).collect()), None, errors)
        }
        Data::Packed(memory, ends) => (None, Some((PrivateBlock(memory), ends)), errors),
    }
}

fn is_same_again(error: &UnixFsError) -> bool {
    let UnixFsError::Dag(DagError::Store(error)) = error else { return false };
    error.is::<SameAgain>()
}
