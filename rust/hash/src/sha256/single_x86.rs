//! One stream on x86 without the SHA instructions.
//!
//! The rounds are scalar code with the three-operand rotations of BMI2. The message schedules
//! of two blocks are made side by side in vectors, between the rounds of the first block.

#![expect(unsafe_code, reason = "vector loads and assembly, under detected features")]
#![cfg_attr(not(test), expect(clippy::wildcard_imports, reason = "one family of names"))]

use std::arch::asm;
use std::arch::x86_64::*;

use super::constants::K;
use super::rounds::place;
use super::{BLOCK_BYTES, single};

/// Proof that this processor has AVX2, BMI1 and BMI2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bmi2(());

impl Bmi2 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        has.then_some(Self(()))
    }
}

/// Move a chaining value on by the whole blocks of `data`.
pub(super) fn compress_one(_: Bmi2, state: &mut [u32; 8], data: &[u8]) {
    // SAFETY: the first argument proves the features.
    unsafe { compress(state, single::blocks(data)) }
}

/// Schedule words with their constants: in each row four of the first block, then four of the
/// second.
#[repr(align(32))]
struct Sums([[u32; 8]; 16]);

/// One round.
///
/// Nothing waits here: a core begins as many instructions a cycle as it can, and their number
/// and their spread over its units set the pace. These are one or two fewer than compilers
/// make of the same formulas, and `lea` leaves the units that rotate alone.
macro_rules! round {
    ($v:expr, $round:expr, $sums:expr, $at:expr) => {
        // SAFETY: the one access to memory reads a word of `Sums`.
        unsafe {
            asm!(
                "add {h:e}, dword ptr [{sums} + {at}]",
                "mov {y:e}, {f:e}",
                "rorx {x:e}, {e:e}, 25",
                "rorx {ab:e}, {e:e}, 11",
                "and {y:e}, {e:e}",
                "xor {x:e}, {ab:e}",
                "rorx {ab:e}, {e:e}, 6",
                "lea {h:e}, [{h:r} + {y:r}]",
                "andn {y:e}, {e:e}, {g:e}",
                "xor {x:e}, {ab:e}",
                "lea {h:e}, [{h:r} + {y:r}]",
                "mov {y:e}, {a:e}",
                "rorx {ab:e}, {a:e}, 22",
                "lea {h:e}, [{h:r} + {x:r}]",
                "xor {y:e}, {b:e}",
                "rorx {x:e}, {a:e}, 13",
                "lea {d:e}, [{d:r} + {h:r}]",
                "and {bc:e}, {y:e}",
                "xor {x:e}, {ab:e}",
                "rorx {ab:e}, {a:e}, 2",
                "xor {bc:e}, {b:e}",
                "xor {x:e}, {ab:e}",
                "lea {h:e}, [{h:r} + {bc:r}]",
                "lea {h:e}, [{h:r} + {x:r}]",
                a = in(reg) $v[place!(0, $round)],
                b = in(reg) $v[place!(1, $round)],
                d = inout(reg) $v[place!(3, $round)],
                e = in(reg) $v[place!(4, $round)],
                f = in(reg) $v[place!(5, $round)],
                g = in(reg) $v[place!(6, $round)],
                h = inout(reg) $v[place!(7, $round)],
                bc = inout(reg) $v[8] => _,
                x = out(reg) _,
                y = out(reg) $v[8],
                ab = out(reg) _,
                sums = in(reg) $sums,
                at = const $at,
                options(pure, readonly, nostack),
            );
        }
    };
}

/// Four rounds, from the row of sums that begins at `$at`.
macro_rules! rounds {
    ($v:expr, $four:expr, $sums:expr, $at:expr) => {
        round!($v, ($four % 2) * 4, $sums, $at);
        round!($v, ($four % 2) * 4 + 1, $sums, $at + 4);
        round!($v, ($four % 2) * 4 + 2, $sums, $at + 8);
        round!($v, ($four % 2) * 4 + 3, $sums, $at + 12);
    };
}

/// Four rounds, and between them the four schedule words sixteen rounds on, in place of those
/// at `$i`.
macro_rules! extending_rounds {
    ($v:expr, $i:expr, $sums:expr, $w:expr) => {
        let (w0, w1) = ($w[$i], $w[($i + 1) % 4]);
        let (w2, w3) = ($w[($i + 2) % 4], $w[($i + 3) % 4]);
        let part = _mm256_add_epi32(w0, _mm256_alignr_epi8::<4>(w3, w2));
        round!($v, ($i % 2) * 4, $sums, $i * 32);
        let part = _mm256_add_epi32(part, sigma0(_mm256_alignr_epi8::<4>(w1, w0)));
        round!($v, ($i % 2) * 4 + 1, $sums, $i * 32 + 4);
        let low = _mm256_add_epi32(part, sigma1_of_high(w3));
        round!($v, ($i % 2) * 4 + 2, $sums, $i * 32 + 8);
        $w[$i] = _mm256_add_epi32(low, sigma1_of_low(low));
        round!($v, ($i % 2) * 4 + 3, $sums, $i * 32 + 12);
    };
}

