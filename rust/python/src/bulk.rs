//! Many buffers at once: a column of CIDs.

use std::ffi::{CString, c_int, c_void};
use std::sync::atomic::{AtomicUsize, Ordering};

use ipfs_kit_cid::{Base32Bulk, Cid, base32_len, codec};
use ipfs_kit_hash::{Code, Hasher, Message, Multihash, sha256};
use ipfs_kit_unixfs::Control;
use parking_lot::Mutex;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use crate::buffers::{Held, HeldItems, with_bytes};
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::running;

/// Messages and bytes that a thread takes at once.
const MESSAGES_AT_ONCE: usize = 2048;
const BYTES_AT_ONCE: usize = 8 << 20;
/// Below this, one thread is faster than starting another.
const ONE_THREAD_BYTES: usize = 512 << 10;
/// Work that is over before anyone would press Ctrl-C: about 20 ms.
const SHORT_BYTES: usize = 8 << 20;

/// Compute the CIDv1 of one buffer's bytes.
#[pyfunction]
#[pyo3(signature = (data, codec = "raw", hash = "sha2-256"))]
pub(crate) fn cid_of(data: &Bound<'_, PyAny>, codec: &str, hash: &str) -> Outcome<CID> {
    let codec = codec::from_name(codec)?;
    let hasher = Hasher::new(Code::from_name(hash)?);
    let multihash = with_bytes(data, |bytes| Ok(hasher.hash(bytes)?))?;
    Ok(CID(Cid::new_v1(codec, multihash)))
}

/// Compute the CIDv1s of many buffers.
#[pyfunction]
#[pyo3(signature = (buffers, codec = "raw", hash = "sha2-256", threads = None))]
pub(crate) fn cids_of(
    buffers: &Bound<'_, PyAny>,
    codec: &str,
    hash: &str,
    threads: Option<usize>,
) -> Outcome<CIDColumn> {
    let py = buffers.py();
    let codec = codec::from_name(codec)?;
    let hasher = Hasher::new(Code::from_name(hash)?);
    let threads = running::threads(threads)?;
    if let Some((flat, offsets)) = flat_and_offsets(buffers)? {
        let flat = flat.bytes(py);
        let messages = slices(flat, &offsets)?;
        return column(py, &messages, codec, hasher, threads);
    }
    if let Ok(held) = Held::new(buffers) {
        let Some((rows, row_bytes)) = held.rows() else { return Err(one_buffer().into()) };
        let flat = held.bytes(py);
        let whole = rows.checked_mul(row_bytes) == Some(flat.len());
        if row_bytes == 0 || !whole {
            return Err(Failure::parameter("rows must be of uint8 and at least one byte long"));
        }
        let messages: Vec<&[u8]> = flat.chunks_exact(row_bytes).collect();
        return column(py, &messages, codec, hasher, threads);
    }
    let held = HeldItems::new(buffers)?;
    column(py, &held.slices(), codec, hasher, threads)
}

fn one_buffer() -> PyErr {
    PyTypeError::new_err(
        "cids_of takes a list of buffers, a two-dimensional uint8 array, or (buffer, offsets); \
         for one buffer use cid_of",
    )
}

/// Recognises `(buffer, offsets)`: a tuple whose second item is a buffer of integers.
fn flat_and_offsets(value: &Bound<'_, PyAny>) -> Outcome<Option<(Held, Vec<u64>)>> {
    let Ok(pair) = value.cast::<PyTuple>() else { return Ok(None) };
    if pair.len() != 2 {
        return Ok(None);
    }
    match offsets(&pair.get_item(1)?)? {
        Some(offsets) => Ok(Some((Held::new(&pair.get_item(0)?)?, offsets))),
        None => Ok(None),
    }
}

fn offsets(value: &Bound<'_, PyAny>) -> Outcome<Option<Vec<u64>>> {
    let py = value.py();
    let negative = || Failure::parameter("offsets must not be negative");
    if let Ok(buffer) = PyBuffer::<i64>::get(value) {
        let signed = buffer.to_vec(py)?;
        let all = signed.into_iter().map(u64::try_from).collect::<Result<Vec<_>, _>>();
        return all.map(Some).map_err(|_| negative());
    }
    if let Ok(buffer) = PyBuffer::<i32>::get(value) {
        let signed = buffer.to_vec(py)?;
        let all = signed.into_iter().map(u64::try_from).collect::<Result<Vec<_>, _>>();
        return all.map(Some).map_err(|_| negative());
    }
    if let Ok(buffer) = PyBuffer::<u64>::get(value) {
        return Ok(Some(buffer.to_vec(py)?));
    }
    if let Ok(buffer) = PyBuffer::<u32>::get(value) {
        return Ok(Some(buffer.to_vec(py)?.into_iter().map(u64::from).collect()));
    }
    Ok(None)
}

