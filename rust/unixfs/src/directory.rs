//! Directories: one block, or a hash trie (HAMT) when that block would grow too large.
//!
//! The trie is built depth first from entries sorted by hash, so one open node a level is all
//! that is held, and its shape depends on the set of entries alone.
//!
//! Source: the `UnixFS` specification (HAMT directories) and IPIP-499 (the threshold).

use std::iter::Peekable;

use ipfs_kit_cid::from_bytes;
use ipfs_kit_dag::pb::{self, PbLink, PbNode};

use crate::blocks::{Blocks, Child};
use crate::murmur3::murmur3_x64_64;
use crate::node::HAMT_MURMUR3;
use crate::params::SizeEstimation;
use crate::sort::{Record, Sorted, Sorter};
use crate::{Attributes, FsNode, NodeKind, Params, UnixFsError};

/// A directory under construction.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Key: hash of the name, then the name. Value: tsize, then the CID.
    entries: Sorter,
    weight: Weight,
}

/// What the threshold looks at, summed over the entries of a directory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Weight {
    count: usize,
    names_and_cids: u64,
    links_len: u64,
}

impl Weight {
    pub(crate) fn add(&mut self, name: &str, cid_len: usize, tsize: u64) {
        self.count += 1;
        self.names_and_cids += (name.len() + cid_len) as u64;
        self.links_len += pb::link_len(cid_len, name.len(), tsize) as u64;
    }

    /// Whether a directory of these entries is a trie.
    pub(crate) fn shards(&self, params: &Params, attributes: &Attributes) -> bool {
        if self.count == 0 {
            return false;
        }
        let bound = params.max_directory_links;
        if bound > 0 && self.count > bound {
            return true;
        }
        match params.hamt_size_estimation {
            SizeEstimation::LinksCount => false,
            SizeEstimation::LinksBytes => self.names_and_cids > params.hamt_threshold,
            SizeEstimation::BlockBytes => {
                let mut wrapped = Vec::new();
                pb::put_data(&message(attributes), &mut wrapped);
                self.links_len + wrapped.len() as u64 > params.hamt_threshold
            }
        }
    }

    /// Whether it weighs less than another by any measure: only then can what was a trie
    /// have become too small for one.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.count < other.count
            || self.names_and_cids < other.names_and_cids
            || self.links_len < other.links_len
    }
}

/// The message of a directory in one block.
pub(crate) fn message(attributes: &Attributes) -> Vec<u8> {
    FsNode { attributes: *attributes, ..FsNode::new(NodeKind::Directory) }.encode()
}

const HASH_LEN: usize = 8;
const TSIZE_LEN: usize = 8;

impl Directory {
    /// Takes an entry; in any order, each name once.
    pub(crate) fn add(&mut self, name: &str, child: &Child) -> Result<(), UnixFsError> {
        let cid = child.cid.to_bytes();
        self.weight.add(name, cid.len(), child.tsize);
        let hash = murmur3_x64_64(name.as_bytes()).to_be_bytes();
        let tsize = child.tsize.to_le_bytes();
        Ok(self.entries.push([&hash, name.as_bytes()], [&tsize, &cid])?)
    }

    /// Ends the directory; returns its root, which carries the attributes.
    pub(crate) fn finish(
        self,
        params: &Params,
        attributes: &Attributes,
        blocks: &mut Blocks<'_>,
    ) -> Result<Child, UnixFsError> {
        if self.weight.shards(params, attributes) {
            let entries = self.entries.finish()?.peekable();
            return Hamt { params, entries, blocks }.root(attributes);
        }
        let mut links = Vec::with_capacity(self.weight.count);
        for record in self.entries.finish()? {
            let entry = Entry::try_from(record?)?;
            links.push(PbLink::new(from_bytes(&entry.cid)?, entry.name, entry.tsize));
        }
        let below: u64 = links.iter().filter_map(|link| link.tsize).sum();
        let block = PbNode { links, data: Some(message(attributes)) }.encode();
        let cid = blocks.node(&block)?;
        Ok(Child { cid, tsize: below + block.len() as u64, size: 0 })
    }
}

/// A directory entry as the sorter keeps it.
struct Entry {
    hash: u64,
    name: String,
    tsize: u64,
    cid: Vec<u8>,
}

impl TryFrom<Record> for Entry {
    type Error = UnixFsError;

    fn try_from((key, value): Record) -> Result<Self, UnixFsError> {
        let (hash, name) = key.split_at(HASH_LEN);
        let (tsize, cid) = value.split_at(TSIZE_LEN);
        let number = |bytes: &[u8]| {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            word
        };
        Ok(Self {
            hash: u64::from_be_bytes(number(hash)),
            name: String::from_utf8(name.to_vec())
                .map_err(|_| UnixFsError::Node { reason: "name is not UTF-8" })?,
            tsize: u64::from_le_bytes(number(tsize)),
            cid: cid.to_vec(),
        })
    }
}