#[target_feature(enable = "avx2,bmi1,bmi2")]
fn compress(state: &mut [u32; 8], blocks: &[[u8; BLOCK_BYTES]]) {
    let mut sums = Sums([[0; 8]; 16]);
    for pair in blocks.chunks(2) {
        let mut w = load_pair(&pair[0], &pair[pair.len() - 1]);
        for (four, words) in w.iter().enumerate() {
            store_sums(&mut sums, four, *words);
        }
        let mut v = begin(state);
        for sixteen in 0..3 {
            macro_rules! step {
                ($i:literal) => {
                    extending_rounds!(v, $i, sums.0[sixteen * 4..].as_ptr(), w);
                    store_sums(&mut sums, sixteen * 4 + 4 + $i, w[$i]);
                };
            }
            step!(0);
            step!(1);
            step!(2);
            step!(3);
        }
        for rows in sums.0[12..].as_chunks::<2>().0 {
            rounds!(v, 0, rows.as_ptr(), 0);
            rounds!(v, 1, rows.as_ptr(), 32);
        }
        add(state, v);
        if pair.len() == 2 {
            let mut v = begin(state);
            for rows in sums.0.as_chunks::<2>().0 {
                rounds!(v, 0, rows.as_ptr(), 16);
                rounds!(v, 1, rows.as_ptr(), 48);
            }
            add(state, v);
        }
    }
}

/// The words of the state, and in the ninth place `b ^ c`, which is the `a ^ b` of the round
/// before.
fn begin(state: &[u32; 8]) -> [u32; 9] {
    std::array::from_fn(|word| if word < 8 { state[word] } else { state[1] ^ state[2] })
}

fn add(state: &mut [u32; 8], v: [u32; 9]) {
    for (word, v) in state.iter_mut().zip(v) {
        *word = word.wrapping_add(v);
    }
}

/// The words of two blocks, four of each in a register.
#[target_feature(enable = "avx2")]
fn load_pair(first: &[u8; BLOCK_BYTES], second: &[u8; BLOCK_BYTES]) -> [__m256i; 4] {
    let swap = _mm256_broadcastsi128_si256(_mm_set_epi8(
        12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3,
    ));
    let load = |quarter: &[u8; 16]| {
        // SAFETY: 16 bytes have the size of a register.
        unsafe { _mm_loadu_si128(quarter.as_ptr().cast()) }
    };
    let (first, second) = (first.as_chunks().0, second.as_chunks().0);
    [0, 1, 2, 3].map(|i| {
        let both = _mm256_set_m128i(load(&second[i]), load(&first[i]));
        _mm256_shuffle_epi8(both, swap)
    })
}

/// Store four words of each block with their constants.
#[target_feature(enable = "avx2")]
fn store_sums(sums: &mut Sums, four: usize, words: __m256i) {
    let k = &K.as_chunks::<4>().0[four];
    // SAFETY: four constants have the size of half a register.
    let k = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(k.as_ptr().cast()) });
    let row = &mut sums.0[four];
    // SAFETY: a row has the size of a register.
    unsafe { _mm256_storeu_si256(row.as_mut_ptr().cast(), _mm256_add_epi32(words, k)) };
}

#[target_feature(enable = "avx2")]
fn sigma0(x: __m256i) -> __m256i {
    let seven = _mm256_xor_si256(_mm256_srli_epi32::<7>(x), _mm256_slli_epi32::<25>(x));
    let eighteen =
        _mm256_xor_si256(_mm256_srli_epi32::<18>(x), _mm256_slli_epi32::<14>(x));
    _mm256_xor_si256(_mm256_xor_si256(seven, eighteen), _mm256_srli_epi32::<3>(x))
}

/// Sigma 1 of the last two of four words, at the place of the first two; zeros elsewhere.
#[target_feature(enable = "avx2")]
fn sigma1_of_high(x: __m256i) -> __m256i {
    let order = _mm_set_epi8(-1, -1, -1, -1, -1, -1, -1, -1, 11, 10, 9, 8, 3, 2, 1, 0);
    sigma1_of_pairs(_mm256_shuffle_epi32::<0xfa>(x), order)
}

/// Sigma 1 of the first two of four words, at the place of the last two; zeros elsewhere.
#[target_feature(enable = "avx2")]
fn sigma1_of_low(x: __m256i) -> __m256i {
    let order = _mm_set_epi8(11, 10, 9, 8, 3, 2, 1, 0, -1, -1, -1, -1, -1, -1, -1, -1);
    sigma1_of_pairs(_mm256_shuffle_epi32::<0x50>(x), order)
}

/// Sigma 1 of words that stand twice in a row: a shift of such a pair is a rotation.
#[target_feature(enable = "avx2")]
fn sigma1_of_pairs(pairs: __m256i, order: __m128i) -> __m256i {
    let rotated =
        _mm256_xor_si256(_mm256_srli_epi64::<17>(pairs), _mm256_srli_epi64::<19>(pairs));
    let sigma = _mm256_xor_si256(rotated, _mm256_srli_epi32::<10>(pairs));
    _mm256_shuffle_epi8(sigma, _mm256_broadcastsi128_si256(order))
}
