//! Adding files, folders and bytes to a repository.

use std::path::Path;
use std::sync::Mutex;

use ipfs_kit_dag::{BlockSink, DagError};
use ipfs_kit_repo::{RepoError, Session, Unchanged};
use ipfs_kit_unixfs::{Control, Imported, Importer, Params, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::buffers::Held;
use crate::cid::CID;
use crate::errors::Outcome;
use crate::hashing::TreeEntries;
use crate::repo::{Handle, Repository};
use crate::text::{file_path, maybe_text, text};
use crate::{params, running};

/// How often an import begins anew after blocks that it relied on were removed.
const TRIES: usize = 3;

/// What is done with what was imported.
struct Then<'a> {
    pin: bool,
    name: Option<&'a str>,
}

/// What an import did, beside its result.
struct Done {
    imported: Imported,
    numbers: [u64; 8],
}

type Added = (CID, u64, [u64; 8], Option<TreeEntries>);

/// Import a path, a buffer or what an object with `read` gives.
///
/// The result is (CID, tsize, numbers, entries or None); the numbers are files, bytes, new
/// blocks, new bytes, known blocks, known bytes, unchanged files, unchanged bytes.
#[pyfunction]
#[pyo3(signature = (repository, source, profile, threads, progress, params, *, pin, name = None, file_name = None, nocopy = false, trust_stat = true, entries = false))]
#[expect(clippy::too_many_arguments, reason = "the stub gives them names")]
#[expect(clippy::fn_params_excessive_bools, reason = "they are keywords in Python")]
pub(crate) fn repo_add(
    py: Python<'_>,
    repository: &Repository,
    source: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] profile: &str,
    threads: Option<&Bound<'_, PyAny>>,
    progress: Option<Py<PyAny>>,
    params: &Bound<'_, PyDict>,
    pin: bool,
    #[pyo3(from_py_with = maybe_text)] name: Option<&str>,
    #[pyo3(from_py_with = maybe_text)] file_name: Option<&str>,
    nocopy: bool,
    trust_stat: bool,
    entries: bool,
) -> Outcome<Added> {
    let handle = repository.handle()?;
    let params = params::settle(profile, Some(params))?;
    let threads = match threads {
        Some(_) => running::threads(threads)?,
        None => repository.threads(),
    };
    let then = Then { pin, name };
    let done = if source.is_instance_of::<PyString>() {
        let path = file_path(source)?;
        let how = PathImport { nocopy, trust_stat, entries };
        running::run(py, progress, |control| {
            let importer = Importer::new(&params, threads, control);
            add_path(&handle, importer, &path, how, &then)
        })?
    } else if source.hasattr("read")? {
        running::run_reading(py, source, progress, |control, pieces| {
            let importer = Importer::new(&params, threads, control);
            let done = add(&handle, control, &then, |sink, _| {
                importer.reader(pieces, file_name, Some(sink))
            });
            Ok(done?)
        })?
    } else {
        let held = Held::new(source)?;
        let bytes = held.bytes(py);
        running::run(py, progress, |control| {
            let importer = Importer::new(&params, threads, control);
            retried(|| {
                add(&handle, control, &then, |sink, _| {
                    importer.reader(bytes, file_name, Some(sink))
                })
            })
        })?
    };
    let found = done.imported.entries.map(|all| TreeEntries(Mutex::new(all)));
    Ok((CID(done.imported.cid), done.imported.tsize, done.numbers, found))
}

#[derive(Clone, Copy)]
struct PathImport {
    nocopy: bool,
    trust_stat: bool,
    entries: bool,
}

fn add_path(
    handle: &Handle,
    importer: Importer<'_>,
    path: &Path,
    how: PathImport,
    then: &Then<'_>,
) -> Outcome<Done> {
    let params: &Params = importer.params;
    retried(|| {
        add(handle, importer.control, then, |sink, session| {
            let memory = how.trust_stat.then(|| Unchanged::new(session, params));
            let memory = memory.transpose().map_err(lower)?;
            let memory = memory.as_ref().map(|memory| memory as _);
            let importer = Importer { memory, in_place: how.nocopy, ..importer };
            importer.path(path, how.entries, Some(sink))
        })
    })
}

fn lower(error: RepoError) -> UnixFsError {
    UnixFsError::Dag(error.into())
}

/// Repeats what lost a race against a collection.
fn retried(attempt: impl Fn() -> Result<Done, UnixFsError>) -> Outcome<Done> {
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if has_vanished(&error) => {}
            done => return Ok(done?),
        }
    }
    Ok(attempt()?)
}

fn has_vanished(error: &UnixFsError) -> bool {
    let UnixFsError::Dag(DagError::Store(source)) = error else { return false };
    matches!(source.downcast_ref(), Some(RepoError::Vanished))
}

/// One session: everything that is imported counts when it ends, or nothing.
fn add(
    handle: &Handle,
    control: &Control,
    then: &Then<'_>,
    import: impl FnOnce(
        &mut (dyn BlockSink + Send),
        &Session,
    ) -> Result<Imported, UnixFsError>,
) -> Result<Done, UnixFsError> {
    let session = handle.session().map_err(lower)?;
    let mut sink = session.clone();
    let imported = import(&mut sink, &session)?;
    // What is acknowledged must not be stopped half-way.
    if control.is_cancelled() {
        return Err(UnixFsError::Cancelled);
    }
    if then.pin {
        session.commit_added(&imported.cid, then.name).map_err(lower)?;
    } else {
        session.commit().map_err(lower)?;
    }
    let taken = session.taken();
    let numbers = [
        control.files(),
        control.bytes(),
        taken.blocks,
        taken.bytes,
        taken.known_blocks,
        taken.known_bytes,
        control.unchanged(),
        control.unchanged_bytes(),
    ];
    Ok(Done { imported, numbers })
}
