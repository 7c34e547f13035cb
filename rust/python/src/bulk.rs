//! Many buffers at once, side by side and on all threads.

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher, sha256};
use ipfs_kit_unixfs::{Control, UnixFsError};
use pyo3::buffer::{PyBuffer, PyUntypedBuffer};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::buffers::{Held, HeldItems};
use crate::cid::CID;
use crate::column::CIDColumn;
use crate::errors::{Failure, Outcome};
use crate::parallel::{Messages, hash_all, hash_one};
use crate::running;
use crate::text::text;

/// Below this, one thread is faster than starting another.
const ONE_THREAD_BYTES: usize = 512 << 10;
/// Work that is over before anyone would press Ctrl-C: about 20 ms.
const SHORT_BYTES: usize = 8 << 20;

/// Compute the CIDv1 of one buffer's bytes.
#[pyfunction]
#[pyo3(signature = (data, codec = "raw", hash = "sha2-256"))]
pub(crate) fn cid_of(
    data: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] codec: &str,
    #[pyo3(from_py_with = text)] hash: &str,
) -> Outcome<CID> {
    let codec = codec::from_name(codec)?;
    let hasher = Hasher::new(Code::from_name(hash)?);
    let held = Held::new(data)?;
    let py = data.py();
    let bytes = held.bytes(py);
    let multihash = if bytes.len() < crate::buffers::SMALL_BYTES {
        hasher.hash(bytes)?
    } else if bytes.len() < SHORT_BYTES {
        running::run_here(py, |_| Ok(hasher.hash(bytes)?))?
    } else {
        running::run(py, None, |control| {
            let hash = hash_one(bytes, hasher, control)?;
            if control.is_cancelled() {
                Err(UnixFsError::Cancelled.into())
            } else {
                Ok(hash)
            }
        })?
    };
    Ok(CID(Cid::new_v1(codec, multihash)))
}

/// Compute the CIDs, version 1, of many buffers.
#[pyfunction]
#[pyo3(signature = (buffers, codec = "raw", hash = "sha2-256", threads = None))]
pub(crate) fn cids_of(
    buffers: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] codec: &str,
    #[pyo3(from_py_with = text)] hash: &str,
    threads: Option<&Bound<'_, PyAny>>,
) -> Outcome<CIDColumn> {
    let py = buffers.py();
    let codec = codec::from_name(codec)?;
    let hasher = Hasher::new(Code::from_name(hash)?);
    let threads = running::threads(threads)?;
    if let Some((flat, offsets)) = flat_and_offsets(buffers)? {
        let flat = flat.bytes(py);
        let messages = slices(flat, &offsets)?;
        return column(py, Messages::Slices(&messages), codec, hasher, threads);
    }
    if let Ok(held) = Held::new(buffers) {
        let Some((rows, row_bytes)) = held.rows() else {
            return Err(one_buffer().into());
        };
        let flat = held.bytes(py);
        let whole = rows.checked_mul(row_bytes) == Some(flat.len());
        if row_bytes == 0 || !whole {
            return Err(Failure::parameter(
                "rows must be of uint8 and at least one byte long",
            ));
        }
        return column(py, Messages::Rows { flat, row_bytes }, codec, hasher, threads);
    }
    let held = HeldItems::new(buffers)?;
    column(py, Messages::Slices(&held.slices()), codec, hasher, threads)
}

fn one_buffer() -> PyErr {
    PyTypeError::new_err(
        "cids_of takes a list of buffers, a two-dimensional uint8 array, or (buffer, offsets); \
         for one buffer use cid_of",
    )
}

/// Recognises `(buffer, offsets)`: a tuple whose second item is a buffer of more than bytes.
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
    let Ok(untyped) = PyUntypedBuffer::get(value) else { return Ok(None) };
    // pyo3 takes either order for the machine's own.
    let foreign: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
    let order = untyped.format().to_bytes().first();
    if untyped.item_size() > 1 && order.is_some_and(|order| foreign.contains(order)) {
        let message = "offsets must be in the byte order of the machine";
        return Err(Failure::parameter(message));
    }
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
    if untyped.item_size() > 1 {
        let message = "offsets must be int32, uint32, int64 or uint64";
        return Err(Failure::parameter(message));
    }
    Ok(None)
}

fn slices<'a>(flat: &'a [u8], offsets: &[u64]) -> Outcome<Vec<&'a [u8]>> {
    let slice = |pair: &[u64]| {
        let (start, end) =
            (usize::try_from(pair[0]).ok()?, usize::try_from(pair[1]).ok()?);
        flat.get(start..end)
    };
    let all: Option<Vec<_>> = offsets.windows(2).map(slice).collect();
    all.ok_or_else(|| {
        let length = flat.len();
        Failure::parameter(format!(
            "offsets must rise and stay within the {length} bytes"
        ))
    })
}

/// Hashes all messages, side by side and on several threads where that pays.
fn column(
    py: Python<'_>,
    messages: Messages<'_>,
    codec: u64,
    hasher: Hasher,
    threads: usize,
) -> Outcome<CIDColumn> {
    sha256::Kernel::best_checked()?;
    let bytes = messages.bytes();
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
