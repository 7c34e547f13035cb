//! The short way for messages of equal block counts: all lanes begin and end together.

use super::lanes::{Lanes, Reach, States};
use super::padding::{pad, padded_blocks};
use super::{BLOCK_BYTES, Digest, portable, single};

/// Blocks up to which messages are taken to lie in a near cache.
const NEAR_BLOCKS: usize = 1024 / BLOCK_BYTES;

/// Hashes groups of messages of equal block counts.
///
/// Messages of whole blocks all end in the same block of padding. Its schedule is kept from
/// group to group, which saves the lanes the making of theirs.
#[derive(Debug)]
pub(super) struct Equal<K> {
    kernel: K,
    padding: Option<(usize, [u32; 64])>,
}

impl<K> Equal<K> {
    pub(super) const fn new(kernel: K) -> Self {
        Self { kernel, padding: None }
    }

    /// Hash up to `L` messages that have the same number of blocks once padded.
    pub(super) fn digest<const L: usize>(
        &mut self,
        messages: &[&[u8]],
        out: &mut [Digest],
    ) where
        K: Lanes<L>,
    {
        if messages.len() <= self.kernel.few() {
            for (digest, message) in out.iter_mut().zip(messages) {
                *digest = single::digest(message);
            }
            return;
        }
        let mut states = States::<L>::INITIAL;
        let lengths = messages.iter().map(|message| message.len());
        let (shortest, longest) = lengths.fold((usize::MAX, 0), |(low, high), length| {
            (low.min(length), high.max(length))
        });
        let body = shortest / BLOCK_BYTES;
        if body > 0 {
            let reach = if body > NEAR_BLOCKS { Reach::Far } else { Reach::Near };
            self.kernel.compress(&mut states, messages, body, reach);
        }
        if shortest == longest && shortest.is_multiple_of(BLOCK_BYTES) {
            self.kernel.compress_same(&mut states, self.padding(shortest));
        } else {
            finish(self.kernel, &mut states, messages, body);
        }
        self.kernel.digests(&states, out);
    }

    /// The schedule of the block that ends messages of that many bytes, all in whole blocks.
    fn padding(&mut self, message_bytes: usize) -> &[u32; 64] {
        let kept = self.padding.take().filter(|kept| kept.0 == message_bytes);
        let made = kept.unwrap_or_else(|| {
            let mut block = [0; BLOCK_BYTES];
            pad(&mut block, 0, message_bytes as u64);
            (message_bytes, portable::schedule(&block))
        });
        &self.padding.insert(made).1
    }
}

/// Hash what follows the first `body` blocks of each message, and the padding.
fn finish<const L: usize>(
    kernel: impl Lanes<L>,
    states: &mut States<L>,
    messages: &[&[u8]],
    body: usize,
) {
    let mut tails = [[0; 2 * BLOCK_BYTES]; L];
    let mut blocks = 0;
    for (tail, message) in tails.iter_mut().zip(messages) {
        let rest = &message[body * BLOCK_BYTES..];
        tail[..rest.len()].copy_from_slice(rest);
        blocks = pad(tail, rest.len(), message.len() as u64);
    }
    debug_assert!(messages.iter().all(|m| padded_blocks(m.len()) == body + blocks));
    let tails = tails.each_ref().map(<[u8; 2 * BLOCK_BYTES]>::as_slice);
    kernel.compress(states, &tails[..messages.len()], blocks, Reach::Near);
}
