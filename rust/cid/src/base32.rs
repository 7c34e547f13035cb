//! Many CIDs of one shape printed at once: a constant prefix, then a digest, in base32.
//!
//! Five bytes become eight letters by four look-ups of two letters each. Printing a sha2-256
//! CID this way takes about 20 ns, which is what hashing 64 bytes in SIMD lanes takes.

const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Two letters for each value of ten bits.
static PAIRS: [[u8; 2]; 1024] = pairs();

const fn pairs() -> [[u8; 2]; 1024] {
    let mut table = [[0; 2]; 1024];
    let mut i = 0;
    while i < 1024 {
        table[i] = [ALPHABET[i >> 5], ALPHABET[i & 31]];
        i += 1;
    }
    table
}

/// Letters for `bytes` bytes, behind the multibase `b`.
pub const fn base32_len(bytes: usize) -> usize {
    1 + (bytes * 8).div_ceil(5)
}

/// Prints CIDs that share their first bytes (version, codec, hash code, length).
#[derive(Debug, Clone)]
pub struct Base32Bulk {
    bytes: Vec<u8>,
    text: Vec<u8>,
    prefix_len: usize,
    text_len: usize,
}

impl Base32Bulk {
    /// Prepares to print CIDs that begin with `prefix` and end in `digest_bytes` of digest.
    pub fn new(prefix: &[u8], digest_bytes: usize) -> Self {
        let length = prefix.len() + digest_bytes;
        let mut bytes = prefix.to_vec();
        // Room to the next group of five; the bits behind the end are zero, as RFC 4648 wants.
        bytes.resize(length.next_multiple_of(5), 0);
        let mut text = vec![0; 1 + bytes.len() / 5 * 8];
        text[0] = b'b';
        Self { bytes, text, prefix_len: prefix.len(), text_len: base32_len(length) }
    }

    /// Letters of each CID.
    pub fn text_len(&self) -> usize {
        self.text_len
    }

    /// Prints the CID of a digest of the length announced to [`new`](Self::new).
    pub fn print(&mut self, digest: &[u8]) -> &[u8] {
        self.bytes[self.prefix_len..][..digest.len()].copy_from_slice(digest);
        let (groups, _) = self.bytes.as_chunks::<5>();
        let (texts, _) = self.text[1..].as_chunks_mut::<8>();
        for (group, text) in groups.iter().zip(texts) {
            let mut word = [0; 8];
            word[3..].copy_from_slice(group);
            let bits = u64::from_be_bytes(word);
            let pair = |shift: u32| PAIRS[(bits >> shift & 1023) as usize];
            // Spelt out: a loop over the pairs is half as fast.
            text[..2].copy_from_slice(&pair(30));
            text[2..4].copy_from_slice(&pair(20));
            text[4..6].copy_from_slice(&pair(10));
            text[6..].copy_from_slice(&pair(0));
        }
        &self.text[..self.text_len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bulk_prints_what_multibase_prints() {
        for digest_bytes in 0..70_u8 {
            let digest: Vec<u8> =
                (0..digest_bytes).map(|i: u8| i.wrapping_mul(37)).collect();
            let mut bulk = Base32Bulk::new(&[1, 0x55, 0x12, 0x20], digest.len());
            let whole = [&[1, 0x55, 0x12, 0x20][..], &digest].concat();
            let text = multibase::encode(multibase::Base::Base32Lower, whole);
            for _ in 0..2 {
                assert_eq!(bulk.print(&digest), text.as_bytes());
            }
        }
    }
}
