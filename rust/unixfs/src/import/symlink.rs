//! Symbolic links, kept as links: a node whose data is the target.

use std::io;
use std::path::Path;

use ipfs_kit_dag::pb;

use super::tree::Tree;
use crate::blocks::{Blocks, Child};
use crate::os;
use crate::{Attributes, FsNode, NodeKind, UnixFsError};

/// Makes the node of a symbolic link.
pub(crate) fn symlink(
    tree: &Tree<'_>,
    path: &Path,
    blocks: &mut Blocks<'_>,
) -> Result<Child, UnixFsError> {
    let target = os::link_target(path).map_err(|source| {
        // What `readlink` says of a thing that is no link, or no longer.
        if source.kind() == io::ErrorKind::InvalidInput {
            let detail = "something else took the place of a link";
            return UnixFsError::Changed { path: path.to_owned(), detail };
        }
        UnixFsError::read(path)(source)
    })?;
    let attributes = if tree.params.preserve_mtime || !tree.params.attributes.is_empty() {
        let metadata = path.symlink_metadata().map_err(UnixFsError::read(path))?;
        os::attributes(tree.params, &metadata, true)
    } else {
        Attributes::default()
    };
    let node =
        FsNode { data: Some(target), attributes, ..FsNode::new(NodeKind::Symlink) };
    let mut block = Vec::new();
    pb::put_data(&node.encode(), &mut block);
    let cid = blocks.node(&block)?;
    tree.control.add_file();
    Ok(Child { cid, tsize: block.len() as u64, size: 0 })
}
