//! Streaming a CARv1 out, its roots known from the start.

use std::io::{BufWriter, Write};

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, DagError};

use crate::{CarError, Header, section};

/// Writes a CARv1 to anything that takes bytes; a [`BlockSink`] too.
///
/// Blocks are written as they are given, duplicates included, and are not hashed: whoever
/// has the bytes from elsewhere verifies them first. Output is buffered; a writer that is
/// dropped without [`Writer::finish`] hides what went wrong at the end.
///
/// [`FileWriter`](crate::FileWriter) writes version 2, and roots that come last.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: BufWriter<W>,
    /// Where the next section will begin, from the start of the header.
    offset: u64,
    head: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub fn new(out: W, roots: &[Cid]) -> Result<Self, CarError> {
        Self::with_frame(out, &Header { roots: roots.to_vec() }.encode_frame())
    }

    /// Begins with these bytes in place of a header.
    pub(crate) fn with_frame(out: W, frame: &[u8]) -> Result<Self, CarError> {
        let mut out = BufWriter::with_capacity(64 << 10, out);
        out.write_all(frame)?;
        Ok(Self { out, offset: frame.len() as u64, head: Vec::new() })
    }

    /// Writes a block; returns where its section begins, from the start of the header.
    pub fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<u64, CarError> {
        self.head.clear();
        section::encode_head(cid, data.len(), &mut self.head);
        self.out.write_all(&self.head)?;
        self.out.write_all(data)?;
        let offset = self.offset;
        self.offset += (self.head.len() + data.len()) as u64;
        Ok(offset)
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.offset
    }

    /// Writes out what is buffered, and has the output do so too.
    pub fn flush(&mut self) -> Result<(), CarError> {
        Ok(self.out.flush()?)
    }

    /// Writes out what is buffered and gives the output back.
    pub fn finish(mut self) -> Result<W, CarError> {
        self.out.flush()?;
        self.out.into_inner().map_err(|error| CarError::Io(error.into_error()))
    }
}

impl<W: Write> BlockSink for Writer<W> {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        Self::put(self, cid, data)?;
        Ok(())
    }
}
