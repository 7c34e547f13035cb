//! Where the bytes of samples lie, and reading them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSource, DagError};
use ipfs_kit_repo::whole;
use ipfs_kit_unixfs::read::File;
use ipfs_kit_unixfs::{Control, UnixFsError};

use crate::Cids;
use crate::known::Known;

/// Leaves that are looked for beneath one range: beyond, they are read as they come.
const MAX_LEAF_BYTES: u64 = 32 << 20;
/// Files that stay open.
const MAX_OPEN: usize = 4096;

/// The samples of a dataset.
#[derive(Debug)]
pub enum Samples {
    /// Each is a file of its own, or a block.
    Whole(Cids),
    /// Each is a range of a file.
    Ranges(Ranges),
}

/// Samples that are ranges of files.
#[derive(Debug)]
pub struct Ranges {
    files: Cids,
    file_of: Vec<u32>,
    starts: Vec<u64>,
    ends: Vec<u64>,
}

/// Files that were opened for some samples and stay open.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles(Mutex<HashMap<u32, Arc<File>>>);

impl OpenFiles {
    /// Opens a file, unless it is open.
    fn open(
        &self,
        source: &impl BlockSource,
        ranges: &Ranges,
        number: u32,
    ) -> Result<Arc<File>, UnixFsError> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = lock().get(&number) {
            return Ok(Arc::clone(file));
        }
        let cid = ranges.files.get(number as usize).ok_or_else(unknown)?;
        let file = Arc::new(File::open(source, &cid)?);
        let mut open = lock();
        if open.len() >= MAX_OPEN {
            open.clear();
        }
        open.insert(number, Arc::clone(&file));
        Ok(file)
    }
}

impl Ranges {
    /// Samples of some files: which file each lies in, where it begins and ends. `None` if the
    /// lists do not go together.
    pub fn new(
        files: Cids,
        file_of: Vec<u32>,
        starts: Vec<u64>,
        ends: Vec<u64>,
    ) -> Option<Self> {
        let is_known = |&file: &u32| (file as usize) < files.len();
        let is_good = file_of.len() == starts.len()
            && starts.len() == ends.len()
            && file_of.iter().all(is_known)
            && starts.iter().zip(&ends).all(|(start, end)| start <= end);
        is_good.then_some(Self { files, file_of, starts, ends })
    }

    fn place(&self, sample: usize) -> Option<(u32, Range<u64>)> {
        let file = *self.file_of.get(sample)?;
        Some((file, *self.starts.get(sample)?..*self.ends.get(sample)?))
    }
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Whole(cids) => cids.len(),
            Self::Ranges(ranges) => ranges.file_of.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a sample is, or the file it lies in.
    pub fn cid(&self, sample: usize) -> Option<Cid> {
        match self {
            Self::Whole(cids) => cids.get(sample),
            Self::Ranges(ranges) => {
                ranges.files.get(*ranges.file_of.get(sample)? as usize)
            }
        }
    }

    /// Bytes of a sample, where that is known before it is read.
    pub fn size(&self, sample: usize) -> Option<u64> {
        match self {
            Self::Whole(_) => None,
            Self::Ranges(ranges) => {
                ranges.place(sample).map(|(_, range)| range.end - range.start)
            }
        }
    }

    /// Reads samples: all blocks that are known to be needed are asked of the source at once.
    /// What cannot be read of one says nothing about the others.
    pub(crate) fn read(
        &self,
        source: &impl BlockSource,
        files: &OpenFiles,
        wanted: &[u64],
        control: &Control,
    ) -> Vec<Result<Bytes, UnixFsError>> {
        let wanted = wanted.iter().map(|&at| usize::try_from(at).unwrap_or(usize::MAX));
        match self {
            Self::Whole(cids) => {
                let wanted: Vec<_> = wanted.map(|at| cids.get(at)).collect();
                read_whole(source, &wanted, control)
            }
            Self::Ranges(ranges) => {
                let wanted: Vec<_> = wanted.map(|at| ranges.place(at)).collect();
                read_ranges(ranges, source, files, &wanted, control)
            }
        }
    }
}

fn unknown() -> UnixFsError {
    UnixFsError::Node { reason: "there is no such sample" }
}

fn read_whole(
    source: &impl BlockSource,
    wanted: &[Option<Cid>],
    control: &Control,
) -> Vec<Result<Bytes, UnixFsError>> {
    let known = Known::new(source);
    let cids: Vec<Cid> = wanted.iter().flatten().copied().collect();
    let mut blocks = known.ask(&cids).into_iter();
    let mut read = |cid: &Option<Cid>| {
        let cid = cid.as_ref().ok_or_else(unknown)?;
        let block = match blocks.next().flatten() {
            Some(block) => Some(block),
            None => known.get(cid)?,
        };
        let block = block.ok_or_else(|| DagError::Missing(Box::new(*cid)))?;
        if cid.codec() == codec::DAG_PB {
            let file = File::of_block(cid, block)?;
            return whole(&file, &known, 0..file.size(), 1, control);
        }
        // A value of another codec is given as its block has it.
        Ok(block)
    };
    wanted.iter().map(&mut read).collect()
}

fn read_ranges(
    ranges: &Ranges,
    source: &impl BlockSource,
    files: &OpenFiles,
    wanted: &[Option<(u32, Range<u64>)>],
    control: &Control,
) -> Vec<Result<Bytes, UnixFsError>> {
    let open = |place: &Option<(u32, Range<u64>)>| {
        let (file, range) = place.clone().ok_or_else(unknown)?;
        let file = files.open(source, ranges, file)?;
        if range.end > file.size() {
            return Err(UnixFsError::Node { reason: "a sample ends behind its file" });
        }
        Ok((file, range))
    };
    let wanted: Vec<Result<_, UnixFsError>> = wanted.iter().map(open).collect();
    let leaves = Leaves(source);
    let cids = wanted.iter().flatten().flat_map(|(file, range)| {
        // What is wrong with a file shows when the range is read.
        file.missing(&leaves, range.clone(), MAX_LEAF_BYTES).unwrap_or_default()
    });
    let mut known = Known::new(source);
    known.gather(cids);
    let read = |place: Result<(Arc<File>, Range<u64>), _>| {
        let (file, range) = place?;
        whole(&file, &known, range, 1, control)
    };
    wanted.into_iter().map(read).collect()
}

/// A source that has no leaf of a file: so they are named, not read.
struct Leaves<'s, S>(&'s S);

impl<S: BlockSource> BlockSource for Leaves<'_, S> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        self.0.get(cid)
    }

    fn has(&self, _: &Cid) -> Result<bool, DagError> {
        Ok(false)
    }
}
