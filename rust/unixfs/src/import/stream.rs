//! One file read from front to end and cut into chunks, whatever the chunker.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use ipfs_kit_chunker::Chunker;

use super::control::Control;
use super::memory::is_settled;
use super::tree::Tree;
use crate::UnixFsError;
use crate::os::{self, Identified, Stamp};

/// Bytes asked for at once where the size of the next chunk is not known.
const READ_BYTES: usize = 256 << 10;

/// Where bytes come from.
pub(crate) enum Input<'a> {
    /// A regular file, which must not change.
    File { file: File, stamp: Stamp },
    /// Anything else that can be read.
    Reader(Box<dyn Read + Send + 'a>),
}

/// A file being read and cut.
pub(crate) struct Stream<'a> {
    input: Input<'a>,
    path: PathBuf,
    chunker: Chunker,
    chunk_bytes: usize,
    known_size: bool,
    /// Read but not cut yet, kept while no batch is at hand.
    carry: Vec<u8>,
    ended: bool,
    chunks: u64,
    bytes: u64,
    /// How the file was found after its last byte.
    last: Option<Identified>,
}

/// A chunk in the buffer it was read to.
pub(crate) struct Chunk {
    pub(crate) range: Range<usize>,
    /// Whether it is all there is of the file.
    pub(crate) is_whole: bool,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(
        tree: &Tree<'_>,
        input: Input<'a>,
        path: PathBuf,
    ) -> Result<Self, UnixFsError> {
        let spec = &tree.params.chunker;
        Ok(Self {
            known_size: spec.fixed_size().is_some(),
            input,
            path,
            chunker: Chunker::from_env(spec)?,
            chunk_bytes: spec.max_chunk_bytes(),
            carry: Vec::new(),
            ended: false,
            chunks: 0,
            bytes: 0,
            last: None,
        })
    }

    /// Whether no chunk was cut.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks == 0
    }

    /// Cuts the next chunk off; `None` at the end.
    ///
    /// `buffer` holds what this stream read into it before, from `start` on, and keeps what
    /// was read beyond the chunk.
    pub(crate) fn next_chunk(
        &mut self,
        control: &Control,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<Option<Chunk>, UnixFsError> {
        buffer.append(&mut self.carry);
        let length = loop {
            if let Some(length) = self.chunker.next_cut(&buffer[start..], self.ended) {
                break length;
            }
            if self.ended {
                return Ok(None);
            }
            self.read(control, buffer, start)?;
        };
        let range = start..start + length;
        while self.chunks == 0 && !self.ended && range.end == buffer.len() {
            self.read(control, buffer, range.end)?;
        }
        let is_whole = self.chunks == 0 && self.ended && range.end == buffer.len();
        self.chunks += 1;
        Ok(Some(Chunk { range, is_whole }))
    }

    /// Takes what was read beyond the last chunk out of a buffer that is full.
    pub(crate) fn carry(&mut self, buffer: &mut Vec<u8>, start: usize) {
        self.carry = buffer.split_off(start);
    }

    fn read(
        &mut self,
        control: &Control,
        buffer: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), UnixFsError> {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled);
        }
        let have = buffer.len() - start;
        let missing = self.chunk_bytes.saturating_sub(have).max(1);
        let want = if self.known_size { missing } else { missing.min(READ_BYTES) };
        let read = match &mut self.input {
            Input::File { file, .. } => append(file, want, buffer),
            Input::Reader(reader) => append(reader, want, buffer),
        };
        let read = read.map_err(|error| lift(error, &self.path))?;
        control.add_bytes(read);
        self.bytes += read as u64;
        if let Input::File { stamp, .. } = &self.input
            && self.bytes > stamp.size
        {
            // One that grows as fast as it is read would never end.
            return Err(UnixFsError::Changed {
                path: self.path.clone(),
                detail: "it grew",
            });
        }
        if read < want {
            self.ended = true;
            self.check_unchanged()?;
        }
        Ok(())
    }

    /// The file as it was read, if the next change will show.
    pub(crate) fn settled(&self, tree: &Tree<'_>) -> Option<Identified> {
        let memory = tree.memory?;
        self.last.filter(|stat| is_settled(memory, stat))
    }

    fn check_unchanged(&mut self) -> Result<(), UnixFsError> {
        let Input::File { file, stamp } = &self.input else { return Ok(()) };
        let metadata = file.metadata().map_err(UnixFsError::read(&self.path))?;
        if Stamp::of(&metadata) == *stamp && self.bytes == stamp.size {
            self.last = Identified::of(&metadata);
            return Ok(());
        }
        let detail = "its size or time is not what it was";
        Err(UnixFsError::Changed { path: self.path.clone(), detail })
    }
}

/// Reads `want` bytes, or fewer at the end.
fn append(
    reader: &mut impl Read,
    want: usize,
    buffer: &mut Vec<u8>,
) -> io::Result<usize> {
    buffer.reserve(want);
    reader.take(want as u64).read_to_end(buffer)
}

/// Readers of ours report a stop as an error of their own kind.
fn lift(error: io::Error, path: &Path) -> UnixFsError {
    match error.downcast::<UnixFsError>() {
        Ok(own) => own,
        Err(error) => UnixFsError::read(path)(error),
    }
}

/// Reads a pipe or device that may keep us waiting; looks at the stop button meanwhile.
pub(crate) struct Patient<'a> {
    pub(crate) file: File,
    pub(crate) control: &'a Control,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.control.is_cancelled() {
                return Err(io::Error::other(UnixFsError::Cancelled));
            }
            if !os::wait_readable(&self.file)? {
                continue;
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }
}
