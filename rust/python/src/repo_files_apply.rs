//! Many changes of the mutable files in one step, and what is added for them kept meanwhile.

use std::sync::{Mutex, PoisonError};

use ipfs_kit_cid::Cid;
use ipfs_kit_repo::Session;
use ipfs_kit_unixfs::edit::{Editor, WriteMode};
use ipfs_kit_unixfs::{Mtime, UnixFsError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::buffers::Held;
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::repo::{Handle, Repository};
use crate::repo_files::{change, length, remove, strs};
use crate::running;
use crate::text::text;

/// One of many changes, as Python gives it: a tuple that begins with a word.
enum Step {
    /// `("mkdir", path, parents, exist_ok)`
    Mkdir { path: Vec<String>, parents: bool, exist_ok: bool },
    /// `("link", path, cid, replace)`; directories above are made.
    Link { path: Vec<String>, cid: Cid, replace: bool },
    /// `("append", path, bytes)`; the file and directories above are made.
    Append { path: Vec<String>, data: Held },
    /// `("remove", path, recursive)`
    Remove { path: Vec<String>, recursive: bool },
    /// `("rmdir", path)`
    Rmdir { path: Vec<String> },
    /// `("move", path, target, into)`; directories above are made.
    Move { path: Vec<String>, target: Vec<String>, into: bool },
    /// `("touch", path, seconds, nanoseconds)`; what is not there is made.
    Touch { path: Vec<String>, mtime: Mtime },
}

impl Step {
    fn take(given: &Bound<'_, PyAny>) -> Outcome<Self> {
        let given = given.cast::<PyTuple>().map_err(PyErr::from)?;
        let kind: String = given.get_item(0)?.extract()?;
        let path = given.get_item(1)?.extract()?;
        let third = || given.get_item(2);
        let fourth = || given.get_item(3);
        Ok(match kind.as_str() {
            "mkdir" => {
                let (parents, exist_ok) = (third()?.extract()?, fourth()?.extract()?);
                Self::Mkdir { path, parents, exist_ok }
            }
            "link" => {
                let cid = third()?.cast::<CID>().map_err(PyErr::from)?.get().0;
                Self::Link { path, cid, replace: fourth()?.extract()? }
            }
            "append" => Self::Append { path, data: Held::new(&third()?)? },
            "remove" => Self::Remove { path, recursive: third()?.extract()? },
            "rmdir" => Self::Rmdir { path },
            "move" => {
                let (target, into) = (third()?.extract()?, fourth()?.extract()?);
                Self::Move { path, target, into }
            }
            "touch" => {
                let (seconds, nanoseconds) = (third()?.extract()?, fourth()?.extract()?);
                Self::Touch { path, mtime: Mtime { seconds, nanoseconds } }
            }
            other => return Err(Failure::parameter(format!("{other:?} is no change"))),
        })
    }

    /// Makes it on a root, and gives the next.
    fn apply(
        &self,
        bytes: &[u8],
        editor: &mut Editor<'_>,
        root: &Cid,
        session: &Session,
    ) -> Outcome<Cid> {
        Ok(match self {
            Self::Mkdir { path, parents, exist_ok } => {
                let root = if *parents { above(editor, root, path)? } else { *root };
                editor.mkdir(&root, &strs(path), *exist_ok)?
            }
            Self::Link { path, cid, replace } => {
                session.keep(cid)?;
                editor.link(root, &strs(path), cid, true, *replace)?
            }
            Self::Append { path, .. } => {
                let mode = WriteMode { create: true, parents: true, truncate: false };
                let offset = length(session, root, path)?;
                editor.write(root, &strs(path), offset, &mut &*bytes, mode)?
            }
            Self::Remove { path, recursive } => {
                editor.unlink(root, &strs(path), *recursive)?
            }
            Self::Rmdir { path } => editor.rmdir(root, &strs(path))?,
            Self::Move { path, target, into } => {
                let root = above(editor, root, target)?;
                editor.move_entry(&root, &strs(path), &strs(target), *into)?
            }
            Self::Touch { path, mtime } => {
                match editor.touch(root, &strs(path), *mtime) {
                    Err(UnixFsError::NoSuchEntry { .. }) => {
                        let mode =
                            WriteMode { create: true, parents: true, truncate: false };
                        editor.write(root, &strs(path), 0, &mut &[][..], mode)?
                    }
                    done => done?,
                }
            }
        })
    }
}

/// Makes the directories above a path that are missing.
fn above(editor: &mut Editor<'_>, root: &Cid, path: &[String]) -> Outcome<Cid> {
    let Some((_, above)) = path.split_last() else { return Ok(*root) };
    editor.mkdir(root, &strs(above), true).map_err(|error| match error {
        // Something is there, and is what nothing can be below.
        UnixFsError::EntryExists { path } => UnixFsError::NotADirectory { path }.into(),
        error => error.into(),
    })
}

/// Make changes in their order, each on what the one before left; all of them are visible at
/// once, or none.
#[pyfunction]
pub(crate) fn repo_files_apply(
    py: Python<'_>,
    repository: &Repository,
    steps: Vec<Bound<'_, PyAny>>,
    #[pyo3(from_py_with = text)] profile: &str,
) -> Outcome<CID> {
    let steps: Vec<Step> = steps.iter().map(Step::take).collect::<Outcome<_>>()?;
    let bytes: Vec<&[u8]> = steps
        .iter()
        .map(|step| match step {
            Step::Append { data, .. } => data.bytes(py),
            _ => &[],
        })
        .collect();
    // A step holds what Python has, and other threads see no more than what is ours of it.
    let steps: Vec<(&Step, &[u8])> = steps.iter().zip(bytes).collect();
    let edit = |editor: &mut Editor<'_>, base: &Cid, session: &Session| {
        let mut root = *base;
        for (step, bytes) in &steps {
            root = step.apply(bytes, editor, &root, session)?;
        }
        Ok(root)
    };
    if steps
        .iter()
        .all(|(step, _)| matches!(step, Step::Remove { .. } | Step::Rmdir { .. }))
    {
        remove(py, repository, profile, edit)
    } else {
        change(py, repository, profile, None, edit)
    }
}

/// Keeps what is added to a repository after it was made from being collected.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Hold(Mutex<Option<(Session, Handle)>>);

#[pymethods]
impl Hold {
    #[new]
    fn new(py: Python<'_>, repository: &Repository) -> Outcome<Self> {
        let handle = repository.handle()?;
        let session = running::run_here(py, |_| Ok(handle.session()?))?;
        Ok(Self(Mutex::new(Some((session, handle)))))
    }

    /// Let go.
    fn release(&self, py: Python<'_>) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(held));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let held = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let mut left = Some(held);
        Python::try_attach(|py| py.detach(|| drop(left.take())));
    }
}
