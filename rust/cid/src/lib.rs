//! Content identifiers: strict parsing, building, printing, bulk base32. No IO.
//!
//! [`Cid`] is the `cid` crate's type wide enough for an identity digest of 128 bytes; this
//! crate decides what is accepted. Both binary and text forms must be exactly one CID:
//! no trailing bytes, no overlong varint, no digest whose length its hash cannot give.
//!
//! ```
//! use ipfs_kit_cid::{Cid, codec, parse, to_string};
//! use ipfs_kit_hash::{Code, Hasher};
//!
//! let multihash = Hasher::new(Code::Sha2_256).hash(b"hello world").unwrap();
//! let cid = Cid::new_v1(codec::RAW, multihash);
//! assert_eq!(parse(&to_string(&cid)).unwrap(), cid);
//! ```
//!
//! Source: the CID, multibase, multihash and unsigned-varint specifications of multiformats.

#[cfg(feature = "arb")]
pub mod arb;
mod base;
mod base32;
pub mod codec;
mod error;
mod parse;
pub mod varint;

pub use base::{BASES, base_from_name, base_name, encode};
pub use base32::{Base32Bulk, base32_len};
pub use error::CidError;
pub use multibase::Base;
pub use parse::{
    MAX_CID_BYTES, MAX_CID_CHARS, from_bytes, multihash_from_bytes, parse, parse_any,
    read_multihash, read_prefix,
};

use ipfs_kit_hash::{Code, MAX_DIGEST_BYTES};

pub use cid::Version;

/// A CID that can carry any digest up to 128 bytes.
pub type Cid = cid::CidGeneric<MAX_DIGEST_BYTES>;

/// Prints a CID as Kubo does: v0 in base58btc, v1 in lower-case base32.
pub fn to_string(cid: &Cid) -> String {
    match cid.version() {
        Version::V0 => Base::Base58Btc.encode(cid.hash().to_bytes()),
        Version::V1 => multibase::encode(Base::Base32Lower, cid.to_bytes()),
    }
}

/// Converts to CIDv0, which only a dag-pb block under sha2-256 has.
pub fn to_v0(cid: &Cid) -> Result<Cid, CidError> {
    let sha256 = cid.hash().code() == Code::Sha2_256.code() && cid.hash().size() == 32;
    if cid.codec() != codec::DAG_PB || !sha256 {
        return Err(CidError::NotV0 { codec: cid.codec(), hash: cid.hash().code() });
    }
    Cid::new_v0(*cid.hash())
        .map_err(|_| CidError::NotV0 { codec: cid.codec(), hash: cid.hash().code() })
}

/// Converts to CIDv1; the codec and the multihash stay as they are.
pub fn to_v1(cid: &Cid) -> Cid {
    Cid::new_v1(cid.codec(), *cid.hash())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipfs_kit_hash::Hasher;

    #[test]
    fn v0_and_v1_convert_both_ways() {
        let v0 = parse("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn").unwrap();
        let v1 = to_v1(&v0);
        assert_eq!(
            to_string(&v1),
            "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
        );
        assert_eq!(to_v0(&v1).unwrap(), v0);
    }

    #[test]
    fn raw_has_no_v0() {
        let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(b"").unwrap());
        assert!(matches!(to_v0(&cid), Err(CidError::NotV0 { .. })));
    }
}
