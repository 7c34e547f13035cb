//! One stream in plain Rust, for processors without anything better.

use super::constants::K;
use super::lanes::{Lanes, Reach, States, check};
use super::rounds::{place, sixteen};
use super::{BLOCK_BYTES, single};

/// The portable kernel; every processor runs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portable;

impl Lanes<1> for Portable {
    fn few(self) -> usize {
        0
    }

    fn compress(
        self,
        states: &mut States<1>,
        stretches: &[&[u8]],
        blocks: usize,
        _: Reach,
    ) {
        check::<1>(stretches, blocks);
        let mut state = states.get(0);
        compress(&mut state, &stretches[0][..blocks * BLOCK_BYTES]);
        states.set(0, &state);
    }
}

/// One round, with the sum of its schedule word and its constant.
macro_rules! round {
    ($v:expr, $round:expr, $sum:expr) => {{
        let (a, b, c) =
            ($v[place!(0, $round)], $v[place!(1, $round)], $v[place!(2, $round)]);
        let (e, f, g) =
            ($v[place!(4, $round)], $v[place!(5, $round)], $v[place!(6, $round)]);
        let h = $v[place!(7, $round)].wrapping_add($sum);
        let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let t1 = h.wrapping_add(g ^ (e & (f ^ g))).wrapping_add(sum1);
        let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let t2 = sum0.wrapping_add((a & b) | (c & (a | b)));
        $v[place!(3, $round)] = $v[place!(3, $round)].wrapping_add(t1);
        $v[place!(7, $round)] = t1.wrapping_add(t2);
    }};
}

/// The schedule word sixteen rounds on, in place of the one at `$i`.
macro_rules! extend {
    ($w:expr, $i:expr) => {{
        let (w2, w15) = ($w[($i + 14) % 16], $w[($i + 1) % 16]);
        let sigma0 = w15.rotate_right(7) ^ w15.rotate_right(18) ^ (w15 >> 3);
        let sigma1 = w2.rotate_right(17) ^ w2.rotate_right(19) ^ (w2 >> 10);
        let sum = $w[$i].wrapping_add($w[($i + 9) % 16]).wrapping_add(sigma0);
        $w[$i] = sum.wrapping_add(sigma1);
    }};
}

/// Move a chaining value on by whole blocks.
pub(super) fn compress(state: &mut [u32; 8], blocks: &[u8]) {
    for block in single::blocks(blocks) {
        compress_block(state, block);
    }
}

/// The schedule of a block, with the round constants added.
pub(super) fn schedule(block: &[u8; BLOCK_BYTES]) -> [u32; 64] {
    let mut w = words(block);
    let mut sums = K;
    for (row, sums) in sums.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        if row > 0 {
            sixteen!(I => { extend!(w, I); });
        }
        for (sum, word) in sums.iter_mut().zip(w) {
            *sum = sum.wrapping_add(word);
        }
    }
    sums
}

/// Move a chaining value on by a block given as its [`schedule`].
pub(super) fn compress_scheduled(state: &mut [u32; 8], schedule: &[u32; 64]) {
    let mut v = *state;
    for sums in schedule.as_chunks::<16>().0 {
        sixteen!(I => { round!(v, I, sums[I]); });
    }
    add(state, v);
}

fn compress_block(state: &mut [u32; 8], block: &[u8; BLOCK_BYTES]) {
    let mut w = words(block);
    let mut v = *state;
    let (last, first) = (&K[48..], &K[..48]);
    for k in first.as_chunks::<16>().0 {
        sixteen!(I => {
            round!(v, I, w[I].wrapping_add(k[I]));
            extend!(w, I);
        });
    }
    sixteen!(I => { round!(v, I, w[I].wrapping_add(last[I])); });
    add(state, v);
}

/// The words of a block.
fn words(block: &[u8; BLOCK_BYTES]) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    words
}

fn add(state: &mut [u32; 8], v: [u32; 8]) {
    for (word, v) in state.iter_mut().zip(v) {
        *word = word.wrapping_add(v);
    }
}
