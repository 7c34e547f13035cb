//! Records: what a key stands for.
//!
//! A record is a frame whose CID is made of the key: codec and hash function are numbers of
//! the multicodec table's private range, the digest is the blake3 of the key. Its content
//! begins with a checksum, since no CID vouches for it:
//!
//! ```text
//! blake3 of what follows  32
//! version                  1
//! time (ns since 1970)     8, little-endian
//! value's bytes            8
//! value's blake3          32
//! key's bytes              4
//! key, metadata
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher, Multihash};

/// The hash function of records' names; never used to hash content.
const RECORD_HASH: u64 = 0x30_ca01;
/// The codec of blocks that are values of keys, so that they are not listed beside their keys.
const VALUE_CODEC: u64 = 0x30_ca02;

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 32;

/// The most bytes of key and metadata together that a record takes beside its own.
pub(super) const OVERHEAD_BYTES: usize = 2 * DIGEST_BYTES + 21;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) time: u64,
    pub(super) value: Multihash,
    pub(super) value_bytes: u64,
    pub(super) key: Vec<u8>,
    pub(super) metadata: Vec<u8>,
}

/// The blake3 of some bytes.
pub(super) fn blake3(bytes: &[u8]) -> Option<Multihash> {
    // Only identity has payloads that it cannot hash.
    Hasher::new(Code::Blake3).hash(bytes).ok()
}

/// The name that the record of a key is found by.
pub(super) fn name_of(key: &[u8]) -> Option<Cid> {
    let hash = Multihash::wrap(RECORD_HASH, blake3(key)?.digest()).ok()?;
    Some(Cid::new_v1(codec::RAW, hash))
}

/// The CID of a value.
pub(super) fn value_cid(hash: Multihash) -> Cid {
    Cid::new_v1(VALUE_CODEC, hash)
}

pub(super) fn is_record(cid: &Cid) -> bool {
    cid.hash().code() == RECORD_HASH
}

pub(super) fn is_value(cid: &Cid) -> bool {
    cid.codec() == VALUE_CODEC
}

impl Record {
    /// A record of this moment.
    pub(super) fn new(
        key: &[u8],
        value: Multihash,
        value_bytes: u64,
        metadata: &[u8],
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(now.as_nanos()).unwrap_or(0);
        let (key, metadata) = (key.to_vec(), metadata.to_vec());
        Self { time, value, value_bytes, key, metadata }
    }

    /// `None` if there is no place for a key of this length.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let key_bytes = u32::try_from(self.key.len()).ok()?;
        let mut bytes = vec![0; DIGEST_BYTES];
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.time.to_le_bytes());
        bytes.extend_from_slice(&self.value_bytes.to_le_bytes());
        bytes.extend_from_slice(self.value.digest());
        bytes.extend_from_slice(&key_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.metadata);
        let checksum = blake3(&bytes[DIGEST_BYTES..])?;
        bytes[..DIGEST_BYTES].copy_from_slice(checksum.digest());
        Some(bytes)
    }

    /// `None` if it is damaged, or of a version that is not known.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let view = RecordView::parse(check(bytes)?)?;
        let (key, metadata) = (view.key.to_vec(), view.metadata.to_vec());
        let RecordView { time, value, value_bytes, .. } = view;
        Some(Self { time, value, value_bytes, key, metadata })
    }
}

/// What a record says, where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordView<'a> {
    pub(super) time: u64,
    pub(super) value: Multihash,
    pub(super) value_bytes: u64,
    pub(super) key: &'a [u8],
    pub(super) metadata: &'a [u8],
}

impl<'a> RecordView<'a> {
    /// Reads what stands behind the checksum.
    pub(super) fn parse(rest: &'a [u8]) -> Option<Self> {
        let ([version], rest) = rest.split_first_chunk()?;
        let (time, rest) = rest.split_first_chunk()?;
        let (value_bytes, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
        let (key_bytes, rest) = rest.split_first_chunk()?;
        let key_bytes = usize::try_from(u32::from_le_bytes(*key_bytes)).ok()?;
        let (key, metadata) = rest.split_at_checked(key_bytes)?;
        let value = Multihash::wrap(Code::Blake3.code(), digest).ok()?;
        let (time, value_bytes) =
            (u64::from_le_bytes(*time), u64::from_le_bytes(*value_bytes));
        let view = Self { time, value, value_bytes, key, metadata };
        (*version == VERSION).then_some(view)
    }
}

/// What stands behind the checksum; `None` if that does not match.
pub(super) fn check(bytes: &[u8]) -> Option<&[u8]> {
    let (checksum, rest) = bytes.split_first_chunk::<DIGEST_BYTES>()?;
    (blake3(rest)?.digest() == checksum).then_some(rest)
}

/// The same of a record that was checked before.
pub(super) fn skip(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(DIGEST_BYTES..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let record = Record::new(b"key", blake3(b"value").unwrap(), 5, b"meta");
        let bytes = record.encode().unwrap();
        assert_eq!(bytes.len(), OVERHEAD_BYTES + 7);
        assert_eq!(Record::decode(&bytes), Some(record));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&damaged), None);
        }
        for end in 0..bytes.len() {
            assert_eq!(Record::decode(&bytes[..end]), None);
        }
    }

    #[test]
    fn empty_parts_are_legal() {
        let record = Record::new(b"", blake3(b"").unwrap(), 0, b"");
        assert_eq!(Record::decode(&record.encode().unwrap()), Some(record));
    }
}
