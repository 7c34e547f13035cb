//! The class `Block`: bytes of the repository, shown to Python without copying them.

use std::ffi::{CString, c_int, c_void};

use bytes::Bytes;
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffers::Held;

/// Bytes that lie where the repository has them, as a read-only buffer.
///
/// They stay readable as long as this lives, whatever becomes of the repository.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Block {
    data: Bytes,
    shape: [isize; 1],
    strides: [isize; 1],
}

impl Block {
    pub(crate) fn new(data: Bytes) -> Self {
        let shape = [data.len().cast_signed()];
        Self { data, shape, strides: [1] }
    }
}

#[pymethods]
impl Block {
    fn __len__(&self) -> usize {
        self.data.len()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.data)
    }

    fn __repr__(&self) -> String {
        format!("<Block of {} bytes>", self.data.len())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        let py = other.py();
        if let Ok(other) = other.cast::<Self>() {
            return self.data == other.get().data;
        }
        Held::new(other).is_ok_and(|held| held.bytes(py) == self.data)
    }

    #[expect(unsafe_code, reason = "the buffer protocol hands out a pointer")]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut pyo3::ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let block = slf.get();
        if flags & pyo3::ffi::PyBUF_WRITABLE == pyo3::ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("blocks cannot be written to"));
        }
        let asks = |flag: c_int| flags & flag == flag;
        // SAFETY: Python gives a valid view to be filled. `data`, `shape` and `strides` live in
        // a frozen object that is never changed and that `view.obj` keeps alive; the format is
        // freed in `__releasebuffer__`.
        unsafe {
            (*view).buf = block.data.as_ptr().cast_mut().cast::<c_void>();
            (*view).len = block.data.len().cast_signed();
            (*view).readonly = 1;
            (*view).itemsize = 1;
            (*view).format = if asks(pyo3::ffi::PyBUF_FORMAT) {
                CString::from(c"B").into_raw()
            } else {
                std::ptr::null_mut()
            };
            (*view).ndim = 1;
            (*view).shape = if asks(pyo3::ffi::PyBUF_ND) {
                block.shape.as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).strides = if asks(pyo3::ffi::PyBUF_STRIDES) {
                block.strides.as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.into_ptr();
        }
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "the protocol passes it")]
    #[expect(unsafe_code, reason = "the buffer protocol hands out a pointer")]
    unsafe fn __releasebuffer__(&self, view: *mut pyo3::ffi::Py_buffer) {
        // SAFETY: the format is null or was made by `CString::into_raw` in `__getbuffer__`.
        unsafe {
            if !(*view).format.is_null() {
                drop(CString::from_raw((*view).format));
            }
        }
    }
}
