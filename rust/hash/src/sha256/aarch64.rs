//! One stream, or two interleaved ones, of the AArch64 SHA2 instructions.
//!
//! An instruction does four rounds of one half of the state and waits for the one before it;
//! a second stream fills the wait.

#![expect(unsafe_code, reason = "loads from checked pointers, under detected features")]
#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "one family of names"))]

use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

use super::BLOCK_BYTES;
use super::constants::K;
use super::lanes::{Lanes, Reach, States, check};
use super::rounds::sixteen;

/// Proof that this processor has the SHA2 extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct AArch64(());

impl AArch64 {
    pub(super) fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("sha2").then_some(Self(()))
    }
}

/// Move one chaining value on by the whole blocks of `data`.
pub(super) fn compress_one(_: AArch64, state: &mut [u32; 8], data: &[u8]) {
    // SAFETY: the first argument proves the feature; the row has as many blocks as it says.
    unsafe { compress([state], [data.as_ptr()], data.len() / BLOCK_BYTES) }
}

impl Lanes<2> for AArch64 {
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
            // SAFETY: `self` proves the feature; `check` that the rows have the blocks.
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
#[target_feature(enable = "neon,sha2")]
unsafe fn compress<const STREAMS: usize>(
    states: [&mut [u32; 8]; STREAMS],
    rows: [*const u8; STREAMS],
    blocks: usize,
) {
    let mut v = states.each_ref().map(|state| load(state));
    for block in 0..blocks {
        let before = v;
        let at = block * BLOCK_BYTES;
        // SAFETY: the caller's rows have this block.
        let mut w = rows.map(|row| unsafe { load_block(row.add(at)) });
        sixteen!(I => {
            // SAFETY: the table has sixteen times four constants.
            let k = unsafe { vld1q_u32(K.as_ptr().add(I * 4)) };
            for stream in 0..STREAMS {
                let w = &mut w[stream];
                let sums = vaddq_u32(w[I % 4], k);
                let [abcd, efgh] = v[stream];
                v[stream] =
                    [vsha256hq_u32(abcd, efgh, sums), vsha256h2q_u32(efgh, abcd, sums)];
                if I < 12 {
                    // The four words sixteen rounds on, in place of those just used.
                    let part = vsha256su0q_u32(w[I % 4], w[(I + 1) % 4]);
                    w[I % 4] = vsha256su1q_u32(part, w[(I + 2) % 4], w[(I + 3) % 4]);
                }
            }
        });
        for stream in 0..STREAMS {
            for half in 0..2 {
                v[stream][half] = vaddq_u32(v[stream][half], before[stream][half]);
            }
        }
    }
    for (state, [abcd, efgh]) in states.into_iter().zip(v) {
        // SAFETY: each half of the state has four words.
        unsafe {
            vst1q_u32(state.as_mut_ptr(), abcd);
            vst1q_u32(state.as_mut_ptr().add(4), efgh);
        }
    }
}

#[target_feature(enable = "neon")]
fn load(state: &[u32; 8]) -> [uint32x4_t; 2] {
    // SAFETY: each half of the state has four words.
    unsafe { [vld1q_u32(state.as_ptr()), vld1q_u32(state.as_ptr().add(4))] }
}

/// The words of a block.
///
/// # Safety
///
/// The block must have 64 bytes.
#[target_feature(enable = "neon")]
unsafe fn load_block(block: *const u8) -> [uint32x4_t; 4] {
    [0, 16, 32, 48].map(|at| {
        // SAFETY: the caller's block has these 16 bytes.
        let words = unsafe { vld1q_u8(block.add(at)) };
        vreinterpretq_u32_u8(vrev32q_u8(words))
    })
}
