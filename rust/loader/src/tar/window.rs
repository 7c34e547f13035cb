//! Some bytes of an archive at hand: as few as heads far apart need, more where they lie close
//! together.

use std::ops::Range;

use bytes::Bytes;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_unixfs::UnixFsError;
use ipfs_kit_unixfs::read::File;

const LEAST_BYTES: u64 = 4096;
/// What a thread of a machine reads in no time, and less than blocks mostly have.
const MOST_BYTES: u64 = 256 << 10;
/// How far a head lies behind what was read if it is close.
const CLOSE_BYTES: u64 = 64 << 10;

/// A stretch of a file that is kept.
pub(super) struct Window<'f, S> {
    file: &'f File,
    source: &'f S,
    start: u64,
    bytes: Bytes,
    width: u64,
}

impl<'f, S: BlockSource> Window<'f, S> {
    /// Looks at a file from a place on.
    pub(super) fn new(file: &'f File, source: &'f S, start: u64) -> Self {
        Self { file, source, start, bytes: Bytes::new(), width: 0 }
    }

    /// Bytes of the whole file.
    pub(super) fn size(&self) -> u64 {
        self.file.size()
    }

    /// The bytes of a range, which ends in the file.
    pub(super) fn bytes(&mut self, range: Range<u64>) -> Result<Bytes, UnixFsError> {
        if let Some(bytes) = self.at_hand(&range) {
            return Ok(bytes);
        }
        let behind = self.start + self.bytes.len() as u64;
        let gap = range.start.checked_sub(behind);
        let is_close = gap.is_some_and(|gap| gap <= CLOSE_BYTES);
        let most = if is_close { 2 * self.width } else { 0 };
        self.width = most.clamp(LEAST_BYTES, MOST_BYTES);
        let end = range.end.max(range.start + self.width).min(self.file.size());
        self.start = range.start;
        self.bytes = Bytes::new();
        self.bytes = joined(self.file.pieces(self.source, range.start..end))?;
        let reason = "a file has fewer bytes than it says";
        self.at_hand(&range).ok_or(UnixFsError::Node { reason })
    }

    fn at_hand(&self, range: &Range<u64>) -> Option<Bytes> {
        let place = |at: u64| usize::try_from(at.checked_sub(self.start)?).ok();
        let (start, end) = (place(range.start)?, place(range.end)?);
        (end <= self.bytes.len()).then(|| self.bytes.slice(start..end))
    }
}

/// Joins pieces; one alone stays where it lies.
fn joined(
    mut pieces: impl Iterator<Item = Result<Bytes, UnixFsError>>,
) -> Result<Bytes, UnixFsError> {
    let first = pieces.next().transpose()?.unwrap_or_default();
    let Some(second) = pieces.next() else { return Ok(first) };
    let mut all = [first, second?].concat();
    for piece in pieces {
        all.extend_from_slice(&piece?);
    }
    Ok(all.into())
}
