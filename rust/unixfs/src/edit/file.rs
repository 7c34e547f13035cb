//! A file that is being edited: what it is between one step and the next.

use ipfs_kit_cid::{Cid, codec};

use super::Editor;
use super::nodes::{Node, PbBlock, raw_child};
use crate::blocks::{Child, CidRules};
use crate::{FsNode, NodeKind, Params, UnixFsError};

/// The root of a file, or of a part of one.
#[derive(Debug)]
pub(super) enum Part {
    /// A raw leaf, which is written already.
    Raw(Cid, bytes::Bytes),
    /// A node with links, or bytes of its own, or both; its sizes add up.
    Node(PbBlock),
}

impl Part {
    /// Bytes of the file from here down.
    pub(super) fn size(&self) -> u64 {
        match self {
            Self::Raw(_, data) => data.len() as u64,
            Self::Node(node) => node.message.file_size.unwrap_or(0),
        }
    }
}

impl PbBlock {
    /// A file, or a part of one, that holds nothing yet.
    pub(super) fn empty_file(rules: CidRules) -> Self {
        let message = FsNode { file_size: Some(0), ..FsNode::new(NodeKind::File) };
        Self { rules, links: Vec::new(), message }
    }

    /// Bytes that stand in the node itself, before those of its links.
    pub(super) fn own_len(&self) -> u64 {
        self.message.data.as_ref().map_or(0, Vec::len) as u64
    }

    /// Sets the size to what the parts add up to.
    pub(super) fn add_up(&mut self) -> Result<(), UnixFsError> {
        let mut sizes = self.message.block_sizes.iter();
        let sum = sizes.try_fold(self.own_len(), |sum, &size| sum.checked_add(size));
        let sum = sum.filter(|&sum| i64::try_from(sum).is_ok()).ok_or(TOO_LONG)?;
        self.message.file_size = Some(sum);
        Ok(())
    }
}

/// Kubo counts the bytes of a file in 63 bits.
pub(super) const TOO_LONG: UnixFsError =
    UnixFsError::Limit { what: "size of the file", limit: i64::MAX.cast_unsigned() };

/// A file whose bytes are being changed.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) root: Part,
    /// What new nodes and leaves get: CIDs as the file has one.
    pub(super) new: CidRules,
    pub(super) raw_leaves: bool,
}

impl Draft {
    pub(super) fn empty(params: &Params, raw_leaves: Option<bool>) -> Self {
        let new = CidRules::of(params.hash, params.cid_v0, None);
        let raw_leaves = raw_leaves.unwrap_or(!new.is_v0());
        Self { root: Part::Node(PbBlock::empty_file(new.clone())), new, raw_leaves }
    }

    /// Opens a file; `None` if this is no file.
    pub(super) fn read(
        editor: &Editor<'_>,
        cid: &Cid,
    ) -> Result<Option<Self>, UnixFsError> {
        let node = editor.node(cid)?;
        if let Node::Pb(node) = &node
            && !matches!(node.message.kind, NodeKind::File | NodeKind::Raw)
        {
            return Ok(None);
        }
        let new = CidRules::like(cid);
        let raw_leaves = editor.raw_leaves.unwrap_or(!new.is_v0());
        Ok(Some(Self { root: part(node)?, new, raw_leaves }))
    }

    /// Ends the edit.
    ///
    /// A file of one raw leaf is that leaf, as an import makes it, if nothing would be lost.
    pub(super) fn finish(self, editor: &mut Editor<'_>) -> Result<Child, UnixFsError> {
        let node = match self.root {
            Part::Raw(cid, data) => return Ok(raw_child(cid, data.len())),
            Part::Node(node) => node,
        };
        if let ([link], [size]) = (&node.links[..], &node.message.block_sizes[..])
            && self.raw_leaves
            && link.cid.codec() == codec::RAW
            && node.own_len() == 0
            && node.message.attributes.is_empty()
        {
            return Ok(Child { cid: link.cid, tsize: *size, size: *size });
        }
        editor.save(&node)
    }
}

impl Editor<'_> {
    /// Reads a part of a file; it must be as long as its parent says.
    pub(super) fn part(&self, cid: &Cid, expected: u64) -> Result<Part, UnixFsError> {
        let part = part(self.node(cid)?)?;
        if part.size() == expected {
            return Ok(part);
        }
        let reason = "a part of a file is not as long as its parent says";
        Err(UnixFsError::Node { reason })
    }

    /// Writes a part of a file and returns the link to it.
    pub(super) fn save_part(&mut self, part: &Part) -> Result<Child, UnixFsError> {
        match part {
            Part::Raw(cid, data) => Ok(raw_child(*cid, data.len())),
            Part::Node(node) => Ok(Child { size: part.size(), ..self.save(node)? }),
        }
    }
}

fn part(node: Node) -> Result<Part, UnixFsError> {
    let malformed = |reason| Err(UnixFsError::Node { reason });
    let mut node = match node {
        Node::Raw(cid, data) => return Ok(Part::Raw(cid, data)),
        Node::Pb(node) => node,
    };
    if !matches!(node.message.kind, NodeKind::File | NodeKind::Raw) {
        return malformed("a part of a file is no file");
    }
    if node.links.len() != node.message.block_sizes.len() {
        return malformed("a file has not as many block sizes as links");
    }
    // Some old writers leave the size of a leaf out.
    let said = node.message.file_size;
    node.add_up()?;
    if said.is_some_and(|said| Some(said) != node.message.file_size) {
        return malformed("file size is not the sum of its parts");
    }
    Ok(Part::Node(node))
}
