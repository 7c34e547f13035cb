//! Writing a CAR of either version to a file, its roots known at the start or at the end.

use std::io::SeekFrom;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, DagError};
use ipfs_kit_hash::Code;

use crate::rewrite::{Rewrite, shift};
use crate::{CarError, Header, IndexBuilder, IndexCodec, PRAGMA, V2Header, Writer};

/// Which version to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Version 1.
    #[default]
    V1,
    /// Version 2, with an index behind the data or without.
    ///
    /// Blocks with identity CIDs are not in the index, as their bytes are in the CID.
    V2(Option<IndexCodec>),
}

/// The roots of a CAR that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// These.
    Known(Vec<Cid>),
    /// To be given at the end. A place is kept for one root.
    Open {
        /// How long its binary CID is likely to be: 36 bytes for version 1 with sha2-256,
        /// 34 for version 0. With any other number, length or none the blocks are moved at
        /// the end, which reads and writes them all again.
        cid_bytes: usize,
    },
}

/// Writes a CAR to a file; a [`BlockSink`] too.
///
/// What it wrote is no CAR until it is finished: version 2 lacks its header, and open roots
/// leave zeros in place of theirs.
///
/// ```
/// use std::io::Cursor;
/// use ipfs_kit_car::{FileWriter, Format, IndexCodec, Reader, Roots};
/// use ipfs_kit_cid::{Cid, codec};
/// use ipfs_kit_hash::{Code, Hasher};
///
/// let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(b"data")?);
/// let format = Format::V2(Some(IndexCodec::MultihashSorted));
/// let roots = Roots::Open { cid_bytes: 36 };
/// let mut writer = FileWriter::new(Cursor::new(Vec::new()), format, roots)?;
/// writer.put(&cid, b"data")?;
/// let car = writer.finish_with_roots(&[cid])?.into_inner();
/// assert_eq!(Reader::new(&car[..])?.roots(), [cid]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileWriter<W: Rewrite> {
    writer: Writer<W>,
    format: Format,
    index: IndexBuilder,
    /// Where the file was when writing began.
    start: u64,
    /// Bytes kept for the header of open roots.
    reserved: Option<u64>,
}

impl<W: Rewrite> FileWriter<W> {
    /// Begins where the file stands.
    pub fn new(mut file: W, format: Format, roots: Roots) -> Result<Self, CarError> {
        let start = file.stream_position()?;
        if let Format::V2(_) = format {
            file.write_all(&PRAGMA)?;
            file.write_all(&[0; crate::v2::V2_HEADER_BYTES])?;
        }
        let (frame, reserved) = match roots {
            Roots::Known(roots) => (Header { roots }.encode_frame(), None),
            Roots::Open { cid_bytes } => {
                let bytes = Header::frame_bytes(cid_bytes);
                (vec![0; bytes], Some(bytes as u64))
            }
        };
        let writer = Writer::with_frame(file, &frame)?;
        Ok(Self { writer, format, index: IndexBuilder::new(), start, reserved })
    }

    /// Writes a block; returns where its section begins, from the start of the data.
    pub fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<u64, CarError> {
        let offset = self.writer.put(cid, data)?;
        let indexed = matches!(self.format, Format::V2(Some(_)));
        if indexed && cid.hash().code() != Code::Identity.code() {
            self.index.insert(cid.hash(), offset);
        }
        Ok(offset)
    }

    /// Finishes a CAR whose roots were known. The file then stands at its end.
    pub fn finish(self) -> Result<W, CarError> {
        match self.reserved {
            None => self.finish_with_frame(None),
            Some(_) => Err(CarError::RootsMissing),
        }
    }

    /// Finishes a CAR whose roots were open. The file then stands at its end.
    pub fn finish_with_roots(self, roots: &[Cid]) -> Result<W, CarError> {
        let frame = Header { roots: roots.to_vec() }.encode_frame();
        match self.reserved {
            Some(reserved) => self.finish_with_frame(Some((reserved, &frame))),
            None => Err(CarError::RootsGivenTwice),
        }
    }

    fn finish_with_frame(mut self, frame: Option<(u64, &[u8])>) -> Result<W, CarError> {
        let mut header =
            V2Header { data_bytes: self.writer.bytes(), ..V2Header::default() };
        let mut file = self.writer.finish()?;
        let data_start = match self.format {
            Format::V1 => self.start,
            Format::V2(_) => self.start + header.data_offset,
        };
        if let Some((reserved, frame)) = frame {
            let frame_bytes = frame.len() as u64;
            if reserved != frame_bytes {
                let (from, end) = (data_start + reserved, data_start + header.data_bytes);
                shift(&mut file, from, end, data_start + frame_bytes)?;
                self.index.shift(reserved, frame_bytes);
                header.data_bytes = header.data_bytes - reserved + frame_bytes;
            }
            file.seek(SeekFrom::Start(data_start))?;
            file.write_all(frame)?;
        }
        let mut end = data_start + header.data_bytes;
        if let Format::V2(codec) = self.format {
            file.seek(SeekFrom::Start(end))?;
            if let Some(codec) = codec {
                let index = self.index.encode(codec);
                file.write_all(&index)?;
                header.index_offset = Some(header.data_end());
                end += index.len() as u64;
            }
            file.seek(SeekFrom::Start(self.start + PRAGMA.len() as u64))?;
            file.write_all(&header.encode())?;
        }
        file.seek(SeekFrom::Start(end))?;
        file.flush()?;
        Ok(file)
    }
}

impl<W: Rewrite> BlockSink for FileWriter<W> {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        Self::put(self, cid, data)?;
        Ok(())
    }
}
