//! The `UnixFS` message inside a dag-pb node: what kind of thing it is, its bytes and sizes.
//!
//! Fields are written in the order of their numbers, block sizes unpacked, as every writer
//! has done since the first. Reading skips unknown fields, as protobuf asks, and refuses what
//! is cut short, out of range or given twice.
//!
//! Source: the `UnixFS` specification, with mode and mtime of `UnixFS` 1.5.

use ipfs_kit_cid::varint;

use crate::UnixFsError;

/// The multicodec of murmur3-x64-64, the only hash of HAMT directories.
pub const HAMT_MURMUR3: u64 = 0x22;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A chunk of a file, as trickle layouts mark their leaves.
    Raw = 0,
    /// A directory in one block.
    Directory = 1,
    /// A file, or a part of one.
    File = 2,
    /// Deprecated; only named here so that it can be refused by name.
    Metadata = 3,
    /// A symbolic link; its target is the data.
    Symlink = 4,
    /// A directory, or a part of one, spread over a hash trie.
    HamtShard = 5,
}

/// A point in time as `UnixFS` keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mtime {
    /// Seconds since 1970, negative before.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// Optional metadata of a file, directory or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attributes {
    /// Permission bits, at most `0o7777`.
    pub mode: Option<u32>,
    /// Time of the last change.
    pub mtime: Option<Mtime>,
}

impl Attributes {
    /// Whether there is nothing to write.
    pub const fn is_empty(&self) -> bool {
        self.mode.is_none() && self.mtime.is_none()
    }

    /// Appends fields 7 and 8.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        if let Some(mode) = self.mode {
            put_number(7, u64::from(mode), out);
        }
        if let Some(mtime) = self.mtime {
            let mut inner = Vec::with_capacity(16);
            put_number(1, mtime.seconds.cast_unsigned(), &mut inner);
            if mtime.nanoseconds > 0 {
                inner.push(2 << 3 | 5);
                inner.extend_from_slice(&mtime.nanoseconds.to_le_bytes());
            }
            put_bytes(8, &inner, out);
        }
    }
}

/// A decoded `UnixFS` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FsNode {
    /// What it is.
    pub kind: NodeKind,
    /// File bytes in this node, a link's target, or a shard's bit field.
    pub data: Option<Vec<u8>>,
    /// Bytes of the file from here down.
    pub file_size: Option<u64>,
    /// Bytes of the file below each link.
    pub block_sizes: Vec<u64>,
    /// A shard's hash function.
    pub hash_type: Option<u64>,
    /// A shard's width.
    pub fanout: Option<u64>,
    /// Mode and mtime.
    pub attributes: Attributes,
}

impl FsNode {
    /// A node of this kind with nothing in it.
    pub const fn new(kind: NodeKind) -> Self {
        Self {
            kind,
            data: None,
            file_size: None,
            block_sizes: Vec::new(),
            hash_type: None,
            fanout: None,
            attributes: Attributes { mode: None, mtime: None },
        }
    }

    /// Writes the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_number(1, self.kind as u64, &mut out);
        if let Some(data) = &self.data {
            put_bytes(2, data, &mut out);
        }
        if let Some(size) = self.file_size {
            put_number(3, size, &mut out);
        }
        for &size in &self.block_sizes {
            put_number(4, size, &mut out);
        }
        if let Some(hash_type) = self.hash_type {
            put_number(5, hash_type, &mut out);
        }
        if let Some(fanout) = self.fanout {
            put_number(6, fanout, &mut out);
        }
        self.attributes.encode(&mut out);
        out
    }

    /// Reads a message.
    pub fn decode(bytes: &[u8]) -> Result<Self, UnixFsError> {
        let (mut node, data) = Self::decode_around(bytes)?;
        node.data = data.map(<[u8]>::to_vec);
        Ok(node)
    }

    /// Reads a message without copying its data, which stands beside it.
    pub(crate) fn decode_around(
        bytes: &[u8],
    ) -> Result<(Self, Option<&[u8]>), UnixFsError> {
        let mut reader = Fields { bytes, at: 0 };
        let (mut kind, mut data) = (None, None);
        let mut node = Self::new(NodeKind::Raw);
        while let Some((field, value)) = reader.next()? {
            match (field, value) {
                (1, Value::Number(n)) if kind.is_none() => kind = Some(kind_of(n)?),
                (2, Value::Bytes(bytes)) if data.is_none() => data = Some(bytes),
                (3, Value::Number(n)) if node.file_size.is_none() => {
                    node.file_size = Some(n);
                }
                (4, Value::Number(n)) => node.block_sizes.push(n),
                (4, Value::Bytes(packed)) => unpack(packed, &mut node.block_sizes)?,
                (5, Value::Number(n)) if node.hash_type.is_none() => {
                    node.hash_type = Some(n);
                }
                (6, Value::Number(n)) if node.fanout.is_none() => node.fanout = Some(n),
                (7, Value::Number(n)) if node.attributes.mode.is_none() => {
                    node.attributes.mode = Some(
                        u32::try_from(n).map_err(|_| malformed("mode over 32 bits"))?,
                    );
                }
                (8, Value::Bytes(time)) if node.attributes.mtime.is_none() => {
                    node.attributes.mtime = Some(decode_mtime(time)?);
                }
                (1..=8, _) => {
                    return Err(malformed("field of a wrong type, or given twice"));
                }
                _ => {}
            }
        }
        node.kind = kind.ok_or_else(|| malformed("no type"))?;
        Ok((node, data))
    }
}

