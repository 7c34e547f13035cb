//! Making a file shorter.
//!
//! What Kubo does, it does here too: the leaf in which the cut falls stays, even if nothing
//! is left in it, so that a file cut between two leaves ends in an empty one; and a dag-pb
//! leaf that is cut gets a `CIDv0`, whatever it had.

use super::file::Part;
use super::nodes::PbBlock;
use super::{Editor, MAX_DEPTH};
use crate::UnixFsError;
use crate::blocks::CidRules;
use crate::read::too_deep;
use ipfs_kit_dag::pb::PbLink;

impl Editor<'_> {
    /// Keeps the first `size` bytes of a part that has more.
    pub(super) fn cut(
        &mut self,
        part: &mut Part,
        size: u64,
        depth: usize,
    ) -> Result<(), UnixFsError> {
        if depth == MAX_DEPTH {
            return Err(too_deep());
        }
        match part {
            Part::Raw(cid, data) => {
                data.truncate(keep(size, data.len()));
                *cid = self.save_raw(&CidRules::like(cid), data)?;
                Ok(())
            }
            Part::Node(node) => self.cut_node(node, size, depth),
        }
    }

    fn cut_node(
        &mut self,
        node: &mut PbBlock,
        size: u64,
        depth: usize,
    ) -> Result<(), UnixFsError> {
        let own_len = node.own_len();
        if node.links.is_empty() {
            node.rules = CidRules::v0();
        }
        if size < own_len || node.links.is_empty() {
            if let Some(own) = &mut node.message.data {
                own.truncate(keep(size, own.len()));
            }
            node.links.clear();
            node.message.block_sizes.clear();
            return node.add_up();
        }
        let mut start = own_len;
        let ends_in = node.message.block_sizes.iter().position(|&part| {
            let found = size - start < part;
            start += if found { 0 } else { part };
            found
        });
        if let Some(index) = ends_in {
            let (link, old) = (&node.links[index], node.message.block_sizes[index]);
            let mut part = self.part(&link.cid, old)?;
            self.cut(&mut part, size - start, depth + 1)?;
            let child = self.save_part(&part)?;
            node.links.truncate(index);
            node.links.push(PbLink::new(child.cid, "", child.tsize));
            node.message.block_sizes.truncate(index);
            node.message.block_sizes.push(child.size);
        }
        node.add_up()
    }
}

fn keep(size: u64, len: usize) -> usize {
    usize::try_from(size).map_or(len, |size| size.min(len))
}
