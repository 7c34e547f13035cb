//! What a kernel is to the scheduler: chaining values side by side, moved on by whole blocks.

use super::constants::INITIAL;
use super::{BLOCK_BYTES, Digest, portable};

/// The chaining values of `L` messages: word by word, and in each the lanes side by side.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct States<const L: usize> {
    pub(super) words: [[u32; L]; 8],
}

impl<const L: usize> States<L> {
    /// Every lane at the beginning of a message.
    pub(super) const INITIAL: Self = {
        let mut words = [[0; L]; 8];
        let mut word = 0;
        while word < 8 {
            words[word] = [INITIAL[word]; L];
            word += 1;
        }
        Self { words }
    };

    /// Put a lane at the beginning of a message.
    pub(super) fn reset(&mut self, lane: usize) {
        self.set(lane, &INITIAL);
    }

    /// The chaining value of a lane.
    pub(super) fn get(&self, lane: usize) -> [u32; 8] {
        self.words.map(|lanes| lanes[lane])
    }

    /// Replace the chaining value of a lane.
    pub(super) fn set(&mut self, lane: usize, state: &[u32; 8]) {
        for (lanes, word) in self.words.iter_mut().zip(state) {
            lanes[lane] = *word;
        }
    }
}

/// The digest that a chaining value is at the end of a message.
pub(super) fn to_digest(state: &[u32; 8]) -> Digest {
    let mut digest = Digest::default();
    for (bytes, word) in digest.chunks_exact_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Where the bytes of a stretch come from, and so whether to fetch them ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// From a near cache: fetching ahead only costs.
    Near,
    /// From memory: fetch some blocks ahead while hashing.
    Far,
}

/// A kernel of `L` lanes; a value of the type proves that the processor can run it.
pub(super) trait Lanes<const L: usize>: Copy {
    /// Up to this many messages are hashed faster one after the other.
    fn few(self) -> usize;

    /// Move the first `stretches.len()` lanes on by `blocks` blocks, each from the beginning
    /// of its stretch. What the other lanes hold afterwards is not defined.
    ///
    /// # Panics
    ///
    /// If there are no stretches, more than lanes, or one is shorter than the blocks.
    fn compress(
        self,
        states: &mut States<L>,
        stretches: &[&[u8]],
        blocks: usize,
        reach: Reach,
    );

    /// Move every lane on by one block that is the same in all of them, given as the sum of its
    /// schedule and the round constants.
    fn compress_same(self, states: &mut States<L>, schedule: &[u32; 64]) {
        for lane in 0..L {
            let mut state = states.get(lane);
            portable::compress_scheduled(&mut state, schedule);
            states.set(lane, &state);
        }
    }

    /// Write the digests of the first `out.len()` lanes.
    fn digests(self, states: &States<L>, out: &mut [Digest]) {
        for (lane, digest) in out.iter_mut().enumerate() {
            *digest = to_digest(&states.get(lane));
        }
    }
}

/// Check what [`Lanes::compress`] asks of its caller.
pub(super) fn check<const L: usize>(stretches: &[&[u8]], blocks: usize) {
    let bytes = blocks * BLOCK_BYTES;
    assert!(!stretches.is_empty() && stretches.len() <= L);
    assert!(stretches.iter().all(|stretch| stretch.len() >= bytes));
}
