//! Sections that only move the next block to an even place.
//!
//! Each holds a raw identity CID, whose digest is the block itself: valid for strict
//! readers, and nothing that a store would keep. Readers written in Go refuse identity
//! digests of more than 128 bytes, so what moves a block to the next page takes several.

use ipfs_kit_cid::varint;

/// Data of blocks of this length and more begins at a cache line, so that it can be computed
/// with where it lies.
const LINES_FROM_BYTES: usize = 4 << 10;
const LINE_BYTES: u64 = 64;

/// Data of blocks of this length and more begins at a page, so that several blocks can be shown
/// as one, and cloned by file systems that can. For shorter ones it would cost too much: a
/// page for each block.
const PAGES_FROM_BYTES: usize = 64 << 10;
const PAGE_BYTES: u64 = 4 << 10;

/// Bytes of a padding section around an empty digest: a length, and a CID of four bytes.
const LEAST: usize = 5;

/// The longest digest whose length takes one byte, and what a section with it takes: two bytes
/// of length, as soon as the digest has [`LONG_FROM`] bytes.
const LONGEST_DIGEST: usize = 127;
const LONGEST: usize = LEAST + 1 + 2 * LONGEST_DIGEST;
const LONG_FROM: usize = 62;

/// At what multiple the data of a block begins; 1 if anywhere.
fn alignment(data_bytes: usize) -> u64 {
    match data_bytes {
        PAGES_FROM_BYTES.. => PAGE_BYTES,
        LINES_FROM_BYTES.. => LINE_BYTES,
        _ => 1,
    }
}

/// The most that may stand before a block of this length to align it.
pub const fn most_padding_bytes(data_bytes: usize) -> u64 {
    // What cannot be made of sections is at most 8 bytes short.
    match data_bytes {
        PAGES_FROM_BYTES.. => PAGE_BYTES + 8,
        LINES_FROM_BYTES.. => LINE_BYTES + 8,
        _ => 0,
    }
}

/// The longest data that fits into so many bytes with whatever may stand before it.
pub fn most_data_bytes(room_bytes: u64) -> u64 {
    let longest = [usize::MAX, PAGES_FROM_BYTES - 1, LINES_FROM_BYTES - 1];
    let fit = longest.map(|most| {
        let left = room_bytes.saturating_sub(most_padding_bytes(most));
        left.min(most as u64)
    });
    fit.into_iter().max().unwrap_or(0)
}

/// Bytes of padding that bring data, whose head of `head_bytes` stands behind `end`, to where
/// data of this length belongs.
pub(crate) fn bytes_before(end: u64, head_bytes: usize, data_bytes: usize) -> usize {
    let alignment = alignment(data_bytes);
    let over = (end + head_bytes as u64) % alignment;
    let missing = (alignment - over) % alignment;
    let bytes = if is_possible(missing) { missing } else { missing + alignment };
    usize::try_from(bytes).unwrap_or(0)
}

/// Whether sections can take just so many bytes: small ones are odd, so two are even.
fn is_possible(bytes: u64) -> bool {
    let least = LEAST as u64;
    bytes == 0 || bytes >= 2 * least || (bytes >= least && !bytes.is_multiple_of(2))
}

/// Appends this much padding, as [`bytes_before`] gave it.
pub(crate) fn push(mut bytes: usize, out: &mut Vec<u8>) {
    while bytes > 0 {
        let one = next(bytes);
        push_one(one, out);
        bytes -= one;
    }
}

/// How long the next section is, so that others can take the rest.
fn next(bytes: usize) -> usize {
    let is_odd = !bytes.is_multiple_of(2);
    let short = LEAST..=LEAST + 2 * (LONG_FROM - 1);
    let long = LEAST + 1 + 2 * LONG_FROM..=LONGEST;
    if (is_odd && short.contains(&bytes)) || (!is_odd && long.contains(&bytes)) {
        bytes
    } else if bytes >= LONGEST + 2 * LEAST {
        LONGEST
    } else {
        LEAST
    }
}

fn push_one(bytes: usize, out: &mut Vec<u8>) {
    let digest_bytes = (bytes - LEAST) / 2;
    varint::encode((LEAST - 1 + 2 * digest_bytes) as u64, out);
    out.extend_from_slice(&[1, 0x55, 0]);
    varint::encode(digest_bytes as u64, out);
    // Once in the CID, and once as the block.
    out.resize(out.len() + 2 * digest_bytes, 0);
}

#[cfg(test)]
mod tests {
    use ipfs_kit_car::{Header, Reader};

    use super::*;

    fn sections(bytes: usize) -> usize {
        let mut car = Header::default().encode_frame();
        let start = car.len();
        push(bytes, &mut car);
        assert_eq!(car.len() - start, bytes);
        let blocks: Result<Vec<_>, _> = Reader::new(&car[..]).unwrap().collect();
        let blocks = blocks.unwrap();
        for block in &blocks {
            assert_eq!(block.cid.hash().code(), 0);
            assert!(block.cid.hash().digest().len() <= LONGEST_DIGEST);
        }
        blocks.len()
    }

    #[test]
    fn every_length_is_made_of_short_blocks_that_verify() {
        let most = usize::try_from(most_padding_bytes(usize::MAX)).unwrap();
        for bytes in (0..=most).filter(|&bytes| is_possible(bytes as u64)) {
            assert!(sections(bytes) <= bytes.div_ceil(LONGEST) + 3, "{bytes}");
        }
    }

    #[test]
    fn every_place_is_reached() {
        for data_bytes in [0, 4095, 4096, 65_535, 65_536, 1 << 20] {
            for end in 0..10_000 {
                for head_bytes in [37, 38, 40, 70] {
                    let bytes = bytes_before(end, head_bytes, data_bytes);
                    assert!(bytes as u64 <= most_padding_bytes(data_bytes));
                    assert!(is_possible(bytes as u64));
                    let start = end + (bytes + head_bytes) as u64;
                    assert!(start.is_multiple_of(alignment(data_bytes)));
                }
            }
        }
    }

    #[test]
    fn one_byte_more_than_the_longest_does_not_fit() {
        for room in (0..10_000).chain(65_000..75_000) {
            let most = usize::try_from(most_data_bytes(room)).unwrap();
            assert!(most as u64 + most_padding_bytes(most) <= room);
            assert!((most + 1) as u64 + most_padding_bytes(most + 1) > room);
        }
    }

    #[test]
    fn data_begins_at_lines_and_pages_from_these_lengths_on() {
        let least = [0, 4095, 4096, 65_535, 65_536, usize::MAX].map(alignment);
        assert_eq!(least, [1, 1, 64, 64, 4096, 4096]);
    }
}
