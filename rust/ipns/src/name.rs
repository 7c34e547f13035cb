//! Names: multihashes of public keys, as peer IDs and as IPNS names.

use std::fmt;

use ipfs_kit_cid::{Base, Cid, MAX_CID_CHARS, codec, multihash_from_bytes, parse};
use ipfs_kit_hash::{Code, Hasher, Multihash};

use crate::{IpnsError, PublicKey};

/// Keys up to this length stand in their names as they are.
const MAX_INLINE_BYTES: usize = 42;

/// What a key is known by: the same bytes are a peer ID and an IPNS name.
///
/// Two names are equal if their keys are, however they were spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    hash: Multihash,
}

impl Name {
    /// The name of a key in libp2p's protobuf form.
    pub(crate) fn of_key(protobuf: &[u8]) -> Self {
        let code = if protobuf.len() <= MAX_INLINE_BYTES {
            Code::Identity
        } else {
            Code::Sha2_256
        };
        // Both take what they are given here.
        Self { hash: Hasher::new(code).hash(protobuf).unwrap_or_default() }
    }

    /// Reads any spelling: `12D3KooW...`, `Qm...`, `k51...`, or a CID in another base.
    pub fn parse(text: &str) -> Result<Self, IpnsError> {
        let wrong = |reason: &str| IpnsError::Name {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        if text.len() > MAX_CID_CHARS {
            let text = text.chars().take(32).collect();
            return Err(IpnsError::Name { text, reason: "it is too long".to_owned() });
        }
        if text.starts_with('1') || text.starts_with("Qm") {
            let bytes = Base::Base58Btc.decode(text);
            let bytes = bytes.map_err(|error| wrong(&error.to_string()))?;
            return Self::from_bytes(&bytes).map_err(|_| wrong("it is no multihash"));
        }
        let cid = parse(text).map_err(|error| wrong(&error.to_string()))?;
        if cid.codec() != codec::LIBP2P_KEY {
            return Err(wrong("it is the CID of something else than a key"));
        }
        Self::of_hash(*cid.hash())
            .ok_or_else(|| wrong("its hash is none that names have"))
    }

    /// Reads the bytes of a peer ID.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IpnsError> {
        let hash = multihash_from_bytes(bytes).ok().and_then(Self::of_hash);
        hash.ok_or_else(|| IpnsError::Malformed("bytes are no peer ID".to_owned()))
    }

    fn of_hash(hash: Multihash) -> Option<Self> {
        let known = [Code::Identity.code(), Code::Sha2_256.code()];
        known.contains(&hash.code()).then_some(Self { hash })
    }

    /// The bytes of the peer ID.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hash.to_bytes()
    }

    /// The peer ID, in base58: `12D3KooW...`.
    pub fn peer_id(&self) -> String {
        Base::Base58Btc.encode(self.to_bytes())
    }

    /// The name as a CID.
    pub fn cid(&self) -> Cid {
        Cid::new_v1(codec::LIBP2P_KEY, self.hash)
    }

    /// The key that stands in the name; `None` if only its hash does.
    pub fn public_key(&self) -> Result<Option<PublicKey>, IpnsError> {
        if self.hash.code() != Code::Identity.code() {
            return Ok(None);
        }
        PublicKey::from_protobuf(self.hash.digest()).map(Some)
    }
}

impl fmt::Display for Name {
    /// The name as a CID in base36: `k51...`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = ipfs_kit_cid::encode(&self.cid(), Base::Base36Lower);
        f.write_str(&text.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWLaNDbNwHYyy86vzZenUnxNunLvd7YjA6AnECADcYmFp8";
    const NAME: &str = "k51qzi5uqu5dk60pfzilhc9pr8aclxtbeo22igyxxqklok7wb03gsf9bn37t1x";
    const RSA: &str = "QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ";

    #[test]
    fn all_spellings_are_one_name() {
        let name = Name::parse(PEER).unwrap();
        assert_eq!(Name::parse(NAME), Ok(name));
        assert_eq!(
            (name.peer_id(), name.to_string()),
            (PEER.to_owned(), NAME.to_owned())
        );
        let base32 = ipfs_kit_cid::to_string(&name.cid());
        assert_eq!(Name::parse(&base32), Ok(name));
        assert_eq!(Name::from_bytes(&name.to_bytes()), Ok(name));
    }

    #[test]
    fn the_hash_of_an_rsa_key_is_a_name_without_its_key() {
        let name = Name::parse(RSA).unwrap();
        assert_eq!(name.peer_id(), RSA);
        assert_eq!(name.public_key(), Ok(None));
    }

    #[test]
    fn an_ed25519_name_holds_its_key() {
        let name = Name::parse(PEER).unwrap();
        let key = name.public_key().unwrap().unwrap();
        assert_eq!(key.name(), name);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            "self",
            "1",
            "Qm",
            "12D3KooWLaNDbNwHYyy86vzZenUnxNunLvd7YjA6AnECADcYmFp",
            "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
            "example.com",
            &"1".repeat(1 << 20),
        ] {
            assert!(matches!(Name::parse(text), Err(IpnsError::Name { .. })), "{text}");
        }
    }
}
