//! dag-pb: a list of named links and some bytes, in protobuf.
//!
//! Written in the one canonical form: links sorted by name (stable), each with hash, name and
//! size, then the data. Reading refuses unknown, repeated and interleaved fields, but takes
//! data before links and unsorted links, which old blocks have.
//!
//! Source: the DAG-PB specification of IPLD.

use ipfs_kit_cid::{Cid, from_bytes, varint};

use crate::DagError;

/// Most links a decoded node may have; a block of 2 MiB has room for some 50,000.
pub const MAX_LINKS: usize = 1 << 18;

const NODE_DATA: u8 = 0x0a;
const NODE_LINK: u8 = 0x12;
const LINK_HASH: u8 = 0x0a;
const LINK_NAME: u8 = 0x12;
const LINK_TSIZE: u8 = 0x18;

/// A link to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbLink {
    /// What it names.
    pub cid: Cid,
    /// Its name; files name their chunks with an empty one.
    pub name: Option<String>,
    /// Bytes of the whole DAG below, as its writer counted them.
    pub tsize: Option<u64>,
}

impl PbLink {
    /// Makes a link as `UnixFS` writes them.
    pub fn new(cid: Cid, name: impl Into<String>, tsize: u64) -> Self {
        Self { cid, name: Some(name.into()), tsize: Some(tsize) }
    }
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PbNode {
    /// Children, in the order they were read or are to be written.
    pub links: Vec<PbLink>,
    /// The node's own bytes.
    pub data: Option<Vec<u8>>,
}

impl PbNode {
    /// Writes the canonical form.
    pub fn encode(&self) -> Vec<u8> {
        let mut order: Vec<&PbLink> = self.links.iter().collect();
        order.sort_by(|a, b| a.name.as_deref().cmp(&b.name.as_deref()));
        let mut out = Vec::new();
        for link in order {
            put_link(
                &link.cid.to_bytes(),
                link.name.as_deref().map(str::as_bytes),
                link.tsize,
                &mut out,
            );
        }
        if let Some(data) = &self.data {
            put_data(data, &mut out);
        }
        out
    }

    /// Reads a node.
    pub fn decode(bytes: &[u8]) -> Result<Self, DagError> {
        let mut links = Vec::new();
        let data = visit(bytes, |link| {
            links.push(link.to_link(links.len())?);
            Ok(())
        })?;
        Ok(Self { links, data: data.map(<[u8]>::to_vec) })
    }
}

/// A link as it stands in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRef<'a> {
    /// The bytes of its CID, which have not been looked at.
    pub cid: &'a [u8],
    /// Its name.
    pub name: Option<&'a str>,
    /// Bytes of the whole DAG below, as its writer counted them.
    pub tsize: Option<u64>,
}

impl LinkRef<'_> {
    /// The same on its own; `index` is its place in the node, for the error.
    pub fn to_link(&self, index: usize) -> Result<PbLink, DagError> {
        let cid = from_bytes(self.cid);
        let cid = cid.map_err(|source| DagError::LinkCid { index, source })?;
        Ok(PbLink { cid, name: self.name.map(str::to_owned), tsize: self.tsize })
    }
}

/// Reads a node where it lies: shows each link, and gives the data.
///
/// As strict as [`PbNode::decode`], but that CIDs are left to whoever needs them.
pub fn visit<'a>(
    bytes: &'a [u8],
    mut link: impl FnMut(LinkRef<'a>) -> Result<(), DagError>,
) -> Result<Option<&'a [u8]>, DagError> {
    let mut reader = Reader { bytes, at: 0 };
    let (mut data, mut links, mut links_ended) = (None, 0, false);
    while !reader.is_empty() {
        match reader.tag()? {
            NODE_LINK if links_ended => {
                return Err(reader.error("links in two places"));
            }
            NODE_LINK if links == MAX_LINKS => {
                return Err(DagError::Limit { what: "links", limit: MAX_LINKS as u64 });
            }
            NODE_LINK => {
                let field = reader.bytes_field()?;
                link(read_link(field, reader.at - field.len())?)?;
                links += 1;
            }
            NODE_DATA if data.is_some() => {
                return Err(reader.error("data twice"));
            }
            NODE_DATA => {
                data = Some(reader.bytes_field()?);
                links_ended = links > 0;
            }
            _ => return Err(reader.error("unknown field")),
        }
    }
    Ok(data)
}

fn read_link(bytes: &[u8], base: usize) -> Result<LinkRef<'_>, DagError> {
    let mut reader = Reader { bytes, at: 0 };
    let (mut cid, mut name, mut tsize) = (None, None, None);
    while !reader.is_empty() {
        let tag = reader.tag().map_err(|e| e.shifted(base))?;
        // Each field stands once at most, and none behind a later one.
        let out_of_order = match tag {
            LINK_HASH => cid.is_some() || name.is_some() || tsize.is_some(),
            LINK_NAME => name.is_some() || tsize.is_some(),
            LINK_TSIZE => tsize.is_some(),
            _ => return Err(reader.error("unknown link field").shifted(base)),
        };
        if out_of_order {
            return Err(reader
                .error("link field repeated or out of order")
                .shifted(base));
        }
        match tag {
            LINK_HASH => {
                cid = Some(reader.bytes_field().map_err(|e| e.shifted(base))?);
            }
            LINK_NAME => {
                let bytes = reader.bytes_field().map_err(|e| e.shifted(base))?;
                let text = std::str::from_utf8(bytes)
                    .map_err(|_| reader.error("link name is not UTF-8").shifted(base))?;
                name = Some(text);
            }
            _ => tsize = Some(reader.varint().map_err(|e| e.shifted(base))?),
        }
    }
    let cid = cid.ok_or(DagError::Pb { reason: "link without a hash", offset: base })?;
    Ok(LinkRef { cid, name, tsize })
}

