//! The bytes of a file, from first to last.

use std::io::Write;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::BlockSource;

use super::{MAX_DEPTH, Node, too_deep};
use crate::{FsNode, NodeKind, UnixFsError};

/// The size a file node says the file has.
pub fn file_size(node: &Node) -> Result<u64, UnixFsError> {
    match node {
        Node::Raw(data) => Ok(data.len() as u64),
        Node::Pb(_, message) => declared_size(message),
    }
}

/// Some old writers leave the size of a leaf out.
fn declared_size(message: &FsNode) -> Result<u64, UnixFsError> {
    let own = message.data.as_ref().map_or(0, Vec::len) as u64;
    let mut sum = Some(own);
    for size in &message.block_sizes {
        sum = sum.and_then(|sum| sum.checked_add(*size));
    }
    let sum =
        sum.ok_or(UnixFsError::Node { reason: "block sizes add up to over 64 bits" })?;
    match message.file_size {
        Some(size) if size != sum => {
            Err(UnixFsError::Node { reason: "file size is not the sum of its parts" })
        }
        _ => Ok(sum),
    }
}

/// Writes all bytes of a file, checking that each part has the size its parent says.
pub fn write_file(
    source: &impl BlockSource,
    root: Node,
    out: &mut impl Write,
    mut on_bytes: impl FnMut(usize) -> Result<(), UnixFsError>,
) -> Result<u64, UnixFsError> {
    let size = file_size(&root)?;
    // Parts still to come, the next one last.
    let mut parts: Vec<(Cid, u64, usize)> = Vec::new();
    let mut next = Some((root, 0));
    while let Some((node, depth)) = next {
        match node {
            Node::Raw(data) => {
                on_bytes(data.len())?;
                out.write_all(&data)?;
            }
            Node::Pb(node, message) => {
                if !matches!(message.kind, NodeKind::File | NodeKind::Raw) {
                    return Err(UnixFsError::Node {
                        reason: "a part of a file is no file",
                    });
                }
                if node.links.len() != message.block_sizes.len() {
                    let reason = "a file has not as many block sizes as links";
                    return Err(UnixFsError::Node { reason });
                }
                if let Some(data) = &message.data {
                    on_bytes(data.len())?;
                    out.write_all(data)?;
                }
                if depth == MAX_DEPTH {
                    return Err(too_deep());
                }
                // A part of no bytes is not read: linked often enough, such parts would
                // take for ever and never reach a limit.
                let links = node.links.iter().zip(&message.block_sizes).rev();
                let links = links.filter(|(_, size)| **size > 0);
                parts.extend(links.map(|(link, size)| (link.cid, *size, depth + 1)));
            }
        }
        next = match parts.pop() {
            None => None,
            Some((cid, expected, depth)) => {
                let node = Node::read(source, &cid)?;
                if file_size(&node)? != expected {
                    let reason = "a part of a file is not as long as its parent says";
                    return Err(UnixFsError::Node { reason });
                }
                Some((node, depth))
            }
        };
    }
    Ok(size)
}