/// Appends a leaf's message up to its data; [`leaf_trailer`] ends it.
///
/// Together they let a chunk be hashed where it lies: header, data, trailer.
pub(crate) fn leaf_header(
    kind: NodeKind,
    data_len: usize,
    trailer_len: usize,
    out: &mut Vec<u8>,
) {
    let mut head = Vec::with_capacity(16);
    put_number(1, kind as u64, &mut head);
    if data_len > 0 {
        head.push(2 << 3 | 2);
        varint::encode(data_len as u64, &mut head);
    }
    ipfs_kit_dag::pb::put_data_header(head.len() + data_len + trailer_len, out);
    out.extend_from_slice(&head);
}

/// Appends what follows a leaf's data.
pub(crate) fn leaf_trailer(data_len: usize, attributes: &Attributes, out: &mut Vec<u8>) {
    put_number(3, data_len as u64, out);
    attributes.encode(out);
}

fn put_number(field: u8, value: u64, out: &mut Vec<u8>) {
    out.push(field << 3);
    varint::encode(value, out);
}

fn put_bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | 2);
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn malformed(reason: &'static str) -> UnixFsError {
    UnixFsError::Node { reason }
}

fn kind_of(number: u64) -> Result<NodeKind, UnixFsError> {
    Ok(match number {
        0 => NodeKind::Raw,
        1 => NodeKind::Directory,
        2 => NodeKind::File,
        3 => NodeKind::Metadata,
        4 => NodeKind::Symlink,
        5 => NodeKind::HamtShard,
        _ => return Err(malformed("unknown type")),
    })
}

fn unpack(packed: &[u8], sizes: &mut Vec<u64>) -> Result<(), UnixFsError> {
    let mut reader = Fields { bytes: packed, at: 0 };
    while reader.at < packed.len() {
        sizes.push(reader.number()?);
    }
    Ok(())
}

fn decode_mtime(bytes: &[u8]) -> Result<Mtime, UnixFsError> {
    let mut reader = Fields { bytes, at: 0 };
    let (mut seconds, mut nanoseconds) = (None, None);
    while let Some((field, value)) = reader.next()? {
        match (field, value) {
            (1, Value::Number(n)) if seconds.is_none() => seconds = Some(n.cast_signed()),
            (2, Value::Fixed32(n)) if nanoseconds.is_none() && n < 1_000_000_000 => {
                nanoseconds = Some(n);
            }
            (1 | 2, _) => return Err(malformed("bad mtime")),
            _ => {}
        }
    }
    let seconds = seconds.ok_or_else(|| malformed("mtime without seconds"))?;
    Ok(Mtime { seconds, nanoseconds: nanoseconds.unwrap_or(0) })
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    Fixed64,
}

/// Reads protobuf fields one by one.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, UnixFsError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let length = usize::try_from(self.number()?)
                    .map_err(|_| malformed("field longer than the node"))?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                let bytes = self.take(4)?;
                let mut word = [0; 4];
                word.copy_from_slice(bytes);
                Value::Fixed32(u32::from_le_bytes(word))
            }
            _ => return Err(malformed("unknown wire type")),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// Protobuf numbers have 64 bits, one more than multiformats' varints: negative times
    /// need them.
    fn number(&mut self) -> Result<u64, UnixFsError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed("number over 64 bits"))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], UnixFsError> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| malformed("cut short"))?;
        self.at += length;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> FsNode {
        FsNode {
            kind: NodeKind::File,
            data: Some(b"abc".to_vec()),
            file_size: Some(300),
            block_sizes: vec![100, 200],
            hash_type: Some(HAMT_MURMUR3),
            fanout: Some(256),
            attributes: Attributes {
                mode: Some(0o644),
                mtime: Some(Mtime { seconds: -1, nanoseconds: 5 }),
            },
        }
    }

    #[test]
    fn every_field_round_trips() {
        assert_eq!(FsNode::decode(&full().encode()).unwrap(), full());
    }

    #[test]
    fn every_cut_is_an_error_or_a_smaller_node() {
        let bytes = full().encode();
        for end in 0..bytes.len() {
            if let Ok(node) = FsNode::decode(&bytes[..end]) {
                assert_ne!(node, full());
            }
        }
    }

    #[test]
    fn unknown_fields_are_skipped_and_known_ones_stand_once() {
        let mut bytes = full().encode();
        put_number(15, 7, &mut bytes);
        assert_eq!(FsNode::decode(&bytes).unwrap(), full());
        put_number(3, 1, &mut bytes);
        assert!(FsNode::decode(&bytes).is_err());
    }

    #[test]
    fn leaf_pieces_are_the_whole_node() {
        for data_len in [0, 1, 127, 128, 70_000] {
            let attributes = full().attributes;
            let node = FsNode {
                data: (data_len > 0).then(|| vec![9; data_len]),
                file_size: Some(data_len as u64),
                attributes,
                ..FsNode::new(NodeKind::File)
            };
            let mut whole = Vec::new();
            ipfs_kit_dag::pb::put_data(&node.encode(), &mut whole);
            let (mut header, mut trailer) = (Vec::new(), Vec::new());
            leaf_trailer(data_len, &attributes, &mut trailer);
            leaf_header(NodeKind::File, data_len, trailer.len(), &mut header);
            assert_eq!([header, vec![9; data_len], trailer].concat(), whole);
        }
    }
}