impl DagError {
    fn shifted(self, base: usize) -> Self {
        match self {
            Self::Pb { reason, offset } => Self::Pb { reason, offset: offset + base },
            other => other,
        }
    }
}

/// Appends one link: hash, name and size in the order of their fields.
pub fn put_link(cid: &[u8], name: Option<&[u8]>, tsize: Option<u64>, out: &mut Vec<u8>) {
    out.push(NODE_LINK);
    varint::encode(link_body_len(cid.len(), name.map(<[u8]>::len), tsize) as u64, out);
    put_bytes(LINK_HASH, cid, out);
    if let Some(name) = name {
        put_bytes(LINK_NAME, name, out);
    }
    if let Some(tsize) = tsize {
        out.push(LINK_TSIZE);
        varint::encode(tsize, out);
    }
}

/// Appends the node's data, which stands behind all links.
pub fn put_data(data: &[u8], out: &mut Vec<u8>) {
    put_bytes(NODE_DATA, data, out);
}

/// Appends what stands before `data_len` bytes of data written by someone else.
pub fn put_data_header(data_len: usize, out: &mut Vec<u8>) {
    out.push(NODE_DATA);
    varint::encode(data_len as u64, out);
}

/// Bytes that [`put_link`] appends for a link with name and size.
pub const fn link_len(cid_len: usize, name_len: usize, tsize: u64) -> usize {
    let body = link_body_len(cid_len, Some(name_len), Some(tsize));
    1 + varint::len(body as u64) + body
}

const fn link_body_len(
    cid_len: usize,
    name_len: Option<usize>,
    tsize: Option<u64>,
) -> usize {
    let mut len = 1 + varint::len(cid_len as u64) + cid_len;
    if let Some(name_len) = name_len {
        len += 1 + varint::len(name_len as u64) + name_len;
    }
    if let Some(tsize) = tsize {
        len += 1 + varint::len(tsize);
    }
    len
}

fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads protobuf fields; every error carries the offset it was found at.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn error(&self, reason: &'static str) -> DagError {
        DagError::Pb { reason, offset: self.at }
    }

    /// Every tag of dag-pb is one byte.
    fn tag(&mut self) -> Result<u8, DagError> {
        let tag = *self.bytes.get(self.at).ok_or_else(|| self.error("cut short"))?;
        self.at += 1;
        Ok(tag)
    }

    fn varint(&mut self) -> Result<u64, DagError> {
        let (value, read) = varint::decode(&self.bytes[self.at..])
            .map_err(|reason| self.error(reason))?;
        self.at += read;
        Ok(value)
    }

    fn bytes_field(&mut self) -> Result<&'a [u8], DagError> {
        let length = self.varint()?;
        let rest = &self.bytes[self.at..];
        let field = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let field = field.ok_or_else(|| self.error("field longer than the node"))?;
        self.at += field.len();
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipfs_kit_cid::parse;

    fn cid() -> Cid {
        parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn").unwrap()
    }

    #[test]
    fn links_are_written_sorted_and_keep_the_order_of_equals() {
        let link = |name: &str, size| PbLink::new(cid(), name, size);
        let node =
            PbNode { links: vec![link("b", 1), link("a", 2), link("a", 1)], data: None };
        let read = PbNode::decode(&node.encode()).unwrap();
        assert_eq!(read.links, [link("a", 2), link("a", 1), link("b", 1)]);
    }

    #[test]
    fn data_between_links_is_refused() {
        let mut bytes = Vec::new();
        put_link(&cid().to_bytes(), Some(b""), Some(1), &mut bytes);
        let links = bytes.clone();
        put_data(b"x", &mut bytes);
        bytes.extend_from_slice(&links);
        let error = PbNode::decode(&bytes).unwrap_err();
        assert!(error.to_string().contains("two places"), "{error}");
    }

    #[test]
    fn data_before_links_is_read() {
        let mut bytes = Vec::new();
        put_data(b"x", &mut bytes);
        put_link(&cid().to_bytes(), Some(b""), Some(1), &mut bytes);
        assert_eq!(PbNode::decode(&bytes).unwrap().links.len(), 1);
    }

    #[test]
    fn link_len_is_what_put_link_writes() {
        for name_len in [0, 1, 127, 128, 300] {
            for tsize in [0, 127, 128, u64::MAX >> 1] {
                let mut out = Vec::new();
                put_link(
                    &cid().to_bytes(),
                    Some(&vec![b'n'; name_len]),
                    Some(tsize),
                    &mut out,
                );
                assert_eq!(out.len(), link_len(34, name_len, tsize));
            }
        }
    }

    #[test]
    fn an_error_names_its_place_in_the_whole_node() {
        let mut bytes = Vec::new();
        put_link(&cid().to_bytes(), Some(b"ok"), Some(1), &mut bytes);
        let second = bytes.len();
        bytes.extend_from_slice(&[NODE_LINK, 2, 0x7f, 0]);
        let error = PbNode::decode(&bytes).unwrap_err();
        assert!(
            matches!(error, DagError::Pb { offset, .. } if offset == second + 3),
            "{error}"
        );
    }
}
