//! Blocks as edits see them: read whole, and written back under a CID of the same kind.

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::DagError;
use ipfs_kit_dag::pb::{self, PbLink, PbNode};
use ipfs_kit_hash::{Code, Hasher};

use super::Editor;
use crate::blocks::{Blocks, Child, CidRules};
use crate::{FsNode, NodeKind, UnixFsError};

/// A block that is read to be edited.
#[derive(Debug)]
pub(super) enum Node {
    /// Bytes of a file, and nothing else.
    Raw(Cid, Bytes),
    /// Links and a message.
    Pb(PbBlock),
}

/// A dag-pb block.
#[derive(Debug, Clone)]
pub(super) struct PbBlock {
    /// What CID it gets.
    pub(super) rules: CidRules,
    pub(super) links: Vec<PbLink>,
    pub(super) message: FsNode,
}

impl PbBlock {
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.message.kind, NodeKind::Directory | NodeKind::HamtShard)
    }
}

impl Editor<'_> {
    pub(super) fn check_stop(&self) -> Result<(), UnixFsError> {
        if self.control.is_cancelled() { Err(UnixFsError::Cancelled) } else { Ok(()) }
    }

    fn block(&self, cid: &Cid) -> Result<Bytes, UnixFsError> {
        self.check_stop()?;
        if cid.hash().code() == Code::Identity.code() {
            return Ok(Bytes::copy_from_slice(cid.hash().digest()));
        }
        Ok(self.store.get(cid)?.ok_or_else(|| DagError::Missing(Box::new(*cid)))?)
    }

    pub(super) fn node(&self, cid: &Cid) -> Result<Node, UnixFsError> {
        decode(cid, self.block(cid)?)
    }

    /// A dag-pb block as it is; its message is not looked at.
    pub(super) fn pb_node(&self, cid: &Cid) -> Result<PbNode, UnixFsError> {
        Ok(PbNode::decode(&self.block(cid)?)?)
    }

    /// The link to a DAG that is there already, its size as Kubo counts it.
    pub(super) fn child(&self, cid: &Cid) -> Result<Child, UnixFsError> {
        let block = self.block(cid)?;
        let len = block.len();
        Ok(match decode(cid, block)? {
            Node::Raw(..) => raw_child(*cid, len),
            Node::Pb(node) => {
                Child { cid: *cid, tsize: total(&node.links, len as u64)?, size: 0 }
            }
        })
    }

    pub(super) fn blocks<'b>(&'b mut self, rules: &'b CidRules) -> Blocks<'b> {
        Blocks { rules, sink: Some(self.store) }
    }

    pub(super) fn save(&mut self, node: &PbBlock) -> Result<Child, UnixFsError> {
        self.save_links(&node.rules, &node.links, &node.message.encode())
    }

    /// Writes a dag-pb block. Links that old writers left without name or size get them.
    pub(super) fn save_links(
        &mut self,
        rules: &CidRules,
        links: &[PbLink],
        data: &[u8],
    ) -> Result<Child, UnixFsError> {
        let mut order: Vec<&PbLink> = links.iter().collect();
        order.sort_by(|a, b| name_of(a).cmp(name_of(b)));
        let mut block = Vec::new();
        for link in order {
            let name = Some(name_of(link).as_bytes());
            let tsize = Some(link.tsize.unwrap_or(0));
            pb::put_link(&link.cid.to_bytes(), name, tsize, &mut block);
        }
        pb::put_data(data, &mut block);
        let cid = self.blocks(rules).node(&block)?;
        Ok(Child { cid, tsize: total(links, block.len() as u64)?, size: 0 })
    }

    pub(super) fn save_raw(
        &mut self,
        rules: &CidRules,
        data: &[u8],
    ) -> Result<Cid, UnixFsError> {
        let rules = rules.clone().with_leaves(true);
        Ok(self.blocks(&rules).whole_leaf(data)?.cid)
    }
}

fn decode(cid: &Cid, block: Bytes) -> Result<Node, UnixFsError> {
    match cid.codec() {
        codec::RAW => Ok(Node::Raw(*cid, block)),
        codec::DAG_PB => {
            let PbNode { links, data } = PbNode::decode(&block)?;
            let data = data.ok_or(UnixFsError::Node { reason: "no message" })?;
            let message = FsNode::decode(&data)?;
            Ok(Node::Pb(PbBlock { rules: CidRules::like(cid), links, message }))
        }
        other => Err(DagError::UnknownCodec(other).into()),
    }
}

/// What `ipfs files` calls a link's name: it knows none without one.
pub(super) fn name_of(link: &PbLink) -> &str {
    link.name.as_deref().unwrap_or_default()
}

pub(super) fn raw_child(cid: Cid, len: usize) -> Child {
    Child { cid, tsize: len as u64, size: len as u64 }
}

fn total(links: &[PbLink], block_len: u64) -> Result<u64, UnixFsError> {
    let mut sizes = links.iter().map(|link| link.tsize.unwrap_or(0));
    sizes
        .try_fold(block_len, u64::checked_add)
        .filter(|&total| i64::try_from(total).is_ok())
        .ok_or(UnixFsError::Node { reason: "sizes of links add up to over 63 bits" })
}

impl CidRules {
    /// How the block of a CID was named: what takes its place gets a CID of the same kind.
    ///
    /// A block that is whole in its CID stays so while it fits, and gets a sha2-256 then, as
    /// does one under a hash we cannot compute.
    pub(super) fn like(cid: &Cid) -> Self {
        let (code, digest_bytes) = (cid.hash().code(), usize::from(cid.hash().size()));
        let inline = code == Code::Identity.code();
        let known = Code::from_code(code)
            .and_then(|code| Hasher::with_length(code, digest_bytes))
            .ok()
            .filter(|_| !inline);
        let hash = known.unwrap_or(Hasher::new(Code::Sha2_256));
        let v0 = cid.version() == ipfs_kit_cid::Version::V0;
        Self::of(hash, v0, inline.then_some(ipfs_kit_hash::MAX_DIGEST_BYTES))
    }

    /// A `CIDv0`: what Kubo gives to file nodes that it makes without asking for anything.
    pub(super) fn v0() -> Self {
        Self::of(Hasher::new(Code::Sha2_256), true, None)
    }
}
