//! Many buffers at once, side by side and on all threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher, Message, Multihash, sha256};
use ipfs_kit_unixfs::{Control, UnixFsError};
use parking_lot::Mutex;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::buffers::{Held, HeldItems};
use crate::cid::CID;
use crate::column::{CIDColumn, Digests};
use crate::errors::{Failure, Outcome};
use crate::running;

/// Messages and bytes that a thread takes at once.
const MESSAGES_AT_ONCE: usize = 2048;
const BYTES_AT_ONCE: usize = 8 << 20;
/// Lanes of the widest kernel.
const LANES: usize = 32;
/// Parts of more bytes are hashed so that they can be stopped on the way.
const LONG_BYTES: usize = 64 << 20;
/// Bytes of a lone buffer between two looks at the stop button.
const PIECE_BYTES: usize = 1 << 20;
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
    codec: &str,
    hash: &str,
    threads: Option<&Bound<'_, PyAny>>,
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
    let parts = split(messages, &mut flat, width, threads);
    let (next, parts) =
        (AtomicUsize::new(0), parts.into_iter().map(Mutex::new).collect::<Vec<_>>());
    let failed = Mutex::new(None);
    let work = || {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if control.is_cancelled() {
                return;
            }
            let (messages, out) = &mut *part.lock();
            if let Err(error) = hash_part(messages, hasher, control, out) {
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
    if control.is_cancelled() {
        return Err(UnixFsError::Cancelled.into());
    }
    match failed.into_inner() {
        Some(error) => Err(error.into()),
        None => Ok(Digests::Flat(flat)),
    }
}

type Part<'a, 'm> = (&'a [&'m [u8]], &'a mut [u8]);

/// Cuts the work into parts for the threads, each with its place in the output.
///
/// A part fills the lanes at least once, unless other threads would go without.
fn split<'a, 'm>(
    messages: &'a [&'m [u8]],
    flat: &'a mut [u8],
    width: usize,
    threads: usize,
) -> Vec<Part<'a, 'm>> {
    let lanes = LANES.min(messages.len().div_ceil(threads)).max(1);
    let mut parts = Vec::new();
    let (mut messages, mut flat) = (messages, flat);
    while !messages.is_empty() {
        let mut bytes = 0;
        let fits = |(index, message): &(usize, &&[u8])| {
            bytes += message.len();
            bytes <= BYTES_AT_ONCE || *index < lanes
        };
        let count = messages
            .iter()
            .enumerate()
            .take(MESSAGES_AT_ONCE)
            .take_while(fits)
            .count()
            .max(1);
        let count = if count > lanes { count - count % lanes } else { count };
        let (part, rest) = messages.split_at(count);
        let (out, rest_out) = flat.split_at_mut(count * width);
        parts.push((part, out));
        (messages, flat) = (rest, rest_out);
    }
    parts
}

fn hash_part(
    slices: &[&[u8]],
    function: Hasher,
    control: &Control,
    out: &mut [u8],
) -> Result<(), ipfs_kit_hash::HashError> {
    let sha256 = function.code() == Code::Sha2_256;
    let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
    if sha256 && bytes > LONG_BYTES {
        let mut feed = Slices::new(slices, control, out);
        sha256::Engine::new(sha256::Kernel::best()).run(&mut feed);
        return Ok(());
    }
    if !sha256 && bytes > LONG_BYTES {
        for (slice, out) in
            slices.iter().zip(out.chunks_exact_mut(function.digest_bytes()))
        {
            out.copy_from_slice(hash_one(slice, function, control)?.digest());
        }
        return Ok(());
    }
    let messages: Vec<Message<'_>> =
        slices.iter().map(|slice| Message::from(*slice)).collect();
    if sha256 {
        let (digests, _) = out.as_chunks_mut::<32>();
        sha256::digest_many(sha256::Kernel::best(), &messages, digests);
        return Ok(());
    }
    let mut hashes = Vec::with_capacity(messages.len());
    function.hash_many(&messages, &mut hashes)?;
    for (hash, out) in hashes.iter().zip(out.chunks_exact_mut(function.digest_bytes())) {
        out.copy_from_slice(hash.digest());
    }
    Ok(())
}

/// Hashes one buffer so that it can be stopped; the digest of a stopped one means nothing.
fn hash_one(
    bytes: &[u8],
    hasher: Hasher,
    control: &Control,
) -> Result<Multihash, ipfs_kit_hash::HashError> {
    hasher.hash_pieces(bytes.chunks(PIECE_BYTES).take_while(|_| !control.is_cancelled()))
}

/// Long messages for the lanes, tile by tile, so that they can be stopped.
struct Slices<'a> {
    messages: &'a [&'a [u8]],
    control: &'a Control,
    out: &'a mut [u8],
    next: usize,
    /// Number and rest of the message in each lane.
    lanes: Vec<(usize, &'a [u8])>,
}

impl<'a> Slices<'a> {
    fn new(messages: &'a [&'a [u8]], control: &'a Control, out: &'a mut [u8]) -> Self {
        Self { messages, control, out, next: 0, lanes: Vec::new() }
    }
}

impl sha256::Feed for Slices<'_> {
    fn start(&mut self, lane: usize) -> bool {
        let Some(message) = self.messages.get(self.next) else { return false };
        self.lanes.resize(self.lanes.len().max(lane + 1), (0, &[]));
        self.lanes[lane] = (self.next, message);
        self.next += 1;
        !self.control.is_cancelled()
    }

    fn fill(&mut self, lane: usize, tile: &mut [u8]) -> sha256::Filled {
        let (_, rest) = &mut self.lanes[lane];
        if self.control.is_cancelled() {
            return sha256::Filled::Failed;
        }
        if rest.is_empty() {
            return sha256::Filled::End;
        }
        let count = rest.len().min(tile.len());
        let (piece, after) = rest.split_at(count);
        tile[..count].copy_from_slice(piece);
        *rest = after;
        sha256::Filled::Bytes(count)
    }

    fn done(&mut self, lane: usize, digest: sha256::Digest) {
        let (message, _) = self.lanes[lane];
        self.out[message * digest.len()..][..digest.len()].copy_from_slice(&digest);
    }
}
