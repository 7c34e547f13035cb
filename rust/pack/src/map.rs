//! Files in memory.
#![expect(unsafe_code, reason = "a map is only as good as what else is done to the file")]

use std::fs::File;
use std::io;

use bytes::Bytes;
use memmap2::MmapOptions;

/// The beginning of a file, mapped to be read. Views of it keep it mapped.
#[derive(Clone, Debug)]
pub(crate) struct Map(Bytes);

impl Map {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self(Bytes::new())
    }

    /// Maps the first `bytes` of a file that is known to have them.
    pub(crate) fn new(file: &File, bytes: u64) -> io::Result<Self> {
        let length = usize::try_from(bytes)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if length == 0 {
            return Ok(Self::empty());
        }
        // SAFETY: what is mapped was committed, or is a sealed file. Programs of this kit
        // neither change nor cut off such bytes: writers append behind them, and packs are
        // removed by their names alone. The map is never written through.
        let map = unsafe { MmapOptions::new().len(length).map(file) }?;
        Ok(Self(Bytes::from_owner(map)))
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.len() as u64
    }
}
