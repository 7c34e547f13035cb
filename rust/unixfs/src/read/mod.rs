//! Reading `UnixFS` back from blocks: what a CID is, the bytes of a file, the entries of a
//! directory.
//!
//! Nothing that a DAG says of itself is believed: sizes must add up, shards must have the
//! shape their parents promise, depth is bounded.

mod directory;
mod file;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::pb::PbNode;
use ipfs_kit_dag::{BlockSource, DagError};

pub use directory::for_each_entry;
pub(crate) use directory::{Child, children, part};
pub use file::{file_size, write_file};

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
        let data = source.get(cid)?.ok_or_else(|| DagError::Missing(Box::new(*cid)))?;
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

pub(crate) fn too_deep() -> UnixFsError {
    UnixFsError::Limit { what: "depth of the DAG", limit: MAX_DEPTH as u64 }
}
