//! Rabin's search for any vector unit: a filter over every position, then exact checks.
//!
//! A digest is linear over GF(2), so its low byte is the exclusive or of one 8-bit linear
//! map for each byte of the window, and a linear map of a byte is two look-ups of 16
//! entries, one for each nibble. Reduction does not reach the low byte before x^53: the
//! bytes at distances 1 to 5 add nothing, the low nibble at 6 neither. That leaves 19
//! look-ups for as many positions as a vector has lanes, and every position stands for
//! itself. One position in 256 passes; those are checked with the whole mask.
//!
//! The look-ups are bound by the one shuffle unit of common processors, so nibbles are
//! split once for a stretch, and loaded at each distance.
#![expect(unsafe_code, reason = "vector intrinsics need their processor features")]
#![expect(
    clippy::inline_always,
    reason = "only inlined code is compiled for the features of its caller"
)]

use super::exact::{FIRST_REDUCED, REDUCED};
use super::{Rabin, contribution};
use crate::spec::RABIN_WINDOW;

/// A vector of bytes.
///
/// # Safety
/// Every method may be called only where the processor has the features that the
/// implementation names, and inside a function that enables them.
pub(super) trait Lanes: Copy {
    /// Bytes in it.
    const COUNT: usize;
    /// Reads `COUNT` bytes, which must be readable.
    unsafe fn load(from: *const u8) -> Self;
    /// Asks for the bytes there to come near, if they can be read at all.
    unsafe fn prefetch(from: *const u8);
    /// One byte in every lane.
    unsafe fn splat(byte: u8) -> Self;
    /// A table of 16 entries, where each lane can reach it.
    unsafe fn table(entries: &[u8; 16]) -> Self;
    /// Looks nibbles up in a table.
    unsafe fn look_up(self, nibbles: Self) -> Self;
    /// Exclusive or.
    unsafe fn xor(self, other: Self) -> Self;
    /// A bit for each lane that has none of the bits of `mask`.
    unsafe fn lanes_without(self, mask: Self) -> u64;
}

/// Positions whose nibbles are split at once: at first few, so that close cuts are cheap.
const FIRST_STRETCH: usize = 256;
const STRETCH: usize = 1024;

/// How far ahead bytes are asked for: the next stretch but one.
const AHEAD: usize = 2 * STRETCH;

/// Bytes before a stretch that its windows reach into.
const BEFORE: usize = RABIN_WINDOW - 1;

/// For each distance from [`FIRST_REDUCED`] on, what each low nibble adds to the low byte.
static LOW: [[u8; 16]; REDUCED] = nibble_table(0);

/// The same for high nibbles.
static HIGH: [[u8; 16]; REDUCED] = nibble_table(4);

#[expect(clippy::cast_possible_truncation, reason = "the low byte is what is wanted")]
const fn nibble_table(shift: u32) -> [[u8; 16]; REDUCED] {
    let mut table = [[0; 16]; REDUCED];
    let mut distance = 0;
    while distance < REDUCED {
        let mut nibble = 0;
        while nibble < 16 {
            let byte = (nibble as u8) << shift;
            table[distance][nibble] = contribution(byte, FIRST_REDUCED + distance) as u8;
            nibble += 1;
        }
        distance += 1;
    }
    table
}

/// The nibbles of a stretch and of the bytes before it.
#[repr(align(64))]
struct Nibbles {
    low: [u8; BEFORE + STRETCH],
    high: [u8; BEFORE + STRETCH],
}

impl Nibbles {
    const fn new() -> Self {
        Self { low: [0; BEFORE + STRETCH], high: [0; BEFORE + STRETCH] }
    }

    #[inline(always)]
    fn split(&mut self, bytes: &[u8]) {
        for ((low, high), byte) in self.low.iter_mut().zip(&mut self.high).zip(bytes) {
            *low = byte & 15;
            *high = byte >> 4;
        }
    }
}

/// Positions that are worked on together, a bit of a word each.
const GROUP: usize = 64;

