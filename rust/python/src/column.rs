//! The class `CIDColumn`: the CIDs of many buffers as one array of digests.

use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipfs_kit_cid::{Base32Bulk, Cid, codec};
use ipfs_kit_hash::{Hasher, Multihash};
use pyo3::exceptions::{PyBufferError, PyIndexError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::buffers::{Shown, show};
use crate::cid::CID;
use crate::errors::{Failure, Outcome};

/// Digests back to back, or whole multihashes where lengths differ.
pub(crate) enum Digests {
    Flat(Vec<u8>),
    Each(Vec<Multihash>),
}

const NO_DIGESTS: &str = "identity CIDs have no digests of one length";

/// The CIDs of many buffers, kept as one array of digests.
///
/// Indexing and iterating make `CID` objects; `strings()`, `digests` and `to_arrow()` give all
/// of them at once without. A buffer of shape (n, digest length) itself.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct CIDColumn {
    codec: u64,
    hasher: Hasher,
    len: usize,
    digests: Digests,
    shape: [isize; 2],
    strides: [isize; 2],
}

impl CIDColumn {
    pub(crate) fn new(codec: u64, hasher: Hasher, len: usize, digests: Digests) -> Self {
        let width = hasher.digest_bytes().cast_signed();
        let shape = [len.cast_signed(), width];
        Self { codec, hasher, len, digests, shape, strides: [width, 1] }
    }

    pub(crate) fn cid(&self, index: usize) -> Outcome<CID> {
        let hash = match &self.digests {
            Digests::Each(hashes) => hashes[index],
            Digests::Flat(flat) => {
                let width = self.hasher.digest_bytes();
                let digest = &flat[index * width..][..width];
                Multihash::wrap(self.hasher.code().code(), digest).map_err(|_| {
                    ipfs_kit_hash::HashError::IdentityTooLong { length: width }
                })?
            }
        };
        Ok(CID(Cid::new_v1(self.codec, hash)))
    }

    fn shown(&self) -> PyResult<Shown<'_>> {
        match self {
            Self { digests: Digests::Flat(bytes), shape, strides, .. } => {
                Ok(Shown { bytes, shape, strides })
            }
            _ => Err(PyBufferError::new_err(NO_DIGESTS)),
        }
    }

    /// The digests and what prints them, where all have one length.
    fn printer(&self) -> Option<(std::slice::ChunksExact<'_, u8>, Base32Bulk)> {
        let Digests::Flat(flat) = &self.digests else { return None };
        let width = self.hasher.digest_bytes();
        let mut prefix = Vec::new();
        for number in [1, self.codec, self.hasher.code().code(), width as u64] {
            ipfs_kit_cid::varint::encode(number, &mut prefix);
        }
        Some((flat.chunks_exact(width), Base32Bulk::new(&prefix, width)))
    }
}

#[pymethods]
impl CIDColumn {
    fn __len__(&self) -> usize {
        self.len
    }

    fn __getitem__(&self, index: isize) -> Outcome<CID> {
        let from_end = if index < 0 { index + self.len.cast_signed() } else { index };
        match usize::try_from(from_end) {
            Ok(place) if place < self.len => self.cid(place),
            _ => Err(PyIndexError::new_err("index out of range").into()),
        }
    }

    fn __iter__(slf: Bound<'_, Self>) -> CIDIterator {
        CIDIterator { column: slf.unbind(), next: AtomicUsize::new(0) }
    }

    fn __repr__(&self) -> String {
        let codec = codec::name(self.codec).unwrap_or("?");
        format!("<{} CIDs, {codec}, {}>", self.len, self.hasher.code().name())
    }

    /// List the CIDs as text.
    fn strings<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyList>> {
        let Some((digests, mut bulk)) = self.printer() else {
            let text = |i| self.cid(i).map(|cid| ipfs_kit_cid::to_string(&cid.0));
            let each = (0..self.len).map(text).collect::<Outcome<Vec<_>>>();
            return Ok(PyList::new(py, each?)?);
        };
        // Base32 is ASCII, which Python itself checks faster than we could.
        let text = |digest| PyString::from_bytes(py, bulk.print(digest));
        let each = digests.map(text).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, each)?)
    }

    /// The digests as a numpy array of shape (n, digest length), not copied.
    #[getter]
    fn digests<'py>(slf: &Bound<'py, Self>) -> Outcome<Bound<'py, PyAny>> {
        let py = slf.py();
        // Of what is no buffer numpy would make an array of one object.
        if let Digests::Each(_) = &slf.get().digests {
            return Err(Failure::parameter(NO_DIGESTS));
        }
        let numpy = crate::multiformats::import_extra(py, "numpy", "pip install numpy")?;
        Ok(numpy.call_method1("asarray", (slf,))?)
    }

    /// The CIDs as text in an Arrow array.
    fn to_arrow<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        let hint = "pip install 'ipfs-kit-py[arrow]'";
        let arrow = crate::multiformats::import_extra(py, "pyarrow", hint)?;
        let Some((digests, mut bulk)) = self.printer() else {
            return Ok(arrow.call_method1("array", (self.strings(py)?,))?);
        };
        let length = bulk.text_len();
        let mut text = Vec::with_capacity(self.len * length);
        digests.for_each(|digest| text.extend_from_slice(bulk.print(digest)));
        let offsets: Vec<u8> =
            (0..=self.len).flat_map(|i| ((i * length) as u64).to_le_bytes()).collect();
        let buffer =
            |bytes: &[u8]| arrow.call_method1("py_buffer", (PyBytes::new(py, bytes),));
        let args = (self.len, buffer(&offsets)?, buffer(&text)?);
        Ok(arrow.getattr("LargeStringArray")?.call_method1("from_buffers", args)?)
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

/// Iterates over a column.
#[pyclass(frozen)]
struct CIDIterator {
    column: Py<CIDColumn>,
    next: AtomicUsize,
}

#[pymethods]
impl CIDIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self) -> Outcome<Option<CID>> {
        let column = self.column.get();
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index < column.len { column.cid(index).map(Some) } else { Ok(None) }
    }
}
