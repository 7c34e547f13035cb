//! The header of version 1: a dag-cbor map of roots and the version, in its one canonical
//! form.
//!
//! Read and written here by hand, because the header has a single shape, and because roots
//! may be identity CIDs that are longer than the dag-cbor crate's CIDs.

use ipfs_kit_cid::{Cid, from_bytes, varint};

use crate::CarError;

/// The roots that a CAR names. They need not be in it.
///
/// ```
/// use ipfs_kit_car::Header;
///
/// let header = Header { roots: vec![] };
/// let bytes = header.encode();
/// assert_eq!(bytes, b"\xa2\x65roots\x80\x67version\x01");
/// assert_eq!(Header::decode(&bytes)?, header);
/// # Ok::<(), ipfs_kit_car::CarError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// In the order of the file.
    pub roots: Vec<Cid>,
}

const MAP_OF_ROOTS: &[u8] = b"\xa2\x65roots";
const VERSION_KEY: &[u8] = b"\x67version";
const MAP_OF_VERSION: &[u8] = b"\xa1\x67version";
/// Tag 42, and the major type of a byte string.
const LINK: &[u8] = b"\xd8\x2a";
const BYTES: u8 = 0x40;
const ARRAY: u8 = 0x80;
const UNSIGNED: u8 = 0x00;

impl Header {
    /// The header without the varint of its length.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAP_OF_ROOTS.to_vec();
        write_head(ARRAY, self.roots.len() as u64, &mut out);
        for root in &self.roots {
            let cid = root.to_bytes();
            out.extend_from_slice(LINK);
            write_head(BYTES, cid.len() as u64 + 1, &mut out);
            out.push(0); // the multibase prefix of binary
            out.extend_from_slice(&cid);
        }
        out.extend_from_slice(VERSION_KEY);
        write_head(UNSIGNED, 1, &mut out);
        out
    }

    /// The first frame of a CAR: the header behind its length.
    pub fn encode_frame(&self) -> Vec<u8> {
        let header = self.encode();
        let mut out = Vec::with_capacity(header.len() + varint::MAX_BYTES);
        varint::encode(header.len() as u64, &mut out);
        out.extend_from_slice(&header);
        out
    }

    /// Bytes of the frame of a header with one root, whose CID has `cid_bytes`.
    pub(crate) fn frame_bytes(cid_bytes: usize) -> usize {
        let mut head = Vec::new();
        write_head(BYTES, cid_bytes as u64 + 1, &mut head);
        let list = 1 + LINK.len() + head.len() + 1 + cid_bytes;
        let header = MAP_OF_ROOTS.len() + list + VERSION_KEY.len() + 1;
        varint::len(header as u64) + header
    }

    /// Decodes a header that fills `bytes`. A version other than 1 is an error that names it.
    pub fn decode(bytes: &[u8]) -> Result<Self, CarError> {
        let mut at = Cursor { bytes, offset: 0 };
        if let Some(rest) = bytes.strip_prefix(MAP_OF_VERSION) {
            at.offset = bytes.len() - rest.len();
            let version = at.head(UNSIGNED, "the version is no number")?;
            at.end()?;
            return Err(CarError::Version { version });
        }
        at.literal(MAP_OF_ROOTS, "no map that begins with roots")?;
        let count = at.head(ARRAY, "roots are no list")?;
        let mut roots = Vec::new();
        for _ in 0..count {
            roots.push(at.link(roots.len())?);
        }
        at.literal(VERSION_KEY, "no version after the roots")?;
        let version = at.head(UNSIGNED, "the version is no number")?;
        at.end()?;
        if version != 1 {
            return Err(CarError::Version { version });
        }
        Ok(Self { roots })
    }
}

