//! The class `Stream`: what a thread of ours finds, handed to Python as it comes.

use std::process;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_unixfs::{Control, Imported, UnixFsError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyBytes;

use crate::cancel;
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::hashing::TreeEntries;
use crate::running::{Desk, Job};

/// How often the calling thread looks for signals and at its tokens while it waits.
const SLICE: Duration = Duration::from_millis(50);
/// What is handed over at once, and how many such batches may wait.
const BATCH_ITEMS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;
const BATCHES: usize = 4;

/// Something found.
pub(crate) enum Item {
    Cid(Cid),
    Bytes(Bytes),
    /// A name in a directory: name, CID, tsize, kind, size.
    Entry(String, Cid, u64, Option<&'static str>, Option<u64>),
    /// A link: from, to, name, depth.
    Link(Cid, Cid, String, u64),
    /// What was imported: CID, tsize, what stands below it if that was asked for.
    Imported(Imported),
}

impl Item {
    fn bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            _ => BATCH_BYTES / BATCH_ITEMS,
        }
    }

    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Self::Cid(cid) => CID(cid).into_pyobject(py)?.into_any().unbind(),
            Self::Bytes(bytes) => PyBytes::new(py, &bytes).into_any().unbind(),
            Self::Entry(name, cid, tsize, kind, size) => {
                let entry = (name, CID(cid), tsize, kind, size);
                entry.into_pyobject(py)?.into_any().unbind()
            }
            Self::Link(from, to, name, depth) => {
                let link = (CID(from), CID(to), name, depth);
                link.into_pyobject(py)?.into_any().unbind()
            }
            Self::Imported(done) => {
                let entries = done.entries.map(|all| TreeEntries(Mutex::new(all)));
                let done = (CID(done.cid), done.tsize, entries);
                done.into_pyobject(py)?.into_any().unbind()
            }
        })
    }
}

/// What is handed to the one who iterates.
enum Handed {
    Batch(Vec<Item>),
    /// Something that the work wants done by that thread.
    Job(Job),
}

/// The end of a stream into which things are put.
pub(crate) struct Out {
    sender: SyncSender<Handed>,
    control: Arc<Control>,
    batch: Vec<Item>,
    bytes: usize,
}

impl Out {
    /// Hands something on; fails when nobody wants it any more.
    pub(crate) fn put(&mut self, item: Item) -> Outcome<()> {
        if self.control.is_cancelled() {
            return Err(cancel::cancelled());
        }
        self.bytes += item.bytes();
        self.batch.push(item);
        if self.bytes >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Where the work leaves what the one who iterates is to do.
    pub(crate) fn desk(&self) -> Desk {
        let sender = self.sender.clone();
        // Nobody does jobs of a stream that was let go of.
        Desk::Behind(Arc::new(move |job| sender.send(Handed::Job(job)).unwrap_or(())))
    }

    /// Hands on what has gathered.
    fn flush(&mut self) -> Outcome<()> {
        self.bytes = 0;
        let batch = std::mem::take(&mut self.batch);
        let gone = self.sender.send(Handed::Batch(batch)).is_err();
        if gone || self.control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        Ok(())
    }
}

/// Numbers that a stream's work ends with.
pub(crate) type Report = Vec<u64>;

struct State {
    receiver: Option<Receiver<Handed>>,
    batch: std::vec::IntoIter<Item>,
    worker: Option<JoinHandle<Outcome<Report>>>,
    report: Option<Report>,
    progress: Option<Progress>,
}

/// A callback that takes bytes and files done so far, and when it was called last.
struct Progress {
    call: Py<PyAny>,
    last: Instant,
}

impl Progress {
    fn report(&mut self, py: Python<'_>, control: &Control) -> PyResult<()> {
        self.last = Instant::now();
        self.call.call1(py, (control.bytes(), control.files()))?;
        Ok(())
    }
}

/// Iterates once over what a thread of the core finds.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Stream {
    state: Mutex<State>,
    control: Arc<Control>,
    process: u32,
}

