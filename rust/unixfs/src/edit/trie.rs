//! One entry of a trie changed: only the shards on its path are read and written.
//!
//! An entry moves down when another comes to its slot, and up again when it is left alone
//! there, so that the shape keeps to what the set of entries gives.

use std::collections::BTreeMap;

use ipfs_kit_cid::Cid;

use super::Editor;
use super::nodes::{Node, name_of};
use crate::blocks::{Child, CidRules};
use crate::directory::OpenShard;
use crate::murmur3::murmur3_x64_64;
use crate::node::HAMT_MURMUR3;
use crate::{Attributes, NodeKind, UnixFsError};

/// What one slot of a shard holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    /// The entry's name; a deeper shard has none.
    pub(super) name: String,
    pub(super) cid: Cid,
    pub(super) tsize: u64,
}

impl Slot {
    fn entry(name: &str, child: &Child) -> Self {
        Self { name: name.to_owned(), cid: child.cid, tsize: child.tsize }
    }

    fn is_shard(&self) -> bool {
        self.name.is_empty()
    }
}

/// A trie, or a part of one.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) rules: CidRules,
    fanout: usize,
    slots: BTreeMap<usize, Slot>,
    pub(super) attributes: Attributes,
}

impl Editor<'_> {
    /// Reads a shard; a part of a trie is as wide as the whole.
    pub(super) fn shard(
        &self,
        cid: &Cid,
        width: Option<usize>,
    ) -> Result<Shard, UnixFsError> {
        let malformed = |reason| Err(UnixFsError::Node { reason });
        let node = match self.node(cid)? {
            Node::Pb(node) if node.message.kind == NodeKind::HamtShard => node,
            _ => return malformed("a shard's child is no shard"),
        };
        if node.message.hash_type != Some(HAMT_MURMUR3) {
            return malformed("a shard's hash is not murmur3");
        }
        let fanout = usize::try_from(node.message.fanout.unwrap_or(0)).unwrap_or(0);
        if !(8..=1024).contains(&fanout) || !fanout.is_power_of_two() {
            return malformed("a shard's width is no power of two from 8 to 1024");
        }
        if width.is_some_and(|width| width != fanout) {
            return malformed("a shard is not as wide as its parent");
        }
        if width.is_some() && node.links.is_empty() {
            // It would let a trie without entries take for ever to be walked.
            return malformed("a part of a trie is empty");
        }
        let digits = format!("{:X}", fanout - 1).len();
        let mut slots = BTreeMap::new();
        for link in &node.links {
            let name = name_of(link);
            let slot = name.get(..digits).and_then(|text| slot_of(text, fanout));
            let Some(slot) = slot else {
                return malformed("a shard's link has no slot in its name");
            };
            let name = name[digits..].to_owned();
            let held = Slot { name, cid: link.cid, tsize: link.tsize.unwrap_or(0) };
            if slots.insert(slot, held).is_some() {
                return malformed("a shard has two links in one slot");
            }
        }
        let attributes = node.message.attributes;
        Ok(Shard { rules: node.rules, fanout, slots, attributes })
    }

    /// Calls `visit` with each entry until it says no.
    pub(super) fn walk(
        &self,
        root: &Shard,
        visit: &mut dyn FnMut(&Slot) -> Result<bool, UnixFsError>,
    ) -> Result<(), UnixFsError> {
        let mut shards: Vec<(Cid, u32)> = Vec::new();
        let mut list = |shard: &Shard, level, shards: &mut Vec<(Cid, u32)>| {
            for slot in shard.slots.values() {
                if slot.is_shard() {
                    shards.push((slot.cid, level));
                } else if !visit(slot)? {
                    return Ok(false);
                }
            }
            Ok::<bool, UnixFsError>(true)
        };
        let mut go_on = list(root, 1, &mut shards)?;
        while let Some((cid, level)) = shards.pop().filter(|_| go_on) {
            if level * root.fanout.trailing_zeros() >= u64::BITS {
                return Err(UnixFsError::HamtTooDeep);
            }
            let shard = self.shard(&cid, Some(root.fanout))?;
            go_on = list(&shard, level + 1, &mut shards)?;
        }
        Ok(())
    }
}

/// The slot that the digits before a name mean, if they are written as they should be.
fn slot_of(digits: &str, fanout: usize) -> Option<usize> {
    let hex = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    let slot = usize::from_str_radix(digits, 16).ok().filter(|_| hex)?;
    (slot < fanout).then_some(slot)
}

