//! CAR files: pack, list, verify, unpack.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipfs_kit_car::{
    CarError, FileWriter, Format, IndexCodec, IndexedReader, Reader, Roots,
};
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, links};
use ipfs_kit_hash::{Code, Multihash};
use ipfs_kit_unixfs::{
    Control, ExtractLimits, Extracted, Extractor, Importer, Symlinks, UnixFsError,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use tempfile::NamedTempFile;

use crate::cid::CID;
use crate::errors::{Failure, Outcome, car_failure};
use crate::text::{file_path, text};
use crate::{cancel, params, running};

/// More than any honest tree has entries or bytes for each block or byte of its CAR.
const HOSTILE_RATIO: u64 = 1000;
/// What is allowed however small the CAR.
pub(crate) const MIN_ENTRIES: u64 = 1 << 20;
pub(crate) const MIN_BYTES: u64 = 16 << 30;
/// Missing blocks that a report names.
const MISSING_NAMED: usize = 100;

/// Writes each block once; many files share chunks.
struct Once<'a> {
    writer: FileWriter<&'a mut File>,
    seen: HashSet<Multihash>,
}

impl BlockSink for Once<'_> {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        if self.seen.insert(*cid.hash()) {
            self.writer.put(cid, data)?;
        }
        Ok(())
    }
}

/// Import a file or folder into a CAR file; the result is the root.
#[pyfunction]
#[pyo3(signature = (path, output, profile, threads, progress, params, *, version = 1))]
#[expect(clippy::too_many_arguments, reason = "the stub gives them names")]
pub(crate) fn car_pack(
    py: Python<'_>,
    #[pyo3(from_py_with = file_path)] path: PathBuf,
    #[pyo3(from_py_with = file_path)] output: PathBuf,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
    params: &Bound<'_, PyDict>,
    version: u64,
) -> Outcome<CID> {
    let params = params::settle(profile, Some(params))?;
    let threads = running::threads(threads)?;
    let format = match version {
        1 => Format::V1,
        2 => Format::V2(Some(IndexCodec::MultihashSorted)),
        other => {
            return Err(Failure::parameter(format!(
                "CAR version {other}: 1 and 2 exist"
            )));
        }
    };
    let cid = running::run(py, progress, |control| {
        let importer = Importer::new(&params, threads, control);
        pack(&importer, &path, &output, format)
    })?;
    Ok(CID(cid))
}

/// Packs into a temporary file beside the output, which it becomes when it is whole.
fn pack(
    importer: &Importer<'_>,
    path: &Path,
    output: &Path,
    format: Format,
) -> Outcome<Cid> {
    let write = |error: std::io::Error| Failure::os(&error, output);
    let car = |error| car_failure(error, output);
    let folder = output.parent().filter(|parent| !parent.as_os_str().is_empty());
    let mut file = new_file(folder.unwrap_or(Path::new("."))).map_err(write)?;
    let cid_bytes = if importer.params.cid_v0 { 34 } else { 36 };
    let root = {
        let writer =
            FileWriter::new(file.as_file_mut(), format, Roots::Open { cid_bytes });
        let mut sink = Once { writer: writer.map_err(car)?, seen: HashSet::new() };
        let done = importer.path(path, false, Some(&mut sink));
        let root = done.map_err(|error| lift(error, output))?.cid;
        sink.writer.finish_with_roots(&[root]).map_err(car)?;
        root
    };
    file.persist(output).map_err(|error| write(error.error))?;
    Ok(root)
}

/// A temporary file with the permissions that any new file has.
fn new_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ipfs-kit-pack-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// An error of the CAR file at `path` may arrive inside one of the DAG that it holds.
pub(crate) fn lift(error: UnixFsError, path: &Path) -> Failure {
    match error {
        UnixFsError::Dag(DagError::Io(error)) => match error.downcast::<CarError>() {
            Ok(error) => car_failure(error, path),
            Err(error) => Failure::os(&error, path),
        },
        other => other.into(),
    }
}

