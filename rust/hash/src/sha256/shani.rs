//! One stream, or two interleaved ones, of the x86 SHA instructions.
//!
//! An instruction does two rounds and waits for the one before it; a second stream fills the
//! wait.

#![expect(unsafe_code, reason = "loads from checked pointers, under detected features")]
#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "one family of names"))]

use std::arch::x86_64::*;

use super::BLOCK_BYTES;
use super::constants::K;
use super::lanes::{Lanes, Reach, States, check};
use super::rounds::sixteen;

/// Proof that this processor has the SHA extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShaNi(());

impl ShaNi {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1");
        has.then_some(Self(()))
    }
}

/// Move one chaining value on by the whole blocks of `data`.
pub(super) fn compress_one(_: ShaNi, state: &mut [u32; 8], data: &[u8]) {
    // SAFETY: the first argument proves the features; the row has as many blocks as it says.
    unsafe { compress([state], [data.as_ptr()], data.len() / BLOCK_BYTES) }
}

impl Lanes<2> for ShaNi {
    fn few(self) -> usize {
        1
    }

    fn compress(
        self,
        states: &mut States<2>,
        stretches: &[&[u8]],
        blocks: usize,
        _: Reach,
    ) {
        check::<2>(stretches, blocks);
        let (mut first, mut second) = (states.get(0), states.get(1));
        if let [one] = stretches {
            compress_one(self, &mut first, &one[..blocks * BLOCK_BYTES]);
        } else {
            let rows = [stretches[0].as_ptr(), stretches[1].as_ptr()];
            // SAFETY: `self` proves the features; `check` that the rows have the blocks.
            unsafe { compress([&mut first, &mut second], rows, blocks) }
        }
        states.set(0, &first);
        states.set(1, &second);
    }
}

/// Move the chaining values on, stream by stream within each four rounds.
///
/// # Safety
///
/// Each row must have `blocks` blocks.
#[target_feature(enable = "sha,ssse3,sse4.1")]
unsafe fn compress<const STREAMS: usize>(
    states: [&mut [u32; 8]; STREAMS],
    rows: [*const u8; STREAMS],
    blocks: usize,
) {
    let swap = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    let mut v = states.each_ref().map(|state| pack(state));
    for block in 0..blocks {
        let before = v;
        let mut w = [[_mm_setzero_si128(); 4]; STREAMS];
        sixteen!(I => {
            // SAFETY: the table has sixteen times four constants.
            let k = unsafe { _mm_loadu_si128(K.as_ptr().add(I * 4).cast()) };
            for stream in 0..STREAMS {
                let w = &mut w[stream];
                if I < 4 {
                    // SAFETY: the caller's row has this block.
                    let words = unsafe {
                        _mm_loadu_si128(rows[stream].add(block * BLOCK_BYTES + I * 16).cast())
                    };
                    w[I % 4] = _mm_shuffle_epi8(words, swap);
                }
                let sums = _mm_add_epi32(w[I % 4], k);
                let [abef, cdgh] = &mut v[stream];
                *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sums);
                let high = _mm_shuffle_epi32::<0x0e>(sums);
                *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, high);
                if (3..15).contains(&I) {
                    // The four words that follow w[I], in place of the oldest four.
                    let (next, newest) = ((I + 1) % 4, w[I % 4]);
                    let nine_back = _mm_alignr_epi8::<4>(newest, w[(I + 3) % 4]);
                    let part = _mm_sha256msg1_epu32(w[next], w[(I + 2) % 4]);
                    w[next] = _mm_sha256msg2_epu32(_mm_add_epi32(part, nine_back), newest);
                }
            }
        });
        for stream in 0..STREAMS {
            for half in 0..2 {
                v[stream][half] = _mm_add_epi32(v[stream][half], before[stream][half]);
            }
        }
    }
    for (state, v) in states.into_iter().zip(v) {
        *state = unpack(v);
    }
}

/// The order of words that the instructions take: `feba` and `hgdc`.
#[target_feature(enable = "sse2")]
fn pack(state: &[u32; 8]) -> [__m128i; 2] {
    let words = state.map(u32::cast_signed);
    [
        _mm_set_epi32(words[0], words[1], words[4], words[5]),
        _mm_set_epi32(words[2], words[3], words[6], words[7]),
    ]
}

#[target_feature(enable = "sse2")]
fn unpack(halves: [__m128i; 2]) -> [u32; 8] {
    let [feba, hgdc] = halves.map(|half| {
        let mut words = [0; 4];
        // SAFETY: four words have the size of a register.
        unsafe { _mm_storeu_si128(words.as_mut_ptr().cast(), half) };
        words
    });
    [feba[3], feba[2], hgdc[3], hgdc[2], feba[1], feba[0], hgdc[1], hgdc[0]]
}
