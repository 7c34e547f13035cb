//! Listing: the entries of directories, the links of blocks.

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSource, DagError, pb};
use ipfs_kit_unixfs::UnixFsError;
use ipfs_kit_unixfs::read::{self, entries};
use pyo3::prelude::*;

use crate::chain::{Places, Reads};
use crate::errors::{Failure, Outcome};
use crate::repo_path::take;
use crate::repo_read::kind_name;
use crate::stream::{Item, Out, Report, Stream};

/// Iterate over a directory: (name, CID, tsize, kind, size); kind and size take a look at
/// each entry's block, and are `None` without `resolve` and where it is not here.
#[pyfunction]
#[pyo3(signature = (core, path, *, resolve = true))]
pub(crate) fn repo_ls(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
    resolve: bool,
) -> Outcome<Stream> {
    let at = take(path)?;
    // What is no directory is said at once.
    let cid = core.read_here(py, |_, reads| {
        let cid = at.block(reads)?;
        entries(reads, &cid)?;
        Ok(cid)
    })?;
    Ok(core.stream(move |_, out, reads| list(reads, &cid, resolve, out)))
}

fn list(reads: &Reads, cid: &Cid, resolve: bool, out: &mut Out) -> Outcome<Report> {
    for entry in entries(reads, cid)? {
        let entry = entry?;
        let (mut kind, mut size) = (None, None);
        if resolve {
            if entry.cid.codec() == codec::RAW {
                (kind, size) = (Some("file"), Some(entry.tsize));
            } else {
                match read::stat(reads, &entry.cid) {
                    Ok(stat) => {
                        (kind, size) = (Some(kind_name(stat.kind)), Some(stat.size));
                    }
                    // A folder lists what it names, whether it is here or not.
                    Err(UnixFsError::Dag(
                        DagError::Missing(_) | DagError::UnknownCodec(_),
                    )) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        out.put(Item::Entry(entry.name, entry.cid, entry.tsize, kind, size))?;
    }
    Ok(Vec::new())
}

/// Iterate over links: (from, to, name, depth); to `max_depth` levels below the root.
#[pyfunction]
#[pyo3(signature = (core, path, *, max_depth = None, unique = false))]
pub(crate) fn repo_refs(
    py: Python<'_>,
    core: Places,
    path: &Bound<'_, PyAny>,
    max_depth: Option<u64>,
    unique: bool,
) -> Outcome<Stream> {
    let at = take(path)?;
    let root = core.read_here(py, |_, reads| at.block(reads))?;
    let max_depth = max_depth.unwrap_or(read::MAX_DEPTH as u64);
    Ok(core.stream(move |control, out, reads| {
        let mut seen = std::collections::HashMap::new();
        let mut stack = links(reads, &root, 1)?;
        stack.reverse();
        while let Some((from, to, name, depth)) = stack.pop() {
            if control.is_cancelled() {
                return Err(UnixFsError::Cancelled.into());
            }
            if depth > max_depth {
                continue;
            }
            // Met again further up, more of what is below it is within reach.
            let known = if unique { seen.get(&to).copied() } else { None };
            if known.is_some_and(|known| known <= depth) {
                continue;
            }
            if unique {
                seen.insert(to, depth);
            }
            if known.is_none() {
                out.put(Item::Link(from, to, name, depth))?;
            }
            if depth < max_depth {
                stack.extend(links(reads, &to, depth + 1)?.into_iter().rev());
            }
        }
        Ok(Vec::new())
    }))
}

type Link = (Cid, Cid, String, u64);

/// The links of a block, with their names where they have some.
fn links(reads: &Reads, from: &Cid, depth: u64) -> Outcome<Vec<Link>> {
    if from.codec() == codec::RAW {
        return Ok(Vec::new());
    }
    let data = reads.get(from)?.ok_or_else(|| Failure::missing(from))?;
    if from.codec() == codec::DAG_PB {
        let node = pb::PbNode::decode(&data)?;
        let link =
            |link: pb::PbLink| (*from, link.cid, link.name.unwrap_or_default(), depth);
        return Ok(node.links.into_iter().map(link).collect());
    }
    let all = ipfs_kit_dag::links(from, &data)?;
    Ok(all.into_iter().map(|to| (*from, to, String::new(), depth)).collect())
}
