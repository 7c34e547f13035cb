//! The exact check of the positions that a vector filter lets pass.

use super::{Rabin, contributions};
use crate::spec::RABIN_WINDOW;

/// From this distance on, bytes are reduced; nearer ones stand in the digest as they are.
pub(super) const FIRST_REDUCED: usize = 6;

/// Distances at which bytes are reduced.
pub(super) const REDUCED: usize = RABIN_WINDOW - FIRST_REDUCED;

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

impl Rabin {
    /// The bits that a vector kernel filters by.
    #[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
    pub(super) fn filter(&self) -> u8 {
        self.mask as u8
    }

    /// The first of the positions `candidates` at which the whole mask is zero; a window
    /// begins at its position in `bytes`.
    #[inline(never)]
    pub(super) fn first_exact(&self, bytes: &[u8], candidates: &[u32]) -> Option<usize> {
        candidates.iter().map(|&candidate| candidate as usize).find(|&candidate| {
            let window = bytes[candidate..].first_chunk();
            window.is_some_and(|window| low_bits(window) & self.mask == 0)
        })
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

#[cfg(test)]
mod tests {
    use super::super::{append, contribution};
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
