//! The links of a block, whatever its codec.

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{MAX_DIGEST_BYTES, Multihash};
use ipld_core::ipld::Ipld;

use crate::{DagError, cbor, json, pb::PbNode};

/// How deep a value may nest: far beyond any in use, and far below what a stack holds.
pub(crate) const MAX_DEPTH: usize = 256;

/// Lists the CIDs a block names, in the order they stand in it, repeats included.
pub fn links(cid: &Cid, data: &[u8]) -> Result<Vec<Cid>, DagError> {
    match cid.codec() {
        codec::RAW => Ok(Vec::new()),
        codec::DAG_PB => {
            Ok(PbNode::decode(data)?.links.into_iter().map(|link| link.cid).collect())
        }
        codec::DAG_CBOR => Ok(value_links(&cbor::decode(data)?)),
        codec::DAG_JSON => Ok(value_links(&json::decode_canonical(data)?)),
        other => Err(DagError::UnknownCodec(other)),
    }
}

fn value_links(value: &Ipld) -> Vec<Cid> {
    let mut found = Vec::new();
    visit_links(value, &mut found);
    found
}

/// Depth is bounded by `check_depth`, so recursion is too.
fn visit_links(value: &Ipld, found: &mut Vec<Cid>) {
    match value {
        Ipld::Link(cid) => found.extend(widen(cid)),
        Ipld::List(items) => items.iter().for_each(|item| visit_links(item, found)),
        Ipld::Map(map) => map.values().for_each(|item| visit_links(item, found)),
        _ => {}
    }
}

/// `ipld-core` carries digests of up to 64 bytes; ours has room for all of them.
fn widen(cid: &ipld_core::cid::Cid) -> Option<Cid> {
    let hash: Multihash = cid.hash().resize::<MAX_DIGEST_BYTES>().ok()?;
    Cid::new(cid.version(), cid.codec(), hash).ok()
}

/// Refuses values that nest deeper than [`MAX_DEPTH`].
pub(crate) fn check_depth(value: &Ipld) -> Result<(), DagError> {
    let mut level: Vec<&Ipld> = vec![value];
    for _ in 0..MAX_DEPTH {
        let mut below = Vec::new();
        for item in level {
            match item {
                Ipld::List(items) => below.extend(items),
                Ipld::Map(map) => below.extend(map.values()),
                _ => {}
            }
        }
        if below.is_empty() {
            return Ok(());
        }
        level = below;
    }
    Err(DagError::Limit { what: "nesting of the value", limit: MAX_DEPTH as u64 })
}
