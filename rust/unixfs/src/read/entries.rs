//! The entries of a directory one by one, with one block a level in memory.

use ipfs_kit_cid::{Cid, codec, to_string};
use ipfs_kit_dag::{BlockSource, DagError};

use super::directory::{Child, Slot, children, part};
use super::{Node, load};
use crate::murmur3::murmur3_x64_64;
use crate::{NodeKind, UnixFsError};

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, as it stands in the block.
    pub name: String,
    /// What it names.
    pub cid: Cid,
    /// Bytes of all blocks below, as the directory says (`Tsize`).
    pub tsize: u64,
}

/// Iterates over the entries of a directory in the order they stand in its blocks.
///
/// A block that is missing is an error which ends nothing: once it has come, the next call
/// goes on where this one stopped.
#[derive(Debug)]
pub struct DirEntries<'s, S> {
    source: &'s S,
    levels: Vec<Level>,
}

/// A part of a trie, or the directory itself.
#[derive(Debug)]
struct Level {
    children: std::vec::IntoIter<Child>,
    prefix: Prefix,
}

/// Lists a directory, whose first block must be there.
pub fn entries<'s, S: BlockSource>(
    source: &'s S,
    cid: &Cid,
) -> Result<DirEntries<'s, S>, UnixFsError> {
    let not_a_directory = || UnixFsError::NotADirectory { path: to_string(cid) };
    if cid.codec() == codec::RAW {
        return Err(not_a_directory());
    }
    match Node::decode(cid, load(source, cid)?)? {
        Node::Pb(node, message)
            if matches!(message.kind, NodeKind::Directory | NodeKind::HamtShard) =>
        {
            let children = children(&node, &message, None)?.into_iter();
            let levels = vec![Level { children, prefix: Prefix::default() }];
            Ok(DirEntries { source, levels })
        }
        _ => Err(not_a_directory()),
    }
}

impl<S: BlockSource> DirEntries<'_, S> {
    /// The next parts of the trie that are known to be needed: for whoever fetches blocks.
    pub fn ahead(&self, most: usize) -> Vec<Cid> {
        let levels = self.levels.iter().rev();
        let known = levels.flat_map(|level| level.children.as_slice());
        known
            .filter(|child| child.name.is_none())
            .map(|child| child.cid)
            .take(most)
            .collect()
    }

    fn step(&mut self) -> Result<Option<DirEntry>, UnixFsError> {
        while let Some(level) = self.levels.last_mut() {
            let Some(child) = level.children.as_slice().first() else {
                self.levels.pop();
                continue;
            };
            let prefix = level.prefix_of(child)?;
            if child.name.is_none() {
                let children = part(self.source, child)?.into_iter();
                if children.as_slice().is_empty() {
                    return Err(UnixFsError::Node { reason: "a shard without entries" });
                }
                level.children.next();
                self.levels.push(Level { children, prefix });
                continue;
            }
            let Some(Child { cid, name: Some(name), tsize, .. }) = level.children.next()
            else {
                continue;
            };
            // So no entry stands twice, and a few blocks cannot stand for endless lists.
            if !prefix.leads_to(&name) {
                let reason = "an entry stands where its name's hash does not lead";
                return Err(UnixFsError::Node { reason });
            }
            return Ok(Some(DirEntry { name, cid, tsize }));
        }
        Ok(None)
    }
}

impl<S: BlockSource> Iterator for DirEntries<'_, S> {
    type Item = Result<DirEntry, UnixFsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step();
        if let Err(error) = &step
            && !matches!(error, UnixFsError::Dag(DagError::Missing(_)))
        {
            self.levels.clear();
        }
        step.transpose()
    }
}

impl Level {
    /// The bits that every hash in this slot begins with.
    fn prefix_of(&self, child: &Child) -> Result<Prefix, UnixFsError> {
        let Some(Slot { index, width }) = child.slot else { return Ok(self.prefix) };
        let (more, Prefix { value, bits }) = (width.trailing_zeros(), self.prefix);
        if bits + more > u64::BITS {
            return Err(UnixFsError::HamtTooDeep);
        }
        // Only a first level of all 64 bits could shift everything out.
        Ok(Prefix {
            value: value.checked_shl(more).unwrap_or(0) | index,
            bits: bits + more,
        })
    }
}

/// The first bits of a hash.
#[derive(Debug, Clone, Copy, Default)]
struct Prefix {
    value: u64,
    bits: u32,
}

impl Prefix {
    fn leads_to(self, name: &str) -> bool {
        // Without any bits every name will do.
        let hash = murmur3_x64_64(name.as_bytes());
        hash.checked_shr(u64::BITS - self.bits).unwrap_or(0) == self.value
    }
}
