//! One stream, with the best instructions for it.

use super::constants::INITIAL;
use super::lanes::to_digest;
use super::padding::pad;
use super::{BLOCK_BYTES, Digest};

/// Hash one message.
///
/// ```
/// let digest = ipfs_kit_hash::sha256::digest(b"abc");
/// assert_eq!(digest[..4], [0xba, 0x78, 0x16, 0xbf]);
/// ```
pub fn digest(data: &[u8]) -> Digest {
    let mut state = INITIAL;
    let whole = data.len() - data.len() % BLOCK_BYTES;
    compress(&mut state, &data[..whole]);
    let mut tail = [0; 2 * BLOCK_BYTES];
    tail[..data.len() - whole].copy_from_slice(&data[whole..]);
    finish(state, &mut tail, data.len() - whole, data.len())
}

/// Hash the concatenation of `parts`.
pub fn digest_parts(parts: &[&[u8]]) -> Digest {
    match parts {
        [part] => digest(part),
        parts => digest_pieces(parts.iter().copied()),
    }
}

/// Hash the concatenation of pieces that come one by one.
pub fn digest_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut state = INITIAL;
    let mut buffer = [0; 2 * BLOCK_BYTES];
    let (mut used, mut bytes) = (0, 0);
    for mut part in pieces {
        bytes += part.len();
        if used > 0 {
            let taken = part.len().min(BLOCK_BYTES - used);
            buffer[used..used + taken].copy_from_slice(&part[..taken]);
            used += taken;
            part = &part[taken..];
            if used < BLOCK_BYTES {
                continue;
            }
            compress(&mut state, &buffer[..BLOCK_BYTES]);
        }
        let whole = part.len() - part.len() % BLOCK_BYTES;
        compress(&mut state, &part[..whole]);
        used = part.len() - whole;
        buffer[..used].copy_from_slice(&part[whole..]);
    }
    finish(state, &mut buffer, used, bytes)
}

/// Hash the last `used` bytes, which lie in `tail`, of a message of `bytes`.
fn finish(
    mut state: [u32; 8],
    tail: &mut [u8; 2 * BLOCK_BYTES],
    used: usize,
    bytes: usize,
) -> Digest {
    let blocks = pad(tail, used, bytes as u64);
    compress(&mut state, &tail[..blocks * BLOCK_BYTES]);
    to_digest(&state)
}

/// Move a chaining value on by whole blocks; bytes past the last whole one are left out.
pub(super) fn compress(state: &mut [u32; 8], blocks: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(kernel) = super::shani::ShaNi::detect() {
            return super::shani::compress_one(kernel, state, blocks);
        }
        if let Some(kernel) = super::single_x86::Bmi2::detect() {
            return super::single_x86::compress_one(kernel, state, blocks);
        }
    }
    #[cfg(target_arch = "aarch64")]
    if let Some(kernel) = super::aarch64::AArch64::detect() {
        return super::aarch64::compress_one(kernel, state, blocks);
    }
    super::portable::compress(state, blocks);
}

/// The whole blocks of a slice.
pub(super) fn blocks(bytes: &[u8]) -> &[[u8; BLOCK_BYTES]] {
    bytes.as_chunks().0
}
