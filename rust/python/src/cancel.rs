//! The class `CancelToken`: stops the native calls of the threads that are inside it.
//!
//! A token is a flag. Each thread keeps the tokens it is inside of for itself, and the calls
//! it makes look at them: when they begin, and in slices while they wait. A forked process
//! starts with those of the thread that forked, as copies that nobody else sets.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipfs_kit_unixfs::UnixFsError;
use pyo3::prelude::*;

use crate::errors::{Failure, Outcome};

type Flag = Arc<AtomicBool>;

thread_local! {
    /// The tokens that this thread is inside of, the innermost last.
    static ENTERED: RefCell<Vec<Flag>> = const { RefCell::new(Vec::new()) };
}

/// Whether the calling thread is to stop: an inner token does not shield from an outer one.
pub(crate) fn is_cancelled() -> bool {
    let any = |entered: &RefCell<Vec<Flag>>| {
        entered.borrow().iter().any(|flag| flag.load(Ordering::Relaxed))
    };
    // A thread that is ending has none any more.
    ENTERED.try_with(any).unwrap_or(false)
}

/// Fails if the calling thread is to stop.
pub(crate) fn check() -> Outcome<()> {
    if is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

/// Raise `CancelledError` if the calling thread is to stop: for what waits in Python.
#[pyfunction]
pub(crate) fn check_cancelled() -> Outcome<()> {
    check()
}

/// What a call that was stopped raises.
pub(crate) fn cancelled() -> Failure {
    UnixFsError::Cancelled.into()
}

/// Stops, from any thread, the native calls made inside `with token:`.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct CancelToken {
    flag: Flag,
}

#[pymethods]
impl CancelToken {
    #[new]
    fn new() -> Self {
        Self { flag: Arc::default() }
    }

    /// Stop what runs inside it, and whatever begins there later.
    fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    #[getter]
    fn cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        ENTERED.with_borrow_mut(|entered| entered.push(Arc::clone(&slf.flag)));
        slf
    }

    /// Leaves the innermost of its blocks; generators may end in any order.
    #[pyo3(signature = (kind, error, trace, /))]
    fn __exit__(
        &self,
        kind: &Bound<'_, PyAny>,
        error: &Bound<'_, PyAny>,
        trace: &Bound<'_, PyAny>,
    ) -> Outcome<()> {
        let _ = (kind, error, trace);
        let left = ENTERED.with_borrow_mut(|entered| {
            let at = entered.iter().rposition(|flag| Arc::ptr_eq(flag, &self.flag));
            at.map(|at| entered.remove(at))
        });
        match left {
            Some(_) => Ok(()),
            None => Err(Failure::parameter("this thread is not inside the token")),
        }
    }
}
