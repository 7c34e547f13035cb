//! Rabin fingerprints over a window of 16 bytes, with Kubo's polynomial.
//!
//! The digest of a window is the window, read as a polynomial over GF(2), modulo
//! [`POLYNOMIAL`]. It depends on those 16 bytes alone: what Kubo's rolling form starts
//! from has left the window before the first length that can be a cut.

#[cfg(target_arch = "x86_64")]
mod exact;
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

/// Masks below this cut so often that setting up vectors does not pay.
const SPARSE: u32 = 63;

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
