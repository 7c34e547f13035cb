//! Keeps the lanes of a kernel busy with messages of any lengths.
//!
//! A message is a row of *stretches*: whole blocks that lie together. All lanes move on by the
//! shortest stretch in flight; the lane that it belongs to then takes its next stretch, or the
//! next message. Lanes that have nothing left are closed up, so that those in use are always
//! the first ones.

use super::lanes::{Lanes, Reach, States, to_digest};
use super::{BLOCK_BYTES, Digest, single};

/// Where the messages come from.
pub(super) trait Source {
    /// Whether the stretches come from memory or lie in a near cache.
    fn reach(&self) -> Reach;

    /// Begin the lane's next message; false when there is none.
    fn start(&mut self, lane: usize) -> bool;

    /// Move on to the next stretch of the lane's message.
    fn advance(&mut self, lane: usize) -> Step;

    /// The stretch that the last [`Step::Stretch`] announced.
    fn stretch(&self, lane: usize) -> &[u8];

    /// Take the digest of the lane's message.
    fn done(&mut self, lane: usize, digest: Digest);
}

/// What comes next in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This many blocks, at least one.
    Stretch(usize),
    /// Nothing: the message is whole, padding included.
    Whole,
    /// Nothing: the message is given up.
    Failed,
}

/// A lane of the source, and how far into its stretch it is.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    lane: usize,
    done: usize,
    left: usize,
}

/// Blocks that the lanes must have left on average: the ends of shorter stretches come before
/// what is fetched ahead of them, and the fetches go past them.
const FAR_BLOCKS: usize = 8;

/// Hash every message of the source.
pub(super) fn drive<const L: usize>(kernel: impl Lanes<L>, source: &mut impl Source) {
    let mut states = States::<L>::INITIAL;
    let mut slots = [Slot::default(); L];
    let mut used = 0;
    for lane in 0..L {
        slots[used] = Slot { lane, ..Slot::default() };
        if source.start(lane) && refill(&mut slots[used], used, &mut states, source) {
            used += 1;
        }
    }
    while used > kernel.few() {
        let blocks = step(kernel, &mut states, &slots[..used], source);
        let mut slot = 0;
        while slot < used {
            slots[slot].done += blocks;
            slots[slot].left -= blocks;
            if slots[slot].left > 0 || refill(&mut slots[slot], slot, &mut states, source)
            {
                slot += 1;
            } else {
                used -= 1;
                slots[slot] = slots[used];
                let state = states.get(used);
                states.set(slot, &state);
            }
        }
    }
    for (slot, lane) in slots.iter_mut().enumerate().take(used) {
        drain(lane, slot, &mut states, source);
    }
}

/// Move the lanes on by the shortest stretch among them.
fn step<const L: usize>(
    kernel: impl Lanes<L>,
    states: &mut States<L>,
    slots: &[Slot],
    source: &impl Source,
) -> usize {
    let blocks = slots.iter().map(|slot| slot.left).min().unwrap_or(0);
    let mut stretches = [[].as_slice(); L];
    for (stretch, slot) in stretches.iter_mut().zip(slots) {
        *stretch = &source.stretch(slot.lane)[slot.done * BLOCK_BYTES..];
    }
    let ahead: usize = slots.iter().map(|slot| slot.left).sum();
    let reach =
        if ahead < FAR_BLOCKS * slots.len() { Reach::Near } else { source.reach() };
    kernel.compress(states, &stretches[..slots.len()], blocks, reach);
    blocks
}

/// Give the slot its next stretch, of this message or a later one; false when none is left.
fn refill<const L: usize>(
    slot: &mut Slot,
    index: usize,
    states: &mut States<L>,
    source: &mut impl Source,
) -> bool {
    loop {
        match source.advance(slot.lane) {
            Step::Stretch(blocks) => {
                (slot.done, slot.left) = (0, blocks);
                return true;
            }
            Step::Whole => source.done(slot.lane, to_digest(&states.get(index))),
            Step::Failed => {}
        }
        if !source.start(slot.lane) {
            return false;
        }
        states.reset(index);
    }
}

/// Hash what a slot has left as one stream.
fn drain<const L: usize>(
    slot: &mut Slot,
    index: usize,
    states: &mut States<L>,
    source: &mut impl Source,
) {
    loop {
        let mut state = states.get(index);
        let stretch = &source.stretch(slot.lane)[slot.done * BLOCK_BYTES..];
        single::compress(&mut state, &stretch[..slot.left * BLOCK_BYTES]);
        states.set(index, &state);
        if !refill(slot, index, states, source) {
            return;
        }
    }
}
