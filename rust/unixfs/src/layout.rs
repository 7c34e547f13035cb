//! How the chunks of a file become a tree: balanced or trickle.
//!
//! Both take leaves one by one, in order, and keep one open node a level.
//!
//! Source: the `UnixFS` specification; the trickle layout as Kubo builds it (four subtrees of
//! each depth).

use ipfs_kit_dag::pb;

use crate::blocks::{Blocks, Child};
use crate::{Attributes, FsNode, NodeKind, Params, UnixFsError};

/// Subtrees of one depth below each node of a trickle tree.
const TRICKLE_REPEAT: u32 = 4;

/// A file under construction.
#[derive(Debug)]
pub(crate) enum Layout {
    Balanced(Balanced),
    Trickle(Trickle),
}

impl Layout {
    pub(crate) fn new(params: &Params) -> Self {
        let max_links = params.max_file_links;
        if params.trickle {
            Self::Trickle(Trickle { max_links, path: vec![Frame::new(None)] })
        } else {
            Self::Balanced(Balanced { max_links, levels: Vec::new() })
        }
    }

    /// Takes the next leaf.
    pub(crate) fn push(
        &mut self,
        leaf: Child,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        match self {
            Self::Balanced(balanced) => balanced.push(0, leaf, blocks),
            Self::Trickle(trickle) => trickle.push(leaf, blocks),
        }
    }

    /// Ends the file; returns its root, which carries the attributes.
    ///
    /// The only leaf of a balanced file is its root: it must have been made with them.
    pub(crate) fn finish(
        self,
        attributes: &Attributes,
        blocks: &mut Blocks<'_>,
    ) -> Result<Child, UnixFsError> {
        match self {
            Self::Balanced(balanced) => balanced.finish(attributes, blocks),
            Self::Trickle(trickle) => trickle.finish(attributes, blocks),
        }
    }
}

/// A file node that still takes links.
#[derive(Debug, Default)]
struct OpenNode {
    links: Vec<u8>,
    sizes: Vec<u64>,
    size: u64,
    tsize: u64,
    last: Option<Child>,
}

impl OpenNode {
    fn push(&mut self, child: Child) {
        pb::put_link(
            &child.cid.to_bytes(),
            Some(b""),
            Some(child.tsize),
            &mut self.links,
        );
        self.sizes.push(child.size);
        self.size += child.size;
        self.tsize += child.tsize;
        self.last = Some(child);
    }

    fn len(&self) -> usize {
        self.sizes.len()
    }

    fn close(
        self,
        attributes: &Attributes,
        blocks: &mut Blocks<'_>,
    ) -> Result<Child, UnixFsError> {
        let node = FsNode {
            file_size: Some(self.size),
            block_sizes: self.sizes,
            attributes: *attributes,
            ..FsNode::new(NodeKind::File)
        };
        let mut block = self.links;
        pb::put_data(&node.encode(), &mut block);
        let cid = blocks.node(&block)?;
        Ok(Child { cid, tsize: self.tsize + block.len() as u64, size: self.size })
    }
}

/// Every leaf at the same depth.
#[derive(Debug)]
pub(crate) struct Balanced {
    max_links: usize,
    levels: Vec<OpenNode>,
}

impl Balanced {
    /// A full node is closed only when another child comes: until then it may be the root.
    fn push(
        &mut self,
        level: usize,
        child: Child,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        if level == self.levels.len() {
            self.levels.push(OpenNode::default());
        }
        if self.levels[level].len() == self.max_links {
            let full = std::mem::take(&mut self.levels[level]);
            let parent = full.close(&Attributes::default(), blocks)?;
            self.push(level + 1, parent, blocks)?;
        }
        self.levels[level].push(child);
        Ok(())
    }

    fn finish(
        mut self,
        attributes: &Attributes,
        blocks: &mut Blocks<'_>,
    ) -> Result<Child, UnixFsError> {
        let mut level = 0;
        loop {
            let Some(node) = self.levels.get_mut(level).map(std::mem::take) else {
                return OpenNode::default().close(attributes, blocks);
            };
            let top = level + 1 == self.levels.len();
            match node.last {
                Some(only) if top && node.len() == 1 => return Ok(only),
                _ if top => return node.close(attributes, blocks),
                _ => {
                    let child = node.close(&Attributes::default(), blocks)?;
                    self.push(level + 1, child, blocks)?;
                }
            }
            level += 1;
        }
    }
}

/// First leaves, then ever deeper subtrees: good for streams.
#[derive(Debug)]
pub(crate) struct Trickle {
    max_links: usize,
    path: Vec<Frame>,
}

/// An open node on the way from the root to where the next leaf goes.
#[derive(Debug)]
struct Frame {
    node: OpenNode,
    /// Subtrees get depths below this; the root's has no bound.
    max_depth: Option<u32>,
    /// Depth of the next subtree, and how many of that depth are there.
    depth: u32,
    repeat: u32,
}

impl Frame {
    fn new(max_depth: Option<u32>) -> Self {
        Self { node: OpenNode::default(), max_depth, depth: 1, repeat: 0 }
    }

    fn takes_subtrees(&self) -> bool {
        self.max_depth.is_none_or(|max| self.depth < max)
    }

    fn take_subtree(&mut self, child: Child) {
        self.node.push(child);
        self.repeat += 1;
        if self.repeat == TRICKLE_REPEAT {
            self.repeat = 0;
            self.depth += 1;
        }
    }
}

impl Trickle {
    fn push(&mut self, leaf: Child, blocks: &mut Blocks<'_>) -> Result<(), UnixFsError> {
        while let Some(top) = self.path.last_mut() {
            if top.node.len() < self.max_links {
                top.node.push(leaf);
                return Ok(());
            }
            if top.takes_subtrees() {
                let below = Frame::new(Some(top.depth));
                self.path.push(below);
            } else {
                self.close_top(blocks)?;
            }
        }
        Ok(())
    }

    /// Closes the deepest open node, which is not the root, into its parent.
    fn close_top(&mut self, blocks: &mut Blocks<'_>) -> Result<(), UnixFsError> {
        if let Some(top) = self.path.pop() {
            let child = top.node.close(&Attributes::default(), blocks)?;
            if let Some(parent) = self.path.last_mut() {
                parent.take_subtree(child);
            }
        }
        Ok(())
    }

    fn finish(
        mut self,
        attributes: &Attributes,
        blocks: &mut Blocks<'_>,
    ) -> Result<Child, UnixFsError> {
        while self.path.len() > 1 {
            self.close_top(blocks)?;
        }
        let root = self.path.pop().map(|frame| frame.node).unwrap_or_default();
        root.close(attributes, blocks)
    }
}
