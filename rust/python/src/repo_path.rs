//! Paths as people write them: `ipfs://CID/a`, `ipfskit://CID/a`, `/ipfs/CID/a`, `ipfs:CID`, `CID/a`, a `CID`,
//! and those that begin with a name: `/ipns/NAME/a`, `ipns://NAME/a`, `ipns:NAME`. Names are
//! literal in all of them, as Kubo takes them: what a listing shows can be read.

use ipfs_kit_cid::{Cid, to_string};
use ipfs_kit_dag::BlockSource;
use ipfs_kit_repo::Session;
use ipfs_kit_unixfs::read::{PathEnd, Resolved, resolve};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::text::entry_path;

/// What a path begins with.
#[derive(Debug, Clone)]
pub(crate) enum Root {
    Cid(Cid),
    /// An IPNS name in any spelling, or that of a key.
    Name(String),
}

impl Root {
    fn show(&self) -> String {
        match self {
            Self::Cid(cid) => to_string(cid),
            Self::Name(name) => format!("/ipns/{name}"),
        }
    }
}

/// A root and the names below it.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) root: Root,
    pub(crate) names: Vec<String>,
}

/// Where paths are followed: blocks, and what IPNS names stand for.
pub(crate) trait Source: BlockSource {
    /// The path that a name with more behind it leads to.
    fn name_path(&self, name: &str, rest: &[String]) -> Outcome<String>;
}

impl Source for ipfs_kit_repo::Repository {
    fn name_path(&self, name: &str, rest: &[String]) -> Outcome<String> {
        Ok(self.resolve_name(name, rest, true)?)
    }
}

impl Source for Session {
    fn name_path(&self, name: &str, rest: &[String]) -> Outcome<String> {
        Ok(self.resolve_name(name, rest)?)
    }
}

impl At {
    pub(crate) fn new(root: Cid, names: Vec<String>) -> Self {
        Self { root: Root::Cid(root), names }
    }

    /// The path as messages show it.
    pub(crate) fn show(&self) -> String {
        let mut shown = self.root.show();
        for name in &self.names {
            shown.push('/');
            shown.push_str(name);
        }
        shown
    }

    /// Follows it as far as it goes.
    pub(crate) fn resolve(&self, source: &impl Source) -> Outcome<Resolved> {
        match &self.root {
            Root::Cid(root) => Ok(resolve(source, root, &self.names)?),
            Root::Name(name) => {
                let path = source.name_path(name, &self.names)?;
                let (root, names) = immutable(&path)?;
                Ok(resolve(source, &root, &names)?)
            }
        }
    }

    /// The block that it leads to as a whole.
    pub(crate) fn block(&self, source: &impl Source) -> Outcome<Cid> {
        let resolved = self.resolve(source)?;
        match resolved.end {
            PathEnd::Block => Ok(resolved.cid),
            PathEnd::Value => Err(Failure::parameter(format!(
                "{} is a value inside a block: `dag get` reads it",
                self.show()
            ))),
            PathEnd::Symlink => Err(Failure::parameter(format!(
                "{} leads through a symbolic link, which is not followed",
                self.show()
            ))),
        }
    }
}