/// The trie over a stream of entries sorted by hash.
struct Hamt<'a, 'b> {
    params: &'a Params,
    entries: Peekable<Sorted>,
    blocks: &'a mut Blocks<'b>,
}

impl Hamt<'_, '_> {
    fn root(mut self, attributes: &Attributes) -> Result<Child, UnixFsError> {
        match self.entries.next() {
            Some(first) => self.shard(0, Entry::try_from(first?)?, attributes),
            None => Err(UnixFsError::Node { reason: "a shard without entries" }),
        }
    }

    fn bits(&self) -> u32 {
        self.params.max_hamt_fanout.trailing_zeros()
    }

    /// The first `levels` slots a hash chooses, as one number.
    fn prefix(&self, hash: u64, levels: u32) -> Result<u64, UnixFsError> {
        let used = self.bits() * levels;
        if used > u64::BITS {
            return Err(UnixFsError::HamtTooDeep);
        }
        Ok(hash.checked_shr(u64::BITS - used).unwrap_or(0))
    }

    /// Takes the next entry if its hash begins as `prefix` does.
    fn next_under(
        &mut self,
        prefix: u64,
        levels: u32,
    ) -> Result<Option<Entry>, UnixFsError> {
        if self.peek_under(prefix, levels)? {
            self.entries.next().map(|record| Entry::try_from(record?)).transpose()
        } else {
            Ok(None)
        }
    }

    fn peek_under(&mut self, prefix: u64, levels: u32) -> Result<bool, UnixFsError> {
        let hash = match self.entries.peek() {
            Some(Ok((key, _))) => {
                let mut hash = [0; HASH_LEN];
                hash.copy_from_slice(&key[..HASH_LEN]);
                u64::from_be_bytes(hash)
            }
            // The error itself comes when the record is taken.
            Some(Err(_)) => return Ok(true),
            None => return Ok(false),
        };
        Ok(self.prefix(hash, levels)? == prefix)
    }

    /// Builds the shard of all entries whose first `level` slots are those of `first`.
    fn shard(
        &mut self,
        level: u32,
        first: Entry,
        attributes: &Attributes,
    ) -> Result<Child, UnixFsError> {
        let fanout = self.params.max_hamt_fanout;
        let above = self.prefix(first.hash, level)?;
        let mut shard = OpenShard::new(fanout);
        let mut next = Some(first);
        while let Some(entry) = next {
            let below = self.prefix(entry.hash, level + 1)?;
            let slot = usize::try_from(below).unwrap_or(0) & (fanout - 1);
            if self.peek_under(below, level + 1)? {
                let child = self.shard(level + 1, entry, &Attributes::default())?;
                shard.put(slot, "", &child.cid.to_bytes(), child.tsize);
            } else {
                shard.put(slot, &entry.name, &entry.cid, entry.tsize);
            }
            next = self.next_under(above, level)?;
        }
        shard.close(attributes, self.blocks)
    }
}

/// A shard that still takes links; they come in the order of their slots.
pub(crate) struct OpenShard {
    fanout: usize,
    /// Most significant byte first, as it is written.
    bits: Vec<u8>,
    links: Vec<u8>,
    tsize: u64,
}

impl OpenShard {
    pub(crate) fn new(fanout: usize) -> Self {
        Self { fanout, bits: vec![0; fanout / 8], links: Vec::new(), tsize: 0 }
    }

    pub(crate) fn put(&mut self, slot: usize, name: &str, cid: &[u8], tsize: u64) {
        let last = self.bits.len() - 1;
        self.bits[last - slot / 8] |= 1 << (slot % 8);
        let digits = format!("{:X}", self.fanout - 1).len();
        let name = format!("{slot:0digits$X}{name}");
        pb::put_link(cid, Some(name.as_bytes()), Some(tsize), &mut self.links);
        self.tsize += tsize;
    }

    pub(crate) fn close(
        self,
        attributes: &Attributes,
        blocks: &mut Blocks<'_>,
    ) -> Result<Child, UnixFsError> {
        let leading = self.bits.iter().take_while(|&&byte| byte == 0).count();
        let node = FsNode {
            data: Some(self.bits[leading..].to_vec()),
            hash_type: Some(HAMT_MURMUR3),
            fanout: Some(self.fanout as u64),
            attributes: *attributes,
            ..FsNode::new(NodeKind::HamtShard)
        };
        let mut block = self.links;
        pb::put_data(&node.encode(), &mut block);
        let cid = blocks.node(&block)?;
        Ok(Child { cid, tsize: self.tsize + block.len() as u64, size: 0 })
    }
}
