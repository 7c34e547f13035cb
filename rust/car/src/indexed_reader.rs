//! Finding blocks by CID in a file.

use bytes::Bytes;
use ipfs_kit_cid::{Cid, varint};
use ipfs_kit_dag::{BlockSource, DagError};
use ipfs_kit_hash::Code;

use crate::read_at::{Sequential, fill_at};
use crate::reader::truncated;
use crate::section::{Frame, MAX_HEAD_BYTES};
use crate::{
    CarError, Header, Index, IndexBuilder, IndexCodec, ReadAt, ReadOptions, Reader,
    V2Header,
};

/// Reads single blocks of a CAR; a [`BlockSource`] too.
///
/// Blocks are found by multihash, whatever codec or version they are asked for with. One
/// that has an identity CID is read from the CID itself.
///
/// ```
/// use ipfs_kit_car::{IndexedReader, Writer};
/// use ipfs_kit_cid::{Cid, codec};
/// use ipfs_kit_hash::{Code, Hasher};
///
/// let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(b"data")?);
/// let mut writer = Writer::new(Vec::new(), &[cid])?;
/// writer.put(&cid, b"data")?;
/// let reader = IndexedReader::open(writer.finish()?)?;
/// assert_eq!(reader.get(&cid)?.as_deref(), Some(&b"data"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct IndexedReader<R> {
    source: R,
    options: ReadOptions,
    header: Header,
    v2: Option<V2Header>,
    index: Index<Bytes>,
}

/// Read at once when a block is looked up, so that a small one needs no second read.
const FIRST_READ_BYTES: usize = 4 << 10;

/// Read at once when sections are scanned.
const SCAN_BYTES: usize = 64 << 10;

impl<R: ReadAt> IndexedReader<R> {
    /// Opens a CAR with the default options: by its index if it has one, else by a scan.
    pub fn open(source: R) -> Result<Self, CarError> {
        Self::with_options(source, ReadOptions::new())
    }

    /// Opens a CAR: by its index if it has one, else by a scan.
    ///
    /// An index is believed in what it leaves out; what it names is checked when it is read.
    pub fn with_options(source: R, options: ReadOptions) -> Result<Self, CarError> {
        let reader = Self::sequential(&source, options)?;
        let (v2, start) = (reader.v2_header().copied(), reader.offset());
        let header = reader.header().clone();
        let index = match v2.and_then(|v2| v2.index_offset) {
            Some(offset) => load_index(&source, offset, &options)?,
            None => scan(&source, start, v2, &options)?,
        };
        Ok(Self { source, options, header, v2, index })
    }

    /// Opens a CAR by a scan, even if it has an index.
    pub fn with_scan(source: R, options: ReadOptions) -> Result<Self, CarError> {
        let reader = Self::sequential(&source, options)?;
        let (v2, start) = (reader.v2_header().copied(), reader.offset());
        let header = reader.header().clone();
        let index = scan(&source, start, v2, &options)?;
        Ok(Self { source, options, header, v2, index })
    }

    fn sequential(
        source: &R,
        options: ReadOptions,
    ) -> Result<Reader<Sequential<&R>>, CarError> {
        Reader::with_options(Sequential { source, offset: 0 }, options)
    }

    /// The roots that the CAR names.
    pub fn roots(&self) -> &[Cid] {
        &self.header.roots
    }

    /// The header of version 2, if it is one.
    pub fn v2_header(&self) -> Option<&V2Header> {
        self.v2.as_ref()
    }

    /// The index, the file's own or that of the scan.
    pub fn index(&self) -> &Index<Bytes> {
        &self.index
    }

    /// All blocks from the start.
    pub fn blocks(
        &self,
    ) -> Result<impl Iterator<Item = Result<crate::Block, CarError>> + '_, CarError> {
        Self::sequential(&self.source, self.options)
    }

    /// Whether a block is in it, without reading it.
    pub fn contains(&self, cid: &Cid) -> bool {
        is_identity(cid) || self.index.offsets(cid.hash()).next().is_some()
    }

    /// Reads and verifies a block; `None` if it is not in it.
    pub fn get(&self, cid: &Cid) -> Result<Option<Bytes>, CarError> {
        if is_identity(cid) {
            return Ok(Some(Bytes::copy_from_slice(cid.hash().digest())));
        }
        for offset in self.index.offsets(cid.hash()) {
            let offset = self.v2.map_or(0, |v2| v2.data_offset).saturating_add(offset);
            if let Some(data) = self.read_at(cid, offset)? {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Reads the block whose section begins at `offset`; `None` if its digest alone agrees.
    fn read_at(&self, cid: &Cid, offset: u64) -> Result<Option<Bytes>, CarError> {
        let mut start = [0; FIRST_READ_BYTES];
        let read = fill_at(&self.source, &mut start, offset)?;
        let start = &start[..read];
        let end = self.v2.map(|v2| v2.data_end());
        let frame = frame(start, offset, end, &self.options)?;
        let body = &start[frame.prefix_bytes..];
        let (found, cid_bytes) = frame.cid(body, &self.options)?;
        if found.hash() != cid.hash() {
            let same_digest = found.hash().digest() == cid.hash().digest();
            if same_digest && self.index.codec() == IndexCodec::Sorted {
                return Ok(None);
            }
            let (expected, actual) = (Box::new(*cid), Box::new(found));
            return Err(CarError::IndexMismatch { offset, expected, actual });
        }
        let data_bytes = frame.body_bytes - cid_bytes;
        let first = &body[cid_bytes..];
        let data = if first.len() >= data_bytes {
            Bytes::copy_from_slice(&first[..data_bytes])
        } else {
            let mut data = vec![0; data_bytes];
            data[..first.len()].copy_from_slice(first);
            let rest = &mut data[first.len()..];
            let (at, missing) = (offset + read as u64, rest.len());
            let filled = fill_at(&self.source, rest, at)?;
            if filled < missing {
                return Err(truncated(at, missing as u64, filled as u64));
            }
            Bytes::from(data)
        };
        frame.check(cid, &data, &self.options)?;
        Ok(Some(data))
    }
}

impl<R: ReadAt> BlockSource for IndexedReader<R> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(Self::get(self, cid)?)
    }
}

