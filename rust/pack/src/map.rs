//! Files in memory.
#![expect(unsafe_code, reason = "a map is only as good as what else is done to the file")]

use std::fs::File;
use std::io;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use memmap2::{Mmap, MmapOptions};

use crate::regions::{self, Region};

/// The beginning of a file, mapped to be read. Views of it keep it mapped.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    bytes: Bytes,
    alive: Weak<()>,
}

/// Tells whether a file is mapped still, without keeping it so: see
/// [`Pack::mapping`](crate::Pack::mapping).
#[derive(Clone, Debug)]
pub struct Mapping(Weak<()>);

impl Mapping {
    /// Whether any view of it is left.
    pub fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// What every view of a map keeps.
struct Owner {
    // Before the map, so that it is never listed once something else may be there.
    _region: Region,
    map: Mmap,
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl Map {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self { bytes: Bytes::new(), alive: Weak::new() }
    }

    /// Maps the first `bytes` of a file that is known to have them, or will have them before
    /// they are looked at.
    pub(crate) fn new(file: &File, bytes: u64) -> io::Result<Self> {
        let length = usize::try_from(bytes)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if length == 0 {
            return Ok(Self::empty());
        }
        // SAFETY: what is mapped was committed, or is a sealed file. Programs of this kit
        // neither change nor cut off such bytes: writers append behind them, and packs are
        // removed by their names alone. (The disk cache does write over the digest of a block
        // that it removes, which has no length and no place in it, so that a reader finds
        // one digest or another.) The map is never written through.
        let map = unsafe { MmapOptions::new().len(length).map(file) }?;
        let alive = Arc::new(());
        let watch = Arc::downgrade(&alive);
        let owner = Owner { _region: regions::register(&map), map, _alive: alive };
        Ok(Self { bytes: Bytes::from_owner(owner), alive: watch })
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Where in the file a view of it begins; `None` if it is none.
    pub(crate) fn offset_of(&self, view: &[u8]) -> Option<u64> {
        let at = view.as_ptr().addr().checked_sub(self.bytes.as_ptr().addr())?;
        let end = at.checked_add(view.len())?;
        (end <= self.bytes.len()).then_some(at as u64)
    }

    pub(crate) fn mapping(&self) -> Mapping {
        Mapping(self.alive.clone())
    }
}
