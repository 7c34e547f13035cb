//! Eight lanes of AVX2, for processors with neither AVX-512 nor the SHA instructions.
//!
//! A register holds one word of eight messages. Without instructions for it a rotation is two
//! shifts, but the shifts of a sum are merged by one chain of exclusive ors.

#![expect(unsafe_code, reason = "loads from checked pointers, under detected features")]
#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "one family of names"))]

use std::arch::x86_64::*;

use super::constants::K;
use super::lanes::{Lanes, Reach, States, check};
use super::rounds::{place, sixteen};
use super::{BLOCK_BYTES, Digest};

/// Lanes of a register.
const LANES: usize = 8;

/// Proof that this processor has AVX2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

impl Lanes<LANES> for Avx2 {
    fn few(self) -> usize {
        2
    }

    fn compress(
        self,
        states: &mut States<LANES>,
        stretches: &[&[u8]],
        blocks: usize,
        _: Reach,
    ) {
        check::<LANES>(stretches, blocks);
        let mut rows = [stretches[0].as_ptr(); LANES];
        for (row, stretch) in rows.iter_mut().zip(stretches) {
            *row = stretch.as_ptr();
        }
        // SAFETY: `self` proves the feature; `check` that every stretch, and so every row, has
        // the bytes of `blocks` blocks.
        unsafe { compress(states, &rows, blocks) }
    }

    fn compress_same(self, states: &mut States<LANES>, schedule: &[u32; 64]) {
        // SAFETY: `self` proves the feature.
        unsafe { compress_same(states, schedule) }
    }

    fn digests(self, states: &States<LANES>, out: &mut [Digest]) {
        // SAFETY: `self` proves the feature.
        unsafe { digests(states, out) }
    }
}

/// The exclusive or of terms.
macro_rules! xor {
    ($x:expr, $y:expr) => { _mm256_xor_si256($x, $y) };
    ($x:expr, $y:expr, $($z:expr),+) => { xor!(_mm256_xor_si256($x, $y), $($z),+) };
}

/// A rotation to the right.
macro_rules! rotate {
    ($x:expr, $bits:literal) => {
        xor!(_mm256_srli_epi32::<$bits>($x), _mm256_slli_epi32::<{ 32 - $bits }>($x))
    };
}

/// One round; the addends are its schedule word and its constant. `$bc` is `b ^ c`, which was
/// `a ^ b` a round ago.
macro_rules! round {
    ($v:expr, $bc:expr, $round:expr, $($addend:expr),+) => {{
        let (a, b) = ($v[place!(0, $round)], $v[place!(1, $round)]);
        let (e, f, g) = ($v[place!(4, $round)], $v[place!(5, $round)], $v[place!(6, $round)]);
        let h = $v[place!(7, $round)];
        $(let h = _mm256_add_epi32(h, $addend);)+
        let choice = xor!(g, _mm256_and_si256(e, xor!(f, g)));
        let sum1 = xor!(rotate!(e, 6), rotate!(e, 11), rotate!(e, 25));
        let t1 = _mm256_add_epi32(_mm256_add_epi32(h, choice), sum1);
        let ab = xor!(a, b);
        let majority = xor!(b, _mm256_and_si256(ab, $bc));
        $bc = ab;
        let sum0 = xor!(rotate!(a, 2), rotate!(a, 13), rotate!(a, 22));
        $v[place!(3, $round)] = _mm256_add_epi32($v[place!(3, $round)], t1);
        $v[place!(7, $round)] = _mm256_add_epi32(_mm256_add_epi32(t1, majority), sum0);
    }};
}

/// The schedule word sixteen rounds on, in place of the one at `$i`.
macro_rules! extend {
    ($w:expr, $i:expr) => {{
        let (w2, w15) = ($w[($i + 14) % 16], $w[($i + 1) % 16]);
        let sigma0 = xor!(rotate!(w15, 7), rotate!(w15, 18), _mm256_srli_epi32::<3>(w15));
        let sigma1 = xor!(rotate!(w2, 17), rotate!(w2, 19), _mm256_srli_epi32::<10>(w2));
        let sum = _mm256_add_epi32(_mm256_add_epi32($w[$i], $w[($i + 9) % 16]), sigma0);
        $w[$i] = _mm256_add_epi32(sum, sigma1);
    }};
}

