//! Looking up offsets in the bytes of an index, which may be mapped.

use std::ops::Range;

use ipfs_kit_cid::varint;
use ipfs_kit_hash::Multihash;

use super::{IndexCodec, OFFSET_BYTES, key};
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
        self.positions(hash).map(|(_, offset)| offset)
    }

    /// The same with the number that each entry has among all of [`Index::entries`].
    pub fn positions(&self, hash: &Multihash) -> impl Iterator<Item = (usize, u64)> {
        let digest = hash.digest();
        let mut before = 0;
        let buckets = self.buckets.iter().filter_map(move |bucket| {
            let number = before;
            before += bucket.entries.len() / bucket.width;
            let fits = bucket.width == digest.len() + OFFSET_BYTES
                && bucket.code.is_none_or(|code| code == hash.code());
            fits.then_some((bucket, number))
        });
        buckets.flat_map(move |(bucket, number)| {
            let bytes = self.bytes_of(bucket);
            let first = first_at_least(bytes, bucket.width, digest);
            let entries = bytes[first * bucket.width..].chunks_exact(bucket.width);
            let found = entries.map(split).take_while(move |(found, _)| *found == digest);
            (number + first..).zip(found.map(|(_, offset)| offset))
        })
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

/// Guesses before a search goes on by halves. Where digests are even, five are enough.
const GUESSES: usize = 8;

/// The number of the first entry whose digest is not less.
///
/// Digests are spread evenly, so their beginnings say about where they stand: a look-up
/// among a million touches a handful of places, not twenty. Where they are not, as
/// identity digests are, the guesses run out and the rest is halved.
fn first_at_least(bytes: &[u8], width: usize, digest: &[u8]) -> usize {
    let (mut low, mut high) = (0, bytes.len() / width);
    let (mut low_key, mut high_key) = (0, u64::MAX);
    let wanted = key(digest);
    let mut guesses = 0;
    while low < high {
        let middle = if guesses < GUESSES {
            guesses += 1;
            guess(low..high, low_key..high_key, wanted)
        } else {
            low + (high - low) / 2
        };
        let entry = &bytes[middle * width..][..digest.len()];
        if entry < digest {
            (low, low_key) = (middle + 1, key(entry));
        } else {
            (high, high_key) = (middle, key(entry));
        }
    }
    low
}

/// Where in `entries` the key should stand. `wanted` is in `keys`, the end included.
fn guess(entries: Range<usize>, keys: Range<u64>, wanted: u64) -> usize {
    let count = entries.len();
    let Ok(factor) = u32::try_from(count) else { return entries.start + count / 2 };
    // 32 bits of the distances are enough, and what comes out of them stays below 2^64.
    let whole = keys.end - keys.start;
    let shift = 32_u32.saturating_sub(whole.leading_zeros());
    let (part, whole) = ((wanted - keys.start) >> shift, (whole >> shift) + 1);
    let before = part * u64::from(factor) / whole;
    entries.start + usize::try_from(before).unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use ipfs_kit_hash::{Code, Hasher};

    use super::*;
    use crate::IndexBuilder;

    /// Every number of entries, and digests that are even, crowded, or all but equal.
    #[test]
    fn every_entry_is_found_under_its_number_and_no_other_is() {
        let even = |i: u64| Hasher::new(Code::Sha2_256).hash(&i.to_be_bytes()).unwrap();
        let wrap = |digest: &[u8]| Multihash::wrap(0, digest).unwrap();
        let crowded =
            |i: u64| wrap(&(u64::MAX >> (i % 64)).wrapping_add(i).to_be_bytes());
        let alike = |i: u64| wrap(&[&[9; 16][..], &i.to_be_bytes()].concat());
        let short = |i: u64| wrap(&i.to_le_bytes()[..2]);
        let ends = |i: u64| wrap(&[if i.is_multiple_of(2) { 0 } else { 255 }; 40]);
        let kinds: [&dyn Fn(u64) -> Multihash; 5] =
            [&even, &crowded, &alike, &short, &ends];
        for count in (0..40).chain([1000, 5000]) {
            let mut builder = IndexBuilder::new();
            for (i, kind) in (0..count).flat_map(|i| kinds.map(|kind| (i, kind))) {
                builder.insert(&kind(i), i);
            }
            let index =
                Index::parse(builder.encode(IndexCodec::MultihashSorted)).unwrap();
            let entries: Vec<_> = index.entries().collect();
            for (i, kind) in (0..count).flat_map(|i| kinds.map(|kind| (i, kind))) {
                let hash = kind(i);
                let found: Vec<_> = index.positions(&hash).collect();
                assert!(found.iter().any(|&(_, offset)| offset == i));
                for (number, offset) in found {
                    let Entry { code, digest, offset: at } = entries[number];
                    assert_eq!(
                        (code, digest, at),
                        (Some(hash.code()), hash.digest(), offset)
                    );
                }
            }
            for absent in [even(count), wrap(&[8; 24]), wrap(&[1; 40]), wrap(&[])] {
                assert_eq!(index.positions(&absent).next(), None);
            }
        }
    }

    #[test]
    fn of_many_places_the_first_is_kept() {
        let hash = |i: u8| Hasher::new(Code::Sha2_256).hash(&[i]).unwrap();
        let mut builder = IndexBuilder::new();
        for (i, offset) in [(1, 300), (2, 77), (1, 59), (1, 256), (3, 1)] {
            builder.insert(&hash(i), offset);
        }
        builder.keep_first();
        assert_eq!(builder.len(), 3);
        let index = Index::parse(builder.encode(IndexCodec::MultihashSorted)).unwrap();
        assert_eq!(index.len(), 3);
        for (i, offset) in [(1, 59), (2, 77), (3, 1)] {
            assert_eq!(index.offsets(&hash(i)).collect::<Vec<_>>(), [offset]);
        }
    }
}