fn slices<'a>(flat: &'a [u8], offsets: &[u64]) -> Outcome<Vec<&'a [u8]>> {
    let slice = |pair: &[u64]| {
        let (start, end) = (usize::try_from(pair[0]).ok()?, usize::try_from(pair[1]).ok()?);
        flat.get(start..end)
    };
    let all: Option<Vec<_>> = offsets.windows(2).map(slice).collect();
    all.ok_or_else(|| {
        let length = flat.len();
        Failure::parameter(format!("offsets must rise and stay within the {length} bytes"))
    })
}

/// Hashes all messages, side by side and on several threads where that pays.
fn column(
    py: Python<'_>,
    messages: &[&[u8]],
    codec: u64,
    hasher: Hasher,
    threads: usize,
) -> Outcome<CIDColumn> {
    sha256::Kernel::best_checked()?;
    let bytes: usize = messages.iter().map(|message| message.len()).sum();
    let threads = if bytes < ONE_THREAD_BYTES { 1 } else { threads };
    let digests = if bytes < crate::buffers::SMALL_BYTES {
        hash_all(messages, hasher, 1, &Control::new())?
    } else if bytes < SHORT_BYTES {
        running::run_here(py, |control| hash_all(messages, hasher, threads, control))?
    } else {
        running::run(py, None, |control| hash_all(messages, hasher, threads, control))?
    };
    Ok(CIDColumn::new(codec, hasher, messages.len(), digests))
}

/// Digests back to back, or whole multihashes where lengths differ.
enum Digests {
    Flat(Vec<u8>),
    Each(Vec<Multihash>),
}

fn hash_all(
    messages: &[&[u8]],
    hasher: Hasher,
    threads: usize,
    control: &Control,
) -> Outcome<Digests> {
    if hasher.code() == Code::Identity {
        let each = messages.iter().map(|message| hasher.hash(message));
        return Ok(Digests::Each(each.collect::<Result<_, _>>()?));
    }
    let width = hasher.digest_bytes();
    let mut flat = vec![0; messages.len() * width];
    let parts = split(messages, &mut flat, width);
    let (next, parts) = (AtomicUsize::new(0), parts.into_iter().map(Mutex::new).collect::<Vec<_>>());
    let failed = Mutex::new(None);
    let work = || {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if control.is_cancelled() {
                return;
            }
            let (messages, out) = &mut *part.lock();
            if let Err(error) = hash_part(messages, hasher, out) {
                failed.lock().get_or_insert(error);
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(parts.len()) {
            scope.spawn(work);
        }
        work();
    });
    drop(parts);
    match failed.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(Digests::Flat(flat)),
    }
}

type Part<'a, 'm> = (&'a [&'m [u8]], &'a mut [u8]);

/// Cuts the work into parts of about equal size, each with its place in the output.
fn split<'a, 'm>(messages: &'a [&'m [u8]], flat: &'a mut [u8], width: usize) -> Vec<Part<'a, 'm>> {
    let mut parts = Vec::new();
    let (mut messages, mut flat) = (messages, flat);
    while !messages.is_empty() {
        let mut bytes = 0;
        let fits = |message: &&&[u8]| {
            bytes += message.len();
            bytes <= BYTES_AT_ONCE
        };
        let count = messages.iter().take(MESSAGES_AT_ONCE).take_while(fits).count().max(1);
        // Lanes come in groups of 32.
        let count = if count > 32 { count & !31 } else { count };
        let (part, rest) = messages.split_at(count);
        let (out, rest_out) = flat.split_at_mut(count * width);
        parts.push((part, out));
        (messages, flat) = (rest, rest_out);
    }
    parts
}

