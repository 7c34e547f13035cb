//! The class `PrivateBlock`: bytes of a file that Python may write to, and nobody else sees.
#![expect(unsafe_code, reason = "the buffer protocol hands out a pointer")]

use std::ffi::{c_int, c_void};

use ipfs_kit_pack::Private;
use pyo3::ffi;
use pyo3::prelude::*;

/// Bytes of a file in memory of the caller's own: what is written to them changes nothing else.
///
/// Those that are only read lie where the repository has them.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct PrivateBlock(pub(crate) Private);

#[pymethods]
impl PrivateBlock {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __repr__(&self) -> String {
        format!("<PrivateBlock of {} bytes>", self.0.len())
    }

    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let memory = &slf.get().0;
        let start = memory.start().cast::<c_void>();
        // SAFETY: Python gives the view, to be filled. The memory belongs to the object, which the
        // view keeps, at a place that does not change, and nothing here looks at it.
        let filled = unsafe {
            let length = memory.len().cast_signed();
            ffi::PyBuffer_FillInfo(view, slf.as_ptr(), start, length, 0, flags)
        };
        if filled < 0 { Err(PyErr::fetch(slf.py())) } else { Ok(()) }
    }
}
