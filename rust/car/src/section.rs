//! Sections, the frames of a CAR: a varint of the length, a CID, the block's bytes.

use std::ops::Range;

use ipfs_kit_cid::{Cid, MAX_CID_BYTES, read_prefix, varint};
use ipfs_kit_hash::Hasher;

use crate::reader::truncated;
use crate::{CarError, ReadOptions, Verify};

/// The most bytes that stand before a block in its section.
pub const MAX_HEAD_BYTES: usize = varint::MAX_BYTES + MAX_CID_BYTES;

/// Appends what stands before the block: the section's length and the CID.
pub fn encode_head(cid: &Cid, data_bytes: usize, out: &mut Vec<u8>) {
    let cid = cid.to_bytes();
    varint::encode((cid.len() + data_bytes) as u64, out);
    out.extend_from_slice(&cid);
}

/// Checks that `data` is what `cid` names; `offset` is for the error.
pub fn verify(cid: &Cid, data: &[u8], offset: u64) -> Result<(), CarError> {
    match Hasher::verify(cid.hash(), data) {
        Ok(true) => Ok(()),
        Ok(false) => Err(CarError::Mismatch { offset, cid: Box::new(*cid) }),
        Err(source) => {
            Err(CarError::Unverifiable { offset, cid: Box::new(*cid), source })
        }
    }
}

/// A section that lies whole in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The name of its block.
    pub cid: Cid,
    /// Where the block's bytes lie, which end where the section ends.
    pub data: Range<usize>,
}

impl Section {
    /// Reads the section at `offset` of bytes that begin where their file begins.
    ///
    /// Of `options` the limit counts. The block is not hashed.
    ///
    /// ```
    /// use ipfs_kit_car::{ReadOptions, section::Section};
    ///
    /// let bytes = b"....\x06\x01\x55\x00\x01!!";
    /// let section = Section::read(bytes, 4, &ReadOptions::new())?;
    /// assert_eq!((section.cid.codec(), section.data), (0x55, 10..11));
    /// # Ok::<(), ipfs_kit_car::CarError>(())
    /// ```
    pub fn read(
        bytes: &[u8],
        offset: u64,
        options: &ReadOptions,
    ) -> Result<Self, CarError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let length = varint::decode(&bytes[start..]).map_err(|reason| match reason {
            varint::CUT => truncated(bytes.len() as u64, 1, 0),
            reason => CarError::Varint { offset, reason },
        })?;
        let frame = Frame::new(offset, length, Some(bytes.len() as u64), options)?;
        let body = start + frame.prefix_bytes;
        let end = body + frame.body_bytes;
        let (cid, read) = frame.cid(&bytes[body..end], options)?;
        Ok(Self { cid, data: body + read..end })
    }
}

/// Where a section lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where the varint begins.
    pub(crate) offset: u64,
    /// Bytes of the varint.
    pub(crate) prefix_bytes: usize,
    /// Bytes of CID and block.
    pub(crate) body_bytes: usize,
}

impl Frame {
    /// Checks the length that a section announces.
    ///
    /// `end` is where the sections must end, if that is known.
    pub(crate) fn new(
        offset: u64,
        (length, prefix_bytes): (u64, usize),
        end: Option<u64>,
        options: &ReadOptions,
    ) -> Result<Self, CarError> {
        let limit = options.max_block_bytes();
        let too_large = CarError::SectionTooLarge { offset, bytes: length, limit };
        let body_bytes = match usize::try_from(length) {
            Ok(0) => return Err(CarError::EmptySection { offset }),
            Ok(bytes) if bytes <= limit + MAX_CID_BYTES => bytes,
            _ => return Err(too_large),
        };
        let frame = Self { offset, prefix_bytes, body_bytes };
        match end {
            Some(end) if frame.end() > end => {
                Err(CarError::SectionBeyondData { offset, bytes: length, end })
            }
            _ => Ok(frame),
        }
    }

    /// Where the next section begins. Offsets that come near 2^64 cannot be in a file.
    pub(crate) fn end(&self) -> u64 {
        self.offset.saturating_add((self.prefix_bytes + self.body_bytes) as u64)
    }

    /// Reads the CID that the body begins with; returns it with the bytes it took.
    ///
    /// `body` may be only the body's beginning.
    pub(crate) fn cid(
        &self,
        body: &[u8],
        options: &ReadOptions,
    ) -> Result<(Cid, usize), CarError> {
        let offset = self.offset;
        let body = &body[..body.len().min(self.body_bytes)];
        let (cid, read) =
            read_prefix(body).map_err(|source| CarError::Cid { offset, source })?;
        let limit = options.max_block_bytes();
        if self.body_bytes - read > limit {
            let bytes = self.body_bytes as u64;
            return Err(CarError::SectionTooLarge { offset, bytes, limit });
        }
        Ok((cid, read))
    }

    /// Checks the block if that is asked for.
    pub(crate) fn check(
        &self,
        cid: &Cid,
        data: &[u8],
        options: &ReadOptions,
    ) -> Result<(), CarError> {
        match options.verify() {
            Verify::Always => verify(cid, data, self.offset),
            Verify::Never => Ok(()),
        }
    }
}
