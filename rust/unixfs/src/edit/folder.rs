//! A directory that is being edited, in one block or as a trie, and its way from one form to
//! the other.
//!
//! As with Kubo, what is added can make a trie of a block, and what is taken away, or becomes
//! smaller, a block of a trie. Kubo counts a little less than the entries weigh when it looks
//! whether a trie has become small enough, so that a directory over the threshold by less
//! than a name may be a block there; here it is a trie, as an import makes it.

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::pb::PbLink;

use super::Editor;
use super::nodes::name_of;
use super::trie::{Shard, Slot};
use crate::blocks::{Child, CidRules};
use crate::directory::{Directory, Weight, message};
use crate::{Attributes, FsNode, NodeKind, Params, UnixFsError};

/// A directory.
#[derive(Debug)]
pub(super) struct Folder {
    rules: CidRules,
    attributes: Attributes,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// All in one block; its message is kept to the byte.
    Block { links: Vec<PbLink>, message: Vec<u8> },
    /// Spread over a trie, whose root this is.
    Trie(Shard),
}

impl Folder {
    /// A new one without entries.
    pub(super) fn empty(params: &Params) -> Self {
        let attributes = Attributes::default();
        let message = message(&attributes);
        Self {
            rules: CidRules::of(params.hash, params.cid_v0, None),
            attributes,
            form: Form::Block { links: Vec::new(), message },
        }
    }

    /// Reads a directory; `None` if this is something else.
    pub(super) fn read(
        editor: &Editor<'_>,
        cid: &Cid,
    ) -> Result<Option<Self>, UnixFsError> {
        if cid.codec() == ipfs_kit_cid::codec::RAW {
            return Ok(None);
        }
        let node = editor.pb_node(cid)?;
        let message = node.data.ok_or(UnixFsError::Node { reason: "no message" })?;
        let decoded = FsNode::decode(&message)?;
        let (rules, attributes) = (CidRules::like(cid), decoded.attributes);
        let form = match decoded.kind {
            NodeKind::Directory => Form::Block { links: node.links, message },
            NodeKind::HamtShard => Form::Trie(editor.shard(cid, None)?),
            _ => return Ok(None),
        };
        Ok(Some(Self { rules, attributes, form }))
    }

    /// Whether it has no entries.
    pub(super) fn is_empty(&self) -> bool {
        match &self.form {
            Form::Block { links, .. } => links.is_empty(),
            Form::Trie(shard) => shard.is_empty(),
        }
    }

    /// Finds an entry.
    pub(super) fn get(
        &self,
        editor: &Editor<'_>,
        name: &str,
    ) -> Result<Option<Child>, UnixFsError> {
        let found = match &self.form {
            Form::Block { links, .. } => links
                .iter()
                .find(|link| name_of(link) == name)
                .map(|link| (link.cid, link.tsize.unwrap_or(0))),
            Form::Trie(shard) => {
                shard.find(editor, name)?.map(|slot| (slot.cid, slot.tsize))
            }
        };
        Ok(found.map(|(cid, tsize)| Child { cid, tsize, size: 0 }))
    }

    /// Adds an entry, or puts another in its place.
    pub(super) fn set(
        &mut self,
        editor: &mut Editor<'_>,
        name: &str,
        child: &Child,
    ) -> Result<(), UnixFsError> {
        match &mut self.form {
            Form::Block { links, .. } => {
                links.retain(|link| name_of(link) != name);
                links.push(PbLink::new(child.cid, name, child.tsize));
                if weigh(links).shards(editor.params, &self.attributes) {
                    self.spread(editor)?;
                }
            }
            Form::Trie(shard) => {
                let old = shard.change(editor, name, Some(child))?;
                if old.is_some_and(|old| weight_of(name, child).is_below(&old.weight())) {
                    self.gather(editor)?;
                }
            }
        }
        Ok(())
    }

    /// Removes an entry; tells whether it was there.
    pub(super) fn remove(
        &mut self,
        editor: &mut Editor<'_>,
        name: &str,
    ) -> Result<bool, UnixFsError> {
        match &mut self.form {
            Form::Block { links, .. } => {
                let count = links.len();
                links.retain(|link| name_of(link) != name);
                Ok(links.len() < count)
            }
            Form::Trie(shard) => {
                let found = shard.change(editor, name, None)?.is_some();
                if found {
                    self.gather(editor)?;
                }
                Ok(found)
            }
        }
    }

    /// Writes it as it is now.
    pub(super) fn save(&self, editor: &mut Editor<'_>) -> Result<Child, UnixFsError> {
        match &self.form {
            Form::Block { links, message } => {
                editor.save_links(&self.rules, links, message)
            }
            Form::Trie(shard) => shard.save(editor),
        }
    }

    /// Makes a trie of one block.
    fn spread(&mut self, editor: &mut Editor<'_>) -> Result<(), UnixFsError> {
        let Form::Block { links, .. } = &self.form else { return Ok(()) };
        let mut directory = Directory::default();
        for link in links {
            let tsize = link.tsize.unwrap_or(0);
            directory.add(name_of(link), &Child { cid: link.cid, tsize, size: 0 })?;
        }
        let params = editor.params;
        let mut blocks = editor.blocks(&self.rules);
        let root = directory.finish(params, &self.attributes, &mut blocks)?;
        self.form = Form::Trie(editor.shard(&root.cid, None)?);
        Ok(())
    }

    /// Makes one block of a trie that has become small enough.
    ///
    /// Entries are read only until they weigh too much: a large trie stays cheap to edit.
    fn gather(&mut self, editor: &Editor<'_>) -> Result<(), UnixFsError> {
        let Form::Trie(shard) = &self.form else { return Ok(()) };
        let (mut weight, mut links) = (Weight::default(), Vec::new());
        let mut small = true;
        editor.walk(shard, &mut |slot| {
            weight.add(&slot.name, slot.cid.encoded_len(), slot.tsize);
            links.push(PbLink::new(slot.cid, slot.name.clone(), slot.tsize));
            small = !weight.shards(editor.params, &self.attributes);
            Ok(small)
        })?;
        if small {
            self.form = Form::Block { links, message: message(&self.attributes) };
        }
        Ok(())
    }
}

impl Slot {
    fn weight(&self) -> Weight {
        weight_of(&self.name, &Child { cid: self.cid, tsize: self.tsize, size: 0 })
    }
}

fn weight_of(name: &str, child: &Child) -> Weight {
    let mut weight = Weight::default();
    weight.add(name, child.cid.encoded_len(), child.tsize);
    weight
}

fn weigh(links: &[PbLink]) -> Weight {
    let mut weight = Weight::default();
    for link in links {
        weight.add(name_of(link), link.cid.encoded_len(), link.tsize.unwrap_or(0));
    }
    weight
}
