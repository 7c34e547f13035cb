//! The class `Draft`: memory for a block that Python reads from a socket.

use std::ffi::{c_int, c_void};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::errors::{Failure, Outcome};

/// The largest block, and what may stand around its content.
const MOST_BYTES: usize = (2 << 20) + (64 << 10);

/// Memory for a block, to be written to until the block is made of it: of zeros at first.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Draft {
    length: usize,
    state: Mutex<State>,
}

struct State {
    /// Nothing is left when a block was made.
    memory: Option<Box<[u8]>>,
    /// Views of it that Python has.
    views: usize,
}

impl Draft {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was written. Nobody can write to it any more.
    pub(crate) fn take(&self) -> PyResult<Bytes> {
        let mut state = self.state();
        if state.views > 0 {
            return Err(PyBufferError::new_err("the draft is being written to"));
        }
        state.memory.take().map(Bytes::from).ok_or_else(used_up)
    }
}

#[pymethods]
impl Draft {
    #[new]
    fn new(size: usize) -> Outcome<Self> {
        if size > MOST_BYTES {
            return Err(Failure::limit(format!("no block has {size} bytes")));
        }
        let memory = Some(vec![0; size].into_boxed_slice());
        Ok(Self { length: size, state: Mutex::new(State { memory, views: 0 }) })
    }

    fn __len__(&self) -> usize {
        self.length
    }

    #[expect(unsafe_code, reason = "the buffer protocol hands out a pointer")]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let mut state = slf.get().state();
        let memory = state.memory.as_mut().ok_or_else(used_up)?;
        let start = memory.as_mut_ptr().cast::<c_void>();
        // SAFETY: Python gives the view, to be filled. The memory stays where it is as long
        // as a view of it is counted, and nothing here looks at it meanwhile.
        let filled = unsafe {
            let owner = slf.as_ptr();
            ffi::PyBuffer_FillInfo(
                view,
                owner,
                start,
                slf.get().length.cast_signed(),
                0,
                flags,
            )
        };
        if filled < 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        state.views += 1;
        Ok(())
    }

    #[expect(unsafe_code, reason = "as the buffer protocol has it")]
    unsafe fn __releasebuffer__(&self, _view: *mut ffi::Py_buffer) {
        self.state().views -= 1;
    }
}

fn used_up() -> PyErr {
    PyBufferError::new_err("the draft has become a block")
}