impl Shard {
    /// Whether it has no entries; what others write may be empty on several levels.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Finds an entry.
    pub(super) fn find(
        &self,
        editor: &Editor<'_>,
        name: &str,
    ) -> Result<Option<Slot>, UnixFsError> {
        let hash = murmur3_x64_64(name.as_bytes());
        let mut slot = self.slots.get(&self.slot(hash, 0)?).cloned();
        for level in 1.. {
            match slot {
                Some(found) if found.is_shard() => {
                    let shard = editor.shard(&found.cid, Some(self.fanout))?;
                    slot = shard.slots.get(&shard.slot(hash, level)?).cloned();
                }
                Some(found) if found.name == name => return Ok(Some(found)),
                _ => break,
            }
        }
        Ok(None)
    }

    /// Puts, replaces or removes an entry; returns what was there.
    pub(super) fn change(
        &mut self,
        editor: &mut Editor<'_>,
        name: &str,
        new: Option<&Child>,
    ) -> Result<Option<Slot>, UnixFsError> {
        let hash = murmur3_x64_64(name.as_bytes());
        self.change_below(editor, (hash, 0), name, new)
    }

    fn change_below(
        &mut self,
        editor: &mut Editor<'_>,
        (hash, level): (u64, u32),
        name: &str,
        new: Option<&Child>,
    ) -> Result<Option<Slot>, UnixFsError> {
        let index = self.slot(hash, level)?;
        match (self.slots.get(&index).cloned(), new) {
            (Some(found), _) if found.is_shard() => {
                let mut below = editor.shard(&found.cid, Some(self.fanout))?;
                let old = below.change_below(editor, (hash, level + 1), name, new)?;
                if new.is_some() || old.is_some() {
                    self.put_shard(editor, index, &below)?;
                }
                Ok(old)
            }
            (Some(found), _) if found.name == name => {
                match new {
                    Some(new) => self.slots.insert(index, Slot::entry(name, new)),
                    None => self.slots.remove(&index),
                };
                Ok(Some(found))
            }
            (Some(other), Some(new)) => {
                let mut below = self.part();
                let at = level + 1;
                below.change_below(editor, (hash, at), name, Some(new))?;
                let other_hash = murmur3_x64_64(other.name.as_bytes());
                let moved = Child { cid: other.cid, tsize: other.tsize, size: 0 };
                below.change_below(
                    editor,
                    (other_hash, at),
                    &other.name,
                    Some(&moved),
                )?;
                self.put_shard(editor, index, &below)?;
                Ok(None)
            }
            (None, Some(new)) => {
                self.slots.insert(index, Slot::entry(name, new));
                Ok(None)
            }
            (_, None) => Ok(None),
        }
    }

    /// Puts what has become of a deeper shard into its slot: an entry that is alone in it
    /// stands there itself.
    fn put_shard(
        &mut self,
        editor: &mut Editor<'_>,
        index: usize,
        below: &Self,
    ) -> Result<(), UnixFsError> {
        let mut slots = below.slots.values();
        match (slots.next(), slots.next()) {
            (None, _) => self.slots.remove(&index),
            (Some(only), None) if !only.is_shard() => {
                self.slots.insert(index, only.clone())
            }
            _ => {
                let child = below.save(editor)?;
                self.slots.insert(index, Slot::entry("", &child))
            }
        };
        Ok(())
    }

    /// An empty part of this trie.
    fn part(&self) -> Self {
        Self {
            rules: self.rules.clone(),
            fanout: self.fanout,
            slots: BTreeMap::new(),
            attributes: Attributes::default(),
        }
    }

    /// Which slot a hash chooses in a shard so far down.
    fn slot(&self, hash: u64, level: u32) -> Result<usize, UnixFsError> {
        let used = self.fanout.trailing_zeros() * (level + 1);
        let shift = u64::BITS.checked_sub(used).ok_or(UnixFsError::HamtTooDeep)?;
        let mask = self.fanout as u64 - 1;
        Ok(usize::try_from(hash >> shift & mask).unwrap_or(0))
    }

    /// Writes this shard; those below it are written already.
    pub(super) fn save(&self, editor: &mut Editor<'_>) -> Result<Child, UnixFsError> {
        let mut total = 0_u64;
        let mut open = OpenShard::new(self.fanout);
        for (&index, slot) in &self.slots {
            total = total
                .checked_add(slot.tsize)
                .filter(|&total| i64::try_from(total).is_ok())
                .ok_or(UnixFsError::Node {
                    reason: "sizes of links add up to over 63 bits",
                })?;
            open.put(index, &slot.name, &slot.cid.to_bytes(), slot.tsize);
        }
        open.close(&self.attributes, &mut editor.blocks(&self.rules))
    }
}
