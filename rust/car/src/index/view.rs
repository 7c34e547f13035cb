//! Looking up offsets in the bytes of an index, which may be mapped.

use std::ops::Range;

use ipfs_kit_cid::varint;
use ipfs_kit_hash::Multihash;

use super::{IndexCodec, OFFSET_BYTES};
use crate::CarError;

/// An index over bytes that it holds or borrows.
///
/// Parsing reads the heads of the buckets alone, so that a mapped index of any size opens
/// at once; [`Index::check_order`] reads it all. In one that is out of order look-ups may
/// miss entries, and do nothing worse.
#[derive(Clone, Debug)]
pub struct Index<B> {
    bytes: B,
    codec: IndexCodec,
    buckets: Vec<Bucket>,
}

/// An entry of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The hash function, where the index knows it.
    pub code: Option<u64>,
    /// What it gave.
    pub digest: &'a [u8],
    /// Where the section lies in the data.
    pub offset: u64,
}

#[derive(Clone, Debug)]
struct Bucket {
    code: Option<u64>,
    width: usize,
    entries: Range<usize>,
}

impl<B: AsRef<[u8]>> Index<B> {
    /// Checks that `bytes` are buckets in order and nothing else.
    pub fn parse(bytes: B) -> Result<Self, CarError> {
        let mut at = Cursor { bytes: bytes.as_ref(), offset: 0 };
        let codec = at.codec()?;
        let mut buckets = Vec::new();
        match codec {
            IndexCodec::Sorted => at.widths(None, &mut buckets)?,
            IndexCodec::MultihashSorted => {
                let mut before = None;
                for _ in 0..at.count()? {
                    let offset = at.offset;
                    let code = Some(at.u64()?);
                    if before >= code {
                        let reason = "hash functions are out of order";
                        return Err(CarError::Index { offset, reason });
                    }
                    at.widths(code, &mut buckets)?;
                    before = code;
                }
            }
        }
        if at.offset != at.bytes.len() {
            return Err(at.error("bytes after the last bucket"));
        }
        Ok(Self { bytes, codec, buckets })
    }

    /// Checks that every bucket is sorted by digest, as look-ups need it.
    pub fn check_order(&self) -> Result<(), CarError> {
        for bucket in &self.buckets {
            let digest_bytes = bucket.width - OFFSET_BYTES;
            let mut offset = bucket.entries.start;
            let mut before: &[u8] = &[];
            for entry in self.bytes_of(bucket).chunks_exact(bucket.width) {
                let digest = &entry[..digest_bytes];
                if before > digest {
                    let reason = "digests are out of order";
                    return Err(CarError::Index { offset, reason });
                }
                before = digest;
                offset += bucket.width;
            }
        }
        Ok(())
    }

    /// Which kind it is.
    pub fn codec(&self) -> IndexCodec {
        self.codec
    }

    /// Entries in it.
    pub fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.entries.len() / bucket.width).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where blocks of this hash lie, in the order of the index.
    ///
    /// An index without hash functions may name blocks of the same digest under another.
    pub fn offsets(&self, hash: &Multihash) -> impl Iterator<Item = u64> {
        let digest = hash.digest();
        let buckets = self.buckets.iter().filter(move |bucket| {
            bucket.width == digest.len() + OFFSET_BYTES
                && bucket.code.is_none_or(|code| code == hash.code())
        });
        buckets
            .flat_map(move |bucket| {
                let bytes = self.bytes_of(bucket);
                let first = first_at_least(bytes, bucket.width, digest);
                let entries = bytes[first * bucket.width..].chunks_exact(bucket.width);
                entries.map(split).take_while(move |(found, _)| *found == digest)
            })
            .map(|(_, offset)| offset)
    }

    /// All entries, in the order of the index.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.buckets.iter().flat_map(|bucket| {
            self.bytes_of(bucket).chunks_exact(bucket.width).map(|entry| {
                let (digest, offset) = split(entry);
                Entry { code: bucket.code, digest, offset }
            })
        })
    }

    fn bytes_of(&self, bucket: &Bucket) -> &[u8] {
        // What is mapped may have been cut off since: then there is nothing in it.
        self.bytes.as_ref().get(bucket.entries.clone()).unwrap_or_default()
    }
}

fn split(entry: &[u8]) -> (&[u8], u64) {
    match entry.split_last_chunk() {
        Some((digest, offset)) => (digest, u64::from_le_bytes(*offset)),
        None => (entry, 0),
    }
}

/// The number of the first entry whose digest is not less.
fn first_at_least(bytes: &[u8], width: usize, digest: &[u8]) -> usize {
    let (mut low, mut high) = (0, bytes.len() / width);
    while low < high {
        let middle = low + (high - low) / 2;
        let entry = &bytes[middle * width..];
        if entry[..digest.len()] < *digest {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// A place in an index's bytes.
struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Cursor<'_> {
    fn error(&self, reason: &'static str) -> CarError {
        CarError::Index { offset: self.offset, reason }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CarError> {
        let rest = self.bytes.get(self.offset..).unwrap_or_default();
        let bytes = rest.first_chunk().ok_or_else(|| self.error("cut short"))?;
        self.offset += N;
        Ok(*bytes)
    }

    fn u64(&mut self) -> Result<u64, CarError> {
        self.take().map(u64::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, CarError> {
        self.take().map(u32::from_le_bytes)
    }

    fn codec(&mut self) -> Result<IndexCodec, CarError> {
        let (codec, read) =
            varint::decode(self.bytes).map_err(|reason| self.error(reason))?;
        self.offset += read;
        IndexCodec::from_code(codec)
    }

    /// A count, signed in the file. Each bucket takes bytes, so a loop over it ends soon.
    fn count(&mut self) -> Result<u32, CarError> {
        let offset = self.offset;
        let count = self.u32()?;
        if i32::try_from(count).is_err() {
            return Err(CarError::Index { offset, reason: "negative count" });
        }
        Ok(count)
    }

    fn widths(
        &mut self,
        code: Option<u64>,
        buckets: &mut Vec<Bucket>,
    ) -> Result<(), CarError> {
        let mut before = 0;
        for _ in 0..self.count()? {
            let bucket = self.bucket(code)?;
            if bucket.width <= before {
                return Err(self.error("lengths of digests are out of order"));
            }
            before = bucket.width;
            buckets.push(bucket);
        }
        Ok(())
    }

    fn bucket(&mut self, code: Option<u64>) -> Result<Bucket, CarError> {
        let width = self.u32()? as usize;
        if width < OFFSET_BYTES {
            return Err(self.error("entries are too short for an offset"));
        }
        let length = self.u64()?;
        let start = self.offset;
        let end =
            usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        match end {
            Some(end) if end > self.bytes.len() => Err(self.error("cut short")),
            Some(end) if (end - start).is_multiple_of(width) => {
                self.offset = end;
                Ok(Bucket { code, width, entries: start..end })
            }
            Some(_) => Err(self.error("a bucket does not end with an entry")),
            None => Err(self.error("a bucket is longer than memory")),
        }
    }
}
