//! Two groups of 16 lanes of AVX-512.
//!
//! A register holds one word of 16 messages. Rotations and three-way logic are one instruction
//! each. The words of a block come by transposing 16 rows of 64 bytes. A round of one group is
//! a chain of dependent steps; where the processor is wide enough to wait for it, the rounds of
//! two groups are interleaved, and elsewhere the groups go one after the other.

#![expect(unsafe_code, reason = "loads from checked pointers, under detected features")]
#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "one family of names"))]

use std::arch::asm;
use std::arch::x86_64::*;
use std::sync::OnceLock;

use super::constants::K;
use super::lanes::{Lanes, Reach, States, check};
use super::rounds::{place, sixteen};
use super::{BLOCK_BYTES, Digest};

/// Lanes of a register.
const WIDTH: usize = 16;

/// Both groups.
const LANES: usize = 2 * WIDTH;

/// How far ahead to fetch: the time of four blocks hides the way to memory.
const AHEAD_BYTES: usize = 256;

/// Proof that this processor has AVX-512 F and BW.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512 {
    interleave: bool,
}

impl Avx512 {
    pub(super) fn detect() -> Option<Self> {
        static INTERLEAVE: OnceLock<bool> = OnceLock::new();
        let has =
            is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        has.then(|| Self { interleave: *INTERLEAVE.get_or_init(has_four_pipes) })
    }
}

impl Lanes<LANES> for Avx512 {
    /// A step of one group takes as long as that many blocks of one stream.
    fn few(self) -> usize {
        if is_x86_feature_detected!("sha") { 7 } else { 2 }
    }

    fn compress(
        self,
        states: &mut States<LANES>,
        stretches: &[&[u8]],
        blocks: usize,
        reach: Reach,
    ) {
        check::<LANES>(stretches, blocks);
        let mut rows = [stretches[0].as_ptr(); LANES];
        for (row, stretch) in rows.iter_mut().zip(stretches) {
            *row = stretch.as_ptr();
        }
        let both = stretches.len() > WIDTH;
        let compress = match (both && self.interleave, reach) {
            (true, Reach::Near) => compress::<2, false>,
            (true, Reach::Far) => compress::<2, true>,
            (false, Reach::Near) => compress::<1, false>,
            (false, Reach::Far) => compress::<1, true>,
        };
        // SAFETY: `self` proves the features; `check` that every stretch, and so every row,
        // has the bytes of `blocks` blocks.
        unsafe {
            compress(states, 0, &rows, blocks);
            if both && !self.interleave {
                compress(states, 1, &rows, blocks);
            }
        }
    }

    fn compress_same(self, states: &mut States<LANES>, schedule: &[u32; 64]) {
        // SAFETY: `self` proves the features.
        unsafe { compress_same(states, schedule) }
    }

    fn digests(self, states: &States<LANES>, out: &mut [Digest]) {
        // SAFETY: `self` proves the features.
        unsafe { digests(states, out) }
    }
}

macro_rules! xor3 {
    ($x:expr, $y:expr, $z:expr) => {
        _mm512_ternarylogic_epi32::<0x96>($x, $y, $z)
    };
}

/// One round of one group; the addends are its schedule word and its constant.
macro_rules! round {
    ($v:expr, $round:expr, $($addend:expr),+) => {{
        let v = &mut $v;
        let (a, b, c) = (v[place!(0, $round)], v[place!(1, $round)], v[place!(2, $round)]);
        let (e, f, g) = (v[place!(4, $round)], v[place!(5, $round)], v[place!(6, $round)]);
        let h = v[place!(7, $round)];
        $(let h = _mm512_add_epi32(h, $addend);)+
        let choice = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
        let sum1 = xor3!(
            _mm512_ror_epi32::<6>(e),
            _mm512_ror_epi32::<11>(e),
            _mm512_ror_epi32::<25>(e)
        );
        let t1 = _mm512_add_epi32(_mm512_add_epi32(h, choice), sum1);
        let majority = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
        let sum0 = xor3!(
            _mm512_ror_epi32::<2>(a),
            _mm512_ror_epi32::<13>(a),
            _mm512_ror_epi32::<22>(a)
        );
        v[place!(3, $round)] = _mm512_add_epi32(v[place!(3, $round)], t1);
        v[place!(7, $round)] = _mm512_add_epi32(_mm512_add_epi32(t1, majority), sum0);
    }};
}

/// The schedule word sixteen rounds on, in place of the one at `$i`.
macro_rules! extend {
    ($w:expr, $i:expr) => {{
        let w = &mut $w;
        let (w2, w15) = (w[($i + 14) % 16], w[($i + 1) % 16]);
        let sigma0 = xor3!(
            _mm512_ror_epi32::<7>(w15),
            _mm512_ror_epi32::<18>(w15),
            _mm512_srli_epi32::<3>(w15)
        );
        let sigma1 = xor3!(
            _mm512_ror_epi32::<17>(w2),
            _mm512_ror_epi32::<19>(w2),
            _mm512_srli_epi32::<10>(w2)
        );
        let sum = _mm512_add_epi32(_mm512_add_epi32(w[$i], w[($i + 9) % 16]), sigma0);
        w[$i] = _mm512_add_epi32(sum, sigma1);
    }};
}

