//! Adding bytes at the end of a file, as a trickle tree.
//!
//! A node takes leaves until it has 174 links, then subtrees, four of each depth. Where a
//! subtree is to go on is told by how many links a node has, not by what they lead to, so
//! what is added to a file of another layout follows the same rules; and the first subtree
//! that one append makes is a level deeper than that of a file written at once. All of this
//! decides CIDs, and is as Kubo has it.

use std::collections::HashMap;
use std::ops::Range;

use ipfs_kit_chunker::{Chunker, Spec};
use ipfs_kit_dag::pb::PbLink;

use super::file::{Draft, Part, TOO_LONG};
use super::nodes::{PbBlock, raw_child};
use super::{Editor, MAX_DEPTH};
use crate::UnixFsError;
use crate::blocks::{Child, CidRules};
use crate::read::too_deep;

/// Links of a node before subtrees come; Kubo takes its default for this, never its setting.
const LEAVES: usize = 174;
/// Subtrees of one depth below each node.
const REPEAT: usize = 4;
/// Leaves of zeros that fill a gap are so long, whatever the chunker.
const ZEROS: [u8; 4096] = [0; 4096];

/// What is to be added, in chunks.
#[derive(Debug)]
pub(super) enum Chunks<'d> {
    Data {
        bytes: &'d [u8],
        chunks: std::vec::IntoIter<Range<usize>>,
    },
    Zeros {
        left: u64,
        leaf: Option<Child>,
        /// Full subtrees that were made, by depth: the next of that depth is the same one.
        full: HashMap<i64, Child>,
    },
}

impl<'d> Chunks<'d> {
    pub(super) fn data(bytes: &'d [u8], spec: &Spec) -> Result<Self, UnixFsError> {
        let chunks: Vec<_> = Chunker::from_env(spec)?.cuts(bytes).collect();
        Ok(Self::Data { bytes, chunks: chunks.into_iter() })
    }

    pub(super) fn zeros(left: u64) -> Self {
        Self::Zeros { left, leaf: None, full: HashMap::new() }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Data { chunks, .. } => chunks.len() == 0,
            Self::Zeros { left, .. } => *left == 0,
        }
    }

    /// Makes the next leaf.
    fn leaf(
        &mut self,
        editor: &mut Editor<'_>,
        rules: &CidRules,
    ) -> Result<Option<Child>, UnixFsError> {
        editor.check_stop()?;
        match self {
            Self::Data { bytes, chunks } => match chunks.next() {
                Some(range) => editor.blocks(rules).whole_leaf(&bytes[range]).map(Some),
                None => Ok(None),
            },
            Self::Zeros { left: 0, .. } => Ok(None),
            Self::Zeros { left, leaf, .. } => {
                let len = usize::try_from(*left).unwrap_or(usize::MAX).min(ZEROS.len());
                *left -= len as u64;
                if let Some(leaf) = leaf.filter(|leaf| leaf.size == len as u64) {
                    return Ok(Some(leaf));
                }
                *leaf = Some(editor.blocks(rules).whole_leaf(&ZEROS[..len])?);
                Ok(*leaf)
            }
        }
    }

    /// Gives a subtree that was made before, if all of it is still to be added.
    fn repeated(&mut self, depth: i64) -> Option<Child> {
        let Self::Zeros { left, full, .. } = self else { return None };
        let child = *full.get(&depth)?;
        *left = left.checked_sub(child.size)?;
        Some(child)
    }

    /// Remembers a subtree that took all it could: otherwise nothing would be left to add.
    fn remember(&mut self, depth: i64, child: Child) {
        if let Self::Zeros { left: 1.., full, .. } = self {
            full.insert(depth, child);
        }
    }
}

/// Adds chunks to a tree.
struct Grower<'g, 'e, 'd> {
    editor: &'g mut Editor<'e>,
    chunks: Chunks<'d>,
    /// Rules of new nodes and leaves.
    rules: CidRules,
}