/// Looks at whole groups of positions from length `first` to at most `last`. Gives a cut,
/// or the first length that was not looked at.
///
/// The exact checks of a stretch come after all its vectors: calls among them would push
/// the tables out of the registers.
///
/// # Safety
/// As for every method of `V`.
#[inline(always)]
pub(super) unsafe fn find<V: Lanes, const VECTORS: usize>(
    rabin: &Rabin,
    window: &[u8],
    first: usize,
    last: usize,
) -> Result<usize, usize> {
    let mut nibbles = Nibbles::new();
    let mut passed = [0; STRETCH / GROUP];
    let mut candidates = [0; STRETCH];
    let mut length = first;
    let mut stretch = FIRST_STRETCH;
    while length + GROUP <= last + 1 {
        let groups = (last + 1 - length).min(stretch) / GROUP;
        let bytes = &window[length - 1 - BEFORE..][..BEFORE + groups * GROUP];
        let passed = &mut passed[..groups];
        nibbles.split(bytes);
        // SAFETY: the caller's promise.
        unsafe { filter::<V, VECTORS>(rabin.filter(), bytes, &nibbles, passed) };
        let count = list(passed, &mut candidates);
        if let Some(found) = rabin.first_exact(bytes, &candidates[..count]) {
            return Ok(length + found);
        }
        length += groups * GROUP;
        stretch = STRETCH.min(stretch * 2);
    }
    Err(length)
}

/// Sets the bits of the positions whose digest has none of the bits of `filter`. `bytes`
/// begins with the BEFORE bytes ahead of the first position.
///
/// # Safety
/// As for every method of `V`.
#[inline(always)]
unsafe fn filter<V: Lanes, const VECTORS: usize>(
    filter: u8,
    bytes: &[u8],
    nibbles: &Nibbles,
    passed: &mut [u64],
) {
    const { assert!(V::COUNT * VECTORS == GROUP) };
    assert!(
        bytes.len() == BEFORE + passed.len() * GROUP && passed.len() * GROUP <= STRETCH
    );
    // SAFETY: the caller's promise; `at` and the GROUP bytes from there are within the
    // stretch, which begins at BEFORE in `bytes` and in the arrays of nibbles.
    unsafe {
        let filter = V::splat(filter);
        let mut low = [filter; REDUCED];
        let mut high = [filter; REDUCED];
        for index in 0..REDUCED {
            low[index] = V::table(&LOW[index]);
            high[index] = V::table(&HIGH[index]);
        }
        for (at, passed) in (BEFORE..).step_by(GROUP).zip(passed) {
            let mut sums = [filter; VECTORS];
            for (vector, sum) in sums.iter_mut().enumerate() {
                *sum = V::load(bytes.as_ptr().add(at + vector * V::COUNT));
            }
            V::prefetch(bytes.as_ptr().wrapping_add(at + AHEAD));
            for index in 0..REDUCED {
                let at = at - FIRST_REDUCED - index;
                for (vector, sum) in sums.iter_mut().enumerate() {
                    let at = at + vector * V::COUNT;
                    if index > 0 {
                        let nibbles = V::load(nibbles.low.as_ptr().add(at));
                        *sum = sum.xor(low[index].look_up(nibbles));
                    }
                    let nibbles = V::load(nibbles.high.as_ptr().add(at));
                    *sum = sum.xor(high[index].look_up(nibbles));
                }
            }
            *passed = 0;
            for (vector, sum) in sums.into_iter().enumerate() {
                *passed |= sum.lanes_without(filter) << (vector * V::COUNT);
            }
        }
    }
}

/// Writes down the positions of the set bits and counts them.
///
/// Most words have no bit or one, at random: to branch on which would cost more than the
/// checks that follow.
#[inline(always)]
fn list(words: &[u64], found: &mut [u32; STRETCH]) -> usize {
    let mut count = 0;
    for (base, &word) in (0..).step_by(GROUP).zip(words) {
        let mut rest = word;
        loop {
            found[count % STRETCH] = base + rest.trailing_zeros();
            count += usize::from(rest != 0);
            rest &= rest.wrapping_sub(1);
            if rest == 0 {
                break;
            }
        }
    }
    count
}
