//! Long work that Ctrl-C and cancel tokens end: done on another thread while the calling one
//! waits for them.

use std::any::Any;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel,
};
use std::thread;
use std::time::Duration;

use ipfs_kit_unixfs::Control;
use pyo3::prelude::*;

use crate::buffers::to_vec;
use crate::errors::{Failure, Outcome};
use crate::{cancel, params};

/// How often the calling thread looks for signals and at its tokens, and reports progress.
const SLICE: Duration = Duration::from_millis(50);
/// Bytes asked of a Python reader at once.
pub(crate) const READ_BYTES: usize = 1 << 20;
/// Reads that wait for the workers.
const READS_AHEAD: usize = 4;

/// Threads the process may use: the CPU quota and affinity, not the machine's processors.
pub(crate) fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Number of threads asked for, or the default.
pub(crate) fn threads(given: Option<&Bound<'_, PyAny>>) -> Outcome<usize> {
    let Some(given) = given else { return Ok(default_threads()) };
    match params::number("threads", given)? {
        Some(threads @ 1..=1024) => Ok(threads),
        _ => {
            Err(Failure::parameter(format!("threads {given} is not between 1 and 1024")))
        }
    }
}

/// What the calling thread does while it waits.
struct Watch<'a> {
    control: &'a Control,
    progress: Option<Py<PyAny>>,
    /// A signal handler, a cancel token or the progress callback raised this.
    raised: Option<PyErr>,
}

impl Watch<'_> {
    fn look(&mut self) {
        if self.raised.is_none() {
            let asked = cancel::check().map_err(PyErr::from);
            let went = asked.and_then(|()| Python::attach(|py| self.report(py)));
            self.raised = went.err();
            if self.raised.is_some() {
                self.control.cancel();
            }
        }
    }

    fn report(&self, py: Python<'_>) -> PyResult<()> {
        py.check_signals()?;
        if let Some(progress) = &self.progress {
            progress.call1(py, (self.control.bytes(), self.control.files()))?;
        }
        Ok(())
    }

    /// The result, unless the calling thread was interrupted.
    fn settle<T>(mut self, done: Result<Outcome<T>, Box<dyn Any + Send>>) -> Outcome<T> {
        if self.raised.is_none() && matches!(done, Ok(Ok(_))) {
            // What is done is done: a token that comes so late stops what comes next.
            self.raised = Python::attach(|py| self.report(py)).err();
        }
        match (self.raised, done) {
            (Some(error), _) => Err(error.into()),
            (None, Ok(result)) => result,
            (None, Err(panic)) => Err(Failure::panic(&*panic)),
        }
    }
}

/// Runs `work` on another thread; `progress` is called with bytes and files done so far.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Control) -> Outcome<T> + Send,
) -> Outcome<T> {
    run_serving(py, progress, |control, _| work(control))
}

/// Something that a worker wants done by the thread that called in.
pub(crate) type Job = Box<dyn FnOnce(Python<'_>) + Send>;

/// Where a worker leaves its jobs.
#[derive(Clone)]
pub(crate) enum Desk {
    /// The worker is the calling thread.
    Here,
    /// The calling thread waits for jobs behind this.
    Behind(Arc<dyn Fn(Job) + Send + Sync>),
}

impl Desk {
    fn behind(jobs: Sender<Job>) -> Self {
        // Nobody takes jobs of a caller who has gone.
        Self::Behind(Arc::new(move |job| jobs.send(job).unwrap_or(())))
    }

    /// Has something done by the calling thread, with the interpreter, and waits for it.
    pub(crate) fn on_caller<T: Send + 'static>(
        &self,
        job: impl FnOnce(Python<'_>) -> PyResult<T> + Send + 'static,
    ) -> PyResult<T> {
        let Self::Behind(give) = self else { return Python::attach(job) };
        let (sender, receiver) = sync_channel(1);
        give(Box::new(move |py| {
            // The worker waits for nothing else.
            sender.send(job(py)).ok();
        }));
        // A caller who is to stop drops its jobs.
        receiver.recv().unwrap_or_else(|_| Err(cancel::cancelled().into()))
    }
}

/// Runs `work` as [`run`] does; meanwhile the calling thread does what `work` asks of it.
pub(crate) fn run_serving<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Control, Desk) -> Outcome<T> + Send,
) -> Outcome<T> {
    cancel::check()?;
    let control = Control::new();
    let mut watch = Watch { control: &control, progress, raised: None };
    let done = py.detach(|| {
        let (sender, jobs) = channel::<Job>();
        thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let desk = Desk::behind(sender);
                catch_unwind(AssertUnwindSafe(|| work(&control, desk)))
            });
            // The desk goes when the work is over, and the channel closes with it.
            loop {
                match jobs.recv_timeout(SLICE) {
                    Ok(job) if watch.raised.is_none() => Python::attach(job),
                    Ok(_) => {}
                    Err(RecvTimeoutError::Timeout) => watch.look(),
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            worker.join().unwrap_or_else(Err)
        })
    });
    watch.settle(done)
}

/// Runs short work on the calling thread, without the interpreter.
pub(crate) fn run_here<T: Send>(
    py: Python<'_>,
    work: impl FnOnce(&Control) -> Outcome<T> + Send,
) -> Outcome<T> {
    cancel::check()?;
    let control = Control::new();
    let done = py.detach(|| catch_unwind(AssertUnwindSafe(|| work(&control))));
    done.unwrap_or_else(|panic| Err(Failure::panic(&*panic)))
}

/// Runs work that reads from a Python object: the calling thread reads, others work.
pub(crate) fn run_reading<T: Send>(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Control, Pieces) -> Outcome<T> + Send,
) -> Outcome<T> {
    cancel::check()?;
    let control = Control::new();
    let mut watch = Watch { control: &control, progress, raised: None };
    let read = source.getattr("read")?.unbind();
    let (sender, receiver) = sync_channel(READS_AHEAD);
    let pieces = Pieces { receiver, current: Vec::new(), at: 0 };
    let done = py.detach(|| {
        thread::scope(|scope| {
            let worker =
                scope.spawn(|| catch_unwind(AssertUnwindSafe(|| work(&control, pieces))));
            if let Err(error) = pump(&read, &sender, &mut watch) {
                watch.raised = Some(error);
                control.cancel();
            }
            drop(sender);
            while !worker.is_finished() {
                watch.look();
                thread::park_timeout(Duration::from_millis(1));
            }
            worker.join().unwrap_or_else(Err)
        })
    });
    watch.settle(done)
}

/// Reads to the end, or until the worker wants no more.
fn pump(
    read: &Py<PyAny>,
    sender: &SyncSender<Vec<u8>>,
    watch: &mut Watch<'_>,
) -> PyResult<()> {
    loop {
        cancel::check()?;
        let mut piece = Python::attach(|py| {
            py.check_signals()?;
            to_vec(read.bind(py).call1((READ_BYTES,))?.as_any())
        })?;
        if piece.is_empty() {
            // One that was to stop may have ended for that very reason.
            cancel::check()?;
            return Ok(());
        }
        loop {
            match sender.try_send(piece) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Ok(()),
                Err(TrySendError::Full(back)) => {
                    piece = back;
                    watch.look();
                    if watch.raised.is_some() {
                        return Ok(());
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }
}

/// What the calling thread has read, as a reader for the workers.
pub(crate) struct Pieces {
    receiver: Receiver<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.current.len() {
            // The sender is gone at the end of the source, and when we are to stop.
            match self.receiver.recv() {
                Ok(piece) => (self.current, self.at) = (piece, 0),
                Err(_) => return Ok(0),
            }
        }
        let rest = &self.current[self.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}
