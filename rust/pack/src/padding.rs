//! Sections that only move the next block to an even place.
//!
//! Each holds a raw identity CID, whose digest is the block itself: valid for strict
//! readers, and nothing that a store would keep.

use ipfs_kit_cid::varint;

/// Data of blocks of this length and more is aligned.
pub(crate) const ALIGNED_FROM_BYTES: usize = 4 << 10;

/// Where aligned data begins: at a multiple of a cache line.
pub(crate) const ALIGNMENT: u64 = 64;

/// The most that is needed.
pub(crate) const MOST_BYTES: usize = 64 + 8;

/// Bytes of a padding section around an empty digest: a length, and a CID of four bytes.
const LEAST: usize = 5;

/// Bytes of padding that bring what comes `head_bytes` behind `end` to an even place.
pub(crate) fn bytes_before(end: u64, head_bytes: usize) -> usize {
    let over = (end + head_bytes as u64) % ALIGNMENT;
    let missing = usize::try_from((ALIGNMENT - over) % ALIGNMENT).unwrap_or(0);
    // A digest stands twice in its section, so one has an odd length and two an even one.
    let possible = missing == 0
        || missing >= 2 * LEAST
        || (missing >= LEAST && !missing.is_multiple_of(2));
    if possible { missing } else { missing + 64 }
}

/// Appends this much padding, as [`bytes_before`] gave it.
pub(crate) fn push(bytes: usize, out: &mut Vec<u8>) {
    match bytes {
        0 => {}
        odd if !odd.is_multiple_of(2) => push_one((odd - LEAST) / 2, out),
        even => {
            push_one(0, out);
            push_one((even - 2 * LEAST) / 2, out);
        }
    }
}

fn push_one(digest_bytes: usize, out: &mut Vec<u8>) {
    varint::encode((LEAST - 1 + 2 * digest_bytes) as u64, out);
    out.extend_from_slice(&[1, 0x55, 0]);
    varint::encode(digest_bytes as u64, out);
    out.resize(out.len() + 2 * digest_bytes, 0);
}

#[cfg(test)]
mod tests {
    use ipfs_kit_car::{Header, Reader};

    use super::*;

    #[test]
    fn every_place_is_reached_by_blocks_that_verify() {
        for end in 0..200 {
            for head_bytes in [37, 38, 40, 70] {
                let bytes = bytes_before(end, head_bytes);
                assert!(bytes <= MOST_BYTES);
                assert!((end + (bytes + head_bytes) as u64).is_multiple_of(ALIGNMENT));
                let mut car = Header::default().encode_frame();
                let start = car.len();
                push(bytes, &mut car);
                assert_eq!(car.len() - start, bytes);
                let blocks: Result<Vec<_>, _> = Reader::new(&car[..]).unwrap().collect();
                assert!(blocks.unwrap().iter().all(|block| block.cid.hash().code() == 0));
            }
        }
    }
}