fn hash_part(
    slices: &[&[u8]],
    hasher: Hasher,
    out: &mut [u8],
) -> Result<(), ipfs_kit_hash::HashError> {
    let messages: Vec<Message<'_>> = slices.iter().map(|slice| Message::from(*slice)).collect();
    if hasher.code() == Code::Sha2_256 {
        let (digests, _) = out.as_chunks_mut::<32>();
        sha256::digest_many(sha256::Kernel::best(), &messages, digests);
        return Ok(());
    }
    let mut hashes = Vec::with_capacity(messages.len());
    hasher.hash_many(&messages, &mut hashes)?;
    for (hash, out) in hashes.iter().zip(out.chunks_exact_mut(hasher.digest_bytes())) {
        out.copy_from_slice(hash.digest());
    }
    Ok(())
}

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
    fn new(codec: u64, hasher: Hasher, len: usize, digests: Digests) -> Self {
        let width = hasher.digest_bytes().cast_signed();
        let shape = [len.cast_signed(), width];
        Self { codec, hasher, len, digests, shape, strides: [width, 1] }
    }

    fn cid(&self, index: usize) -> Outcome<CID> {
        let hash = match &self.digests {
            Digests::Each(hashes) => hashes[index],
            Digests::Flat(flat) => {
                let width = self.hasher.digest_bytes();
                let digest = &flat[index * width..][..width];
                Multihash::wrap(self.hasher.code().code(), digest)
                    .map_err(|_| ipfs_kit_hash::HashError::IdentityTooLong { length: width })?
            }
        };
        Ok(CID(Cid::new_v1(self.codec, hash)))
    }

    /// All texts back to back, where they have one length, and that length.
    fn flat_text(&self) -> Option<(Vec<u8>, usize)> {
        let Digests::Flat(flat) = &self.digests else { return None };
        let width = self.hasher.digest_bytes();
        let mut prefix = Vec::new();
        for number in [1, self.codec, self.hasher.code().code(), width as u64] {
            ipfs_kit_cid::varint::encode(number, &mut prefix);
        }
        let length = base32_len(prefix.len() + width);
        let mut text = Vec::with_capacity(self.len * length + 8);
        let mut bulk = Base32Bulk::new(&prefix, width);
        for digest in flat.chunks_exact(width) {
            bulk.push(digest, &mut text);
        }
        Some((text, length))
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
        let Some((text, length)) = self.flat_text() else {
            let each = (0..self.len).map(|i| self.cid(i).map(|cid| ipfs_kit_cid::to_string(&cid.0)));
            return Ok(PyList::new(py, each.collect::<Outcome<Vec<_>>>()?)?);
        };
        // Base32 is ASCII.
        let text = str::from_utf8(&text).map_err(|error| Failure::parameter(error))?;
        let each = (0..self.len).map(|i| PyString::new(py, &text[i * length..(i + 1) * length]));
        Ok(PyList::new(py, each)?)
    }

    /// The digests as a numpy array of shape (n, digest length), not copied.
    #[getter]
    fn digests<'py>(slf: &Bound<'py, Self>) -> Outcome<Bound<'py, PyAny>> {
        let py = slf.py();
        let numpy = crate::multiformats::import_extra(py, "numpy", "pip install numpy")?;
        Ok(numpy.call_method1("asarray", (slf,))?)
    }

    /// The CIDs as text in an Arrow array.
    fn to_arrow<'py>(&self, py: Python<'py>) -> Outcome<Bound<'py, PyAny>> {
        let hint = "pip install 'ipfs-kit-py[arrow]'";
        let arrow = crate::multiformats::import_extra(py, "pyarrow", hint)?;
        let Some((text, length)) = self.flat_text() else {
            return Ok(arrow.call_method1("array", (self.strings(py)?,))?);
        };
        let offsets: Vec<u8> =
            (0..=self.len).flat_map(|i| ((i * length) as u64).to_le_bytes()).collect();
        let buffer = |bytes: &[u8]| arrow.call_method1("py_buffer", (PyBytes::new(py, bytes),));
        let args = (self.len, buffer(&offsets)?, buffer(&text)?);
        Ok(arrow.getattr("LargeStringArray")?.call_method1("from_buffers", args)?)
    }

    #[expect(unsafe_code, reason = "the buffer protocol hands out a pointer")]
    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut pyo3::ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let column = slf.get();
        let Digests::Flat(flat) = &column.digests else {
            let message = "identity CIDs have no digests of one length";
            return Err(pyo3::exceptions::PyBufferError::new_err(message));
        };
        if flags & pyo3::ffi::PyBUF_WRITABLE == pyo3::ffi::PyBUF_WRITABLE {
            let message = "CIDs cannot be written to";
            return Err(pyo3::exceptions::PyBufferError::new_err(message));
        }
        let asks = |flag: c_int| flags & flag == flag;
        // SAFETY: Python gives a valid view to be filled. `flat`, `shape` and `strides` live in
        // a frozen object that is never changed and that `view.obj` keeps alive; the format is
        // freed in `__releasebuffer__`.
        unsafe {
            (*view).buf = flat.as_ptr().cast_mut().cast::<c_void>();
            (*view).len = flat.len().cast_signed();
            (*view).readonly = 1;
            (*view).itemsize = 1;
            (*view).format =
                if asks(pyo3::ffi::PyBUF_FORMAT) { CString::from(c"B").into_raw() } else { std::ptr::null_mut() };
            (*view).ndim = 2;
            (*view).shape = if asks(pyo3::ffi::PyBUF_ND) {
                column.shape.as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).strides = if asks(pyo3::ffi::PyBUF_STRIDES) {
                column.strides.as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.into_ptr();
        }
        Ok(())
    }

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