/// Move the lanes on.
///
/// # Safety
///
/// Each row must have `blocks` blocks.
#[target_feature(enable = "avx2")]
unsafe fn compress(states: &mut States<LANES>, rows: &[*const u8; LANES], blocks: usize) {
    let mut v = load_state(states);
    for block in 0..blocks {
        let before = v;
        let mut bc = xor!(v[1], v[2]);
        // SAFETY: the caller's rows reach past this block.
        let mut w = unsafe { load_block(rows, block * BLOCK_BYTES) };
        for quarter in 0..3 {
            let k = &K.as_chunks::<16>().0[quarter];
            sixteen!(I => {
                round!(v, bc, I, w[I], _mm256_set1_epi32(k[I].cast_signed()));
                extend!(w, I);
            });
        }
        let k = &K.as_chunks::<16>().0[3];
        sixteen!(I => { round!(v, bc, I, w[I], _mm256_set1_epi32(k[I].cast_signed())); });
        add(&mut v, &before);
    }
    store_state(states, &v);
}

/// Move every lane on by a block whose words, with the round constants, are the same in all.
#[target_feature(enable = "avx2")]
fn compress_same(states: &mut States<LANES>, schedule: &[u32; 64]) {
    let before = load_state(states);
    let mut v = before;
    let mut bc = xor!(v[1], v[2]);
    for words in schedule.as_chunks::<16>().0 {
        sixteen!(I => { round!(v, bc, I, _mm256_set1_epi32(words[I].cast_signed())); });
    }
    add(&mut v, &before);
    store_state(states, &v);
}

#[target_feature(enable = "avx2")]
fn add(v: &mut [__m256i; 8], before: &[__m256i; 8]) {
    for (word, before) in v.iter_mut().zip(before) {
        *word = _mm256_add_epi32(*word, *before);
    }
}

#[target_feature(enable = "avx2")]
fn load_state(states: &States<LANES>) -> [__m256i; 8] {
    // SAFETY: an array of 8 words has the size of a register.
    states
        .words
        .each_ref()
        .map(|lanes| unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) })
}

#[target_feature(enable = "avx2")]
fn store_state(states: &mut States<LANES>, v: &[__m256i; 8]) {
    for (lanes, word) in states.words.iter_mut().zip(v) {
        // SAFETY: an array of 8 words has the size of a register.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), *word) };
    }
}

/// The words of a block of each row, one register for each word.
///
/// # Safety
///
/// The rows must have 64 bytes at `at`.
#[target_feature(enable = "avx2")]
unsafe fn load_block(rows: &[*const u8; LANES], at: usize) -> [__m256i; 16] {
    let mut block = [_mm256_setzero_si256(); 16];
    for (half, words) in block.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        let at = at + half * BLOCK_BYTES / 2;
        // SAFETY: the caller's rows have this half of the block.
        *words =
            transpose(rows.map(|row| unsafe {
                swap_bytes(_mm256_loadu_si256(row.add(at).cast()))
            }));
    }
    block
}

/// Turn each big-endian word into a native one, and back.
#[target_feature(enable = "avx2")]
fn swap_bytes(words: __m256i) -> __m256i {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(order))
}

/// Turn 8 rows of 8 words into columns: first 4 x 4 words in each half register, then the
/// halves.
#[target_feature(enable = "avx2")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let mut columns = rows;
    let halves = rows.as_chunks::<4>().0;
    let (first, second) = (transpose_words(halves[0]), transpose_words(halves[1]));
    for word in 0..4 {
        columns[word] = _mm256_permute2x128_si256::<0x20>(first[word], second[word]);
        columns[word + 4] = _mm256_permute2x128_si256::<0x31>(first[word], second[word]);
    }
    columns
}

/// In each half of the registers, turn 4 rows of 4 words into columns.
#[target_feature(enable = "avx2")]
fn transpose_words([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
    let (ab_low, ab_high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab_low, cd_low),
        _mm256_unpackhi_epi64(ab_low, cd_low),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Write the digests of the first lanes: the words of each, turned from columns into a row.
#[target_feature(enable = "avx2")]
fn digests(states: &States<LANES>, out: &mut [Digest]) {
    for (digest, row) in out.iter_mut().zip(transpose(load_state(states))) {
        // SAFETY: a digest has the size of a register.
        unsafe { _mm256_storeu_si256(digest.as_mut_ptr().cast(), swap_bytes(row)) };
    }
}
