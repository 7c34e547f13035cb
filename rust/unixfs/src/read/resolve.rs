//! From a root and a path to the CID that stands there.
//!
//! Only the blocks on the way are read: of a directory in a hash trie, one a level.

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec, from_bytes, to_string};
use ipfs_kit_dag::{BlockSource, DagError, Ipld, cbor, json, pb};

use super::directory::{check_shard, digits};
use super::load;
use crate::murmur3::murmur3_x64_64;
use crate::{FsNode, NodeKind, UnixFsError};

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The last block on the way.
    pub cid: Cid,
    /// What of the path was not followed, or leads to a place inside that block.
    pub remainder: Vec<String>,
    /// Why it ends there.
    pub end: PathEnd,
}

/// Why a path was followed no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathEnd {
    /// It leads to the block as a whole, which was not read.
    Block,
    /// It leads to a value inside the block.
    Value,
    /// The block is a symbolic link in the middle of the path; such links are not followed.
    Symlink,
}

/// Follows a path from a root: through directories by name, through dag-cbor and dag-json by
/// key and index.
///
/// What is missing, and a path that goes on behind a file, are errors that hold the path up
/// to there.
pub fn resolve(
    source: &impl BlockSource,
    root: &Cid,
    path: &[impl AsRef<str>],
) -> Result<Resolved, UnixFsError> {
    let path: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    let way = Way { root, path: &path };
    let (mut cid, mut taken) = (*root, 0);
    while taken < path.len() {
        let step = match cid.codec() {
            codec::DAG_PB => way.directory(source, &cid, taken)?,
            codec::DAG_CBOR | codec::DAG_JSON => way.value(source, &cid, taken)?,
            codec::RAW => return Err(way.not_a_directory(taken)),
            other => return Err(DagError::UnknownCodec(other).into()),
        };
        match step {
            Step::To(next, used) => (cid, taken) = (next, taken + used),
            Step::End(end) => {
                let remainder = path[taken..].iter().map(|&name| name.to_owned());
                return Ok(Resolved { cid, remainder: remainder.collect(), end });
            }
        }
    }
    Ok(Resolved { cid, remainder: Vec::new(), end: PathEnd::Block })
}

enum Step {
    /// On to another block, by so many names.
    To(Cid, usize),
    End(PathEnd),
}

struct Way<'a> {
    root: &'a Cid,
    path: &'a [&'a str],
}

impl Way<'_> {
    /// The path of the first so many names.
    fn show(&self, names: usize) -> String {
        let mut shown = to_string(self.root);
        for name in &self.path[..names] {
            shown.push('/');
            shown.push_str(name);
        }
        shown
    }

    fn no_such_entry(&self, taken: usize) -> UnixFsError {
        UnixFsError::NoSuchEntry { path: self.show(taken + 1) }
    }

    fn not_a_directory(&self, taken: usize) -> UnixFsError {
        UnixFsError::NotADirectory { path: self.show(taken) }
    }

    /// One name further through a directory.
    fn directory<S: BlockSource>(
        &self,
        source: &S,
        cid: &Cid,
        taken: usize,
    ) -> Result<Step, UnixFsError> {
        let name = self.path[taken];
        let block = load(source, cid)?;
        let message = pb::visit(&block, |_| Ok(()))?;
        // A node of named links alone is a directory too, as Kubo has it.
        let message = message.map(FsNode::decode_around).transpose()?;
        let message = message.map(|(message, _)| message);
        let kind = message.as_ref().map_or(NodeKind::Directory, |message| message.kind);
        let found = match (kind, message) {
            (NodeKind::Directory, _) => link(&block, name)?,
            (NodeKind::HamtShard, Some(message)) => {
                shard(source, block.clone(), &message, name)?
            }
            (NodeKind::Symlink, _) => return Ok(Step::End(PathEnd::Symlink)),
            _ => return Err(self.not_a_directory(taken)),
        };
        let found = found.ok_or_else(|| self.no_such_entry(taken))?;
        Ok(Step::To(found, 1))
    }

    /// Through a value as far as it lies in this block.
    fn value<S: BlockSource>(
        &self,
        source: &S,
        cid: &Cid,
        taken: usize,
    ) -> Result<Step, UnixFsError> {
        let block = load(source, cid)?;
        let value = match cid.codec() {
            codec::DAG_CBOR => cbor::decode(&block)?,
            _ => json::decode_canonical(&block)?,
        };
        let mut here = &value;
        for (used, name) in self.path[taken..].iter().enumerate() {
            if let Ipld::Link(link) = here {
                return Ok(Step::To(from_bytes(&link.to_bytes())?, used));
            }
            let below = match here {
                Ipld::Map(map) => map.get(*name),
                Ipld::List(list) => index(name).and_then(|index| list.get(index)),
                _ => return Err(self.not_a_directory(taken + used)),
            };
            here = below.ok_or_else(|| self.no_such_entry(taken + used))?;
        }
        match here {
            Ipld::Link(link) => {
                let used = self.path.len() - taken;
                Ok(Step::To(from_bytes(&link.to_bytes())?, used))
            }
            _ => Ok(Step::End(PathEnd::Value)),
        }
    }
}

/// A decimal number as it is written, without a sign or zeros in front.
fn index(name: &str) -> Option<usize> {
    let index: usize = name.parse().ok()?;
    (index.to_string() == name).then_some(index)
}

/// Finds a link by its name.
fn link(block: &[u8], name: &str) -> Result<Option<Cid>, UnixFsError> {
    find(block, |found| found == name).map(|found| found.map(|(cid, _)| cid))
}

/// Finds the first link whose name will do.
fn find(
    block: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<Option<(Cid, String)>, UnixFsError> {
    let (mut found, mut index) = (None, 0);
    pb::visit(block, |link| {
        if found.is_none() && link.name.is_some_and(&wanted) {
            found = Some(link.to_link(index)?);
        }
        index += 1;
        Ok(())
    })?;
    Ok(found.map(|link| (link.cid, link.name.unwrap_or_default())))
}

/// Finds an entry of a trie: the bits of its name's hash say which slot to look at.
fn shard<S: BlockSource>(
    source: &S,
    root: Bytes,
    message: &FsNode,
    name: &str,
) -> Result<Option<Cid>, UnixFsError> {
    let fanout = check_shard(message, None)?;
    let (bits, digits) = (fanout.trailing_zeros(), digits(fanout));
    let hash = murmur3_x64_64(name.as_bytes());
    let mut block = root;
    for level in 1.. {
        let used = bits * level;
        if used > u64::BITS {
            break;
        }
        let slot = (hash >> (u64::BITS - used)) & (fanout - 1);
        let slot = format!("{slot:0digits$X}");
        let Some((cid, found)) = find(&block, |found| found.starts_with(&slot))? else {
            return Ok(None);
        };
        match &found[digits..] {
            "" => {}
            entry => return Ok((entry == name).then_some(cid)),
        }
        if cid.codec() != codec::DAG_PB {
            return Err(UnixFsError::Node { reason: "a shard's child is no shard" });
        }
        block = load(source, &cid)?;
        let message = pb::visit(&block, |_| Ok(()))?;
        let message = message.ok_or(UnixFsError::Node { reason: "no message" })?;
        let (message, _) = FsNode::decode_around(message)?;
        if message.kind != NodeKind::HamtShard {
            return Err(UnixFsError::Node { reason: "a shard's child is no shard" });
        }
        check_shard(&message, Some(fanout))?;
    }
    Err(UnixFsError::HamtTooDeep)
}
