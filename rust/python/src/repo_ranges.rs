//! Reading many ranges of one file in one call, those that lie close together in one go.

use std::ops::Range;

use ipfs_kit_unixfs::{Control, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffers::{Room, new_bytes_each};
use crate::chain::Reads;
use crate::errors::{Failure, Outcome};
use crate::repo_read::{FileReader, SHORT_BYTES, TOO_LONG, TOO_SHORT};

/// Bytes between two ranges that are read along: where they lie is looked up but once, and of
/// what is mapped nothing is read.
const MOST_BETWEEN: u64 = 64 << 10;
/// Most bytes of a file that are read in one go.
const MOST_TOGETHER: u64 = 32 << 20;

/// Read ranges of a file, each from its start to its end; what is beyond the file is left out.
#[pyfunction]
pub(crate) fn repo_read_ranges<'py>(
    py: Python<'py>,
    reader: &Bound<'py, FileReader>,
    starts: Vec<u64>,
    ends: Vec<u64>,
) -> Outcome<Vec<Bound<'py, PyBytes>>> {
    if starts.len() != ends.len() {
        return Err(Failure::parameter("there are not as many ends as starts"));
    }
    let reader = reader.get();
    let size = reader.file.size();
    let cut =
        |(start, end): (u64, u64)| start.min(size)..end.min(size).max(start.min(size));
    let ranges: Vec<_> = starts.into_iter().zip(ends).map(cut).collect();
    let length = |range: &Range<u64>| range.end - range.start;
    let lengths: Vec<_> = ranges.iter().map(length).collect();
    let total = lengths.iter().copied().fold(0, u64::saturating_add);
    new_bytes_each(py, lengths, |rooms| {
        reader.places.read_by_size(py, total, SHORT_BYTES, |control, reads| {
            let mut wanted: Vec<_> = ranges.into_iter().zip(rooms).collect();
            wanted.sort_unstable_by_key(|(range, _)| range.start);
            let mut rest = &mut wanted[..];
            while !rest.is_empty() {
                let count = together(rest);
                let (run, behind) = rest.split_at_mut(count);
                read_run(&reader.file, run, control, &reads.anew())?;
                rest = behind;
            }
            Ok(())
        })
    })
}

type Wanted<'a, 'b> = (Range<u64>, &'a mut Room<'b>);

/// How many of the first ranges lie close enough together.
fn together(wanted: &[Wanted<'_, '_>]) -> usize {
    let Some((first, _)) = wanted.first() else { return 0 };
    let mut end = first.end;
    let far = wanted.iter().position(|(range, _)| {
        let is_far = range.start > end.saturating_add(MOST_BETWEEN)
            || range.start - first.start > MOST_TOGETHER;
        end = end.max(range.end);
        is_far
    });
    far.unwrap_or(wanted.len())
}

/// Reads ranges, sorted by their starts, in one go.
fn read_run(
    file: &ipfs_kit_unixfs::read::File,
    mut wanted: &mut [Wanted<'_, '_>],
    control: &Control,
    reads: &Reads,
) -> Outcome<()> {
    let end = wanted.iter().map(|(range, _)| range.end).max().unwrap_or(0);
    let mut at = wanted.first().map_or(0, |(range, _)| range.start);
    for piece in file.pieces(reads, at..end) {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        let piece = piece?;
        let here = at..at + piece.len() as u64;
        if here.end > end {
            return Err(TOO_LONG.into());
        }
        let done = wanted.iter().take_while(|(range, _)| range.end <= at).count();
        wanted = &mut wanted[done..];
        for (range, room) in wanted.iter_mut() {
            if range.start >= here.end {
                break;
            }
            let (from, to) = (range.start.max(here.start), range.end.min(here.end));
            if let (Ok(from), Ok(to)) = (
                usize::try_from(from - here.start),
                usize::try_from(to.max(from) - here.start),
            ) {
                room.push(&piece[from..to]);
            }
        }
        at = here.end;
        control.add_bytes(piece.len());
    }
    if at < end { Err(TOO_SHORT.into()) } else { Ok(()) }
}
