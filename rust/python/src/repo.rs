//! The class `Repository`: an open repository, and what forks ask of all of them.
//!
//! Whatever touches a repository does so without the interpreter: a thread that waits for
//! the index while it holds the interpreter would keep one that forks from going on.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ipfs_kit_repo::{Hook, Options, RepoStat, VerifyReads, Writing};
use pyo3::prelude::*;

use crate::errors::{Failure, Outcome};
use crate::text::{file_path, text};
use crate::{params, running};

/// An open repository. The last one to let go of it closes it, without the interpreter.
pub(crate) struct Open(Option<ipfs_kit_repo::Repository>);

impl Drop for Open {
    fn drop(&mut self) {
        let inner = self.0.take();
        let mut left = Some(inner);
        Python::try_attach(|py| py.detach(|| drop(left.take())));
    }
}

/// A share in an open repository.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Open>);

impl Deref for Handle {
    type Target = ipfs_kit_repo::Repository;

    #[expect(
        clippy::expect_used,
        reason = "only the drop of the last handle takes it out"
    )]
    fn deref(&self) -> &Self::Target {
        self.0.0.as_ref().expect("a handle keeps it")
    }
}

/// A repository in a folder.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Repository {
    /// Empty when it was closed. Held for the blink of an eye, never while anything waits.
    open: RwLock<Option<Handle>>,
    path: PathBuf,
    threads: usize,
}

impl Repository {
    /// What it stands for, unless it was closed.
    pub(crate) fn handle(&self) -> Outcome<Handle> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.clone().ok_or_else(Failure::closed)
    }

    /// Threads that its work may take.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }
}

#[pymethods]
impl Repository {
    #[new]
    #[pyo3(signature = (path, *, writing = "create", verify = "first", max_bytes = None, threads = None, clock_offset = 0, pack_bytes = None, pack_blocks = None, pause_before_commit = 0.0))]
    #[expect(clippy::too_many_arguments, reason = "the stub gives them names")]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = file_path)] path: PathBuf,
        #[pyo3(from_py_with = text)] writing: &str,
        #[pyo3(from_py_with = text)] verify: &str,
        max_bytes: Option<&Bound<'_, PyAny>>,
        threads: Option<&Bound<'_, PyAny>>,
        clock_offset: i64,
        pack_bytes: Option<u64>,
        pack_blocks: Option<u64>,
        pause_before_commit: f64,
    ) -> Outcome<Self> {
        let threads = running::threads(threads)?;
        let usual = options(writing, verify, max_bytes, threads, clock_offset)?;
        let options = Options {
            pack_bytes: pack_bytes.unwrap_or(usual.pack_bytes),
            pack_blocks: pack_blocks.unwrap_or(usual.pack_blocks),
            before_commit: pause(pause_before_commit),
            ..usual
        };
        let inner = running::run_here(py, |_| {
            Ok(ipfs_kit_repo::Repository::open(&path, options)?)
        })?;
        let path = inner.path().to_owned();
        let handle = Handle(Arc::new(Open(Some(inner))));
        Ok(Self { open: RwLock::new(Some(handle)), path, threads })
    }

    /// The folder, absolute.
    #[getter]
    fn path(&self) -> &PathBuf {
        &self.path
    }

    #[getter]
    fn closed(&self) -> bool {
        self.open.read().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Whether nothing can be changed through it.
    #[getter]
    fn read_only(&self, py: Python<'_>) -> Outcome<bool> {
        let handle = self.handle()?;
        running::run_here(py, |_| Ok(handle.is_read_only()?))
    }

    /// Let go of it; files and streams that are open keep what they need.
    fn close(&self) {
        let handle = self.open.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(handle);
    }
}

/// How to open, in words.
pub(crate) fn options(
    writing: &str,
    verify: &str,
    max_bytes: Option<&Bound<'_, PyAny>>,
    threads: usize,
    clock_offset: i64,
) -> Outcome<Options> {
    let writing = match writing {
        "create" => Writing::Create,
        "existing" => Writing::Existing,
        "never" => Writing::Never,
        other => return Err(choice("writing", other, "create, existing and never")),
    };
    let verify = match verify {
        "always" => VerifyReads::Always,
        "first" => VerifyReads::First,
        "never" => VerifyReads::Never,
        other => return Err(choice("verify", other, "always, first and never")),
    };
    let max_bytes = match max_bytes {
        Some(given) => params::number("max_bytes", given)?,
        None => None,
    };
    let defaults = Options::default();
    Ok(Options { writing, verify, max_bytes, threads, clock_offset, ..defaults })
}

/// What holds every writer for so many seconds as it begins to commit: for tests.
fn pause(seconds: f64) -> Option<Hook> {
    let pause = Duration::try_from_secs_f64(seconds).ok()?;
    (!pause.is_zero()).then(|| Hook(Arc::new(move || std::thread::sleep(pause))))
}

fn choice(name: &str, given: &str, known: &str) -> Failure {
    Failure::parameter(format!("{name} {given:?} is not one of {known}"))
}

/// Make all repositories stand still, so that this process can be forked.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    py.detach(ipfs_kit_repo::before_fork);
}

/// Let them go on in the process that forked.
#[pyfunction]
pub(crate) fn after_fork_in_parent() {
    ipfs_kit_repo::after_fork_in_parent();
}

/// Make the new process open its repositories anew.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    ipfs_kit_repo::after_fork_in_child();
}

pub(crate) type Numbers = (u64, u64, u64, u64, u64, u64, u64, i64, Option<u64>);

/// Count what a repository holds: (blocks, bytes, dead bytes, blocks in place, packs, sealed
/// packs, pins, format, most bytes).
#[pyfunction]
pub(crate) fn repo_stat(py: Python<'_>, repository: &Repository) -> Outcome<Numbers> {
    let handle = repository.handle()?;
    let stat: RepoStat = running::run(py, None, |_| Ok(handle.stat()?))?;
    Ok((
        stat.blocks,
        stat.bytes,
        stat.dead_bytes,
        stat.in_place,
        stat.packs,
        stat.sealed_packs,
        stat.pins,
        stat.format,
        stat.max_bytes,
    ))
}
