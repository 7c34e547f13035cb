//! The end of a message: a one bit, zeros, and the length in bits.

use super::BLOCK_BYTES;

/// Bytes that the one bit and the length need at least.
const SUFFIX_BYTES: usize = 9;

/// Blocks of a message of `bytes` bytes with its padding.
pub(super) const fn padded_blocks(bytes: usize) -> usize {
    (bytes + SUFFIX_BYTES).div_ceil(BLOCK_BYTES)
}

/// Pad the last `used` bytes of a message of `message_bytes`, which begin `buffer` and are
/// fewer than a block; return the one or two blocks that they then fill.
///
/// # Panics
///
/// If `buffer` is shorter than those blocks.
pub(super) fn pad(buffer: &mut [u8], used: usize, message_bytes: u64) -> usize {
    let blocks = padded_blocks(used);
    let end = blocks * BLOCK_BYTES;
    buffer[used] = 0x80;
    buffer[used + 1..end - 8].fill(0);
    buffer[end - 8..end].copy_from_slice(&(message_bytes * 8).to_be_bytes());
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_holds_at_most_55_bytes_and_the_padding() {
        assert_eq!([0, 55, 56, 63, 64].map(padded_blocks), [1, 1, 2, 2, 2]);
    }

    #[test]
    fn padding_closes_with_the_length_in_bits() {
        let mut buffer = [0xff; 2 * BLOCK_BYTES];
        assert_eq!(pad(&mut buffer, 3, 64 + 3), 1);
        assert_eq!(buffer[3], 0x80);
        assert!(buffer[4..62].iter().all(|&byte| byte == 0));
        assert_eq!(buffer[62..64], [2, 24]);
        assert_eq!(pad(&mut buffer, 60, 60), 2);
        assert_eq!(buffer[126..], [1, 224]);
    }
}
