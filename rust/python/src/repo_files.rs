//! Mutable files: each change builds a new root and swaps it for the old one.

use std::io::Read;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_repo::{RepoError, Session};
use ipfs_kit_unixfs::edit::{Editor, WriteMode};
use ipfs_kit_unixfs::read::{self, resolve};
use ipfs_kit_unixfs::{Control, Mtime, Params, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::buffers::Held;
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::repo::{Handle, Repository};
use crate::repo_path::{At, take};
use crate::text::text;
use crate::{params, running};

/// How often a change is made anew that others came before.
const TRIES: u32 = 50;

/// A change under way.
struct Change<'a> {
    handle: &'a Handle,
    params: &'a Params,
    control: &'a Control,
}

impl Change<'_> {
    /// Makes it once; `Conflict` if someone else changed the root meanwhile.
    fn once(
        &self,
        edit: impl FnOnce(&mut Editor<'_>, &Cid, &Session) -> Outcome<Cid>,
    ) -> Outcome<Option<Cid>> {
        let session = self.handle.session()?;
        let old = self.handle.files_root()?;
        if let Some(old) = &old {
            session.keep(old)?;
        }
        let mut store = session.clone();
        let mut editor = Editor::new(self.params, self.control, &mut store);
        editor.now = now();
        let base = match old {
            Some(root) => root,
            None => editor.empty_root()?,
        };
        let new = edit(&mut editor, &base, &session)?;
        if old == Some(new) {
            return Ok(Some(new));
        }
        match session.commit_files_root(old.as_ref(), &new) {
            Ok(()) => Ok(Some(new)),
            Err(RepoError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes it again and again until nobody came before.
    fn repeated(
        &self,
        edit: impl Fn(&mut Editor<'_>, &Cid, &Session) -> Outcome<Cid>,
    ) -> Outcome<CID> {
        for attempt in 0..TRIES {
            if let Some(root) = self.once(&edit)? {
                return Ok(CID(root));
            }
            if self.control.is_cancelled() {
                return Err(UnixFsError::Cancelled.into());
            }
            thread::sleep(Duration::from_millis(u64::from(attempt.min(20))));
        }
        Err(RepoError::Conflict.into())
    }
}

fn now() -> Option<Mtime> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    Some(Mtime { seconds, nanoseconds: since.subsec_nanos() })
}

pub(crate) fn strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Changes the tree by one step of the editor.
pub(crate) fn change(
    py: Python<'_>,
    repository: &Repository,
    profile: &str,
    given: Option<&Bound<'_, PyDict>>,
    edit: impl Fn(&mut Editor<'_>, &Cid, &Session) -> Outcome<Cid> + Send,
) -> Outcome<CID> {
    let handle = repository.handle()?;
    let params = params::settle(profile, given)?;
    running::run(py, None, |control| {
        Change { handle: &handle, params: &params, control }.repeated(edit)
    })
}

/// The root of the mutable files; one is made if there is none yet.
#[pyfunction]
pub(crate) fn repo_files_root(
    py: Python<'_>,
    repository: &Repository,
    #[pyo3(from_py_with = text)] profile: &str,
) -> Outcome<CID> {
    let handle = repository.handle()?;
    let known = running::run_here(py, |_| Ok(handle.files_root()?))?;
    match known {
        Some(root) => Ok(CID(root)),
        None => change(py, repository, profile, None, |_, base, _| Ok(*base)),
    }
}

/// Make a directory; the result of this and of what follows is the new root.
#[pyfunction]
#[pyo3(signature = (repository, path, profile, params, *, parents = false))]
pub(crate) fn repo_files_mkdir(
    py: Python<'_>,
    repository: &Repository,
    path: Vec<String>,
    #[pyo3(from_py_with = text)] profile: &str,
    params: &Bound<'_, PyDict>,
    parents: bool,
) -> Outcome<CID> {
    change(py, repository, profile, Some(params), |editor, base, _| {
        Ok(editor.mkdir(base, &strs(&path), parents)?)
    })
}

/// Where a copy comes from.
enum Source {
    Path(At),
    /// A path of the mutable files themselves.
    Files(Vec<String>),
}

/// Put at `path` what `source` names: a path, or a list of names of mutable files.
#[pyfunction]
#[pyo3(signature = (repository, source, path, profile, *, parents = false, replace = false))]
pub(crate) fn repo_files_link(
    py: Python<'_>,
    repository: &Repository,
    source: &Bound<'_, PyAny>,
    path: Vec<String>,
    #[pyo3(from_py_with = text)] profile: &str,
    parents: bool,
    replace: bool,
) -> Outcome<CID> {
    let source = match source.extract::<Vec<String>>() {
        Ok(names) if source.is_instance_of::<pyo3::types::PyList>() => {
            Source::Files(names)
        }
        _ => Source::Path(take(source)?),
    };
    change(py, repository, profile, None, |editor, base, session| {
        let cid = match &source {
            Source::Path(at) => at.block(session)?,
            Source::Files(names) => At::new(*base, names.clone()).block(session)?,
        };
        session.keep(&cid)?;
        Ok(editor.link(base, &strs(&path), &cid, parents, replace)?)
    })
}

/// Remove an entry.
#[pyfunction]
#[pyo3(signature = (repository, path, profile, *, recursive = false))]
pub(crate) fn repo_files_unlink(
    py: Python<'_>,
    repository: &Repository,
    path: Vec<String>,
    #[pyo3(from_py_with = text)] profile: &str,
    recursive: bool,
) -> Outcome<CID> {
    remove(py, repository, profile, |editor, base, _| {
        Ok(editor.unlink(base, &strs(&path), recursive)?)
    })
}

/// Changes the tree by removals alone: what is removed leaves its blocks to a collection, so
/// that it has to be possible on a full disk.
pub(crate) fn remove(
    py: Python<'_>,
    repository: &Repository,
    profile: &str,
    edit: impl Fn(&mut Editor<'_>, &Cid, &Session) -> Outcome<Cid> + Send + Sync,
) -> Outcome<CID> {
    let handle = repository.handle()?;
    let params = params::settle(profile, None)?;
    running::run(py, None, |control| {
        let change = Change { handle: &handle, params: &params, control };
        handle.with_room(Failure::is_disk_full, || change.repeated(&edit))
    })
}

/// Move an entry.
#[pyfunction]
pub(crate) fn repo_files_rename(
    py: Python<'_>,
    repository: &Repository,
    source: Vec<String>,
    target: Vec<String>,
    #[pyo3(from_py_with = text)] profile: &str,
) -> Outcome<CID> {
    change(py, repository, profile, None, |editor, base, _| {
        Ok(editor.rename(base, &strs(&source), &strs(&target))?)
    })
}

/// How long a file is in a tree; 0 if it is not there.
pub(crate) fn length(session: &Session, root: &Cid, path: &[String]) -> Outcome<u64> {
    match resolve(session, root, path) {
        Ok(found) => Ok(read::stat(session, &found.cid)?.size),
        Err(UnixFsError::NoSuchEntry { .. }) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Write a buffer, or what an object with `read` gives, into a file.
#[pyfunction]
#[pyo3(signature = (repository, path, data, profile, params, *, offset = None, create = false, parents = false, truncate = false))]
#[expect(clippy::too_many_arguments, reason = "the stub gives them names")]
pub(crate) fn repo_files_write(
    py: Python<'_>,
    repository: &Repository,
    path: Vec<String>,
    data: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = text)] profile: &str,
    params: &Bound<'_, PyDict>,
    offset: Option<u64>,
    create: bool,
    parents: bool,
    truncate: bool,
) -> Outcome<CID> {
    let mode = WriteMode { create, parents, truncate };
    if !data.hasattr("read")? {
        let held = Held::new(data)?;
        let bytes = held.bytes(py);
        return change(py, repository, profile, Some(params), |editor, base, session| {
            let offset = match offset {
                Some(offset) => offset,
                None => length(session, base, &path)?,
            };
            Ok(editor.write(base, &strs(&path), offset, &mut &*bytes, mode)?)
        });
    }
    let offset = offset.ok_or_else(|| {
        Failure::parameter("what is appended is bytes, not an object with `read`")
    })?;
    let handle = repository.handle()?;
    let params = params::settle(profile, Some(params))?;
    running::run_reading(py, data, None, |control, mut pieces| {
        let data: &mut (dyn Read + Send) = &mut pieces;
        let change = Change { handle: &handle, params: &params, control };
        let done = change.once(|editor, base, _| {
            let root = editor.write(base, &strs(&path), offset, data, mode)?;
            // What ended because the reader failed is not what was to be written.
            if control.is_cancelled() {
                return Err(UnixFsError::Cancelled.into());
            }
            Ok(root)
        })?;
        // What was read is gone: only who has it can try again.
        done.map(CID).ok_or_else(|| RepoError::Conflict.into())
    })
}

/// Make a file so long: cut it, or add zeros.
#[pyfunction]
pub(crate) fn repo_files_resize(
    py: Python<'_>,
    repository: &Repository,
    path: Vec<String>,
    size: u64,
    #[pyo3(from_py_with = text)] profile: &str,
) -> Outcome<CID> {
    change(py, repository, profile, None, |editor, base, _| {
        Ok(editor.resize(base, &strs(&path), size)?)
    })
}

/// Set the mode, or the time of change in seconds and nanoseconds, of an entry.
#[pyfunction]
#[pyo3(signature = (repository, path, profile, *, mode = None, mtime = None))]
pub(crate) fn repo_files_attributes(
    py: Python<'_>,
    repository: &Repository,
    path: Vec<String>,
    #[pyo3(from_py_with = text)] profile: &str,
    mode: Option<u32>,
    mtime: Option<(i64, u32)>,
) -> Outcome<CID> {
    change(py, repository, profile, None, |editor, base, _| {
        let mut root = *base;
        if let Some(mode) = mode {
            root = editor.chmod(&root, &strs(&path), mode)?;
        }
        if let Some((seconds, nanoseconds)) = mtime {
            let mtime = Mtime { seconds, nanoseconds };
            root = editor.touch(&root, &strs(&path), mtime)?;
        }
        Ok(root)
    })
}

/// What stands at a path of the mutable files as they are now.
#[pyfunction]
pub(crate) fn repo_files_find(
    py: Python<'_>,
    repository: &Repository,
    path: Vec<String>,
) -> Outcome<Option<CID>> {
    let handle = repository.handle()?;
    running::run_here(py, |_| {
        let Some(root) = handle.files_root()? else { return Ok(None) };
        Ok(find(&*handle, &root, &path)?.map(CID))
    })
}

/// What stands at a path in a tree.
fn find(source: &impl BlockSource, root: &Cid, path: &[String]) -> Outcome<Option<Cid>> {
    match resolve(source, root, path) {
        Ok(found) if found.remainder.is_empty() => Ok(Some(found.cid)),
        Ok(_) | Err(UnixFsError::NoSuchEntry { .. }) => Ok(None),
        Err(error) => Err(Failure::from(error)),
    }
}
