//! Buzhash's search in AVX-512: every position of a block at once.
//!
//! The digest at position p is the exclusive or, over the places k of its window, of the
//! entry of byte k rotated left by p - k. Taken apart, that is the sum of entries rotated
//! right by k, rotated left by p as a whole. So an entry is rotated once, by its own
//! place, from there on there are only sums, and the mask is rotated in place of them.
//!
//! A block is 64 places as 16 lanes of 4 bytes. Phase t of a lane is its byte t. With R
//! the sum of a lane and D(t) that of its bytes after t, the window that ends with byte t
//! of lane l sums to R over the lanes l - 7 to l, without D(t) of lane l, with D(t) of
//! lane l - 8. The sum of R over 8 lanes comes by doubling.
//!
//! Most of the time goes into looking up 256 entries by permutes of 32: gathers are
//! slower where processors are patched against data sampling.
#![expect(unsafe_code, reason = "vector intrinsics read through pointers")]

use std::arch::x86_64::{
    __m512i, __mmask16, _mm512_alignr_epi32, _mm512_loadu_si512, _mm512_mask_blend_epi32,
    _mm512_permutex2var_epi32, _mm512_rorv_epi32, _mm512_set1_epi32,
    _mm512_setzero_si512, _mm512_srli_epi32, _mm512_test_epi32_mask,
    _mm512_testn_epi32_mask, _mm512_xor_si512,
};

use super::{BYTES, MASK};
use crate::Kernel;

/// Places that are worked on together, and that are read before the first.
pub(super) const BLOCK: usize = 64;

/// A cut, or the first length that was not looked at; `first` is above [`BLOCK`].
pub(super) fn find(
    kernel: Kernel,
    window: &[u8],
    first: usize,
    last: usize,
) -> Result<usize, usize> {
    match kernel {
        // SAFETY: the processor has the features, as is asked just before.
        Kernel::Avx512 if kernel.is_available() => unsafe {
            find_avx512(window, first, last)
        },
        _ => Err(first),
    }
}

#[target_feature(enable = "avx512f,avx512bw,bmi1")]
fn find_avx512(window: &[u8], first: usize, last: usize) -> Result<usize, usize> {
    let (blocks, _) = window[first - 1 - BLOCK..last].as_chunks::<BLOCK>();
    let mut length = first;
    if let Some((before, blocks)) = blocks.split_first() {
        let table = table();
        let rotations = rotations();
        let mask = _mm512_set1_epi32(MASK.cast_signed());
        let masks = rotations.map(|rotation| _mm512_rorv_epi32(mask, rotation));
        let mut sums = Sums::zero().next(entries(&table, before), &rotations);
        for block in blocks {
            let next = sums.next(entries(&table, block), &rotations);
            let windows = next.windows(&sums);
            let mut found = [0; 4];
            for phase in 0..4 {
                found[phase] = _mm512_testn_epi32_mask(windows[phase], masks[phase]);
            }
            if found != [0; 4] {
                return Ok(length + first_place(found));
            }
            sums = next;
            length += BLOCK;
        }
    }
    Err(length)
}

/// The first place found, given a bit for each lane in each phase.
fn first_place(found: [__mmask16; 4]) -> usize {
    let place = |phase: usize| found[phase].trailing_zeros() as usize * 4 + phase;
    (0..4).filter(|&phase| found[phase] != 0).map(place).min().unwrap_or(BLOCK)
}

/// Kubo's table in registers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1")]
fn table() -> [__m512i; 16] {
    let mut table = [_mm512_setzero_si512(); 16];
    for (vector, entries) in table.iter_mut().zip(BYTES.as_chunks::<16>().0) {
        // SAFETY: the array has the 64 bytes that are read.
        *vector = unsafe { _mm512_loadu_si512(entries.as_ptr().cast()) };
    }
    table
}

