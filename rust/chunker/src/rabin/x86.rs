//! Rabin's search in AVX2 and AVX-512.
#![expect(unsafe_code, reason = "vector intrinsics need their processor features")]
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the features of its caller"
)]

use std::arch::x86_64::{
    __m256i, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256,
    _mm256_movemask_epi8, _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_xor_si256, _mm512_broadcast_i32x4, _mm512_loadu_si512, _mm512_set1_epi8,
    _mm512_shuffle_epi8, _mm512_testn_epi8_mask, _mm512_xor_si512,
};

use super::Rabin;
use super::lanes::{self, Lanes};
use crate::Kernel;

/// A cut, or the first length that was not looked at.
pub(super) fn find(
    rabin: &Rabin,
    kernel: Kernel,
    window: &[u8],
    first: usize,
    last: usize,
) -> Result<usize, usize> {
    match kernel {
        // SAFETY: the processor has the features, as is asked just before.
        Kernel::Avx2 if kernel.is_available() => unsafe {
            find_avx2(rabin, window, first, last)
        },
        // SAFETY: as above.
        Kernel::Avx512 if kernel.is_available() => unsafe {
            find_avx512(rabin, window, first, last)
        },
        _ => Err(first),
    }
}

/// [`lanes::find`] in AVX2.
#[target_feature(enable = "avx2,bmi1")]
fn find_avx2(
    rabin: &Rabin,
    window: &[u8],
    first: usize,
    last: usize,
) -> Result<usize, usize> {
    // SAFETY: this function has the feature.
    unsafe { lanes::find::<__m256i, 2>(rabin, window, first, last) }
}

/// [`lanes::find`] in AVX-512.
#[target_feature(enable = "avx512f,avx512bw,bmi1")]
fn find_avx512(
    rabin: &Rabin,
    window: &[u8],
    first: usize,
    last: usize,
) -> Result<usize, usize> {
    // SAFETY: this function has the features.
    unsafe { lanes::find::<__m512i, 1>(rabin, window, first, last) }
}

/// Needs AVX2.
impl Lanes for __m256i {
    const COUNT: usize = 32;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: any address may be prefetched.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn table(entries: &[u8; 16]) -> Self {
        // SAFETY: the caller's promise; the array has the 16 bytes that are read.
        unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(entries.as_ptr().cast())) }
    }

    #[inline(always)]
    unsafe fn look_up(self, nibbles: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_shuffle_epi8(self, nibbles) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm256_xor_si256(self, other) }
    }

    #[inline(always)]
    unsafe fn lanes_without(self, mask: Self) -> u64 {
        // SAFETY: the caller's promise.
        let lanes = unsafe {
            let none = _mm256_setzero_si256();
            _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_and_si256(self, mask), none))
        };
        u64::from(lanes.cast_unsigned())
    }
}

/// Needs AVX-512 F and BW.
impl Lanes for __m512i {
    const COUNT: usize = 64;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        // SAFETY: any address may be prefetched.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    unsafe fn table(entries: &[u8; 16]) -> Self {
        // SAFETY: the caller's promise; the array has the 16 bytes that are read.
        unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(entries.as_ptr().cast())) }
    }

    #[inline(always)]
    unsafe fn look_up(self, nibbles: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_shuffle_epi8(self, nibbles) }
    }

    #[inline(always)]
    unsafe fn xor(self, other: Self) -> Self {
        // SAFETY: the caller's promise.
        unsafe { _mm512_xor_si512(self, other) }
    }

    #[inline(always)]
    unsafe fn lanes_without(self, mask: Self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_testn_epi8_mask(self, mask) }
    }
}