impl Draft {
    /// Adds chunks to the end of the file.
    pub(super) fn append(
        &mut self,
        editor: &mut Editor<'_>,
        chunks: Chunks<'_>,
    ) -> Result<(), UnixFsError> {
        let (root, raw_leaves) = match &mut self.root {
            Part::Node(node) => (node, self.raw_leaves),
            Part::Raw(cid, data) => {
                // A raw leaf that grows becomes the first of several, which are raw too.
                let mut node = PbBlock::empty_file(self.new.clone());
                node.push(&raw_child(*cid, data.len()))?;
                self.root = Part::Node(node);
                let Part::Node(node) = &mut self.root else { return Ok(()) };
                (node, true)
            }
        };
        let rules = self.new.clone().with_leaves(raw_leaves);
        Grower { editor, chunks, rules }.grow(root)
    }
}

impl Grower<'_, '_, '_> {
    /// Adds all chunks to the root of a file.
    fn grow(mut self, root: &mut PbBlock) -> Result<(), UnixFsError> {
        self.move_own_bytes(root)?;
        let (mut depth, repeat) = place(root);
        if depth == 0 {
            self.fill_leaves(root)?;
            if self.chunks.is_done() {
                return Ok(());
            }
            depth = 1;
        }
        self.fill_last(root, depth - 1, repeat, 0)?;
        if !self.chunks.is_done() {
            depth += 1;
        }
        self.fill_subtrees(root, depth, i64::MAX)
    }

    /// Makes bytes that stand in the root itself a leaf, the first one.
    ///
    /// Kubo leaves them where they are, beside the links that come; but it does not find them
    /// there when it reads the file, nor when it writes to it again.
    fn move_own_bytes(&mut self, root: &mut PbBlock) -> Result<(), UnixFsError> {
        if let Some(own) = root.message.data.take_if(|own| !own.is_empty()) {
            let leaf = self.editor.blocks(&self.rules).whole_leaf(&own)?;
            root.links.insert(0, PbLink::new(leaf.cid, "", leaf.tsize));
            root.message.block_sizes.insert(0, leaf.size);
        }
        Ok(())
    }

    /// Goes on below a node that is the last child of another.
    fn grow_below(
        &mut self,
        node: &mut PbBlock,
        max_depth: i64,
        level: usize,
    ) -> Result<(), UnixFsError> {
        if max_depth == 0 || self.chunks.is_done() {
            return Ok(());
        }
        let (mut depth, repeat) = place(node);
        if depth == 0 {
            self.fill_leaves(node)?;
            depth = 1;
        }
        if depth == max_depth {
            return Ok(());
        }
        self.fill_last(node, depth, repeat, level)?;
        if !self.chunks.is_done() {
            depth += 1;
        }
        self.fill_subtrees(node, depth, max_depth)
    }

    /// Fills up the last subtree, and the number of those as deep as it is.
    fn fill_last(
        &mut self,
        node: &mut PbBlock,
        depth: i64,
        repeat: usize,
        level: usize,
    ) -> Result<(), UnixFsError> {
        if node.links.len() <= LEAVES {
            return Ok(());
        }
        if level == MAX_DEPTH {
            return Err(too_deep());
        }
        if let (Some(link), Some(&size)) =
            (node.links.last(), node.message.block_sizes.last())
        {
            // A wide file of another layout has leaves here, which are full as they are.
            // (Kubo refuses to add to it where they are raw.)
            if let Part::Node(mut last) = self.editor.part(&link.cid, size)?
                && !last.links.is_empty()
            {
                self.grow_below(&mut last, depth - 1, level + 1)?;
                let child = self.editor.save_part(&Part::Node(last))?;
                node.replace_last(&child)?;
            }
        }
        if repeat != 0 {
            for _ in repeat..REPEAT {
                self.add_subtree(node, depth)?;
            }
        }
        Ok(())
    }

    /// Adds subtrees from one depth on, while there is data.
    fn fill_subtrees(
        &mut self,
        node: &mut PbBlock,
        mut depth: i64,
        max_depth: i64,
    ) -> Result<(), UnixFsError> {
        while depth < max_depth && !self.chunks.is_done() {
            for _ in 0..REPEAT {
                self.add_subtree(node, depth)?;
            }
            depth += 1;
        }
        Ok(())
    }

    fn add_subtree(
        &mut self,
        node: &mut PbBlock,
        max_depth: i64,
    ) -> Result<(), UnixFsError> {
        if self.chunks.is_done() {
            return Ok(());
        }
        // Gaps may be longer than any disk, and are made of few different blocks.
        if let Some(child) = self.chunks.repeated(max_depth) {
            return node.push(&child);
        }
        let mut below = PbBlock::empty_file(self.rules.clone());
        self.fill_leaves(&mut below)?;
        self.fill_subtrees(&mut below, 1, max_depth)?;
        let child = self.editor.save_part(&Part::Node(below))?;
        self.chunks.remember(max_depth, child);
        node.push(&child)
    }

    fn fill_leaves(&mut self, node: &mut PbBlock) -> Result<(), UnixFsError> {
        while node.links.len() < LEAVES {
            match self.chunks.leaf(self.editor, &self.rules)? {
                Some(leaf) => node.push(&leaf)?,
                None => break,
            }
        }
        Ok(())
    }
}

