//! Every kernel that this processor can run, against the `sha2` crate.

use ipfs_kit_hash::Message;
use ipfs_kit_hash::sha256::{
    Digest, Engine, Feed, Filled, Kernel, digest, digest_many, digest_parts, digest_rows,
};
use sha2::Digest as _;

/// Long enough for every message here; no two places of it look alike.
fn noise(length: usize) -> Vec<u8> {
    let mut random = Random(7);
    (0..length).map(|_| random.next().to_le_bytes()[0]).collect()
}

fn expected(data: &[u8]) -> Digest {
    sha2::Sha256::digest(data).into()
}

/// Marsaglia's xorshift: the same sequence in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).map_or(0, |number| number % bound)
    }
}

#[track_caller]
fn agree(kernel: Kernel, messages: &[Message<'_>]) {
    let mut digests = vec![[0xee; 32]; messages.len()];
    digest_many(kernel, messages, &mut digests);
    for (index, (message, digest)) in messages.iter().zip(&digests).enumerate() {
        let parts = message.parts();
        assert_eq!(
            *digest,
            expected(&parts.concat()),
            "{}: message {index} of {}, pieces {:?}",
            kernel.name(),
            messages.len(),
            parts.map(<[u8]>::len),
        );
    }
}

#[test]
fn one_stream_agrees_at_every_length_and_cut() {
    let data = noise(4096 + 300);
    for length in (0..300).chain(960..1100).chain([4095, 4096, 4099]) {
        let message = &data[length % 7..][..length];
        assert_eq!(digest(message), expected(message), "{length} bytes");
        for cut in [0, length / 3, length / 2, length] {
            let parts = [&message[..cut / 2], &message[cut / 2..cut], &message[cut..]];
            assert_eq!(digest_parts(&parts), expected(message), "{length} at {cut}");
        }
    }
    assert_eq!(digest_parts(&[]), expected(b""));
}

#[test]
fn equal_lengths_agree_from_0_to_300() {
    let data = noise(300 + 40);
    for kernel in Kernel::available() {
        for length in 0..=300 {
            let messages: Vec<_> =
                (0..37).map(|at| Message::from(&data[at..at + length])).collect();
            agree(kernel, &messages);
        }
    }
}

#[test]
fn every_count_of_messages_agrees() {
    let data = noise(4096);
    for kernel in Kernel::available() {
        for count in 0..=100 {
            let messages: Vec<_> = (0..count)
                .map(|index| Message::from(&data[index..index + 64 + index * 37 % 500]))
                .collect();
            agree(kernel, &messages);
        }
    }
}

#[test]
fn random_lengths_pieces_and_alignments_agree() {
    let data = noise(1 << 16);
    let mut random = Random(1);
    for kernel in Kernel::available() {
        for round in 0..60 {
            let longest = [70, 300, 2000, 9000][round % 4];
            let count = random.below([40, 90, 1500][round % 3]);
            let mut piece = |longest: usize| {
                let length = random.below(longest + 1);
                let start = random.below(data.len() - length);
                &data[start..start + length]
            };
            let messages: Vec<_> = (0..count)
                .map(|index| Message {
                    header: piece([0, 20, 100][index % 3]),
                    data: piece(longest),
                    trailer: piece([0, 5, 90][index / 3 % 3]),
                })
                .collect();
            agree(kernel, &messages);
        }
    }
}

#[test]
fn long_messages_in_envelopes_agree() {
    let data = noise(1 << 20);
    for kernel in Kernel::available() {
        let messages: Vec<_> = data
            .chunks(25_000)
            .map(|chunk| Message {
                header: &data[..14],
                data: chunk,
                trailer: &data[..4],
            })
            .collect();
        agree(kernel, &messages);
        agree(kernel, &messages[..1]);
        agree(kernel, &messages[..3]);
        agree(kernel, &messages[..19]);
    }
}

#[test]
fn rows_agree() {
    let data = noise(300 * 70);
    for kernel in Kernel::available() {
        for row_bytes in [0, 1, 31, 32, 55, 56, 63, 64, 65, 100, 128, 256, 300] {
            for count in [0, 1, 2, 3, 8, 16, 17, 31, 32, 33, 70] {
                let flat = &data[..row_bytes * count];
                let mut digests = vec![[0xee; 32]; count];
                digest_rows(kernel, flat, row_bytes, &mut digests);
                for (index, digest) in digests.iter().enumerate() {
                    let row = &flat[index * row_bytes..][..row_bytes];
                    let name = kernel.name();
                    assert_eq!(*digest, expected(row), "{name}: {row_bytes} x {count}");
                }
            }
        }
    }
}

#[test]
#[should_panic(expected = "whole rows")]
fn rows_that_do_not_fit_panic() {
    digest_rows(Kernel::Portable, &[0; 65], 32, &mut [Digest::default(); 2]);
}

/// Hands out messages in random pieces; one in eight fails somewhere.
struct Pieces<'a> {
    random: Random,
    data: &'a [u8],
    lengths: Vec<usize>,
    longest_piece: usize,
    next: usize,
    lanes: Vec<Lane>,
    digests: Vec<Option<Digest>>,
}

#[derive(Clone, Copy, Default)]
struct Lane {
    message: usize,
    given: usize,
    open: bool,
}

fn fails(message: usize) -> bool {
    message % 8 == 5
}

impl Feed for Pieces<'_> {
    fn start(&mut self, lane: usize) -> bool {
        assert!(!self.lanes[lane].open, "the lane's last message is over");
        if self.next == self.lengths.len() {
            return false;
        }
        self.lanes[lane] = Lane { message: self.next, given: 0, open: true };
        self.next += 1;
        true
    }

    fn fill(&mut self, lane: usize, tile: &mut [u8]) -> Filled {
        let lane = &mut self.lanes[lane];
        assert!(lane.open);
        let left = self.lengths[lane.message] - lane.given;
        if fails(lane.message) && left <= self.lengths[lane.message] / 2 {
            lane.open = false;
            return Filled::Failed;
        }
        if left == 0 {
            return Filled::End;
        }
        let bytes = (1 + self.random.below(self.longest_piece)).min(left).min(tile.len());
        let start = lane.message + lane.given;
        tile[..bytes].copy_from_slice(&self.data[start..start + bytes]);
        lane.given += bytes;
        Filled::Bytes(bytes)
    }

    fn done(&mut self, lane: usize, digest: Digest) {
        let lane = &mut self.lanes[lane];
        lane.open = false;
        assert!(self.digests[lane.message].replace(digest).is_none(), "one digest each");
    }
}

#[test]
fn messages_in_random_pieces_agree_and_failed_ones_are_dropped() {
    let data = noise(1 << 18);
    let mut random = Random(3);
    for kernel in Kernel::available() {
        let mut engine = Engine::new(kernel);
        for round in 0..30 {
            let longest = [100, 3000, 60_000][round % 3];
            let lengths: Vec<_> =
                (0..random.below(130)).map(|_| random.below(longest)).collect();
            let mut feed = Pieces {
                random: Random(round as u64 + 1),
                data: &data,
                longest_piece: [1 << 20, 70, 3000, 16384][round % 4],
                next: 0,
                lanes: vec![Lane::default(); kernel.lanes()],
                digests: vec![None; lengths.len()],
                lengths,
            };
            engine.run(&mut feed);
            for (message, (length, digest)) in
                feed.lengths.iter().zip(&feed.digests).enumerate()
            {
                let whole = expected(&data[message..message + length]);
                let wanted = (!fails(message)).then_some(whole);
                assert_eq!(*digest, wanted, "{}: {length} bytes", kernel.name());
            }
        }
    }
}
