//! Messages that lie in memory.

use std::cmp::Reverse;

use super::equal::Equal;
use super::lanes::{Lanes, Reach};
use super::padding::{pad, padded_blocks};
use super::schedule::{Source, Step, drive};
use super::{BLOCK_BYTES, Digest, Kernel, fetch, kernel::with_lanes};
use crate::Message;

/// Messages that are put in order of length at a time.
const WINDOW: usize = 1024;

/// Longest message in pieces that is copied together rather than hashed piece by piece.
const FLAT_BYTES: usize = 1024;

/// Hash every message into the digest of the same position.
///
/// # Panics
///
/// If `messages` and `out` differ in length, or this processor cannot run `kernel`.
///
/// ```
/// use ipfs_kit_hash::{Message, sha256};
///
/// let mut out = [sha256::Digest::default()];
/// let message = Message { header: b"a", data: b"b", trailer: b"c" };
/// sha256::digest_many(sha256::Kernel::Portable, &[message], &mut out);
/// assert_eq!(out[0], sha256::digest(b"abc"));
/// ```
pub fn digest_many(kernel: Kernel, messages: &[Message<'_>], out: &mut [Digest]) {
    assert_eq!(messages.len(), out.len(), "as many digests as messages");
    with_lanes!(kernel, lanes => {
        let mut equal = Equal::new(lanes);
        for (messages, out) in messages.chunks(WINDOW).zip(out.chunks_mut(WINDOW)) {
            digest_window(lanes, &mut equal, messages, out);
        }
    });
}

/// Hash messages of `row_bytes` each that lie back to back in `flat`.
///
/// # Panics
///
/// If `flat` is not `out.len()` rows long, or this processor cannot run `kernel`.
pub fn digest_rows(kernel: Kernel, flat: &[u8], row_bytes: usize, out: &mut [Digest]) {
    assert_eq!(Some(flat.len()), row_bytes.checked_mul(out.len()), "whole rows");
    with_lanes!(kernel, lanes => digest_rows_with(lanes, flat, row_bytes, out));
}

fn digest_rows_with<const L: usize>(
    kernel: impl Lanes<L>,
    flat: &[u8],
    row_bytes: usize,
    out: &mut [Digest],
) {
    let mut equal = Equal::new(kernel);
    let mut rest = flat;
    for out in out.chunks_mut(L) {
        let mut rows = [[].as_slice(); L];
        for row in &mut rows[..out.len()] {
            (*row, rest) = rest.split_at(row_bytes);
        }
        equal.digest(&rows[..out.len()], out);
    }
}

/// Hash messages of any lengths, the easiest way that they allow.
fn digest_window<const L: usize, K: Lanes<L>>(
    kernel: K,
    equal: &mut Equal<K>,
    messages: &[Message<'_>],
    out: &mut [Digest],
) {
    let blocks = padded_blocks(messages[0].len());
    let alike = |message: &Message<'_>| {
        message.as_slice().is_some() && padded_blocks(message.len()) == blocks
    };
    if messages.iter().all(alike) {
        digest_alike(equal, messages, out);
    } else {
        digest_unlike(kernel, equal, messages, out);
    }
}

/// Hash messages of one block count, each in one slice: in order.
fn digest_alike<const L: usize, K: Lanes<L>>(
    equal: &mut Equal<K>,
    messages: &[Message<'_>],
    out: &mut [Digest],
) {
    let mut groups = messages.chunks(L).peekable();
    for out in out.chunks_mut(L) {
        let mut slices = [[].as_slice(); L];
        let group = groups.next().unwrap_or_default();
        for (slice, message) in slices.iter_mut().zip(group) {
            *slice = message.as_slice().unwrap_or_default();
        }
        for message in groups.peek().copied().unwrap_or_default() {
            fetch::beginning(message.data);
        }
        equal.digest(&slices[..out.len()], out);
    }
}

/// Hash messages put in order: those of equal block counts together, the rest by schedule.
fn digest_unlike<const L: usize, K: Lanes<L>>(
    kernel: K,
    equal: &mut Equal<K>,
    messages: &[Message<'_>],
    out: &mut [Digest],
) {
    let order = by_blocks(messages);
    let (mut groups, mut odd) = (Vec::new(), Vec::new());
    for same in order.chunk_by(|one, next| one.0 == next.0) {
        let (whole, rest) = same.split_at(same.len() - same.len() % L);
        groups.extend(whole.chunks(L));
        odd.extend(rest.iter().map(|&(_, index)| index));
    }
    let mut flat = Vec::new();
    for (position, group) in groups.iter().enumerate() {
        for &(_, index) in groups.get(position + 1).copied().unwrap_or_default() {
            fetch::beginning(messages[index].data);
        }
        if !digest_group(equal, messages, group, &mut flat, out) {
            odd.extend(group.iter().map(|&(_, index)| index));
        }
    }
    drive(kernel, &mut InMemory::<L>::new(messages, &odd, out));
}

/// Block counts and indices of the messages, longest first: what is left over at the end of
/// the schedule is then short.
fn by_blocks(messages: &[Message<'_>]) -> Vec<(usize, usize)> {
    let blocks = messages.iter().map(|message| padded_blocks(message.len()));
    let mut order: Vec<_> = blocks.zip(0..).collect();
    if !order.is_sorted_by(|one, next| one.0 >= next.0) {
        order.sort_by_key(|&(blocks, _)| Reverse(blocks));
    }
    order
}

/// Hash `L` messages of one block count; false when they are better hashed by schedule.
fn digest_group<const L: usize, K: Lanes<L>>(
    equal: &mut Equal<K>,
    messages: &[Message<'_>],
    group: &[(usize, usize)],
    flat: &mut Vec<u8>,
    out: &mut [Digest],
) -> bool {
    let of = |&(_, index): &(usize, usize)| &messages[index];
    let pieces = group.iter().map(of).filter(|message| message.as_slice().is_none());
    flat.clear();
    for message in pieces {
        if message.len() > FLAT_BYTES {
            return false;
        }
        message.parts().iter().for_each(|part| flat.extend_from_slice(part));
    }
    let mut flat = flat.as_slice();
    let mut slices = [[].as_slice(); L];
    for (slice, message) in slices.iter_mut().zip(group.iter().map(of)) {
        *slice = message.as_slice().unwrap_or_else(|| {
            let (slice, rest) = flat.split_at(message.len());
            flat = rest;
            slice
        });
    }
    let mut digests = [Digest::default(); L];
    equal.digest(&slices, &mut digests);
    for (&(_, index), digest) in group.iter().zip(digests) {
        out[index] = digest;
    }
    true
}

/// Messages in memory as the scheduler's source.
struct InMemory<'a, const L: usize> {
    messages: &'a [Message<'a>],
    order: std::slice::Iter<'a, usize>,
    out: &'a mut [Digest],
    lanes: [Cursor<'a>; L],
}

/// A lane's place in its message.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    index: usize,
    parts: [&'a [u8]; 3],
    part: usize,
    bytes: usize,
    padded: bool,
    stretch: Option<&'a [u8]>,
    scratch: [u8; 2 * BLOCK_BYTES],
}

impl<'a, const L: usize> InMemory<'a, L> {
    fn new(
        messages: &'a [Message<'a>],
        order: &'a [usize],
        out: &'a mut [Digest],
    ) -> Self {
        let idle = Cursor {
            index: 0,
            parts: [&[]; 3],
            part: 0,
            bytes: 0,
            padded: false,
            stretch: None,
            scratch: [0; 2 * BLOCK_BYTES],
        };
        Self { messages, order: order.iter(), out, lanes: [idle; L] }
    }
}

impl<const L: usize> Source for InMemory<'_, L> {
    fn reach(&self) -> Reach {
        Reach::Far
    }

    fn start(&mut self, lane: usize) -> bool {
        let Some(&index) = self.order.next() else { return false };
        if let Some(&later) = self.order.as_slice().get(L) {
            fetch::beginning(self.messages[later].data);
        }
        let message = &self.messages[index];
        let lane = &mut self.lanes[lane];
        (lane.index, lane.parts, lane.bytes) = (index, message.parts(), message.len());
        (lane.part, lane.padded) = (0, false);
        true
    }

    fn advance(&mut self, lane: usize) -> Step {
        self.lanes[lane].advance()
    }

    fn stretch(&self, lane: usize) -> &[u8] {
        let lane = &self.lanes[lane];
        lane.stretch.unwrap_or(&lane.scratch)
    }

    fn done(&mut self, lane: usize, digest: Digest) {
        self.out[self.lanes[lane].index] = digest;
    }
}

impl Cursor<'_> {
    /// Whole blocks of one part are hashed where they lie; a block that parts share, and the
    /// end of the message, go through the scratch.
    fn advance(&mut self) -> Step {
        let mut used = 0;
        while let Some(part) = self.parts.get_mut(self.part) {
            if used == 0 && part.len() >= BLOCK_BYTES {
                let (stretch, rest) =
                    part.split_at(part.len() - part.len() % BLOCK_BYTES);
                (self.stretch, *part) = (Some(stretch), rest);
                return Step::Stretch(stretch.len() / BLOCK_BYTES);
            }
            let (taken, rest) = part.split_at(part.len().min(BLOCK_BYTES - used));
            self.scratch[used..used + taken.len()].copy_from_slice(taken);
            used += taken.len();
            *part = rest;
            if used == BLOCK_BYTES {
                self.stretch = None;
                return Step::Stretch(1);
            }
            self.part += 1;
        }
        if self.padded {
            return Step::Whole;
        }
        self.padded = true;
        self.stretch = None;
        Step::Stretch(pad(&mut self.scratch, used, self.bytes as u64))
    }
}
