//! Writing over bytes that a file has already: its leaves become others, its shape stays.

use ipfs_kit_cid::codec;

use super::file::Part;
use super::nodes::PbBlock;
use super::{Editor, MAX_DEPTH};
use crate::UnixFsError;
use crate::blocks::CidRules;
use crate::read::too_deep;

impl Editor<'_> {
    /// Writes over a part from `at` on, takes what fits from `data`.
    pub(super) fn overwrite(
        &mut self,
        part: &mut Part,
        at: u64,
        data: &mut &[u8],
        depth: usize,
    ) -> Result<(), UnixFsError> {
        if depth == MAX_DEPTH {
            return Err(too_deep());
        }
        match part {
            Part::Raw(cid, old) => {
                let mut bytes = old.to_vec();
                copy_over(&mut bytes, at, data);
                *cid = self.save_raw(&CidRules::like(cid), &bytes)?;
                *old = bytes.into();
                Ok(())
            }
            Part::Node(node) => self.overwrite_node(node, at, data, depth),
        }
    }

    fn overwrite_node(
        &mut self,
        node: &mut PbBlock,
        mut at: u64,
        data: &mut &[u8],
        depth: usize,
    ) -> Result<(), UnixFsError> {
        let mut start = node.own_len();
        if let Some(own) = &mut node.message.data
            && at < start
        {
            copy_over(own, at, data);
            at = start;
        }
        for (link, &size) in node.links.iter_mut().zip(&node.message.block_sizes) {
            if data.is_empty() {
                break;
            }
            // Sizes were added up when the node was read.
            let end = start + size;
            if at < end {
                let inside = at - start;
                link.cid = match usize::try_from(size) {
                    // A raw leaf of which nothing stays need not be read.
                    Ok(whole)
                        if inside == 0
                            && whole <= data.len()
                            && link.cid.codec() == codec::RAW =>
                    {
                        let (over, rest) = data.split_at(whole);
                        *data = rest;
                        self.save_raw(&CidRules::like(&link.cid), over)?
                    }
                    _ => {
                        let mut part = self.part(&link.cid, size)?;
                        self.overwrite(&mut part, inside, data, depth + 1)?;
                        self.save_part(&part)?.cid
                    }
                };
                at = end;
            }
            start = end;
        }
        Ok(())
    }
}

fn copy_over(old: &mut [u8], at: u64, data: &mut &[u8]) {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(old.len());
    let over = &mut old[at..];
    let (taken, rest) = data.split_at(over.len().min(data.len()));
    over[..taken.len()].copy_from_slice(taken);
    *data = rest;
}
