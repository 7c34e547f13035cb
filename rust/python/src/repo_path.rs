//! Paths as people write them: `ipfs://CID/a`, `/ipfs/CID/a`, `ipfs:CID`, `CID/a`, a `CID`.

use ipfs_kit_cid::{Cid, to_string};
use ipfs_kit_dag::BlockSource;
use ipfs_kit_unixfs::read::{PathEnd, Resolved, resolve};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use crate::cid::CID;
use crate::errors::{Failure, Outcome};

/// A root and the names below it.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) root: Cid,
    pub(crate) names: Vec<String>,
}

impl At {
    /// The path as messages show it.
    pub(crate) fn show(&self) -> String {
        let mut shown = to_string(&self.root);
        for name in &self.names {
            shown.push('/');
            shown.push_str(name);
        }
        shown
    }

    /// Follows it as far as it goes.
    pub(crate) fn resolve(&self, source: &impl BlockSource) -> Outcome<Resolved> {
        Ok(resolve(source, &self.root, &self.names)?)
    }

    /// The block that it leads to as a whole.
    pub(crate) fn block(&self, source: &impl BlockSource) -> Outcome<Cid> {
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
        return Ok(At { root: cid.get().0, names: Vec::new() });
    }
    if let Ok(text) = value.cast::<PyString>() {
        return parse(&text.to_string_lossy());
    }
    if let Ok(pair) = value.cast::<PyTuple>()
        && pair.len() == 2
        && let Ok(root) = pair.get_item(0)?.cast::<CID>()
    {
        return Ok(At { root: root.get().0, names: pair.get_item(1)?.extract()? });
    }
    let name = value.get_type().name()?;
    let message = format!("a path is str or CID, not {name}");
    Err(PyTypeError::new_err(message).into())
}

/// Takes a CID, or a path that is no more than one.
pub(crate) fn take_cid(value: &Bound<'_, PyAny>) -> Outcome<Cid> {
    let at = take(value)?;
    if at.names.is_empty() {
        return Ok(at.root);
    }
    Err(Failure::parameter(format!("{} is a path where a CID is asked for", at.show())))
}

/// Reads a path as text.
pub(crate) fn parse(text: &str) -> Outcome<At> {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), text),
    };
    let names = match (scheme.as_str(), rest.strip_prefix("//")) {
        ("", _) => {
            let path = text.strip_prefix("/ipfs/").unwrap_or(text);
            if text.starts_with("/ipns/") || text == "/ipns" {
                return Err(no_names(text));
            }
            split(path)
        }
        // Only a URL has its bytes escaped.
        ("ipfs", Some(url)) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            split(path).iter().map(|name| unescape(name)).collect::<Outcome<_>>()?
        }
        ("ipfs", None) => split(rest.strip_prefix("/ipfs/").unwrap_or(rest)),
        ("ipns", _) => return Err(no_names(text)),
        _ => split(text),
    };
    let mut names = clean(names, text)?.into_iter();
    let root = names.next().unwrap_or_default();
    let root = ipfs_kit_cid::parse(&root)?;
    Ok(At { root, names: names.collect() })
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

fn unescape(name: &str) -> Outcome<String> {
    let wrong = || Failure::parameter(format!("{name:?} is wrongly escaped in a URL"));
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        let (high, low) = (digit(0).ok_or_else(wrong)?, digit(1).ok_or_else(wrong)?);
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn no_names(text: &str) -> Failure {
    Failure::names_unsupported(format!(
        "{text:?} begins with a name, and there is nobody here to ask for its CID: give the \
         CID itself"
    ))
}

/// Split a path into its root and the names below it.
#[pyfunction]
pub(crate) fn split_path(path: &Bound<'_, PyAny>) -> Outcome<(CID, Vec<String>)> {
    let at = take(path)?;
    Ok((CID(at.root), at.names))
}

/// Split a path of mutable files into names.
#[pyfunction]
pub(crate) fn split_files_path(path: &str) -> Outcome<Vec<String>> {
    if !path.starts_with('/') {
        let message =
            format!("{path:?} is no path of mutable files: it begins with a slash");
        return Err(Failure::parameter(message));
    }
    clean(split(path), path)
}
