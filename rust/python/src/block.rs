//! The class `Block`: bytes of the repository, shown to Python without copying them.

use std::ffi::c_int;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffers::{Held, Shown, show};

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

    pub(crate) fn bytes(&self) -> Bytes {
        self.data.clone()
    }

    #[expect(clippy::unnecessary_wraps, reason = "others have nothing to show at times")]
    fn shown(&self) -> PyResult<Shown<'_>> {
        let Self { data, shape, strides } = self;
        Ok(Shown { bytes: data, shape, strides })
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
        // SAFETY: Python gives the view, and a frozen object is never changed.
        unsafe { show(slf, Self::shown, view, flags) }
    }
}
