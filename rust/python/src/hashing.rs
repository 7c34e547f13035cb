//! CIDs of files and folders.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ipfs_kit_unixfs::{Control, Entries, Importer};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::text::{file_path, file_paths, maybe_text, text};
use crate::{cancel, params, running};

/// Files up to this size are hashed on the calling thread: it takes a few milliseconds.
const SHORT_BYTES: u64 = 1 << 20;

/// Hash the file or folder at a path; the result is (CID, tsize, entries or None).
#[pyfunction]
#[pyo3(signature = (path, profile, threads, progress, params, *, entries = false))]
pub(crate) fn hash_path(
    py: Python<'_>,
    #[pyo3(from_py_with = file_path)] path: PathBuf,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
    params: &Bound<'_, PyDict>,
    entries: bool,
) -> Outcome<(CID, u64, Option<TreeEntries>)> {
    let params = params::settle(profile, Some(params))?;
    let threads = running::threads(threads)?;
    let small = progress.is_none()
        && std::fs::metadata(&path)
            .is_ok_and(|at| at.is_file() && at.len() <= SHORT_BYTES);
    let work = |threads: usize, control: &Control| {
        let importer = Importer::new(&params, threads, control);
        Ok(importer.path(&path, entries, None)?)
    };
    let done = if small {
        running::run_here(py, |control| work(1, control))?
    } else {
        running::run(py, progress, |control| work(threads, control))?
    };
    let entries = done.entries.map(|entries| TreeEntries(Mutex::new(entries)));
    Ok((CID(done.cid), done.tsize, entries))
}

/// Hash what a Python object with `read(n)` gives; the result is (CID, tsize).
#[pyfunction]
pub(crate) fn hash_stream(
    py: Python<'_>,
    source: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = maybe_text)] name: Option<&str>,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
    params: &Bound<'_, PyDict>,
) -> Outcome<(CID, u64)> {
    let params = params::settle(profile, Some(params))?;
    let threads = running::threads(threads)?;
    let done = running::run_reading(py, source, progress, |control, pieces| {
        let importer = Importer::new(&params, threads, control);
        Ok(importer.reader(pieces, name, None)?)
    })?;
    Ok((CID(done.cid), done.tsize))
}

/// Hash many files; the result holds a CID or an exception for each.
#[pyfunction]
pub(crate) fn hash_paths<'py>(
    py: Python<'py>,
    #[pyo3(from_py_with = file_paths)] paths: Vec<PathBuf>,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
    params: &Bound<'py, PyDict>,
) -> Outcome<Bound<'py, PyList>> {
    let params = params::settle(profile, Some(params))?;
    let threads = running::threads(threads)?;
    let results = running::run(py, progress, |control| {
        let importer = Importer::new(&params, threads, control);
        Ok(importer.files(paths))
    })?;
    let list = PyList::empty(py);
    for result in results {
        match result {
            Ok(cid) => list.append(CID(cid))?,
            Err(error) => {
                list.append(PyErr::from(Failure::from(error)).into_value(py))?;
            }
        }
    }
    Ok(list)
}

/// Iterates once over what stands below a root, by path: (path, CID, tsize).
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct TreeEntries(pub(crate) Mutex<Entries>);

#[pymethods]
impl TreeEntries {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self) -> Outcome<Option<(String, CID, u64)>> {
        cancel::check()?;
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.next().transpose()? {
            Some(entry) => Ok(Some((entry.path, CID(entry.cid), entry.tsize))),
            None => Ok(None),
        }
    }
}