impl Stream {
    /// Starts the work.
    pub(crate) fn start(
        work: impl FnOnce(&Control, &mut Out) -> Outcome<Report> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(BATCHES);
        let control = Arc::new(Control::new());
        let shared = Arc::clone(&control);
        let worker = thread::spawn(move || {
            let control = Arc::clone(&shared);
            let mut out = Out { sender, control: shared, batch: Vec::new(), bytes: 0 };
            let done = work(&control, &mut out);
            // What was found before a failure is given out before it.
            out.flush().ok();
            done
        });
        let state = State {
            receiver: Some(receiver),
            batch: Vec::new().into_iter(),
            worker: Some(worker),
            report: None,
            progress: None,
        };
        Self { state: Mutex::new(state), control, process: process::id() }
    }

    /// Has progress told to whoever is called by this, on the thread that iterates.
    pub(crate) fn telling(mut self, progress: Option<Py<PyAny>>) -> Self {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        state.progress = progress.map(|call| Progress { call, last: Instant::now() });
        self
    }

    fn lock<'a>(&'a self, py: Python<'_>) -> Outcome<MutexGuard<'a, State>> {
        if self.process != process::id() {
            let message = "this iterator belongs to the process that was forked";
            return Err(Failure::forked(message));
        }
        Ok(match self.state.lock_py_attached(py) {
            Ok(state) => state,
            Err(poisoned) => poisoned.into_inner(),
        })
    }
}

impl State {
    /// Does what is due between two items: signals, and progress if that is wanted.
    fn look(&mut self, py: Python<'_>, control: &Control) -> PyResult<()> {
        py.check_signals()?;
        match &mut self.progress {
            Some(progress) if progress.last.elapsed() >= SLICE => {
                progress.report(py, control)
            }
            _ => Ok(()),
        }
    }

    /// Stops the work and waits until it has stopped.
    fn stop(&mut self, py: Python<'_>, control: &Control) {
        control.cancel();
        self.batch = Vec::new().into_iter();
        // Who waits for room in it learns that nobody listens.
        self.receiver = None;
        if let Some(worker) = self.worker.take() {
            py.detach(|| worker.join().ok());
        }
    }
}

impl Drop for Stream {
    /// Nothing goes on behind the back of those who let go of it.
    fn drop(&mut self) {
        self.control.cancel();
        if self.process != process::id() {
            return;
        }
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.worker.as_ref().is_some_and(|worker| !worker.is_finished()) {
            Python::try_attach(|py| {
                // The worker may want an interpreter that lets nobody in any more.
                if !is_finalizing(py) {
                    state.stop(py, &self.control);
                }
            });
        }
    }
}

fn is_finalizing(py: Python<'_>) -> bool {
    let asked = py.import("sys").and_then(|sys| sys.call_method0("is_finalizing"));
    asked.and_then(|answer| answer.is_truthy()).unwrap_or(true)
}

#[pymethods]
impl Stream {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> Outcome<Option<Py<PyAny>>> {
        let mut state = self.lock(py)?;
        loop {
            if cancel::is_cancelled() {
                state.stop(py, &self.control);
                return Err(cancel::cancelled());
            }
            if let Some(item) = state.batch.next() {
                return Ok(Some(item.into_python(py)?));
            }
            let Some(receiver) = state.receiver.take() else { return Ok(None) };
            let (receiver, next) = py.detach(move || {
                let next = receiver.recv_timeout(SLICE);
                (receiver, next)
            });
            match next {
                Ok(Handed::Batch(batch)) => state.batch = batch.into_iter(),
                // If it fails, the work learns of it, and ends with that.
                Ok(Handed::Job(job)) => job(py),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let Some(worker) = state.worker.take() else { return Ok(None) };
                    let done = py.detach(|| worker.join());
                    let done = done.unwrap_or_else(|panic| Err(Failure::panic(&*panic)));
                    state.report = Some(done?);
                    if let Some(progress) = &mut state.progress {
                        progress.report(py, &self.control)?;
                    }
                    return Ok(None);
                }
            }
            state.receiver = Some(receiver);
            if let Err(error) = state.look(py, &self.control) {
                state.stop(py, &self.control);
                return Err(error.into());
            }
        }
    }

    /// The numbers that the work ended with; `None` before its end.
    #[getter]
    fn report(&self, py: Python<'_>) -> Outcome<Option<Report>> {
        Ok(self.lock(py)?.report.clone())
    }
}
