//! Messages that arrive in pieces, such as files read tile by tile.

use super::lanes::Reach;
use super::padding::pad;
use super::schedule::{Source, Step, drive};
use super::{BLOCK_BYTES, Digest, Kernel, kernel::with_lanes};

/// Bytes of a lane's tile: those of all lanes stay in the second-level cache together.
const TILE_BYTES: usize = 16 * 1024;

/// Room before a tile for the bytes left over from the one before.
const CARRY_BYTES: usize = BLOCK_BYTES;

/// Bytes from one lane's buffer to the next. Not a multiple of a page, so that the same place
/// in all tiles does not fall into the same cache set.
const STRIDE_BYTES: usize = CARRY_BYTES + TILE_BYTES;

/// Gives the [`Engine`] its messages, and takes their digests.
///
/// The calls for one lane come in order: `start`, `fill` until it says [`Filled::End`] or
/// [`Filled::Failed`], `done` after an end, and `start` again. Calls for different lanes mix.
pub trait Feed {
    /// Start the next message in `lane`; false when none is left, and then the lane idles
    /// until the end.
    fn start(&mut self, lane: usize) -> bool;

    /// Write the next bytes of the lane's message to the beginning of `tile`.
    fn fill(&mut self, lane: usize, tile: &mut [u8]) -> Filled;

    /// Take the digest of the lane's message.
    fn done(&mut self, lane: usize, digest: Digest);
}

/// What a [`Feed`] put in a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// This many bytes, from 1 to the length of the tile.
    Bytes(usize),
    /// Nothing: the message is at its end.
    End,
    /// Nothing, and the message is dropped: `done` is not called for it.
    Failed,
}

/// Hashes messages from a [`Feed`], in as many lanes as its kernel has.
///
/// It keeps a tile buffer for each lane: 514 KiB for 32 lanes.
///
/// ```
/// use ipfs_kit_hash::sha256::{Digest, Engine, Feed, Filled, Kernel, digest};
///
/// struct Words(Vec<&'static str>, Vec<Option<&'static str>>, Vec<Digest>);
///
/// impl Feed for Words {
///     fn start(&mut self, lane: usize) -> bool {
///         self.1.resize(self.1.len().max(lane + 1), None);
///         self.1[lane] = self.0.pop();
///         self.1[lane].is_some()
///     }
///     fn fill(&mut self, lane: usize, tile: &mut [u8]) -> Filled {
///         let Some(word) = self.1[lane].take() else { return Filled::End };
///         tile[..word.len()].copy_from_slice(word.as_bytes());
///         Filled::Bytes(word.len())
///     }
///     fn done(&mut self, _lane: usize, digest: Digest) {
///         self.2.push(digest);
///     }
/// }
///
/// let mut words = Words(vec!["one"], Vec::new(), Vec::new());
/// Engine::new(Kernel::best()).run(&mut words);
/// assert_eq!(words.2, [digest(b"one")]);
/// ```
pub struct Engine {
    kernel: Kernel,
    buffers: Vec<u8>,
    lanes: Vec<Tile>,
}

/// A lane's place in its message and in its buffer.
#[derive(Clone, Copy, Debug)]
struct Tile {
    /// Bytes of the message so far.
    bytes: u64,
    /// Where the current stretch begins and ends in the buffer.
    start: usize,
    end: usize,
    /// End of what was filled; from `end` on it makes no whole block yet.
    filled: usize,
    /// Whether the current stretch is the message's last.
    padded: bool,
}

impl Engine {
    /// An engine with buffers for every lane of `kernel`.
    ///
    /// # Panics
    ///
    /// If this processor cannot run `kernel`.
    pub fn new(kernel: Kernel) -> Self {
        assert!(kernel.is_available(), "this processor cannot run {}", kernel.name());
        let lanes = kernel.lanes();
        Self {
            kernel,
            buffers: vec![0; lanes * STRIDE_BYTES],
            lanes: vec![Tile::EMPTY; lanes],
        }
    }

    /// Hash every message of the feed.
    ///
    /// # Panics
    ///
    /// If the feed says that it filled no byte, or more than the tile holds.
    pub fn run(&mut self, feed: &mut impl Feed) {
        let mut source =
            Tiles { buffers: &mut self.buffers, lanes: &mut self.lanes, feed };
        with_lanes!(self.kernel, lanes => drive(lanes, &mut source));
    }

    /// Length of the tiles that [`Feed::fill`] is given.
    pub const fn tile_bytes(&self) -> usize {
        TILE_BYTES
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("kernel", &self.kernel).finish_non_exhaustive()
    }
}

/// A feed as the scheduler's source.
struct Tiles<'a, F> {
    buffers: &'a mut [u8],
    lanes: &'a mut [Tile],
    feed: &'a mut F,
}

impl<F: Feed> Source for Tiles<'_, F> {
    fn reach(&self) -> Reach {
        Reach::Near
    }

    fn start(&mut self, lane: usize) -> bool {
        self.lanes[lane] = Tile::EMPTY;
        self.feed.start(lane)
    }

    fn advance(&mut self, lane: usize) -> Step {
        let tile = &mut self.lanes[lane];
        let buffer = &mut self.buffers[lane * STRIDE_BYTES..][..STRIDE_BYTES];
        tile.advance(buffer, |fresh| self.feed.fill(lane, fresh))
    }

    fn stretch(&self, lane: usize) -> &[u8] {
        let tile = &self.lanes[lane];
        &self.buffers[lane * STRIDE_BYTES..][tile.start..tile.end]
    }

    fn done(&mut self, lane: usize, digest: Digest) {
        self.feed.done(lane, digest);
    }
}

impl Tile {
    const EMPTY: Self = Self {
        bytes: 0,
        start: CARRY_BYTES,
        end: CARRY_BYTES,
        filled: CARRY_BYTES,
        padded: false,
    };

    /// Move what is left over to just before the tile, so that it joins what `fill` adds.
    fn advance(
        &mut self,
        buffer: &mut [u8],
        mut fill: impl FnMut(&mut [u8]) -> Filled,
    ) -> Step {
        if self.padded {
            return Step::Whole;
        }
        loop {
            let carried = self.filled - self.end;
            self.start = CARRY_BYTES - carried;
            buffer.copy_within(self.end..self.filled, self.start);
            match fill(&mut buffer[CARRY_BYTES..]) {
                Filled::Bytes(bytes) => {
                    assert!((1..=TILE_BYTES).contains(&bytes), "a fill of {bytes} bytes");
                    self.bytes += bytes as u64;
                    self.filled = CARRY_BYTES + bytes;
                    let blocks = (carried + bytes) / BLOCK_BYTES;
                    self.end = self.start + blocks * BLOCK_BYTES;
                    if blocks > 0 {
                        return Step::Stretch(blocks);
                    }
                }
                Filled::End => {
                    let blocks = pad(&mut buffer[self.start..], carried, self.bytes);
                    self.end = self.start + blocks * BLOCK_BYTES;
                    self.padded = true;
                    return Step::Stretch(blocks);
                }
                Filled::Failed => return Step::Failed,
            }
        }
    }
}