/// For each phase, the place of each lane's byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1")]
fn rotations() -> [__m512i; 4] {
    let mut places = [[0; 16]; 4];
    for (place, number) in (0..BLOCK).zip(0..) {
        places[place % 4][place / 4] = number;
    }
    let mut rotations = [_mm512_setzero_si512(); 4];
    for (vector, places) in rotations.iter_mut().zip(&places) {
        // SAFETY: the array has the 64 bytes that are read.
        *vector = unsafe { _mm512_loadu_si512(places.as_ptr().cast()) };
    }
    rotations
}

/// For each phase, the entries of the lanes' bytes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1")]
fn entries(table: &[__m512i; 16], block: &[u8; BLOCK]) -> [__m512i; 4] {
    // SAFETY: the array has the 64 bytes that are read.
    let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
    [
        look_up::<0>(table, bytes, bytes),
        look_up::<8>(table, _mm512_srli_epi32::<8>(bytes), bytes),
        look_up::<16>(table, _mm512_srli_epi32::<16>(bytes), bytes),
        look_up::<24>(table, _mm512_srli_epi32::<24>(bytes), bytes),
    ]
}

/// The entries of the bytes that stand at bit `SHIFT` of `bytes` and at bit 0 of `index`:
/// eight permutes by the low five bits, of which the high three choose.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,bmi1")]
fn look_up<const SHIFT: u32>(
    table: &[__m512i; 16],
    index: __m512i,
    bytes: __m512i,
) -> __m512i {
    let bit = |bit: u32| {
        _mm512_test_epi32_mask(
            bytes,
            _mm512_set1_epi32((1_u32 << (SHIFT + bit)).cast_signed()),
        )
    };
    let (bit_5, bit_6, bit_7) = (bit(5), bit(6), bit(7));
    let of_32 = |at: usize| _mm512_permutex2var_epi32(table[at], index, table[at + 1]);
    let of_64 = |at: usize| _mm512_mask_blend_epi32(bit_5, of_32(at), of_32(at + 2));
    let of_128 = |at: usize| _mm512_mask_blend_epi32(bit_6, of_64(at), of_64(at + 4));
    _mm512_mask_blend_epi32(bit_7, of_128(0), of_128(8))
}

/// Sums of rotated entries, for each lane.
#[derive(Clone, Copy)]
struct Sums {
    /// Over its bytes after the first, second and third.
    after: [__m512i; 3],
    /// Over the last 1, 2, 4 and 8 whole lanes.
    lanes: [__m512i; 4],
}

impl Sums {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1")]
    fn zero() -> Self {
        let zero = _mm512_setzero_si512();
        Self { after: [zero; 3], lanes: [zero; 4] }
    }

    /// The sums of the next block.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1")]
    fn next(&self, entries: [__m512i; 4], rotations: &[__m512i; 4]) -> Self {
        let xor = |a, b| _mm512_xor_si512(a, b);
        let rotated = |phase: usize| _mm512_rorv_epi32(entries[phase], rotations[phase]);
        let after_2 = rotated(3);
        let after_1 = xor(rotated(2), after_2);
        let after_0 = xor(rotated(1), after_1);
        let over_1 = xor(rotated(0), after_0);
        let over_2 = xor(over_1, _mm512_alignr_epi32::<15>(over_1, self.lanes[0]));
        let over_4 = xor(over_2, _mm512_alignr_epi32::<14>(over_2, self.lanes[1]));
        let over_8 = xor(over_4, _mm512_alignr_epi32::<12>(over_4, self.lanes[2]));
        Self {
            after: [after_0, after_1, after_2],
            lanes: [over_1, over_2, over_4, over_8],
        }
    }

    /// For each phase, the sums over the windows of 32 bytes that end there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,bmi1")]
    fn windows(&self, before: &Self) -> [__m512i; 4] {
        let mut windows = [self.lanes[3]; 4];
        for ((window, &now), &then) in
            windows.iter_mut().zip(&self.after).zip(&before.after)
        {
            let change = _mm512_xor_si512(now, _mm512_alignr_epi32::<8>(now, then));
            *window = _mm512_xor_si512(*window, change);
        }
        windows
    }
}
