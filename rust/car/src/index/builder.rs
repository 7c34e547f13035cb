//! Making the bytes of an index.

use std::collections::BTreeMap;

use ipfs_kit_cid::varint;
use ipfs_kit_hash::Multihash;

use super::{IndexCodec, OFFSET_BYTES, key};

/// Collects where blocks lie.
///
/// Takes as much memory as the index will, and as much again while it is sorted.
///
/// ```
/// use ipfs_kit_car::{Index, IndexBuilder, IndexCodec};
/// use ipfs_kit_hash::{Code, Hasher};
///
/// let hash = Hasher::new(Code::Sha2_256).hash(b"block")?;
/// let mut builder = IndexBuilder::new();
/// builder.insert(&hash, 59);
/// let index = Index::parse(builder.encode(IndexCodec::MultihashSorted))?;
/// assert_eq!(index.offsets(&hash).collect::<Vec<_>>(), [59]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct IndexBuilder {
    /// By hash function and digest length: digests with their offsets, as they came.
    buckets: BTreeMap<(u64, usize), Vec<u8>>,
    len: usize,
}

impl IndexBuilder {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a block. One that lies at several places may be added with each.
    pub fn insert(&mut self, hash: &Multihash, offset: u64) {
        let bucket = self.buckets.entry((hash.code(), hash.digest().len())).or_default();
        bucket.extend_from_slice(hash.digest());
        bucket.extend_from_slice(&offset.to_le_bytes());
        self.len += 1;
    }

    /// Blocks added.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps one place of each block, the first of the file.
    pub fn keep_first(&mut self) {
        for ((_, digest_bytes), bucket) in &mut self.buckets {
            let mut kept = Vec::with_capacity(bucket.len());
            let mut before = None;
            for entry in sorted(*digest_bytes, &[bucket.as_slice()]) {
                let digest = &entry[..*digest_bytes];
                if before != Some(digest) {
                    kept.extend_from_slice(entry);
                }
                before = Some(digest);
            }
            *bucket = kept;
        }
        self.len = self
            .buckets
            .iter()
            .map(|((_, digest_bytes), bucket)| {
                bucket.len() / (digest_bytes + OFFSET_BYTES)
            })
            .sum();
    }

    /// Moves every offset as a header moves sections when its length changes.
    pub(crate) fn shift(&mut self, from: u64, to: u64) {
        for ((_, digest_bytes), bucket) in &mut self.buckets {
            for entry in bucket.chunks_exact_mut(digest_bytes + OFFSET_BYTES) {
                if let Some(bytes) = entry.last_chunk_mut() {
                    *bytes = (u64::from_le_bytes(*bytes) - from + to).to_le_bytes();
                }
            }
        }
    }

    /// The whole index, its codec included.
    pub fn encode(&self, codec: IndexCodec) -> Vec<u8> {
        let mut out = Vec::new();
        varint::encode(codec.code(), &mut out);
        match codec {
            IndexCodec::Sorted => {
                let mut widths: BTreeMap<usize, Vec<&[u8]>> = BTreeMap::new();
                for ((_, digest_bytes), bucket) in &self.buckets {
                    widths.entry(*digest_bytes).or_default().push(bucket);
                }
                encode_widths(&widths, &mut out);
            }
            IndexCodec::MultihashSorted => {
                let mut functions: BTreeMap<u64, BTreeMap<usize, Vec<&[u8]>>> =
                    BTreeMap::new();
                for ((code, digest_bytes), bucket) in &self.buckets {
                    let widths = functions.entry(*code).or_default();
                    widths.insert(*digest_bytes, vec![bucket]);
                }
                encode_count(functions.len(), &mut out);
                for (code, widths) in &functions {
                    out.extend_from_slice(&code.to_le_bytes());
                    encode_widths(widths, &mut out);
                }
            }
        }
        out
    }
}

/// A count of buckets. There are fewer than hash functions times digest lengths.
fn encode_count(count: usize, out: &mut Vec<u8>) {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    out.extend_from_slice(&count.to_le_bytes());
}

fn encode_widths(widths: &BTreeMap<usize, Vec<&[u8]>>, out: &mut Vec<u8>) {
    encode_count(widths.len(), out);
    for (digest_bytes, buckets) in widths {
        encode_bucket(*digest_bytes, buckets, out);
    }
}

/// Writes a bucket, sorted by digest and then by offset.
fn encode_bucket(digest_bytes: usize, buckets: &[&[u8]], out: &mut Vec<u8>) {
    let entries = sorted(digest_bytes, buckets);
    let width = digest_bytes + OFFSET_BYTES;
    encode_count(width, out);
    out.extend_from_slice(&((entries.len() * width) as u64).to_le_bytes());
    out.reserve(entries.len() * width);
    for entry in entries {
        out.extend_from_slice(entry);
    }
}

/// The entries of buckets by digest, and then by offset.
fn sorted<'a>(digest_bytes: usize, buckets: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let width = digest_bytes + OFFSET_BYTES;
    // Nearly all are told apart by their first bytes, which are kept at hand: the entries
    // themselves lie all over memory.
    let mut entries: Vec<(u64, &[u8])> = buckets
        .iter()
        .flat_map(|bucket| bucket.chunks_exact(width))
        .map(|entry| (key(&entry[..digest_bytes]), entry))
        .collect();
    // Offsets are little-endian: read backwards, they compare as numbers.
    entries.sort_unstable_by(|(a_key, a), (b_key, b)| {
        let ((a, a_offset), (b, b_offset)) =
            (a.split_at(digest_bytes), b.split_at(digest_bytes));
        let offsets = || a_offset.iter().rev().cmp(b_offset.iter().rev());
        a_key.cmp(b_key).then_with(|| a.cmp(b)).then_with(offsets)
    });
    entries.into_iter().map(|(_, entry)| entry).collect()
}
