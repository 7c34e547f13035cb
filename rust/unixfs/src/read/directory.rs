//! The entries of a directory, in one block or in a trie, without holding them all.

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_dag::pb::{PbLink, PbNode};

use super::Node;
use crate::node::HAMT_MURMUR3;
use crate::{FsNode, NodeKind, UnixFsError};

/// Calls `visit` with the name and CID of each entry, in the order they stand in the blocks.
pub fn for_each_entry<S: BlockSource>(
    source: &S,
    node: &PbNode,
    message: &FsNode,
    visit: &mut dyn FnMut(&str, &Cid) -> Result<(), UnixFsError>,
) -> Result<(), UnixFsError> {
    match message.kind {
        NodeKind::Directory => {
            for link in &node.links {
                visit(name_of(link)?, &link.cid)?;
            }
            Ok(())
        }
        NodeKind::HamtShard => shard(source, node, message, None, 0, visit),
        _ => Err(UnixFsError::Node { reason: "not a directory" }),
    }
}

fn name_of(link: &PbLink) -> Result<&str, UnixFsError> {
    link.name.as_deref().ok_or(UnixFsError::Node { reason: "an entry without a name" })
}

/// The deepest trie its hash allows: 64 bits, three a level.
const MAX_LEVELS: usize = 22;

fn shard<S: BlockSource>(
    source: &S,
    node: &PbNode,
    message: &FsNode,
    width: Option<u64>,
    level: usize,
    visit: &mut dyn FnMut(&str, &Cid) -> Result<(), UnixFsError>,
) -> Result<(), UnixFsError> {
    let fanout = check_shard(message, width)?;
    if level == MAX_LEVELS {
        return Err(UnixFsError::HamtTooDeep);
    }
    let digits = format!("{:X}", fanout - 1).len();
    for link in &node.links {
        let name = name_of(link)?;
        let slot = name.get(..digits).and_then(|slot| u64::from_str_radix(slot, 16).ok());
        if slot.is_none_or(|slot| slot >= fanout) {
            return Err(UnixFsError::Node {
                reason: "a shard's link has no slot in its name",
            });
        }
        if name.len() > digits {
            visit(&name[digits..], &link.cid)?;
            continue;
        }
        match Node::read(source, &link.cid)? {
            Node::Pb(node, message) if message.kind == NodeKind::HamtShard => {
                shard(source, &node, &message, Some(fanout), level + 1, visit)?;
            }
            _ => return Err(UnixFsError::Node { reason: "a shard's child is no shard" }),
        }
    }
    Ok(())
}

fn check_shard(message: &FsNode, width: Option<u64>) -> Result<u64, UnixFsError> {
    let fanout = message.fanout.unwrap_or(0);
    if message.hash_type != Some(HAMT_MURMUR3) {
        return Err(UnixFsError::Node { reason: "a shard's hash is not murmur3" });
    }
    if !(8..=1024).contains(&fanout) || !fanout.is_power_of_two() {
        let reason = "a shard's width is no power of two from 8 to 1024";
        return Err(UnixFsError::Node { reason });
    }
    if width.is_some_and(|width| width != fanout) {
        return Err(UnixFsError::Node { reason: "a shard is not as wide as its parent" });
    }
    Ok(fanout)
}