impl PbBlock {
    fn push(&mut self, child: &Child) -> Result<(), UnixFsError> {
        self.links.push(PbLink::new(child.cid, "", child.tsize));
        self.message.block_sizes.push(child.size);
        let size = self.message.file_size.unwrap_or(0).checked_add(child.size);
        let size = size.filter(|&size| i64::try_from(size).is_ok());
        self.message.file_size = Some(size.ok_or(TOO_LONG)?);
        Ok(())
    }

    fn replace_last(&mut self, child: &Child) -> Result<(), UnixFsError> {
        self.links.pop();
        self.message.block_sizes.pop();
        self.add_up()?;
        self.push(child)
    }
}

/// Where a node goes on: the depth of its next subtree, 0 while it takes leaves, and how many
/// of that depth it has.
fn place(node: &PbBlock) -> (i64, usize) {
    match node.links.len().checked_sub(LEAVES) {
        None => (0, 0),
        Some(subtrees) => {
            let depth = i64::try_from(subtrees / REPEAT).unwrap_or(i64::MAX - 1);
            (depth + 1, subtrees % REPEAT)
        }
    }
}

#[cfg(test)]
mod tests {
    use ipfs_kit_dag::MemoryBlocks;

    use super::*;
    use crate::{Control, Params, Profile};

    fn grown(chunks: Chunks<'_>) -> Child {
        let (params, control) = (Params::of(Profile::UnixFsV1_2025), Control::new());
        let mut blocks = MemoryBlocks::default();
        let mut editor = Editor::new(&params, &control, &mut blocks);
        let mut draft = Draft::empty(&params, Some(true));
        draft.append(&mut editor, chunks).unwrap();
        draft.finish(&mut editor).unwrap()
    }

    #[test]
    fn zeros_make_the_tree_that_as_many_bytes_make() {
        let zeros = vec![0; 4096 * 174 * 31 + 1];
        let spec: Spec = "size-4096".parse().unwrap();
        for leaves in [1, 173, 174, 175, 174 * 5, 174 * 10, 174 * 25 + 9, 174 * 31] {
            for size in [leaves * 4096 - 1, leaves * 4096, leaves * 4096 + 1] {
                let data = Chunks::data(&zeros[..size], &spec).unwrap();
                let (made, repeated) = (grown(data), grown(Chunks::zeros(size as u64)));
                assert_eq!(made.cid, repeated.cid, "{size}");
                assert_eq!((made.size, made.tsize), (repeated.size, repeated.tsize));
            }
        }
    }
}
