//! blake3 of many short messages of one length, side by side.
//!
//! The blake3 crate hashes the 1024-byte chunks of a long message in SIMD lanes, through a
//! function that it leaves public but undocumented for its benchmarks. A message of at most
//! one chunk is one chunk that is also the root, so the same function serves as long as the
//! message is whole 64-byte blocks: its lanes know no shorter block. Everything else is hashed
//! one by one.

use blake3::platform::Platform;
use blake3::{BLOCK_LEN, CHUNK_LEN, IncrementCounter, OUT_LEN};

use crate::Message;
use crate::sha256::INITIAL;

/// Most messages handed over at once; the crate's widest lanes are 16.
const GROUP: usize = 64;

/// Domain flags of the BLAKE3 paper, section 2.1.
const CHUNK_START: u8 = 1 << 0;
const CHUNK_END: u8 = 1 << 1;
const ROOT: u8 = 1 << 3;

/// Hash every message, and hand over the 32-byte digests in order.
pub(crate) fn hash(messages: &[Message<'_>], mut take: impl FnMut(&[u8; OUT_LEN])) {
    let platform = Platform::detect();
    let mut rest = messages;
    while let [first, ..] = rest {
        let bytes = first.len();
        let equal = |message: &&Message<'_>| fits(message) && message.len() == bytes;
        let run = rest.iter().take(GROUP).take_while(equal).count();
        if run > 1 {
            let mut digests = [[0; OUT_LEN]; GROUP];
            hash_equal(platform, bytes, &rest[..run], &mut digests[..run]);
            digests[..run].iter().for_each(&mut take);
            rest = &rest[run..];
        } else {
            take(&hash_one(first));
            rest = &rest[1..];
        }
    }
}

/// Whether the lanes can take the message.
fn fits(message: &Message<'_>) -> bool {
    let bytes = message.len();
    let whole_blocks = bytes.is_multiple_of(BLOCK_LEN) && bytes > 0 && bytes <= CHUNK_LEN;
    whole_blocks && message.as_slice().is_some()
}

fn hash_one(message: &Message<'_>) -> [u8; OUT_LEN] {
    if let Some(data) = message.as_slice() {
        return blake3::hash(data).into();
    }
    let mut state = blake3::Hasher::new();
    for part in message.parts() {
        state.update(part);
    }
    state.finalize().into()
}

/// Hash messages of `bytes` bytes each.
fn hash_equal(
    platform: Platform,
    bytes: usize,
    messages: &[Message<'_>],
    digests: &mut [[u8; OUT_LEN]],
) {
    /// The lanes take the message length as a type.
    macro_rules! by_blocks {
        ($($blocks:literal)*) => {
            match bytes / BLOCK_LEN {
                $($blocks => hash_lanes::<{ $blocks * BLOCK_LEN }>(platform, messages, digests),)*
                _ => unreachable!("`fits` bounds the length by a chunk"),
            }
        };
    }
    by_blocks!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
}

fn hash_lanes<const BYTES: usize>(
    platform: Platform,
    messages: &[Message<'_>],
    digests: &mut [[u8; OUT_LEN]],
) {
    let mut inputs: [&[u8; BYTES]; GROUP] = [&[0; BYTES]; GROUP];
    let slices = messages.iter().filter_map(Message::as_slice);
    for (input, slice) in
        inputs.iter_mut().zip(slices.filter_map(|slice| slice.try_into().ok()))
    {
        *input = slice;
    }
    platform.hash_many(
        &inputs[..messages.len()],
        &INITIAL,
        0,
        IncrementCounter::No,
        0,
        CHUNK_START,
        CHUNK_END | ROOT,
        digests.as_flattened_mut(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(length: usize) -> Vec<u8> {
        (0..251).cycle().step_by(7).take(length).collect()
    }

    #[track_caller]
    fn agree(messages: &[Message<'_>]) {
        let mut digests = Vec::new();
        hash(messages, |digest| digests.push(*digest));
        let expected: Vec<[u8; OUT_LEN]> =
            messages.iter().map(|m| blake3::hash(&m.parts().concat()).into()).collect();
        assert_eq!(digests, expected);
    }

    #[test]
    fn lanes_agree_with_one_by_one_at_every_length() {
        let data = bytes(3 * CHUNK_LEN);
        for length in 0..=CHUNK_LEN + 65 {
            let messages =
                [0, 1, 17, 64, 1000].map(|at| Message::from(&data[at..at + length]));
            agree(&messages);
        }
    }

    #[test]
    fn lanes_agree_at_every_count() {
        let data = bytes(256 * 200);
        for count in 0..2 * GROUP + 3 {
            agree(&data.chunks(256).take(count).map(Message::from).collect::<Vec<_>>());
        }
    }

    #[test]
    fn mixed_lengths_and_pieces_keep_their_order() {
        let data = bytes(4096);
        let whole = |length| Message::from(&data[..length]);
        let cut =
            Message { header: &data[..3], data: &data[3..50], trailer: &data[50..64] };
        let tail = Message { trailer: &data[..64], ..Message::default() };
        agree(&[
            whole(64),
            cut,
            tail,
            whole(64),
            whole(128),
            whole(128),
            whole(3000),
            cut,
        ]);
    }
}
