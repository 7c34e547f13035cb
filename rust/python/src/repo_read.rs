//! Reading files: bytes, ranges, what a node says of itself, extraction.

use std::path::PathBuf;
use std::sync::Arc;

use ipfs_kit_cid::Cid;
use ipfs_kit_repo::{private, whole};
use ipfs_kit_unixfs::read::{self, File};
use ipfs_kit_unixfs::{
    Control, ExtractLimits, Extractor, FsNode, NodeKind, Sharing, Symlinks, UnixFsError,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::block::Block;
use crate::buffers::{HeldMut, new_bytes};
use crate::chain::{Places, Reads};
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::private_block::PrivateBlock;
use crate::repo_path::take;
use crate::text::{file_path, text};
use crate::{car, params, running};

/// Reads up to this size are over before anyone would press Ctrl-C.
pub(crate) const SHORT_BYTES: u64 = 8 << 20;

/// A file of a repository, open for reading at any offset.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct FileReader {
    pub(crate) places: Places,
    cid: Cid,
    pub(crate) file: Arc<File>,
}

impl FileReader {
    fn open(py: Python<'_>, places: Places, path: &Bound<'_, PyAny>) -> Outcome<Self> {
        let at = take(path)?;
        let (cid, file) = places.read_here(py, |_, reads| {
            let cid = at.block(reads)?;
            Ok((cid, File::open(reads, &cid)?))
        })?;
        Ok(Self { places, cid, file: Arc::new(file) })
    }

    /// Where a range ends, and how long it is.
    fn range(&self, offset: u64, length: Option<u64>) -> (std::ops::Range<u64>, u64) {
        let size = self.file.size();
        let start = offset.min(size);
        let end = length.map_or(size, |length| start.saturating_add(length).min(size));
        (start..end, end - start)
    }

    /// Gives the bytes of a range in pieces, all of them or an error.
    fn each_piece(
        &self,
        range: std::ops::Range<u64>,
        control: &Control,
        reads: &Reads,
        mut take: impl FnMut(&[u8]),
    ) -> Outcome<()> {
        let mut left = range.end - range.start;
        for piece in self.file.pieces(reads, range) {
            if control.is_cancelled() {
                return Err(UnixFsError::Cancelled.into());
            }
            let piece = piece?;
            left = left.checked_sub(piece.len() as u64).ok_or(TOO_LONG)?;
            take(&piece);
            control.add_bytes(piece.len());
        }
        if left > 0 { Err(TOO_SHORT.into()) } else { Ok(()) }
    }
}

pub(crate) const TOO_LONG: UnixFsError =
    UnixFsError::Node { reason: "a file has more bytes than it says" };
pub(crate) const TOO_SHORT: UnixFsError =
    UnixFsError::Node { reason: "a file has fewer bytes than it says" };

#[pymethods]
impl FileReader {
    #[new]
    fn new(py: Python<'_>, core: Places, path: &Bound<'_, PyAny>) -> Outcome<Self> {
        Self::open(py, core, path)
    }

    #[getter]
    fn cid(&self) -> CID {
        CID(self.cid)
    }

    #[getter]
    fn size(&self) -> u64 {
        self.file.size()
    }

    /// Read a range as bytes; to the end without a length.
    #[pyo3(signature = (offset = 0, length = None))]
    fn read<'py>(
        &self,
        py: Python<'py>,
        offset: u64,
        length: Option<u64>,
    ) -> Outcome<Bound<'py, PyBytes>> {
        let (range, length) = self.range(offset, length);
        new_bytes(py, length, |room| {
            self.places.read_by_size(py, length, SHORT_BYTES, |control, reads| {
                self.each_piece(range, control, reads, |piece| room.push(piece))
            })
        })
    }

    /// Read into a buffer from an offset on; the result is how many bytes there were.
    #[pyo3(signature = (buffer, offset = 0))]
    fn readinto(
        &self,
        py: Python<'_>,
        buffer: &Bound<'_, PyAny>,
        offset: u64,
    ) -> Outcome<usize> {
        let mut held = HeldMut::new(buffer)?;
        let out = held.bytes();
        let (range, length) = self.range(offset, Some(out.len() as u64));
        let count = usize::try_from(length).unwrap_or(out.len());
        let mut rest = &mut out[..count];
        self.places.read_by_size(py, length, SHORT_BYTES, |control, reads| {
            self.each_piece(range, control, reads, |piece| {
                let (place, behind) = std::mem::take(&mut rest).split_at_mut(piece.len());
                place.copy_from_slice(piece);
                rest = behind;
            })
        })?;
        Ok(count)
    }

    /// The bytes of a range in pieces, where they lie.
    #[pyo3(signature = (offset = 0, length = None))]
    fn views(
        &self,
        py: Python<'_>,
        offset: u64,
        length: Option<u64>,
    ) -> Outcome<Vec<Block>> {
        let (range, length) = self.range(offset, length);
        self.places.read_by_size(py, length, SHORT_BYTES, |control, reads| {
            let pieces = self.file.pieces(reads, range);
            let going = pieces.take_while(|_| !control.is_cancelled());
            Ok(going.map(|piece| piece.map(Block::new)).collect::<Result<_, _>>()?)
        })
    }

    /// Blocks of a range that are not in this process, in the order of the file, about as
    /// many as `max_bytes` of it take; those behind an inner one that is missing are unknown.
    fn missing(
        &self,
        py: Python<'_>,
        offset: u64,
        length: u64,
        max_bytes: u64,
    ) -> Outcome<Vec<CID>> {
        let (range, _) = self.range(offset, Some(length));
        let found = self.places.read_here(py, |_, reads| {
            Ok(self.file.missing(&reads.only_here(), range, max_bytes)?)
        })?;
        Ok(found.into_iter().map(CID).collect())
    }

    /// The bytes of a range as one view: where they lie if that can be, else copied.
    #[pyo3(signature = (offset = 0, length = None))]
    fn view(&self, py: Python<'_>, offset: u64, length: Option<u64>) -> Outcome<Block> {
        let (range, length) = self.range(offset, length);
        let threads = running::default_threads();
        let view =
            self.places.read_by_size(py, length, SHORT_BYTES, |control, reads| {
                Ok(whole(&self.file, reads, range, threads, control)?)
            })?;
        Ok(Block::new(view))
    }

    /// The same as memory of the caller's own, that may be written to.
    #[pyo3(signature = (offset = 0, length = None))]
    fn private(
        &self,
        py: Python<'_>,
        offset: u64,
        length: Option<u64>,
    ) -> Outcome<PrivateBlock> {
        let (range, length) = self.range(offset, length);
        let threads = running::default_threads();
        let memory =
            self.places.read_by_size(py, length, SHORT_BYTES, |control, reads| {
                Ok(private(&self.file, reads, range, threads, control)?)
            })?;
        Ok(PrivateBlock(memory))
    }
}

