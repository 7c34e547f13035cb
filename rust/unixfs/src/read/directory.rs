//! The entries of a directory, in one block or in a trie, without holding them all.

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_dag::pb::{PbLink, PbNode};

use super::Node;
use crate::node::HAMT_MURMUR3;
use crate::{FsNode, NodeKind, UnixFsError};

/// What a block of a directory links to.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) cid: Cid,
    /// The name of an entry; a deeper part of the trie has none.
    pub(crate) name: Option<String>,
    /// How wide that part must be.
    pub(crate) width: Option<u64>,
}

/// Calls `visit` with the name and CID of each entry, in the order they stand in the blocks.
pub fn for_each_entry<S: BlockSource>(
    source: &S,
    node: &PbNode,
    message: &FsNode,
    visit: &mut dyn FnMut(&str, &Cid) -> Result<(), UnixFsError>,
) -> Result<(), UnixFsError> {
    walk(source, children(node, message, None)?, 1, visit)
}

/// The deepest trie its hash allows: 64 bits, three a level.
const MAX_LEVELS: usize = 22;

fn walk<S: BlockSource>(
    source: &S,
    found: Vec<Child>,
    level: usize,
    visit: &mut dyn FnMut(&str, &Cid) -> Result<(), UnixFsError>,
) -> Result<(), UnixFsError> {
    for child in found {
        if let Some(name) = &child.name {
            visit(name, &child.cid)?;
            continue;
        }
        if level == MAX_LEVELS {
            return Err(UnixFsError::HamtTooDeep);
        }
        walk(source, part(source, &child)?, level + 1, visit)?;
    }
    Ok(())
}

/// What a deeper part of a trie links to.
pub(crate) fn part<S: BlockSource>(
    source: &S,
    child: &Child,
) -> Result<Vec<Child>, UnixFsError> {
    match Node::read(source, &child.cid)? {
        Node::Pb(node, message) => children(&node, &message, child.width),
        Node::Raw(_) => Err(no_shard()),
    }
}

/// What one block of a directory links to; `width` is given for a part of a trie.
pub(crate) fn children(
    node: &PbNode,
    message: &FsNode,
    width: Option<u64>,
) -> Result<Vec<Child>, UnixFsError> {
    match (message.kind, width) {
        (NodeKind::HamtShard, _) => slots(node, check_shard(message, width)?),
        (NodeKind::Directory, None) => {
            let entry = |link: &PbLink| {
                let name = Some(name_of(link)?.to_owned());
                Ok(Child { cid: link.cid, name, width: None })
            };
            node.links.iter().map(entry).collect()
        }
        (_, Some(_)) => Err(no_shard()),
        _ => Err(UnixFsError::Node { reason: "not a directory" }),
    }
}

fn slots(node: &PbNode, fanout: u64) -> Result<Vec<Child>, UnixFsError> {
    let digits = format!("{:X}", fanout - 1).len();
    let child = |link: &PbLink| {
        let name = name_of(link)?;
        let slot = name.get(..digits).and_then(|slot| u64::from_str_radix(slot, 16).ok());
        if slot.is_none_or(|slot| slot >= fanout) {
            let reason = "a shard's link has no slot in its name";
            return Err(UnixFsError::Node { reason });
        }
        let name = Some(name[digits..].to_owned()).filter(|name| !name.is_empty());
        let width = if name.is_none() { Some(fanout) } else { None };
        Ok(Child { cid: link.cid, name, width })
    };
    node.links.iter().map(child).collect()
}

fn name_of(link: &PbLink) -> Result<&str, UnixFsError> {
    link.name.as_deref().ok_or(UnixFsError::Node { reason: "an entry without a name" })
}

fn no_shard() -> UnixFsError {
    UnixFsError::Node { reason: "a shard's child is no shard" }
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
