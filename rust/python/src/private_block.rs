//! The class `PrivateBlock`: bytes of a file that Python may write to, and nobody else sees.
#![expect(unsafe_code, reason = "the buffer protocol hands out a pointer")]

use std::ffi::c_int;

use ipfs_kit_pack::Private;
use pyo3::prelude::*;

use crate::buffers::{Memory, show_writable};

/// Bytes of a file in memory of the caller's own: what is written to them changes nothing else.
///
/// Those that are only read lie where the repository has them.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct PrivateBlock {
    memory: Private,
    shape: [isize; 1],
    strides: [isize; 1],
}

impl PrivateBlock {
    pub(crate) fn new(memory: Private) -> Self {
        let shape = [memory.len().cast_signed()];
        Self { memory, shape, strides: [1] }
    }
}

#[pymethods]
impl PrivateBlock {
    fn __len__(&self) -> usize {
        self.memory.len()
    }

    fn __repr__(&self) -> String {
        format!("<PrivateBlock of {} bytes>", self.memory.len())
    }

    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut pyo3::ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let Self { memory, shape, strides } = slf.get();
        let room = Memory {
            start: memory.start(),
            bytes: memory.len(),
            shape,
            strides,
            is_readonly: false,
        };
        // SAFETY: Python gives the view. The memory belongs to the object, at a place that does
        // not change, and nothing here looks at it.
        unsafe { show_writable(slf.clone(), &room, view, flags) }
    }
}