/// Follow a path: (last block, what is left, `block`, `value` or `symlink`).
#[pyfunction]
pub(crate) fn repo_resolve(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
) -> Outcome<(CID, Vec<String>, &'static str)> {
    let at = take(path)?;
    core.read_here(py, |_, reads| {
        let found = at.resolve(reads)?;
        let end = match found.end {
            read::PathEnd::Block => "block",
            read::PathEnd::Value => "value",
            read::PathEnd::Symlink => "symlink",
        };
        Ok((CID(found.cid), found.remainder, end))
    })
}

type Stat = (CID, &'static str, u64, u64, usize, Option<u32>, Option<(i64, u32)>);

/// Read what a node says of itself: (CID, kind, size, cumulative size, links, mode, mtime).
#[pyfunction]
pub(crate) fn repo_file_stat(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
) -> Outcome<Stat> {
    let at = take(path)?;
    core.read_here(py, |_, reads| {
        let cid = at.block(reads)?;
        let stat = read::stat(reads, &cid)?;
        let kind = kind_name(stat.kind);
        let mtime = stat.attributes.mtime.map(|time| (time.seconds, time.nanoseconds));
        let (size, all, mode) = (stat.size, stat.cumulative_size, stat.attributes.mode);
        Ok((CID(cid), kind, size, all, stat.links, mode, mtime))
    })
}

pub(crate) fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Raw | NodeKind::File => "file",
        NodeKind::Directory | NodeKind::HamtShard => "directory",
        NodeKind::Symlink => "symlink",
        NodeKind::Metadata => "metadata",
    }
}

/// Where a symbolic link leads.
#[pyfunction]
pub(crate) fn repo_readlink(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
) -> Outcome<String> {
    let at = take(path)?;
    core.read_here(py, |_, reads| {
        let cid = at.block(reads)?;
        match read::Node::read(reads, &cid)? {
            read::Node::Pb(_, FsNode { kind: NodeKind::Symlink, data, .. }) => {
                String::from_utf8(data.unwrap_or_default()).map_err(|_| {
                    Failure::malformed("the target of the link is not valid UTF-8")
                })
            }
            _ => Err(Failure::parameter(format!("{} is no symbolic link", at.show()))),
        }
    })
}

/// Write what a path names to files; the result is (entries, bytes).
#[pyfunction]
#[pyo3(signature = (core, path, output, progress, *, symlinks = "inside", max_bytes = None, max_entries = None))]
#[expect(clippy::too_many_arguments, reason = "the stub gives them names")]
pub(crate) fn repo_extract(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = file_path)] output: PathBuf,
    progress: Option<Py<PyAny>>,
    #[pyo3(from_py_with = text)] symlinks: &str,
    max_bytes: Option<&Bound<'_, PyAny>>,
    max_entries: Option<&Bound<'_, PyAny>>,
) -> Outcome<(u64, u64)> {
    let at = take(path)?;
    let symlinks: Symlinks = car::symlinks(symlinks)?;
    let limit =
        |name, given| Option::map_or(given, Ok(None), |n| params::number(name, n));
    let max_bytes: Option<u64> = limit("max_bytes", max_bytes)?;
    let max_entries: Option<u64> = limit("max_entries", max_entries)?;
    let done = core.read(py, progress, |control, reads| {
        let cid = at.block(reads)?;
        let (blocks, bytes) = core.held()?.unwrap_or((u64::MAX, u64::MAX));
        let limits: ExtractLimits = car::limits(max_bytes, max_entries, bytes, blocks);
        let sharing = core.sharing();
        let sharing = sharing.as_ref().map(|sharing| sharing as &dyn Sharing);
        let extractor = Extractor { source: reads, limits, symlinks, sharing, control };
        Ok(extractor.extract(&cid, &output)?)
    })?;
    Ok((done.entries, done.bytes))
}