fn is_identity(cid: &Cid) -> bool {
    cid.hash().code() == Code::Identity.code()
}

/// Decodes the length of the section that `bytes` begins with.
fn frame(
    bytes: &[u8],
    offset: u64,
    end: Option<u64>,
    options: &ReadOptions,
) -> Result<Frame, CarError> {
    let length = varint::decode(bytes).map_err(|reason| match reason {
        varint::CUT => truncated(offset + bytes.len() as u64, 1, 0),
        reason => CarError::Varint { offset, reason },
    })?;
    Frame::new(offset, length, end, options)
}

fn load_index<R: ReadAt>(
    source: &R,
    offset: u64,
    options: &ReadOptions,
) -> Result<Index<Bytes>, CarError> {
    let file_bytes = source.len()?;
    let bytes = file_bytes.checked_sub(offset).ok_or_else(|| truncated(offset, 1, 0))?;
    let limit = options.max_index_bytes();
    let too_large = CarError::IndexTooLarge { bytes, limit };
    let length = usize::try_from(bytes).ok().filter(|&length| length <= limit);
    let mut buffer = vec![0; length.ok_or(too_large)?];
    let read = fill_at(source, &mut buffer, offset)?;
    if read < buffer.len() {
        return Err(truncated(offset, bytes, read as u64));
    }
    let index = Index::parse(Bytes::from(buffer))?;
    index.check_order()?;
    Ok(index)
}

/// Makes an index from the heads of all sections. Blocks are skipped, not verified.
fn scan<R: ReadAt>(
    source: &R,
    start: u64,
    v2: Option<V2Header>,
    options: &ReadOptions,
) -> Result<Index<Bytes>, CarError> {
    let (data_offset, data_end) =
        v2.map_or((0, None), |v2| (v2.data_offset, Some(v2.data_end())));
    let file_bytes = source.len()?;
    let end = data_end.unwrap_or(file_bytes);
    let mut heads = Heads { source, buffer: Vec::new(), start: 0 };
    let mut builder = IndexBuilder::new();
    let mut offset = start;
    while offset < end {
        let head = heads.at(offset)?;
        if head.first() == Some(&0) && options.zero_padding() {
            break;
        }
        let frame = frame(head, offset, data_end, options)?;
        let (cid, _) = frame.cid(&head[frame.prefix_bytes..], options)?;
        let body = offset + frame.prefix_bytes as u64;
        if frame.end() > file_bytes {
            let there = file_bytes.saturating_sub(body);
            return Err(truncated(body, frame.body_bytes as u64, there));
        }
        if !is_identity(&cid) {
            builder.insert(cid.hash(), offset - data_offset);
        }
        offset = frame.end();
    }
    Index::parse(Bytes::from(builder.encode(IndexCodec::MultihashSorted)))
}

/// The beginnings of sections, many from one read where they lie close.
struct Heads<'a, R> {
    source: &'a R,
    buffer: Vec<u8>,
    /// Where the buffer lies in the file.
    start: u64,
}

impl<R: ReadAt> Heads<'_, R> {
    /// The bytes at `offset`: a whole head, or fewer at the file's end.
    fn at(&mut self, offset: u64) -> Result<&[u8], CarError> {
        let end = self.start + self.buffer.len() as u64;
        if offset < self.start || offset + MAX_HEAD_BYTES as u64 > end {
            let near = offset < end.saturating_add(SCAN_BYTES as u64);
            self.buffer.resize(if near { SCAN_BYTES } else { FIRST_READ_BYTES }, 0);
            let read = fill_at(self.source, &mut self.buffer, offset)?;
            self.buffer.truncate(read);
            self.start = offset;
        }
        let skipped = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.buffer.get(skipped..).unwrap_or_default())
    }
}
