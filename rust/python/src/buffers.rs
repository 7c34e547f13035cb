//! Bytes that belong to Python, read without copying them, or filled in place; and bytes of
//! ours that Python reads where they lie.
//!
//! `bytes` cannot change, so holding a reference is enough to read it on any thread. Any other
//! buffer (bytearray, memoryview, numpy) is held exported while it is read. Then
//!
//! 1. it cannot be resized or freed: the exporter refuses (bytearray raises `BufferError`);
//! 2. we never write to it;
//! 3. another thread may write to it while we read. That is a race of the caller's own making,
//!    as with hashlib and every other reader of buffers: the digest is then of neither state.
//!    The bytes are only fed to hash functions, which read each of them once through plain
//!    loads and decide nothing by them, so no memory is at risk.
#![expect(unsafe_code, reason = "the one place where Python's buffers become slices")]

use std::ffi::{c_int, c_void};

use bytes::buf::UninitSlice;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyBytes, PyList, PyMemoryView, PyTuple};
use pyo3::{PyClass, ffi};

use crate::errors::{Failure, Outcome};

/// A buffer held for reading.
pub(crate) enum Held {
    /// Immutable by nature.
    Bytes(Py<PyBytes>),
    /// Exported while this lives.
    Buffer(PyUntypedBuffer),
}

impl Held {
    /// Holds any contiguous buffer, whatever its items are, as hashlib takes it.
    pub(crate) fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.clone().unbind()));
        }
        let buffer = match PyUntypedBuffer::get(value) {
            // Some exporters leave out what a memoryview adds.
            Err(error) if error.is_instance_of::<PyBufferError>(value.py()) => {
                PyUntypedBuffer::get(PyMemoryView::from(value)?.as_any())?
            }
            buffer => buffer?,
        };
        if buffer.format().to_bytes().contains(&b'O') {
            let message = "a buffer of Python objects holds no bytes";
            return Err(PyTypeError::new_err(message));
        }
        if !buffer.is_c_contiguous() {
            let message =
                "the buffer is not contiguous: copy it first (numpy.ascontiguousarray)";
            return Err(Failure::parameter(message).into());
        }
        Ok(Self::Buffer(buffer))
    }

    /// Its bytes. The interpreter need not be held: what keeps them alive is in `self`.
    pub(crate) fn bytes<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes.as_bytes(py),
            Self::Buffer(buffer) if buffer.len_bytes() == 0 => &[],
            // SAFETY: the export is contiguous, checked in `new`, and lives as long as `self`;
            // what the bytes may do meanwhile is argued at the head of this file.
            Self::Buffer(buffer) => unsafe {
                std::slice::from_raw_parts(
                    buffer.buf_ptr().cast::<u8>(),
                    buffer.len_bytes(),
                )
            },
        }
    }

    /// Rows and bytes a row, of a two-dimensional buffer of single bytes.
    pub(crate) fn rows(&self) -> Option<(usize, usize)> {
        match self {
            Self::Buffer(buffer)
                if buffer.dimensions() == 2 && buffer.item_size() == 1 =>
            {
                Some((buffer.shape()[0], buffer.shape()[1]))
            }
            _ => None,
        }
    }
}

/// A buffer held for writing.
pub(crate) struct HeldMut(PyUntypedBuffer);

impl HeldMut {
    /// Holds any contiguous buffer of bytes that can be written to.
    pub(crate) fn new(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = PyUntypedBuffer::get(value)?;
        if buffer.format().to_bytes().contains(&b'O') {
            let message = "a buffer of Python objects holds no bytes";
            return Err(PyTypeError::new_err(message));
        }
        if buffer.readonly() {
            return Err(PyTypeError::new_err("the buffer cannot be written to"));
        }
        if !buffer.is_c_contiguous() {
            return Err(Failure::parameter("the buffer is not contiguous").into());
        }
        Ok(Self(buffer))
    }

