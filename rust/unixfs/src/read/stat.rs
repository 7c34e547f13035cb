//! What a root is and how large, from its own block.

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSource, pb};

use super::load;
use super::part::Part;
use crate::{Attributes, NodeKind, UnixFsError};

/// What a node says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: NodeKind,
    /// Bytes of a file, or of a link's target; 0 for a directory.
    pub size: u64,
    /// Blocks it links to; for a directory in one block these are its entries.
    pub links: usize,
    /// Bytes of all blocks of its DAG, each counted as often as it is linked, as far as its
    /// links say.
    pub cumulative_size: u64,
    /// Mode and mtime.
    pub attributes: Attributes,
}

/// Reads what a root says of itself; no other block is touched.
pub fn stat(source: &impl BlockSource, cid: &Cid) -> Result<Stat, UnixFsError> {
    let block = load(source, cid)?;
    let (mut links, mut cumulative_size) = (0, block.len() as u64);
    if cid.codec() == codec::DAG_PB {
        pb::visit(&block, |link| {
            links += 1;
            let tsize = link.tsize.unwrap_or(0);
            cumulative_size = cumulative_size.saturating_add(tsize);
            Ok(())
        })?;
    }
    let part = Part::decode(cid.codec(), block)?;
    let size = match part.kind {
        NodeKind::Symlink => part.data().len() as u64,
        _ if part.is_file() => part.size(),
        _ => 0,
    };
    let (kind, attributes) = (part.kind, part.attributes);
    Ok(Stat { kind, size, links, cumulative_size, attributes })
}