/// Move `GROUPS` groups of lanes on, beginning with the group `first`; `AHEAD` tells to fetch.
///
/// # Safety
///
/// The 16 rows of each group must have `blocks` blocks.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn compress<const GROUPS: usize, const AHEAD: bool>(
    states: &mut States<LANES>,
    first: usize,
    rows: &[*const u8; LANES],
    blocks: usize,
) {
    let last = first + GROUPS - 1;
    let mut v = [load_state(states, first), load_state(states, last)];
    for block in 0..blocks {
        let at = block * BLOCK_BYTES;
        let before = v;
        // SAFETY: the caller's rows reach past this block.
        let mut w = unsafe {
            [load_block(rows, first * WIDTH, at), load_block(rows, last * WIDTH, at)]
        };
        for quarter in 0..3 {
            let k = &K.as_chunks::<16>().0[quarter];
            sixteen!(I => {
                if AHEAD && I.is_multiple_of(4 / GROUPS) {
                    let row = first * WIDTH + (quarter * 16 + I) * GROUPS / 4;
                    fetch(rows[row].wrapping_add(at + AHEAD_BYTES));
                }
                let constant = _mm512_set1_epi32(k[I].cast_signed());
                for group in 0..GROUPS {
                    round!(v[group], I, w[group][I], constant);
                    extend!(w[group], I);
                }
            });
        }
        let k = &K.as_chunks::<16>().0[3];
        sixteen!(I => {
            if AHEAD && I.is_multiple_of(4 / GROUPS) {
                let row = first * WIDTH + (48 + I) * GROUPS / 4;
                fetch(rows[row].wrapping_add(at + AHEAD_BYTES));
            }
            let constant = _mm512_set1_epi32(k[I].cast_signed());
            for group in 0..GROUPS {
                round!(v[group], I, w[group][I], constant);
            }
        });
        for (v, before) in v.iter_mut().zip(&before) {
            add(v, before);
        }
    }
    for (group, v) in (first..=last).zip(&v) {
        store_state(states, group, v);
    }
}

/// Move every lane on by a block whose words, with the round constants, are the same in all.
#[target_feature(enable = "avx512f,avx512bw")]
fn compress_same(states: &mut States<LANES>, schedule: &[u32; 64]) {
    let before = [load_state(states, 0), load_state(states, 1)];
    let mut v = before;
    for words in schedule.as_chunks::<16>().0 {
        sixteen!(I => {
            let word = _mm512_set1_epi32(words[I].cast_signed());
            for group in &mut v {
                round!(*group, I, word);
            }
        });
    }
    for (group, v) in v.iter_mut().enumerate() {
        add(v, &before[group]);
        store_state(states, group, v);
    }
}

/// Whether more than two instructions on whole registers begin in a cycle: on AMD's processors
/// from Zen 5 (family 26) on. There one group waits for its own results most of the time; with
/// two pipes it does not, and the registers of a second group would only be in the way.
fn has_four_pipes() -> bool {
    let [_, b, c, d] = cpuid(0);
    let is_amd = [b, d, c].map(u32::to_le_bytes).as_flattened() == b"AuthenticAMD";
    let [version, ..] = cpuid(1);
    let family = (version >> 8 & 0xf) + (version >> 20 & 0xff);
    is_amd && family >= 26
}

/// What the processor says of itself, in registers a to d.
fn cpuid(leaf: u32) -> [u32; 4] {
    let (a, b, c, d): (u32, u64, u32, u32);
    // SAFETY: every processor of this architecture has the instruction; `b` is put back, as
    // the compiler keeps it for itself.
    unsafe {
        asm!(
            "mov {b}, rbx",
            "cpuid",
            "xchg {b}, rbx",
            b = out(reg) b,
            inout("eax") leaf => a,
            inout("ecx") 0 => c,
            out("edx") d,
            options(nomem, nostack, preserves_flags),
        );
    }
    let [b0, b1, b2, b3, ..] = b.to_le_bytes();
    [a, u32::from_le_bytes([b0, b1, b2, b3]), c, d]
}

/// Bring a byte into the first-level cache.
fn fetch(byte: *const u8) {
    // SAFETY: a prefetch changes nothing and never faults, wherever it points.
    unsafe { asm!("prefetcht0 [{}]", in(reg) byte, options(readonly, nostack)) };
}

#[target_feature(enable = "avx512f")]
fn add(v: &mut [__m512i; 8], before: &[__m512i; 8]) {
    for (word, before) in v.iter_mut().zip(before) {
        *word = _mm512_add_epi32(*word, *before);
    }
}

