//! Many CIDs in little memory: 33 bytes each for the usual ones.

use std::collections::HashMap;

use ipfs_kit_cid::{Cid, Version, codec};
use ipfs_kit_hash::{Code, Multihash};

/// What a CID is but for its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Raw,
    Pb,
    PbV0,
    /// It stands by itself.
    Other,
}

const DIGEST_BYTES: usize = 32;

/// A list of CIDs.
#[derive(Debug, Clone, Default)]
pub struct Cids {
    kinds: Vec<Kind>,
    digests: Vec<[u8; DIGEST_BYTES]>,
    others: HashMap<usize, Cid>,
}

impl Cids {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Adds one behind the last.
    pub fn push(&mut self, cid: &Cid) {
        let digest = cid.hash().digest().try_into().ok();
        let is_usual = cid.hash().code() == Code::Sha2_256.code();
        let kind = match (cid.version(), cid.codec()) {
            (Version::V0, _) => Kind::PbV0,
            (Version::V1, codec::RAW) => Kind::Raw,
            (Version::V1, codec::DAG_PB) => Kind::Pb,
            (Version::V1, _) => Kind::Other,
        };
        if let (true, Some(digest)) = (is_usual && kind != Kind::Other, digest) {
            self.kinds.push(kind);
            self.digests.push(digest);
        } else {
            self.others.insert(self.kinds.len(), *cid);
            self.kinds.push(Kind::Other);
            self.digests.push([0; DIGEST_BYTES]);
        }
    }

    /// The one at a place.
    pub fn get(&self, at: usize) -> Option<Cid> {
        let kind = *self.kinds.get(at)?;
        if kind == Kind::Other {
            return self.others.get(&at).copied();
        }
        let digest = self.digests.get(at)?;
        let hash = Multihash::wrap(Code::Sha2_256.code(), digest).ok()?;
        match kind {
            Kind::PbV0 => Cid::new_v0(hash).ok(),
            Kind::Pb => Some(Cid::new_v1(codec::DAG_PB, hash)),
            _ => Some(Cid::new_v1(codec::RAW, hash)),
        }
    }
}

impl<'a> FromIterator<&'a Cid> for Cids {
    fn from_iter<T: IntoIterator<Item = &'a Cid>>(cids: T) -> Self {
        let mut list = Self::default();
        cids.into_iter().for_each(|cid| list.push(cid));
        list
    }
}

#[cfg(test)]
mod tests {
    use ipfs_kit_hash::Hasher;

    use super::*;

    #[test]
    fn each_comes_back_as_it_was() {
        let hash = |code| Hasher::new(code).hash(b"some bytes").unwrap();
        let usual = hash(Code::Sha2_256);
        let cids = [
            Cid::new_v1(codec::RAW, usual),
            Cid::new_v1(codec::DAG_PB, usual),
            Cid::new_v0(usual).unwrap(),
            Cid::new_v1(codec::DAG_CBOR, usual),
            Cid::new_v1(codec::RAW, hash(Code::Blake3)),
            Cid::new_v1(codec::RAW, hash(Code::Sha2_512)),
            Cid::new_v1(codec::RAW, Multihash::wrap(0, b"inline").unwrap()),
        ];
        let list: Cids = cids.iter().collect();
        let back: Vec<Cid> = (0..list.len()).filter_map(|at| list.get(at)).collect();
        assert_eq!(back, cids);
        assert_eq!(list.get(cids.len()), None);
    }
}
