//! Mode and mtime of one entry; what is in it stays as it is.

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::pb::PbLink;

use super::nodes::{Node, PbBlock};
use super::trail::Trail;
use super::{Editor, show};
use crate::blocks::{Child, CidRules};
use crate::{Attributes, FsNode, Mtime, NodeKind, ParamError, UnixFsError};

impl Editor<'_> {
    /// Sets the permission bits of a file, link or directory; 0 takes them away.
    pub fn chmod(
        &mut self,
        root: &Cid,
        path: &[&str],
        mode: u32,
    ) -> Result<Cid, UnixFsError> {
        range("mode", mode, 0o7777)?;
        let mode = Some(mode).filter(|&mode| mode != 0);
        self.set_attributes(root, path, |old| Attributes { mode, ..old })
    }

    /// Sets the mtime of a file, link or directory.
    pub fn touch(
        &mut self,
        root: &Cid,
        path: &[&str],
        mtime: Mtime,
    ) -> Result<Cid, UnixFsError> {
        range("mtime_nsecs", mtime.nanoseconds, 999_999_999)?;
        let mtime = Some(mtime);
        self.set_attributes(root, path, |old| Attributes { mtime, ..old })
    }

    fn set_attributes(
        &mut self,
        root: &Cid,
        path: &[&str],
        change: impl FnOnce(Attributes) -> Attributes,
    ) -> Result<Cid, UnixFsError> {
        let Some((name, above)) = path.split_last() else {
            return Ok(self.with_attributes(root, change)?.cid);
        };
        let trail = Trail::open(self, root, above, false)?;
        let none = || UnixFsError::NoSuchEntry { path: show(path) };
        let child = trail.get(self, name)?.ok_or_else(none)?;
        let changed = self.with_attributes(&child.cid, change)?;
        trail.close(self, |folder, editor| folder.set(editor, name, &changed))
    }

    /// The same node with other attributes. A raw leaf, which has no room for any, becomes a
    /// file node under a `CIDv0`, as Kubo makes it.
    fn with_attributes(
        &mut self,
        cid: &Cid,
        change: impl FnOnce(Attributes) -> Attributes,
    ) -> Result<Child, UnixFsError> {
        let mut node = match self.node(cid)? {
            Node::Pb(node) => node,
            Node::Raw(_, data) => PbBlock {
                rules: CidRules::v0(),
                links: Vec::<PbLink>::new(),
                message: FsNode {
                    data: Some(data.to_vec()),
                    file_size: Some(data.len() as u64),
                    ..FsNode::new(NodeKind::File)
                },
            },
        };
        node.message.attributes = change(node.message.attributes);
        self.save(&node)
    }
}

fn range(name: &'static str, value: u32, high: u32) -> Result<(), UnixFsError> {
    if value <= high {
        return Ok(());
    }
    let (value, high) = (value as usize, high as usize);
    Err(ParamError::Range { name, value, low: 0, high }.into())
}