    /// Its bytes. Nobody else holds this export; whoever reads or writes the same memory at
    /// the same time on another thread races as with every `readinto`: the bytes are then of
    /// neither, and nothing here is decided by them.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        if self.0.len_bytes() == 0 {
            return &mut [];
        }
        // SAFETY: the export is contiguous and writable, checked in `new`, and lives as long as
        // `self`, which is borrowed alone.
        unsafe {
            std::slice::from_raw_parts_mut(
                self.0.buf_ptr().cast::<u8>(),
                self.0.len_bytes(),
            )
        }
    }
}

/// Memory of new `bytes`, written once from its start on.
pub(crate) struct Room<'a> {
    rest: &'a mut UninitSlice,
}

impl Room<'_> {
    /// Writes a piece behind the last one, as far as there is room.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        let count = piece.len().min(self.rest.len());
        let rest = std::mem::replace(&mut self.rest, UninitSlice::new(&mut []));
        rest[..count].copy_from_slice(&piece[..count]);
        self.rest = &mut rest[count..];
    }
}

/// Makes `bytes` that `fill` writes to their end. They are not cleared first, as
/// `PyBytes::new_with` does, which costs as much as writing them.
pub(crate) fn new_bytes(
    py: Python<'_>,
    length: u64,
    fill: impl FnOnce(&mut Room<'_>) -> Outcome<()>,
) -> Outcome<Bound<'_, PyBytes>> {
    let only = |rooms: &mut [Room<'_>]| rooms.first_mut().map_or(Ok(()), fill);
    let made = new_bytes_each(py, [length], only)?.pop();
    made.ok_or_else(|| Failure::internal("one length makes one object"))
}

/// Makes as many `bytes` as there are lengths, all of which `fill` writes to their ends.
pub(crate) fn new_bytes_each(
    py: Python<'_>,
    lengths: impl IntoIterator<Item = u64>,
    fill: impl FnOnce(&mut [Room<'_>]) -> Outcome<()>,
) -> Outcome<Vec<Bound<'_, PyBytes>>> {
    let too_long = || Failure::limit("the file does not fit into memory");
    let (mut made, mut rooms) = (Vec::new(), Vec::new());
    for length in lengths {
        let length = isize::try_from(length).map_err(|_| too_long())?;
        // SAFETY: without a source the call gives a new object, or null with an error set.
        let bytes = unsafe {
            let made = ffi::PyBytes_FromStringAndSize(std::ptr::null(), length);
            Bound::from_owned_ptr_or_err(py, made)?.cast_into_unchecked::<PyBytes>()
        };
        let length = length.unsigned_abs();
        // SAFETY: the memory has that length and lives as long as the object, which `made`
        // keeps behind `rooms` and nobody else has yet, so that it may be written to on any
        // thread. It is not initialised, and so it is never seen as `u8`: a `Room` only
        // writes. (Of the empty object there is but one, and nothing is written to it.)
        let rest = unsafe {
            let start = ffi::PyBytes_AsString(bytes.as_ptr()).cast::<u8>();
            UninitSlice::from_raw_parts_mut(start, length)
        };
        made.push(bytes);
        rooms.push(Room { rest });
    }
    fill(&mut rooms)?;
    // Python must not see what was never written.
    if rooms.iter().any(|room| room.rest.len() > 0) {
        return Err(Failure::panic(&"the bytes were not filled"));
    }
    Ok(made)
}

/// What the buffer protocol shows of an object: rows of single bytes.
pub(crate) struct Shown<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) shape: &'a [isize],
    pub(crate) strides: &'a [isize],
}

