//! Rabin fingerprints over a window of 16 bytes, with Kubo's polynomial.
//!
//! The digest of a window is the window, read as a polynomial over GF(2), modulo
//! [`POLYNOMIAL`]. It depends on those 16 bytes alone: what Kubo's rolling form starts
//! from has left the window before the first length that can be a cut.

#[cfg(target_arch = "x86_64")]
mod lanes;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "x86_64")]
use x86::find as find_in_vectors;

use crate::Kernel;
use crate::spec::RABIN_WINDOW;

/// Kubo's irreducible polynomial; bit k is the coefficient of x^k.
const POLYNOMIAL: u64 = 17_437_180_132_763_653;

const DEGREE: u32 = POLYNOMIAL.ilog2();

/// Multiplies by x^8 and reduces, bit by bit.
const fn times_x8(mut digest: u64) -> u64 {
    let mut bit = 0;
    while bit < 8 {
        digest <<= 1;
        if digest >> DEGREE == 1 {
            digest ^= POLYNOMIAL;
        }
        bit += 1;
    }
    digest
}

/// What a byte adds to the digest once `shift` more bytes have come in.
const fn contribution(byte: u8, shift: usize) -> u64 {
    let mut digest = byte as u64;
    let mut done = 0;
    while done < shift {
        digest = times_x8(digest);
        done += 1;
    }
    digest
}

/// What the byte that leaves the window adds once the next one has come in.
static LEAVING: [u64; 256] = contributions(RABIN_WINDOW);

/// The reduction of the 8 bits that a shift by one byte pushes over the degree, which
/// also clears them.
static OVERFLOW: [u64; 256] = {
    let mut table = [0; 256];
    let mut top = 0;
    while top < 256 {
        let pushed = (top as u64) << DEGREE;
        table[top] = pushed ^ times_x8((top as u64) << (DEGREE - 8));
        top += 1;
    }
    table
};

const fn contributions(shift: usize) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = contribution(byte, shift);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

fn append(digest: u64, byte: u8) -> u64 {
    let top = (digest >> (DEGREE - 8)) as usize;
    (digest << 8 | u64::from(byte)) ^ OVERFLOW[top]
}

/// From this distance on, bytes are reduced; nearer ones stand in the digest as they are.
const FIRST_REDUCED: usize = 6;

/// Distances at which bytes are reduced.
const REDUCED: usize = RABIN_WINDOW - FIRST_REDUCED;

/// Masks below this cut so often that setting up vectors does not pay.
const SPARSE: u32 = 63;

/// For each of those distances, what a byte adds to the low 32 bits of the digest.
static LOW_BITS: [[u32; 256]; REDUCED] = {
    let mut tables = [[0; 256]; REDUCED];
    let mut index = 0;
    while index < REDUCED {
        let added = contributions(FIRST_REDUCED + index);
        let mut byte = 0;
        while byte < 256 {
            tables[index][byte] = (added[byte] & 0xffff_ffff) as u32;
            byte += 1;
        }
        index += 1;
    }
    tables
};

/// The search for a digest whose masked bits are zero.
#[derive(Clone, Debug)]
pub(crate) struct Rabin {
    mask: u32,
}

impl Rabin {
    /// `mask` is a run of low bits.
    pub(crate) fn new(mask: u32) -> Self {
        Self { mask }
    }

    /// The least length in `first..=last` at which to cut; `first` covers a window.
    pub(crate) fn find(
        &self,
        kernel: Kernel,
        window: &[u8],
        first: usize,
        last: usize,
    ) -> Option<usize> {
        let kernel = if self.mask < SPARSE { Kernel::Scalar } else { kernel };
        match find_in_vectors(self, kernel, window, first, last) {
            Ok(cut) => Some(cut),
            Err(rest) if rest <= last => self.find_scalar(window, rest, last),
            Err(_) => None,
        }
    }

    /// The bits that a vector kernel filters by.
    #[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
    fn filter(&self) -> u8 {
        self.mask as u8
    }

    /// The first of the positions `candidates` at which the whole mask is zero; a window
    /// begins at its position in `bytes`.
    #[inline(never)]
    fn first_exact(&self, bytes: &[u8], candidates: &[u32]) -> Option<usize> {
        candidates.iter().map(|&candidate| candidate as usize).find(|&candidate| {
            let window = bytes[candidate..].first_chunk();
            window.is_some_and(|window| low_bits(window) & self.mask == 0)
        })
    }

    fn find_scalar(&self, window: &[u8], first: usize, last: usize) -> Option<usize> {
        let mask = u64::from(self.mask);
        let bytes = &window[first - RABIN_WINDOW..last];
        let start = bytes[..RABIN_WINDOW].iter();
        let mut digest = start.fold(0, |digest, &byte| append(digest, byte));
        if digest & mask == 0 {
            return Some(first);
        }
        for (steps, window) in bytes.windows(RABIN_WINDOW + 1).enumerate() {
            let (gone, byte) = (window[0], window[RABIN_WINDOW]);
            digest = append(digest, byte) ^ LEAVING[gone as usize];
            if digest & mask == 0 {
                return Some(first + 1 + steps);
            }
        }
        None
    }
}

/// The low 32 bits of a window's digest.
fn low_bits(window: &[u8; RABIN_WINDOW]) -> u32 {
    let near = u32::from_be_bytes([window[12], window[13], window[14], window[15]]);
    let reduced = window[..REDUCED].iter().rev();
    LOW_BITS
        .iter()
        .zip(reduced)
        .fold(near, |sum, (table, &byte)| sum ^ table[byte as usize])
}

/// No vectors here: nothing has been looked at.
#[cfg(not(target_arch = "x86_64"))]
fn find_in_vectors(
    _: &Rabin,
    _: Kernel,
    _: &[u8],
    first: usize,
    _: usize,
) -> Result<usize, usize> {
    Err(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_low_bits_of_a_window_are_those_of_its_digest() {
        for seed in 1..1000_u128 {
            let window = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let window = window.to_be_bytes();
            let digest = window.iter().fold(0, |digest, &byte| append(digest, byte));
            assert_eq!(u64::from(low_bits(&window)), digest & 0xffff_ffff);
        }
    }

    #[test]
    fn near_bytes_stand_in_the_digest_as_they_are() {
        for distance in 0..FIRST_REDUCED {
            assert_eq!(contribution(0xa7, distance), 0xa7 << (8 * distance));
        }
        assert_ne!(contribution(0xff, FIRST_REDUCED), 0xff << (8 * FIRST_REDUCED));
    }
}
