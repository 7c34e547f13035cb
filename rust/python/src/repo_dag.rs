//! Whole DAGs: to and from CAR files, and counted.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use bytes::Bytes;
use ipfs_kit_car::{Reader, Writer};
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, Walk, WalkLimits};
use ipfs_kit_repo::PinKind;
use ipfs_kit_unixfs::{Control, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::chain::{Places, Reads};
use crate::cid::CID;
use crate::errors::{Failure, Outcome, car_failure};
use crate::repo::{Handle, Repository};
use crate::repo_path::take;
use crate::running;
use crate::stream::{Item, Out, Stream};
use crate::text::file_path;

/// What is handed to Python at once of a CAR.
pub(crate) const PIECE_BYTES: usize = 1 << 20;

type Imported = (Vec<CID>, u64, u64);

/// Put the blocks of a CAR, each checked: (roots, blocks, bytes).
///
/// All of them count at the end, or none.
#[pyfunction]
#[pyo3(signature = (repository, source, progress, *, pin_roots = true))]
pub(crate) fn repo_import_car(
    py: Python<'_>,
    repository: &Repository,
    source: &Bound<'_, PyAny>,
    progress: Option<Py<PyAny>>,
    pin_roots: bool,
) -> Outcome<Imported> {
    let handle = repository.handle()?;
    if source.is_instance_of::<PyString>() {
        let path = file_path(source)?;
        return running::run(py, progress, |control| {
            let file = File::open(&path).map_err(|error| Failure::os(&error, &path))?;
            let input = BufReader::with_capacity(1 << 20, file);
            import(&handle, input, &path, pin_roots, control)
        });
    }
    running::run_reading(py, source, progress, |control, pieces| {
        import(&handle, pieces, Path::new(""), pin_roots, control)
    })
}

fn import(
    handle: &Handle,
    input: impl Read,
    path: &Path,
    pin_roots: bool,
    control: &Control,
) -> Outcome<Imported> {
    let failed = |error| car_failure(error, path);
    let mut reader = Reader::new(input).map_err(failed)?;
    let roots = reader.roots().to_vec();
    let session = handle.session()?;
    let (mut blocks, mut bytes) = (0, 0);
    while let Some(block) = reader.next_block().map_err(failed)? {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        session.put(&block.cid, &block.data)?;
        blocks += 1;
        bytes += block.data.len() as u64;
        control.add_bytes(block.data.len());
    }
    if control.is_cancelled() {
        return Err(UnixFsError::Cancelled.into());
    }
    let pinned = if pin_roots { &roots[..] } else { &[] };
    session.commit_pins(pinned, PinKind::Recursive, None, control)?;
    Ok((roots.into_iter().map(CID).collect(), blocks, bytes))
}

/// Iterate over the bytes of a CAR with everything below what a path names.
///
/// The report is [blocks, bytes of blocks].
#[pyfunction]
pub(crate) fn repo_export_car(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
) -> Outcome<Stream> {
    let at = take(path)?;
    let root = core.read_here(py, |_, reads| {
        let root = at.block(reads)?;
        if reads.get(&root)?.is_none() {
            return Err(Failure::missing(&root));
        }
        Ok(root)
    })?;
    Ok(core.stream(move |control, out, reads| {
        let mut pieces = Pieces::new(out);
        let done = export(reads, root, &mut pieces, control);
        pieces.finish()?;
        done
    }))
}

fn export(
    reads: &Reads,
    root: Cid,
    pieces: &mut Pieces<'_>,
    control: &Control,
) -> Outcome<Vec<u64>> {
    let failed = |error| car_failure(error, Path::new(""));
    let mut writer = Writer::new(pieces, &[root]).map_err(failed)?;
    let (mut blocks, mut bytes) = (0, 0);
    for visit in walk(reads, root) {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        let visit = visit?;
        writer.put(&visit.cid, &visit.data).map_err(failed)?;
        blocks += 1;
        bytes += visit.data.len() as u64;
    }
    writer.finish().map_err(failed)?;
    Ok(vec![blocks, bytes])
}

fn walk(reads: &Reads, root: Cid) -> Walk<'_, Reads> {
    Walk::new(reads, root, WalkLimits::default())
}

/// Gathers what is written into pieces for Python.
pub(crate) struct Pieces<'a> {
    out: &'a mut Out,
    gathered: Vec<u8>,
    /// Bytes that are handed on without being told to.
    most: usize,
    failed: Option<Failure>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(out: &'a mut Out) -> Self {
        Self { out, gathered: Vec::new(), most: PIECE_BYTES, failed: None }
    }

    /// Cuts where it is flushed, and nowhere else.
    pub(crate) fn cut_by_flushing(out: &'a mut Out) -> Self {
        Self { most: usize::MAX, ..Self::new(out) }
    }

    /// Hands on the rest; says why it could not, if writing failed for that.
    pub(crate) fn finish(mut self) -> Outcome<()> {
        match self.failed.take() {
            Some(failure) => Err(failure),
            None => self.hand_on(),
        }
    }

    fn hand_on(&mut self) -> Outcome<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.gathered);
        self.out.put(Item::Bytes(Bytes::from(piece)))
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.gathered.extend_from_slice(data);
        if self.gathered.len() >= self.most {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.hand_on().map_err(|failure| {
            self.failed = Some(failure);
            std::io::ErrorKind::BrokenPipe.into()
        })
    }
}

type Counted = (Vec<(CID, u64, u64)>, u64, u64);

/// Count the blocks and bytes below roots: ((CID, blocks, bytes) of each, and both of all of
/// them together, what they share counted once).
#[pyfunction]
pub(crate) fn repo_dag_stat(
    py: Python<'_>,
    core: Places,
    paths: Vec<Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
) -> Outcome<Counted> {
    let paths = paths.iter().map(take).collect::<Outcome<Vec<_>>>()?;
    core.read(py, progress, |control, reads| {
        let (mut each, mut seen) = (Vec::new(), HashSet::new());
        let (mut all_blocks, mut all_bytes) = (0, 0);
        for at in &paths {
            let root = at.block(reads)?;
            let (mut blocks, mut bytes) = (0, 0);
            for visit in walk(reads, root) {
                if control.is_cancelled() {
                    return Err(UnixFsError::Cancelled.into());
                }
                let visit = visit?;
                let size = visit.data.len() as u64;
                blocks += 1;
                bytes += size;
                control.add_bytes(visit.data.len());
                if paths.len() == 1 || seen.insert(visit.cid) {
                    all_blocks += 1;
                    all_bytes += size;
                }
            }
            each.push((CID(root), blocks, bytes));
        }
        Ok((each, all_blocks, all_bytes))
    })
}