/// Writes the head of a CBOR item in its shortest form.
fn write_head(major: u8, value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    match value {
        0..24 => out.push(major + bytes[7]),
        24..0x100 => out.extend_from_slice(&[major + 24, bytes[7]]),
        0x100..0x1_0000 => {
            out.push(major + 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major + 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major + 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// A place in the header's bytes.
struct Cursor<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Cursor<'a> {
    fn error(&self, reason: &'static str) -> CarError {
        CarError::Header { offset: self.offset as u64, reason }
    }

    fn take(&mut self, length: u64, reason: &'static str) -> Result<&'a [u8], CarError> {
        let rest = &self.bytes[self.offset..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or_else(|| self.error(reason))?;
        self.offset += taken.len();
        Ok(taken)
    }

    fn literal(&mut self, expected: &[u8], reason: &'static str) -> Result<(), CarError> {
        if self.bytes[self.offset..].starts_with(expected) {
            self.offset += expected.len();
            Ok(())
        } else {
            Err(self.error(reason))
        }
    }

    /// Reads the head of an item of this major type, in its shortest form alone.
    fn head(&mut self, major: u8, reason: &'static str) -> Result<u64, CarError> {
        let start = self.offset;
        let first = self.take(1, reason)?[0];
        let (kind, short) = (first & 0xe0, first & 0x1f);
        let width = match short {
            0..24 => 0,
            24..28 => 1 << (short - 24),
            _ => return Err(CarError::Header { offset: start as u64, reason }),
        };
        let long = self.take(width, reason)?;
        let value = long.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        let value = if width == 0 { u64::from(short) } else { value };
        let mut shortest = Vec::with_capacity(9);
        write_head(major, value, &mut shortest);
        if kind != major || self.bytes[start..self.offset] != shortest {
            return Err(CarError::Header { offset: start as u64, reason });
        }
        Ok(value)
    }

    fn link(&mut self, index: usize) -> Result<Cid, CarError> {
        self.literal(LINK, "a root is no link")?;
        let length = self.head(BYTES, "a root holds no bytes")?;
        let bytes = self.take(length, "a root is cut short")?;
        let Some((0, cid)) = bytes.split_first() else {
            return Err(self.error("a root has no binary prefix"));
        };
        from_bytes(cid).map_err(|source| CarError::Root { index, source })
    }

    fn end(&self) -> Result<(), CarError> {
        if self.offset == self.bytes.len() {
            Ok(())
        } else {
            Err(self.error("bytes after the header's end"))
        }
    }
}

#[cfg(test)]
mod tests {
    use ipfs_kit_dag::{Ipld, cbor};

    use super::*;

    fn roots() -> Vec<Cid> {
        ["QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn", "bafkqabtimvwgy3yk"]
            .map(|text| ipfs_kit_cid::parse(text).unwrap())
            .to_vec()
    }

    #[test]
    fn any_number_of_roots_round_trips() {
        for count in [0, 1, 2, 23, 24, 255, 256, 70_000] {
            let roots = roots().into_iter().cycle().take(count).collect();
            let header = Header { roots };
            assert_eq!(Header::decode(&header.encode()).unwrap(), header);
        }
    }

    #[test]
    fn the_place_kept_for_one_root_is_as_long_as_its_header() {
        let identity = |length| {
            let hash = ipfs_kit_hash::Multihash::wrap(0, &vec![7; length]).unwrap();
            Cid::new_v1(0x55, hash)
        };
        let long = [10, 13, 14, 15, 80, 81, 82, 90, 128].map(identity);
        for root in roots().into_iter().chain(long) {
            let bytes = Header::frame_bytes(root.to_bytes().len());
            assert_eq!(Header { roots: vec![root] }.encode_frame().len(), bytes);
        }
    }

    #[test]
    fn the_bytes_are_those_of_dag_cbor() {
        let bytes = Header { roots: roots() }.encode();
        let Ipld::Map(map) = cbor::decode(&bytes).unwrap() else { panic!("no map") };
        assert_eq!(map["version"], Ipld::Integer(1));
        let Ipld::List(links) = &map["roots"] else { panic!("no list") };
        assert_eq!(links.len(), 2);
        assert_eq!(cbor::encode(&Ipld::Map(map)).unwrap(), bytes);
    }

    #[test]
    fn every_cut_and_every_longer_header_is_refused() {
        let mut bytes = Header { roots: roots() }.encode();
        for end in 0..bytes.len() {
            assert!(Header::decode(&bytes[..end]).is_err(), "{end}");
        }
        bytes.push(0);
        assert!(Header::decode(&bytes).is_err());
    }

    #[test]
    fn other_versions_are_named() {
        for (bytes, expected) in [
            (&b"\xa1\x67version\x02"[..], 2),
            (b"\xa1\x67version\x01", 1),
            (b"\xa2\x65roots\x80\x67version\x18\x2a", 42),
        ] {
            let refused = Header::decode(bytes).unwrap_err();
            assert!(
                matches!(refused, CarError::Version { version } if version == expected),
                "{refused}"
            );
        }
    }

    #[test]
    fn forms_that_are_not_canonical_are_refused() {
        for bytes in [
            &b"\xa2\x67version\x01\x65roots\x80"[..], // unsorted
            b"\xa2\x65roots\x98\x00\x67version\x01",  // long count
            b"\xa2\x65roots\x80\x67version\x18\x01",  // long version
            b"\xbf\x65roots\x80\x67version\x01\xff",  // indefinite map
            b"\xa2\x65roots\x9f\xff\x67version\x01",  // indefinite list
            b"\xa2\x65roots\x80\x67version\x20",      // negative version
            b"\xa2\x65roots\x81\x41\x00\x67version\x01", // no tag
            b"\xa2\x65roots\xf6\x67version\x01",      // null roots
            b"\xa2\x65roots\x9b\xff\xff\xff\xff\xff\xff\xff\xff", // endless list
        ] {
            let refused = Header::decode(bytes).unwrap_err();
            assert!(matches!(refused, CarError::Header { .. }), "{refused}");
        }
    }
}