#[target_feature(enable = "avx512f")]
fn load_state(states: &States<LANES>, group: usize) -> [__m512i; 8] {
    // SAFETY: an array of 16 words has the size of a register.
    states.words.each_ref().map(|lanes| unsafe {
        _mm512_loadu_si512(lanes.as_chunks::<WIDTH>().0[group].as_ptr().cast())
    })
}

#[target_feature(enable = "avx512f")]
fn store_state(states: &mut States<LANES>, group: usize, v: &[__m512i; 8]) {
    for (lanes, word) in states.words.iter_mut().zip(v) {
        let lanes = &mut lanes.as_chunks_mut::<WIDTH>().0[group];
        // SAFETY: an array of 16 words has the size of a register.
        unsafe { _mm512_storeu_si512(lanes.as_mut_ptr().cast(), *word) };
    }
}

/// The words of a block of 16 rows, one register for each word.
///
/// # Safety
///
/// The 16 rows from `first` on must have 64 bytes at `at`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load_block(
    rows: &[*const u8; LANES],
    first: usize,
    at: usize,
) -> [__m512i; 16] {
    let mut block = [_mm512_setzero_si512(); WIDTH];
    for (words, row) in block.iter_mut().zip(&rows[first..first + WIDTH]) {
        // SAFETY: the caller's row has these 64 bytes.
        *words = swap_bytes(unsafe { _mm512_loadu_si512(row.add(at).cast()) });
    }
    transpose(&block)
}

/// Turn each big-endian word into a native one, and back.
#[target_feature(enable = "avx512f,avx512bw")]
fn swap_bytes(words: __m512i) -> __m512i {
    let order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
    _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(order))
}

/// Turn 16 rows of 16 words into 16 columns: first 4 x 4 words in each quarter register, then
/// 4 x 4 quarters.
#[target_feature(enable = "avx512f")]
fn transpose(rows: &[__m512i; 16]) -> [__m512i; 16] {
    let mut quads = *rows;
    for four in quads.as_chunks_mut::<4>().0 {
        *four = transpose_words(*four);
    }
    let mut columns = quads;
    for word in 0..4 {
        let four = [quads[word], quads[word + 4], quads[word + 8], quads[word + 12]];
        for (quarter, column) in transpose_quarters(four).into_iter().enumerate() {
            columns[quarter * 4 + word] = column;
        }
    }
    columns
}

/// In each quarter of the registers, turn 4 rows of 4 words into columns.
#[target_feature(enable = "avx512f")]
fn transpose_words([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let (cd_low, cd_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab_low, cd_low),
        _mm512_unpackhi_epi64(ab_low, cd_low),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// Turn 4 rows of 4 quarters into columns.
#[target_feature(enable = "avx512f")]
fn transpose_quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let even_ab = _mm512_shuffle_i32x4::<0x88>(a, b);
    let odd_ab = _mm512_shuffle_i32x4::<0xdd>(a, b);
    let even_cd = _mm512_shuffle_i32x4::<0x88>(c, d);
    let odd_cd = _mm512_shuffle_i32x4::<0xdd>(c, d);
    [
        _mm512_shuffle_i32x4::<0x88>(even_ab, even_cd),
        _mm512_shuffle_i32x4::<0x88>(odd_ab, odd_cd),
        _mm512_shuffle_i32x4::<0xdd>(even_ab, even_cd),
        _mm512_shuffle_i32x4::<0xdd>(odd_ab, odd_cd),
    ]
}

/// Write the digests of the first lanes: the words of each, turned from columns into a row.
#[target_feature(enable = "avx512f,avx512bw")]
fn digests(states: &States<LANES>, out: &mut [Digest]) {
    for (group, out) in out.chunks_mut(WIDTH).enumerate() {
        let words = load_state(states, group);
        let mut columns = [_mm512_setzero_si512(); 16];
        columns[..8].copy_from_slice(&words);
        let rows = transpose(&columns);
        for (digest, row) in out.iter_mut().zip(rows) {
            let row = _mm512_castsi512_si256(swap_bytes(row));
            // SAFETY: a digest has the size of half a register.
            unsafe { _mm256_storeu_si256(digest.as_mut_ptr().cast(), row) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::portable;

    #[test]
    fn groups_agree_interleaved_and_one_after_the_other() {
        if Avx512::detect().is_none() {
            return;
        }
        let data: Vec<u8> = (0..251).cycle().take(LANES * 1000 + 10).collect();
        for lanes in [1, 15, 16, 17, 31, 32] {
            let stretches: Vec<_> = data.chunks(1000).take(lanes).collect();
            for interleave in [false, true] {
                for reach in [Reach::Near, Reach::Far] {
                    let mut states = States::INITIAL;
                    Avx512 { interleave }.compress(&mut states, &stretches, 15, reach);
                    for (lane, stretch) in stretches.iter().enumerate() {
                        let mut expected = States::<1>::INITIAL.get(0);
                        portable::compress(&mut expected, &stretch[..15 * BLOCK_BYTES]);
                        assert_eq!(states.get(lane), expected, "lane {lane} of {lanes}");
                    }
                }
            }
        }
    }
}
