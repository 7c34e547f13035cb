//! A part of a file as it lies in its block: its own bytes, then the parts below it.
//!
//! Nothing is copied out of the block, so that a table of a thousand links costs 24 bytes
//! for each beside it.

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec, from_bytes};
use ipfs_kit_dag::{DagError, pb};

use crate::{Attributes, FsNode, NodeKind, UnixFsError};

/// A decoded part; the whole file is one too.
#[derive(Debug)]
pub(crate) struct Part {
    block: Bytes,
    /// What stands before all that is below.
    data: Bytes,
    links: Vec<Link>,
    pub(crate) kind: NodeKind,
    pub(crate) attributes: Attributes,
}

/// Where a link's CID stands in the block, and where its bytes end in the part.
#[derive(Debug, Clone, Copy)]
struct Link {
    cid_start: usize,
    cid_end: usize,
    end: u64,
}

/// A part below another, not read yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Below {
    pub(crate) cid: Cid,
    /// Where its bytes begin and end in the part above.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl Part {
    /// Decodes a block of any kind; only of files the bytes and links are taken.
    pub(crate) fn decode(codec: u64, block: Bytes) -> Result<Self, UnixFsError> {
        match codec {
            codec::RAW => Ok(Self {
                data: block.clone(),
                block,
                links: Vec::new(),
                kind: NodeKind::Raw,
                attributes: Attributes::default(),
            }),
            codec::DAG_PB => Self::decode_pb(block),
            other => Err(DagError::UnknownCodec(other).into()),
        }
    }

    /// Decodes a block that a file must have.
    pub(crate) fn of_file(codec: u64, block: Bytes) -> Result<Self, UnixFsError> {
        let part = Self::decode(codec, block)?;
        if part.is_file() {
            Ok(part)
        } else {
            Err(malformed("a part of a file is no file"))
        }
    }

    fn decode_pb(block: Bytes) -> Result<Self, UnixFsError> {
        let base = block.as_ptr().addr();
        let mut links = Vec::new();
        let message = pb::visit(&block, |link| {
            let cid_start = link.cid.as_ptr().addr() - base;
            let cid_end = cid_start + link.cid.len();
            links.push(Link { cid_start, cid_end, end: 0 });
            Ok(())
        })?;
        let message = message.ok_or_else(|| malformed("no message"))?;
        let (message, data) = FsNode::decode_around(message)?;
        let data = data.map_or_else(Bytes::new, |data| block.slice_ref(data));
        let (kind, attributes) = (message.kind, message.attributes);
        let mut part = Self { block, data, links, kind, attributes };
        if part.is_file() {
            part.measure(&message)?;
        }
        Ok(part)
    }

    /// Sets the ends; refuses sizes that are no sum of their parts.
    fn measure(&mut self, message: &FsNode) -> Result<(), UnixFsError> {
        if self.links.len() != message.block_sizes.len() {
            return Err(malformed("a file has not as many block sizes as links"));
        }
        let mut end = self.data.len() as u64;
        for (link, size) in self.links.iter_mut().zip(&message.block_sizes) {
            let sum = end.checked_add(*size);
            end = sum.ok_or_else(|| malformed("block sizes add up to over 64 bits"))?;
            link.end = end;
        }
        // Some old writers leave the size of a leaf out.
        match message.file_size {
            Some(size) if size != end => {
                Err(malformed("file size is not the sum of its parts"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        matches!(self.kind, NodeKind::File | NodeKind::Raw)
    }

    /// Bytes of the file from here down.
    pub(crate) fn size(&self) -> u64 {
        self.links.last().map_or(self.data.len() as u64, |link| link.end)
    }

    /// Its own bytes.
    pub(crate) fn data(&self) -> &Bytes {
        &self.data
    }

    /// Whether all its bytes are its own.
    pub(crate) fn is_leaf(&self) -> bool {
        self.links.is_empty()
    }

    /// The first link that has bytes beyond `at`.
    pub(crate) fn first_beyond(&self, at: u64) -> usize {
        self.links.partition_point(|link| link.end <= at)
    }

    /// What a link leads to; `None` behind the last one.
    pub(crate) fn below(&self, index: usize) -> Result<Option<Below>, UnixFsError> {
        let Some(link) = self.links.get(index) else { return Ok(None) };
        let start = match index.checked_sub(1).and_then(|above| self.links.get(above)) {
            Some(above) => above.end,
            None => self.data.len() as u64,
        };
        let cid = from_bytes(&self.block[link.cid_start..link.cid_end])
            .map_err(|source| DagError::LinkCid { index, source })?;
        Ok(Some(Below { cid, start, end: link.end }))
    }

    /// Memory that it holds, about.
    pub(crate) fn weight(&self) -> usize {
        self.block.len() + self.links.len() * size_of::<Link>() + size_of::<Self>()
    }
}

fn malformed(reason: &'static str) -> UnixFsError {
    UnixFsError::Node { reason }
}
