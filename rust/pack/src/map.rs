//! Files in memory.
#![expect(unsafe_code, reason = "a map is only as good as what else is done to the file")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};

/// The beginning of a file, mapped to be read.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    bytes: Bytes,
    map: Option<Arc<Mmap>>,
}

/// Keeps the map as long as a view of it.
struct Owner(Arc<Mmap>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Map {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self { bytes: Bytes::new(), map: None }
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
        let map = Arc::new(unsafe { MmapOptions::new().len(length).map(file) }?);
        let bytes = Bytes::from_owner(Owner(Arc::clone(&map)));
        Ok(Self { bytes, map: Some(map) })
    }

    /// All of it; parts of it keep it mapped.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Asks the system to read a part ahead. A hint, so nothing can fail.
    pub(crate) fn will_need(&self, range: Range<u64>) {
        #[cfg(unix)]
        if let Some(map) = &self.map {
            let start = usize::try_from(range.start).unwrap_or(usize::MAX).min(map.len());
            let end = usize::try_from(range.end).unwrap_or(usize::MAX).min(map.len());
            let length = end.saturating_sub(start);
            map.advise_range(memmap2::Advice::WillNeed, start, length).ok();
        }
        #[cfg(not(unix))]
        let _ = (&self.map, range);
    }
}
