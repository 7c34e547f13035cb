//! Streaming the blocks of a CAR of either version.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use ipfs_kit_cid::{Cid, varint};

use crate::section::Frame;
use crate::v2::V2_HEADER_BYTES;
use crate::{CarError, Header, PRAGMA, ReadOptions, V2Header};

/// A block, as it lies in a CAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its name.
    pub cid: Cid,
    /// Its bytes.
    pub data: Bytes,
    /// Where its section begins, from the start of the file.
    pub offset: u64,
}

/// Reads a CAR from start to end; also an iterator of its blocks.
///
/// Memory grows with the bytes that really arrive, never with what a length announces.
/// After an error there is nothing more to read.
///
/// ```
/// use ipfs_kit_car::{CarError, Reader};
///
/// // No roots, and one block whose CID is the identity of its bytes.
/// let car = b"\x11\xa2\x65roots\x80\x67version\x01\x06\x01\x55\x00\x01!!";
/// let blocks = Reader::new(&car[..])?.collect::<Result<Vec<_>, CarError>>()?;
/// assert_eq!(blocks[0].data, "!");
///
/// let cut = Reader::new(&car[..20])?.next_block();
/// assert!(matches!(cut, Err(CarError::Truncated { offset: 19, expected: 6, actual: 1 })));
/// # Ok::<(), CarError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    input: BufReader<R>,
    options: ReadOptions,
    header: Header,
    v2: Option<V2Header>,
    /// Where the next byte lies in the file.
    offset: u64,
    done: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the header, with the default options.
    pub fn new(input: R) -> Result<Self, CarError> {
        Self::with_options(input, ReadOptions::new())
    }

    /// Reads the header.
    pub fn with_options(input: R, options: ReadOptions) -> Result<Self, CarError> {
        let mut reader = Self {
            input: BufReader::with_capacity(64 << 10, input),
            options,
            header: Header::default(),
            v2: None,
            offset: 0,
            done: false,
        };
        let first = reader.read_header_frame()?;
        if first == PRAGMA[1..] {
            let mut bytes = [0; V2_HEADER_BYTES];
            bytes.copy_from_slice(&reader.read_bytes(V2_HEADER_BYTES)?);
            let v2 = V2Header::decode(&bytes)?;
            reader.skip_to(v2.data_offset)?;
            reader.v2 = Some(v2);
            let inner = reader.read_header_frame()?;
            reader.header = Header::decode(&inner)?;
        } else {
            reader.header = Header::decode(&first)?;
        }
        Ok(reader)
    }

    /// The roots that the CAR names.
    pub fn roots(&self) -> &[Cid] {
        &self.header.roots
    }

    /// The header of version 1, which version 2 has within.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The header of version 2, if it is one.
    pub fn v2_header(&self) -> Option<&V2Header> {
        self.v2.as_ref()
    }

    /// Where the next section begins, from the start of the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads and verifies the next block; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<Block>, CarError> {
        if self.done {
            return Ok(None);
        }
        let block = self.read_block();
        self.done = !matches!(block, Ok(Some(_)));
        block
    }

    fn read_block(&mut self) -> Result<Option<Block>, CarError> {
        let end = self.v2.map(|v2| v2.data_end());
        let offset = self.offset;
        if end == Some(offset) {
            return Ok(None);
        }
        let Some(length) = self.read_varint()? else {
            return match end {
                Some(end) => Err(truncated(offset, end - offset, 0)),
                None => Ok(None),
            };
        };
        if length.0 == 0 && self.options.zero_padding() {
            return Ok(None);
        }
        let frame = Frame::new(offset, length, end, &self.options)?;
        let body = Bytes::from(self.read_bytes(frame.body_bytes)?);
        let (cid, read) = frame.cid(&body, &self.options)?;
        let data = body.slice(read..);
        frame.check(&cid, &data, &self.options)?;
        Ok(Some(Block { cid, data, offset }))
    }

    /// Reads a header without its length.
    fn read_header_frame(&mut self) -> Result<Vec<u8>, CarError> {
        let offset = self.offset;
        let Some((bytes, _)) = self.read_varint()? else {
            return Err(CarError::Header { offset, reason: "nothing" });
        };
        let limit = self.options.max_header_bytes();
        let too_large = CarError::HeaderTooLarge { bytes, limit };
        let length = usize::try_from(bytes).ok().filter(|&length| length <= limit);
        let length = length.ok_or(too_large)?;
        let end = self.v2.map_or(u64::MAX, |v2| v2.data_end());
        if self.offset.saturating_add(bytes) > end {
            return Err(CarError::SectionBeyondData { offset, bytes, end });
        }
        self.read_bytes(length)
    }

    /// Reads a varint and counts its bytes; `None` at the end of the input.
    fn read_varint(&mut self) -> Result<Option<(u64, usize)>, CarError> {
        let offset = self.offset;
        let mut bytes = [0; varint::MAX_BYTES];
        for (count, slot) in bytes.iter_mut().enumerate() {
            match self.read_byte()? {
                Some(byte) => *slot = byte,
                None if count == 0 => return Ok(None),
                None => return Err(truncated(self.offset, 1, 0)),
            }
            if *slot < 0x80 {
                break;
            }
        }
        varint::decode(&bytes)
            .map(Some)
            .map_err(|reason| CarError::Varint { offset, reason })
    }

    fn read_byte(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.input.fill_buf() {
                Ok(buffer) => {
                    let byte = buffer.first().copied();
                    if byte.is_some() {
                        self.input.consume(1);
                        self.offset += 1;
                    }
                    return Ok(byte);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads this many bytes. `count` is within a limit; what is set aside before they
    /// arrive stays small.
    fn read_bytes(&mut self, count: usize) -> Result<Vec<u8>, CarError> {
        let mut bytes = Vec::with_capacity(count.min(2 << 20));
        let input = &mut self.input;
        input.take(count as u64).read_to_end(&mut bytes)?;
        if bytes.len() < count {
            return Err(truncated(self.offset, count as u64, bytes.len() as u64));
        }
        self.offset += count as u64;
        Ok(bytes)
    }

    fn skip_to(&mut self, offset: u64) -> Result<(), CarError> {
        let count = offset - self.offset;
        let mut padding = (&mut self.input).take(count);
        let skipped = io::copy(&mut padding, &mut io::sink())?;
        if skipped < count {
            return Err(truncated(self.offset, count, skipped));
        }
        self.offset = offset;
        Ok(())
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Block, CarError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

pub(crate) fn truncated(offset: u64, expected: u64, actual: u64) -> CarError {
    CarError::Truncated { offset, expected, actual }
}
