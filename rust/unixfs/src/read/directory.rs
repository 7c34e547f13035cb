//! What one block of a directory links to: entries, or parts of a trie.

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
    /// Bytes of all blocks below, as the directory says.
    pub(crate) tsize: u64,
    /// Where it stands in a trie.
    pub(crate) slot: Option<Slot>,
}

impl Child {
    /// How wide a part of a trie must be; `None` if it is an entry.
    pub(crate) fn part_width(&self) -> Option<u64> {
        self.slot.filter(|_| self.name.is_none()).map(|slot| slot.width)
    }
}

/// A place in a block of a trie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) index: u64,
    /// How many there are in each block of this trie.
    pub(crate) width: u64,
}

/// What a deeper part of a trie links to.
pub(crate) fn part<S: BlockSource>(
    source: &S,
    child: &Child,
) -> Result<Vec<Child>, UnixFsError> {
    match Node::read(source, &child.cid)? {
        Node::Pb(node, message) => children(&node, &message, child.part_width()),
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
                let tsize = link.tsize.unwrap_or(0);
                Ok(Child { cid: link.cid, name, tsize, slot: None })
            };
            node.links.iter().map(entry).collect()
        }
        (_, Some(_)) => Err(no_shard()),
        _ => Err(UnixFsError::Node { reason: "not a directory" }),
    }
}

fn slots(node: &PbNode, width: u64) -> Result<Vec<Child>, UnixFsError> {
    let digits = digits(width);
    let child = |link: &PbLink| {
        let name = name_of(link)?;
        let index = name.get(..digits);
        let index = index.and_then(|index| u64::from_str_radix(index, 16).ok());
        let Some(index) = index.filter(|&index| index < width) else {
            let reason = "a shard's link has no slot in its name";
            return Err(UnixFsError::Node { reason });
        };
        let name = Some(name[digits..].to_owned()).filter(|name| !name.is_empty());
        let (tsize, slot) = (link.tsize.unwrap_or(0), Some(Slot { index, width }));
        Ok(Child { cid: link.cid, name, tsize, slot })
    };
    node.links.iter().map(child).collect()
}

/// Digits of a slot's number before a name.
pub(crate) fn digits(width: u64) -> usize {
    format!("{:X}", width - 1).len()
}

fn name_of(link: &PbLink) -> Result<&str, UnixFsError> {
    link.name.as_deref().ok_or(UnixFsError::Node { reason: "an entry without a name" })
}

fn no_shard() -> UnixFsError {
    UnixFsError::Node { reason: "a shard's child is no shard" }
}

/// The width of a shard, if it is one of ours and as wide as its parent's.
pub(crate) fn check_shard(
    message: &FsNode,
    width: Option<u64>,
) -> Result<u64, UnixFsError> {
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