/// Takes a path from Python: text, a CID, or a CID with names below it.
pub(crate) fn take(value: &Bound<'_, PyAny>) -> Outcome<At> {
    if let Ok(cid) = value.cast::<CID>() {
        return Ok(At::new(cid.get().0, Vec::new()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return parse(&text.to_string_lossy());
    }
    if let Ok(pair) = value.cast::<PyTuple>()
        && pair.len() == 2
        && let Ok(root) = pair.get_item(0)?.cast::<CID>()
    {
        return Ok(At::new(root.get().0, pair.get_item(1)?.extract()?));
    }
    let name = value.get_type().name()?;
    let message = format!("a path is str or CID, not {name}");
    Err(PyTypeError::new_err(message).into())
}

/// Takes a CID, or a path that is no more than one.
pub(crate) fn take_cid(value: &Bound<'_, PyAny>) -> Outcome<Cid> {
    let at = take(value)?;
    if let (Root::Cid(cid), []) = (&at.root, &*at.names) {
        return Ok(*cid);
    }
    Err(Failure::parameter(format!("{} is a path where a CID is asked for", at.show())))
}

/// Reads a path as text.
pub(crate) fn parse(text: &str) -> Outcome<At> {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let (is_name, rest) = match scheme.to_ascii_lowercase().as_str() {
        "ipfs" | "ipfskit" => (false, rest.strip_prefix("/ipfs/").unwrap_or(rest)),
        "ipns" => (true, rest.strip_prefix("/ipns/").unwrap_or(rest)),
        // A colon in a name.
        _ => match text.strip_prefix("/ipns/") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("/ipfs/").unwrap_or(text)),
        },
    };
    let mut names = clean(split(rest), text)?.into_iter();
    let root = names.next().unwrap_or_default();
    let root = match (is_name, root.is_empty()) {
        (false, _) => Root::Cid(ipfs_kit_cid::parse(&root)?),
        (true, false) => Root::Name(root),
        (true, true) => {
            return Err(Failure::parameter(format!("{text:?} has no name in it")));
        }
    };
    Ok(At { root, names: names.collect() })
}

/// Reads a path that begins with an IPNS name, in whose place a bare name may stand.
pub(crate) fn parse_name(text: &str) -> Outcome<(String, Vec<String>)> {
    let is_bare = !text.starts_with('/') && !text.contains(':');
    let at = if is_bare { parse(&format!("/ipns/{text}"))? } else { parse(text)? };
    match at.root {
        Root::Name(name) => Ok((name, at.names)),
        Root::Cid(_) => Err(Failure::parameter(format!("{text:?} is no IPNS name"))),
    }
}

/// Reads what a name leads to in the end.
fn immutable(path: &str) -> Outcome<(Cid, Vec<String>)> {
    let wrong = || Failure::record(format!("an IPNS name leads to {path:?}, no CID"));
    let names = clean(split(path.strip_prefix("/ipfs/").ok_or_else(wrong)?), path)?;
    let mut names = names.into_iter();
    let root = ipfs_kit_cid::parse(&names.next().unwrap_or_default());
    Ok((root.map_err(|_| wrong())?, names.collect()))
}

fn split(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

/// Leaves out what says nothing, as every reader of such paths does.
pub(crate) fn clean(names: Vec<String>, text: &str) -> Outcome<Vec<String>> {
    let mut kept = Vec::with_capacity(names.len());
    for name in names {
        match name.as_str() {
            "" | "." => {}
            ".." => {
                if kept.pop().is_none() {
                    let message = format!("{text:?} leads out of its root");
                    return Err(Failure::parameter(message));
                }
            }
            _ => kept.push(name),
        }
    }
    Ok(kept)
}

/// The root of a path, as Python has it.
#[derive(IntoPyObject)]
pub(crate) enum Head {
    Cid(CID),
    Name(String),
}

/// Split a path into its root, a CID or an IPNS name, and the names below it.
#[pyfunction]
pub(crate) fn split_path(path: &Bound<'_, PyAny>) -> Outcome<(Head, Vec<String>)> {
    let at = take(path)?;
    let head = match at.root {
        Root::Cid(cid) => Head::Cid(CID(cid)),
        Root::Name(name) => Head::Name(name),
    };
    Ok((head, at.names))
}

/// Split a path of mutable files into names.
#[pyfunction]
pub(crate) fn split_files_path(
    #[pyo3(from_py_with = entry_path)] path: &str,
) -> Outcome<Vec<String>> {
    if !path.starts_with('/') {
        let message =
            format!("{path:?} is no path of mutable files: it begins with a slash");
        return Err(Failure::parameter(message));
    }
    clean(split(path), path)
}
