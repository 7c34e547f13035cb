//! Hashing many messages on several threads, so that it can be stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ipfs_kit_hash::{Code, HashError, Hasher, Message, Multihash, sha256};
use ipfs_kit_unixfs::{Control, UnixFsError};

use crate::column::Digests;
use crate::errors::Outcome;

/// Messages and bytes that a thread takes at once.
const MESSAGES_AT_ONCE: usize = 2048;
const BYTES_AT_ONCE: usize = 8 << 20;
/// Lanes of the widest kernel.
const LANES: usize = 32;
/// Parts of more bytes are hashed so that they can be stopped on the way.
const LONG_BYTES: usize = 64 << 20;
/// Bytes of a lone buffer between two looks at the stop button.
const PIECE_BYTES: usize = 16 << 20;

/// Messages in memory.
#[derive(Clone, Copy)]
pub(crate) enum Messages<'a> {
    /// Of any lengths, anywhere.
    Slices(&'a [&'a [u8]]),
    /// Of one length, back to back: the shortest way to the lanes.
    Rows { flat: &'a [u8], row_bytes: usize },
}

impl<'a> Messages<'a> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Slices(slices) => slices.len(),
            Self::Rows { flat, row_bytes } => flat.len() / row_bytes,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Slices(slices) => slices.iter().map(|slice| slice.len()).sum(),
            Self::Rows { flat, .. } => flat.len(),
        }
    }

    fn split_at(self, count: usize) -> (Self, Self) {
        match self {
            Self::Slices(slices) => {
                let (part, rest) = slices.split_at(count);
                (Self::Slices(part), Self::Slices(rest))
            }
            Self::Rows { flat, row_bytes } => {
                let (part, rest) = flat.split_at(count * row_bytes);
                (
                    Self::Rows { flat: part, row_bytes },
                    Self::Rows { flat: rest, row_bytes },
                )
            }
        }
    }

    /// How many a thread takes at once; it fills the lanes, unless others would go without.
    fn part_len(self, lanes: usize) -> usize {
        let count = match self {
            Self::Rows { row_bytes, .. } => (BYTES_AT_ONCE / row_bytes).max(lanes),
            Self::Slices(slices) => {
                let mut bytes = 0;
                let fits = |(index, slice): &(usize, &&[u8])| {
                    bytes += slice.len();
                    bytes <= BYTES_AT_ONCE || *index < lanes
                };
                slices.iter().enumerate().take(MESSAGES_AT_ONCE).take_while(fits).count()
            }
        };
        let count = count.clamp(1, MESSAGES_AT_ONCE).min(self.len());
        if count > lanes { count - count % lanes } else { count }
    }

    fn slices(self) -> Vec<&'a [u8]> {
        match self {
            Self::Slices(slices) => slices.to_vec(),
            Self::Rows { flat, row_bytes } => flat.chunks_exact(row_bytes).collect(),
        }
    }
}

/// Hashes all messages, side by side.
pub(crate) fn hash_all(
    messages: Messages<'_>,
    hasher: Hasher,
    threads: usize,
    control: &Control,
) -> Outcome<Digests> {
    if hasher.code() == Code::Identity {
        let each = messages.slices().into_iter().map(|message| hasher.hash(message));
        return Ok(Digests::Each(each.collect::<Result<_, _>>()?));
    }
    let width = hasher.digest_bytes();
    let mut flat = vec![0; messages.len() * width];
    // Other functions hash one message after the other.
    let is_side_by_side = hasher.code() == Code::Sha2_256;
    let least = if is_side_by_side { sha256::Kernel::best().group() } else { 1 };
    let lanes = LANES.min(messages.len().div_ceil(threads)).max(least);
    let parts = split(messages, &mut flat, width, lanes);
    let (next, parts) =
        (AtomicUsize::new(0), parts.into_iter().map(Mutex::new).collect::<Vec<_>>());
    let failed = Mutex::new(None);
    let work = || {
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if control.is_cancelled() {
                return;
            }
            let (messages, out) =
                &mut *part.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = hash_part(*messages, hasher, control, out) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert(error);
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
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error.into()),
        None => Ok(Digests::Flat(flat)),
    }
}

/// Cuts the work into parts for the threads, of so many messages where these are long; each
/// with its place in the output.
fn split<'a>(
    mut messages: Messages<'a>,
    mut flat: &'a mut [u8],
    width: usize,
    lanes: usize,
) -> Vec<(Messages<'a>, &'a mut [u8])> {
    let mut parts = Vec::new();
    while messages.len() > 0 {
        let count = messages.part_len(lanes);
        let (part, rest) = messages.split_at(count);
        let (out, rest_out) = flat.split_at_mut(count * width);
        parts.push((part, out));
        (messages, flat) = (rest, rest_out);
    }
    parts
}

fn hash_part(
    messages: Messages<'_>,
    function: Hasher,
    control: &Control,
    out: &mut [u8],
) -> Result<(), HashError> {
    if messages.bytes() > LONG_BYTES {
        return hash_long(&messages.slices(), function, control, out);
    }
    if function.code() != Code::Sha2_256 {
        let mut results = Vec::with_capacity(messages.len());
        let slices: Vec<Message<'_>> =
            messages.slices().into_iter().map(Message::from).collect();
        function.hash_many(&slices, &mut results)?;
        for (hash, out) in
            results.iter().zip(out.chunks_exact_mut(function.digest_bytes()))
        {
            out.copy_from_slice(hash.digest());
        }
        return Ok(());
    }
    let (digests, _) = out.as_chunks_mut::<32>();
    let kernel = sha256::Kernel::best();
    match messages {
        Messages::Rows { flat, row_bytes } => {
            sha256::digest_rows(kernel, flat, row_bytes, digests);
        }
        Messages::Slices(slices) => {
            let messages: Vec<_> =
                slices.iter().map(|slice| Message::from(*slice)).collect();
            sha256::digest_many(kernel, &messages, digests);
        }
    }
    Ok(())
}

/// Hashes messages that take long enough to be stopped on the way.
fn hash_long(
    slices: &[&[u8]],
    function: Hasher,
    control: &Control,
    out: &mut [u8],
) -> Result<(), HashError> {
    if function.code() == Code::Sha2_256 {
        let mut feed = Slices::new(slices, control, out);
        sha256::Engine::new(sha256::Kernel::best()).run(&mut feed);
        return Ok(());
    }
    for (slice, out) in slices.iter().zip(out.chunks_exact_mut(function.digest_bytes())) {
        out.copy_from_slice(hash_one(slice, function, control)?.digest());
    }
    Ok(())
}

/// Hashes one buffer so that it can be stopped; the digest of a stopped one means nothing.
pub(crate) fn hash_one(
    bytes: &[u8],
    hasher: Hasher,
    control: &Control,
) -> Result<Multihash, HashError> {
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
