//! From bytes to blocks: which CID a node or a leaf gets, and where the block goes.

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSink, InPlace};
use ipfs_kit_hash::{Code, Hasher, Multihash};

use crate::node::{leaf_header, leaf_trailer};
use crate::{Attributes, NodeKind, Params, UnixFsError};

/// A block seen from its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) cid: Cid,
    /// Bytes of all blocks of its DAG, each counted as often as it is linked.
    pub(crate) tsize: u64,
    /// Bytes of the file it holds; 0 for directories and links.
    pub(crate) size: u64,
}

/// Decides CIDs; shared by all threads of an import.
#[derive(Debug, Clone)]
pub(crate) struct CidRules {
    hash: Hasher,
    cid_v0: bool,
    inline_limit: Option<usize>,
    leaf_kind: NodeKind,
    raw_leaves: bool,
}

impl CidRules {
    pub(crate) fn new(params: &Params) -> Self {
        Self {
            hash: params.hash,
            cid_v0: params.cid_v0,
            inline_limit: params.inline_limit,
            leaf_kind: if params.trickle { NodeKind::Raw } else { NodeKind::File },
            raw_leaves: params.raw_leaves,
        }
    }

    /// Rules for nodes; leaves, if there are to be any, are those of a trickle layout.
    pub(crate) fn of(hash: Hasher, cid_v0: bool, inline_limit: Option<usize>) -> Self {
        let leaf_kind = NodeKind::Raw;
        Self { hash, cid_v0, inline_limit, leaf_kind, raw_leaves: false }
    }

    /// The same rules with leaves of one kind or the other.
    pub(crate) fn with_leaves(self, raw_leaves: bool) -> Self {
        Self { raw_leaves, ..self }
    }

    pub(crate) fn hash(&self) -> Hasher {
        self.hash
    }

    /// Whether nodes get `CIDv0`.
    pub(crate) fn is_v0(&self) -> bool {
        self.cid_v0
    }

    /// Whether a block of so many bytes goes into its CID whole.
    pub(crate) fn inlines(&self, block_len: usize) -> bool {
        self.inline_limit.is_some_and(|limit| block_len <= limit)
    }

    fn node_cid(&self, block: &[u8]) -> Result<Cid, UnixFsError> {
        if self.inlines(block.len()) {
            let hash = Hasher::new(Code::Identity).hash(block)?;
            return Ok(Cid::new_v1(codec::DAG_PB, hash));
        }
        self.cid(codec::DAG_PB, self.hash.hash(block)?)
    }

    fn cid(&self, codec: u64, hash: Multihash) -> Result<Cid, UnixFsError> {
        let cid = Cid::new_v1(codec, hash);
        let v0 = self.cid_v0 && codec == codec::DAG_PB;
        if v0 { Ok(ipfs_kit_cid::to_v0(&cid)?) } else { Ok(cid) }
    }

    /// What stands around a chunk in its block, and what becomes of it.
    pub(crate) fn leaf(&self, data_len: usize, attributes: &Attributes) -> Leaf {
        let mut leaf = Leaf { header: Vec::new(), trailer: Vec::new(), data_len };
        if !self.raw_leaves {
            leaf_trailer(data_len, attributes, &mut leaf.trailer);
            leaf_header(self.leaf_kind, data_len, leaf.trailer.len(), &mut leaf.header);
        }
        leaf
    }

    /// The link to a leaf whose whole block hashed to `hash`.
    pub(crate) fn leaf_child(
        &self,
        leaf: &Leaf,
        hash: Multihash,
    ) -> Result<Child, UnixFsError> {
        let codec = if self.raw_leaves { codec::RAW } else { codec::DAG_PB };
        let inlined = hash.code() == Code::Identity.code();
        let cid = if inlined { Cid::new_v1(codec, hash) } else { self.cid(codec, hash)? };
        Ok(Child { cid, tsize: leaf.block_len() as u64, size: leaf.data_len as u64 })
    }
}

/// The bytes around a chunk in its block; both empty in a raw leaf.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) header: Vec<u8>,
    pub(crate) trailer: Vec<u8>,
    pub(crate) data_len: usize,
}

impl Leaf {
    pub(crate) fn block_len(&self) -> usize {
        self.header.len() + self.data_len + self.trailer.len()
    }
}

/// Names nodes and hands every block on, where someone wants them.
pub(crate) struct Blocks<'a> {
    pub(crate) rules: &'a CidRules,
    pub(crate) sink: Option<&'a mut (dyn BlockSink + Send)>,
}

impl Blocks<'_> {
    /// Names a dag-pb node and passes it on.
    pub(crate) fn node(&mut self, block: &[u8]) -> Result<Cid, UnixFsError> {
        let cid = self.rules.node_cid(block)?;
        self.put(&cid, block)?;
        Ok(cid)
    }

    /// Makes a leaf of bytes that are at hand, and passes it on.
    pub(crate) fn whole_leaf(&mut self, data: &[u8]) -> Result<Child, UnixFsError> {
        let leaf = self.rules.leaf(data.len(), &Attributes::default());
        let inline = self.rules.inlines(leaf.block_len());
        let hasher = if inline { Hasher::new(Code::Identity) } else { self.rules.hash };
        let hash = hasher.hash_parts(&[&leaf.header, data, &leaf.trailer])?;
        let child = self.rules.leaf_child(&leaf, hash)?;
        self.leaf(&child.cid, &leaf, data, None)?;
        Ok(child)
    }

    /// Passes a block on; one that is whole in its CID needs no other place.
    pub(crate) fn put(&mut self, cid: &Cid, block: &[u8]) -> Result<(), UnixFsError> {
        match &mut self.sink {
            Some(sink) if cid.hash().code() != Code::Identity.code() => {
                Ok(sink.put(cid, block)?)
            }
            _ => Ok(()),
        }
    }

    /// Passes a leaf on, whose chunk may also lie in a file of the user's.
    pub(crate) fn leaf(
        &mut self,
        cid: &Cid,
        leaf: &Leaf,
        data: &[u8],
        place: Option<&InPlace<'_>>,
    ) -> Result<(), UnixFsError> {
        match &mut self.sink {
            Some(sink) if cid.hash().code() != Code::Identity.code() => match place {
                Some(place) => sink.put_in_place(cid, data, place)?,
                None if leaf.block_len() == data.len() => sink.put(cid, data)?,
                None => sink.put_parts(cid, &[&leaf.header, data, &leaf.trailer])?,
            },
            _ => {}
        }
        Ok(())
    }
}