fn open(path: &Path) -> Outcome<File> {
    let os = |error: std::io::Error| Failure::os(&error, path);
    let file = File::open(path).map_err(os)?;
    if file.metadata().map_err(os)?.is_dir() {
        return Err(Failure::os(&std::io::ErrorKind::IsADirectory.into(), path));
    }
    Ok(file)
}

fn reader(path: &Path) -> Outcome<Reader<BufReader<File>>> {
    let input = BufReader::with_capacity(1 << 20, open(path)?);
    Reader::new(input).map_err(|error| car_failure(error, path))
}

/// List the roots of a CAR file.
#[pyfunction]
pub(crate) fn car_roots(
    #[pyo3(from_py_with = file_path)] path: PathBuf,
) -> Outcome<Vec<CID>> {
    Ok(reader(&path)?.roots().iter().copied().map(CID).collect())
}

/// Iterates over the verified blocks of a CAR file: (CID, bytes).
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct CarReader {
    path: PathBuf,
    reader: Mutex<Reader<BufReader<File>>>,
}

impl CarReader {
    fn lock(&self) -> MutexGuard<'_, Reader<BufReader<File>>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl CarReader {
    #[new]
    fn new(#[pyo3(from_py_with = file_path)] path: PathBuf) -> Outcome<Self> {
        Ok(Self { reader: Mutex::new(reader(&path)?), path })
    }