/// Fills a view as `__getbuffer__` is to, read-only; nothing has to be released.
///
/// # Safety
///
/// Python gave the view, to be filled. What `shown` gives is part of `owner`, and neither
/// changes nor moves while the owner lives.
pub(crate) unsafe fn show<T>(
    owner: Bound<'_, T>,
    shown: impl FnOnce(&T) -> PyResult<Shown<'_>>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> PyResult<()>
where
    T: PyClass<Frozen = True> + Sync,
{
    if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
        let message =
            format!("a {} cannot be written to", owner.as_any().get_type().name()?);
        return Err(PyBufferError::new_err(message));
    }
    let Shown { bytes, shape, strides } = shown(owner.get())?;
    let dimensions = c_int::try_from(shape.len())?;
    let if_asked = |flag: c_int, numbers: &[isize]| {
        let asks = flags & flag == flag;
        if asks { numbers.as_ptr().cast_mut() } else { std::ptr::null_mut() }
    };
    let asks_format = flags & ffi::PyBUF_FORMAT == ffi::PyBUF_FORMAT;
    let format =
        if asks_format { c"B".as_ptr().cast_mut() } else { std::ptr::null_mut() };
    // SAFETY: the view is valid, by contract. What it points to lives as long as `view.obj`,
    // which the view keeps, and nobody writes to it: it says that it is read-only.
    unsafe {
        (*view).buf = bytes.as_ptr().cast_mut().cast::<c_void>();
        (*view).len = bytes.len().cast_signed();
        (*view).readonly = 1;
        (*view).itemsize = 1;
        (*view).format = format;
        (*view).ndim = dimensions;
        (*view).shape = if_asked(ffi::PyBUF_ND, shape);
        (*view).strides = if_asked(ffi::PyBUF_STRIDES, strides);
        (*view).suboffsets = std::ptr::null_mut();
        (*view).internal = std::ptr::null_mut();
        (*view).obj = owner.into_ptr();
    }
    Ok(())
}

/// Many buffers held for reading.
pub(crate) struct HeldItems<'py> {
    /// Holds a reference to each item, whatever becomes of the caller's list.
    items: Bound<'py, PyTuple>,
    /// The items that are no `bytes`, in their order.
    others: Vec<Held>,
}

impl<'py> HeldItems<'py> {
    /// Holds every item of a list or other iterable.
    pub(crate) fn new(values: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = values.py();
        let items = match values.cast::<PyList>() {
            Ok(list) => list.to_tuple(),
            Err(_) => {
                PyTuple::new(py, values.try_iter()?.collect::<PyResult<Vec<_>>>()?)?
            }
        };
        let is_other =
            |item: &Borrowed<'_, 'py, PyAny>| !item.is_instance_of::<PyBytes>();
        let others = items.iter_borrowed().filter(is_other).map(|item| Held::new(&item));
        let others = others.collect::<PyResult<_>>()?;
        Ok(Self { items, others })
    }

    /// The bytes of each item.
    pub(crate) fn slices(&self) -> Vec<&[u8]> {
        let py = self.items.py();
        let mut others = self.others.iter();
        let slice = |item: Borrowed<'_, '_, PyAny>| match item.cast::<PyBytes>() {
            Ok(bytes) => {
                let bytes = bytes.as_bytes();
                // SAFETY: the object is immutable and lives as long as `items` holds it, which
                // is as long as `self`; only the borrow checker cannot see through the tuple.
                unsafe { std::slice::from_raw_parts(bytes.as_ptr(), bytes.len()) }
            }
            Err(_) => others.next().map_or(&[][..], |held| held.bytes(py)),
        };
        self.items.iter_borrowed().map(slice).collect()
    }
}

/// Copies any buffer of bytes; for small things.
pub(crate) fn to_vec(value: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let held = Held::new(value)?;
    Ok(held.bytes(value.py()).to_vec())
}

/// Reads a buffer in place, without the interpreter where that is worth it.
pub(crate) fn with_bytes<T: Send>(
    value: &Bound<'_, PyAny>,
    read: impl FnOnce(&[u8]) -> Outcome<T> + Send,
) -> Outcome<T>
where
    Failure: Send,
{
    let py = value.py();
    let held = Held::new(value)?;
    let bytes = held.bytes(py);
    if bytes.len() < SMALL_BYTES { read(bytes) } else { py.detach(|| read(bytes)) }
}

/// Below this, letting go of the interpreter and taking it back costs more than the work.
pub(crate) const SMALL_BYTES: usize = 2048;
