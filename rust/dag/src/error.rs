//! Why a node cannot be decoded, encoded or walked.

use ipfs_kit_cid::codec::name;
use ipfs_kit_cid::{Cid, CidError, to_string};
use ipfs_kit_hash::HashError;

/// A node or a DAG that is refused.
#[derive(Debug, thiserror::Error)]
pub enum DagError {
    /// The bytes are no dag-pb node.
    #[error("not a dag-pb node: {reason} at byte {offset}")]
    Pb {
        /// What is wrong.
        reason: &'static str,
        /// Where.
        offset: usize,
    },
    /// A link holds no valid CID.
    #[error("link {index} holds no valid CID")]
    LinkCid {
        /// Its place in the node, from 0.
        index: usize,
        /// Why it is none.
        source: CidError,
    },
    /// The bytes are no dag-cbor, or not in canonical form.
    #[error("not a dag-cbor node: {0}")]
    Cbor(String),
    /// The text is no dag-json, or not in canonical form.
    #[error("not a dag-json node: {0}")]
    Json(String),
    /// The value has no form in this codec.
    #[error("value cannot be encoded: {0}")]
    Encode(String),
    /// Links of this codec are not known here.
    #[error("{} is not supported (dag-pb, dag-cbor, dag-json and raw are)", shown(*.0))]
    UnknownCodec(u64),
    /// A block is larger, a DAG deeper or wider than allowed.
    #[error("{what} exceeds the limit of {limit}")]
    Limit {
        /// What grew.
        what: &'static str,
        /// How far it may.
        limit: u64,
    },
    /// A block that the DAG needs is not there.
    #[error("block {} is missing: add what it belongs to, or import a CAR that has it", to_string(.0))]
    Missing(Box<Cid>),
    /// The bytes are not what their CID names.
    #[error("block {} does not match its hash", to_string(.0))]
    Mismatch(Box<Cid>),
    /// The CID's hash cannot be computed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Reading or writing blocks failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A store of blocks failed in a way of its own.
    #[error(transparent)]
    Store(Box<dyn std::error::Error + Send + Sync>),
}

fn shown(codec: u64) -> String {
    match name(codec) {
        Some(name) => format!("the codec {name}"),
        None => format!("codec 0x{codec:x}"),
    }
}
