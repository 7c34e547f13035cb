//! Reading `UnixFS` back from blocks: what a CID is, the bytes of a file, the entries of a
//! directory, the way along a path.
//!
//! Nothing that a DAG says of itself is believed: sizes must add up, shards must have the
//! shape their parents promise, depth is bounded.

mod cache;
mod directory;
mod entries;
mod file;
mod missing;
mod part;
mod pieces;
mod resolve;
mod stat;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::pb::PbNode;
use ipfs_kit_dag::{BlockSource, DagError};
use ipfs_kit_hash::Code;

pub(crate) use directory::{Child, children, part};
pub use entries::{DirEntries, DirEntry, entries};
pub use file::File;
pub(crate) use part::Part;
pub use pieces::Pieces;
pub use resolve::{PathEnd, Resolved, resolve};
pub use stat::{Stat, stat};

use crate::{FsNode, NodeKind, UnixFsError};

/// Links followed one below the other, in a file, a trie, or folders.
pub const MAX_DEPTH: usize = 1024;

/// A block read as `UnixFS`.
#[derive(Debug)]
pub enum Node {
    /// A leaf of file bytes alone.
    Raw(Bytes),
    /// Anything with a `UnixFS` message: its links and the message.
    Pb(PbNode, FsNode),
}

impl Node {
    /// Reads and decodes a block; one that is missing is an error.
    pub fn read(source: &impl BlockSource, cid: &Cid) -> Result<Self, UnixFsError> {
        Self::decode(cid, load(source, cid)?)
    }

    /// Decodes a block.
    pub fn decode(cid: &Cid, data: Bytes) -> Result<Self, UnixFsError> {
        match cid.codec() {
            codec::RAW => Ok(Self::Raw(data)),
            codec::DAG_PB => {
                let mut node = PbNode::decode(&data)?;
                let message = node.data.take();
                let message =
                    message.ok_or(UnixFsError::Node { reason: "no message" })?;
                Ok(Self::Pb(node, FsNode::decode(&message)?))
            }
            other => Err(DagError::UnknownCodec(other).into()),
        }
    }

    /// What it is.
    pub fn kind(&self) -> NodeKind {
        match self {
            Self::Raw(_) => NodeKind::Raw,
            Self::Pb(_, message) => message.kind,
        }
    }
}

/// Reads a block; one that is missing is an error.
pub(crate) fn load(source: &impl BlockSource, cid: &Cid) -> Result<Bytes, UnixFsError> {
    let block = try_load(source, cid)?;
    Ok(block.ok_or_else(|| DagError::Missing(Box::new(*cid)))?)
}

/// Reads a block if it is there. One that is whole in its CID always is.
fn try_load(source: &impl BlockSource, cid: &Cid) -> Result<Option<Bytes>, DagError> {
    if is_identity(cid) {
        return Ok(Some(Bytes::copy_from_slice(cid.hash().digest())));
    }
    source.get(cid)
}

/// Reads blocks that are wanted together; the source is not asked for those that are whole in
/// their CIDs.
fn load_many(
    source: &impl BlockSource,
    cids: &[Cid],
) -> Result<Vec<Option<Bytes>>, DagError> {
    if let [cid] = cids {
        return Ok(vec![try_load(source, cid)?]);
    }
    if !cids.iter().any(is_identity) {
        return source.get_many(cids);
    }
    let asked: Vec<Cid> = cids.iter().filter(|cid| !is_identity(cid)).copied().collect();
    let mut given = source.get_many(&asked)?.into_iter();
    let block = |cid: &Cid| {
        if is_identity(cid) {
            return Some(Bytes::copy_from_slice(cid.hash().digest()));
        }
        given.next().flatten()
    };
    Ok(cids.iter().map(block).collect())
}

fn is_identity(cid: &Cid) -> bool {
    cid.hash().code() == Code::Identity.code()
}

pub(crate) fn too_deep() -> UnixFsError {
    UnixFsError::Limit { what: "depth of the DAG", limit: MAX_DEPTH as u64 }
}