    /// The roots that the file's header names.
    #[getter]
    fn roots(&self, py: Python<'_>) -> Vec<CID> {
        py.detach(|| self.lock().roots().iter().copied().map(CID).collect())
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(
        &self,
        py: Python<'py>,
    ) -> Outcome<Option<(CID, Bound<'py, PyBytes>)>> {
        cancel::check()?;
        let next = py.detach(|| self.lock().next_block());
        let block = next.map_err(|error| car_failure(error, &self.path))?;
        Ok(block.map(|block| (CID(block.cid), PyBytes::new(py, &block.data))))
    }
}

/// Check every block of a CAR file, and whether all that its roots need is there.
///
/// The result is (version, roots, blocks, bytes, missing count, missing CIDs, at most 100).
#[pyfunction]
#[expect(clippy::type_complexity, reason = "a Python class gives the parts names")]
pub(crate) fn car_verify(
    py: Python<'_>,
    #[pyo3(from_py_with = file_path)] path: PathBuf,
    progress: Option<Py<PyAny>>,
) -> Outcome<(u8, Vec<CID>, u64, u64, usize, Vec<CID>)> {
    running::run(py, progress, |control| verify(&path, control))
}

type Report = (u8, Vec<CID>, u64, u64, usize, Vec<CID>);

fn verify(path: &Path, control: &Control) -> Outcome<Report> {
    let mut reader = reader(path)?;
    let version = if reader.v2_header().is_some() { 2 } else { 1 };
    let roots = reader.roots().to_vec();
    let (mut blocks, mut bytes) = (0, 0);
    let mut present: HashSet<Multihash> = HashSet::new();
    let mut needed: Vec<Cid> = roots.clone();
    let mut asked: HashSet<Multihash> = roots.iter().map(|root| *root.hash()).collect();
    while let Some(block) =
        reader.next_block().map_err(|error| car_failure(error, path))?
    {
        if control.is_cancelled() {
            return Err(UnixFsError::Cancelled.into());
        }
        blocks += 1;
        bytes += block.data.len() as u64;
        control.add_bytes(block.data.len());
        if present.insert(*block.cid.hash()) {
            let below = match links(&block.cid, &block.data) {
                // What a codec that is not known here links to cannot be missed.
                Err(DagError::UnknownCodec(_)) => Vec::new(),
                links => links?,
            };
            needed.extend(below.into_iter().filter(|cid| asked.insert(*cid.hash())));
        }
    }
    let identity = Code::Identity.code();
    needed.retain(|cid| cid.hash().code() != identity && !present.contains(cid.hash()));
    let missing = needed.len();
    let named = needed.into_iter().take(MISSING_NAMED).map(CID).collect();
    Ok((version, roots.into_iter().map(CID).collect(), blocks, bytes, missing, named))
}

/// An indexed CAR as a source of verified blocks.
struct Source(IndexedReader<File>);

impl BlockSource for Source {
    fn get(&self, cid: &Cid) -> Result<Option<bytes::Bytes>, DagError> {
        Ok(self.0.get(cid)?)
    }
}

/// Write what a CAR file's roots name to files; the result is (entries, bytes).
#[pyfunction]
#[pyo3(signature = (path, output, progress, *, symlinks = "inside", max_bytes = None, max_entries = None))]
pub(crate) fn car_unpack(
    py: Python<'_>,
    #[pyo3(from_py_with = file_path)] path: PathBuf,
    #[pyo3(from_py_with = file_path)] output: PathBuf,
    progress: Option<Py<PyAny>>,
    #[pyo3(from_py_with = text)] symlinks: &str,
    max_bytes: Option<&Bound<'_, PyAny>>,
    max_entries: Option<&Bound<'_, PyAny>>,
) -> Outcome<(u64, u64)> {
    let symlinks = self::symlinks(symlinks)?;
    let limit =
        |name, given| Option::map_or(given, Ok(None), |n| params::number(name, n));
    let max_bytes: Option<u64> = limit("max_bytes", max_bytes)?;
    let max_entries: Option<u64> = limit("max_entries", max_entries)?;
    let done = running::run(py, progress, |control| {
        let file = open(&path)?;
        let size = file.metadata().map_err(|error| Failure::os(&error, &path))?.len();
        let reader =
            IndexedReader::open(file).map_err(|error| car_failure(error, &path))?;
        let roots = reader.roots().to_vec();
        let blocks = reader.index().len() as u64;
        let limits = limits(max_bytes, max_entries, size, blocks);
        let source = Source(reader);
        let sharing = None;
        let extractor = Extractor { source: &source, limits, symlinks, sharing, control };
        unpack(&extractor, &roots, &path, &output)
    })?;
    Ok((done.entries, done.bytes))
}

/// What becomes of symbolic links, in a word.
pub(crate) fn symlinks(word: &str) -> Outcome<Symlinks> {
    match word {
        "inside" => Ok(Symlinks::Inside),
        "any" => Ok(Symlinks::Any),
        "skip" => Ok(Symlinks::Skip),
        other => Err(Failure::parameter(format!(
            "symlinks {other:?} is not one of inside, any and skip"
        ))),
    }
}

/// How much may come out of so many bytes and blocks before it is taken for hostile.
pub(crate) fn limits(
    max_bytes: Option<u64>,
    max_entries: Option<u64>,
    bytes: u64,
    blocks: u64,
) -> ExtractLimits {
    ExtractLimits {
        max_bytes: max_bytes
            .unwrap_or_else(|| bytes.saturating_mul(HOSTILE_RATIO).max(MIN_BYTES)),
        max_entries: max_entries
            .unwrap_or_else(|| blocks.saturating_mul(HOSTILE_RATIO).max(MIN_ENTRIES)),
    }
}

/// One root becomes the output itself, several become its entries, named by their CIDs.
fn unpack(
    extractor: &Extractor<'_, Source>,
    roots: &[Cid],
    path: &Path,
    output: &Path,
) -> Outcome<Extracted> {
    let done = match roots {
        [] => {
            let message = "the CAR names no root, so there is nothing to unpack";
            return Err(Failure::parameter(message));
        }
        [root] => extractor.extract(root, output),
        roots => extractor.extract_all(roots, output),
    };
    done.map_err(|error| lift(error, path))
}
