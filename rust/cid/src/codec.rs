//! The content codecs a CID can name, from the multicodec table.

use crate::CidError;

/// Bytes as they are.
pub const RAW: u64 = 0x55;
/// Protobuf nodes with links: `UnixFS` files and folders.
pub const DAG_PB: u64 = 0x70;
/// CBOR with links.
pub const DAG_CBOR: u64 = 0x71;
/// A libp2p public key (IPNS names).
pub const LIBP2P_KEY: u64 = 0x72;
/// JSON with links.
pub const DAG_JSON: u64 = 0x0129;

/// Name and code of every codec known here, in the order of their codes.
pub const CODECS: [(&str, u64); 24] = [
    ("identity", 0x00),
    ("cbor", 0x51),
    ("raw", RAW),
    ("dag-pb", DAG_PB),
    ("dag-cbor", DAG_CBOR),
    ("libp2p-key", LIBP2P_KEY),
    ("git-raw", 0x78),
    ("torrent-info", 0x7b),
    ("torrent-file", 0x7c),
    ("blake3-hashseq", 0x80),
    ("leofcoin-block", 0x81),
    ("dag-jose", 0x85),
    ("dag-cose", 0x86),
    ("eth-block", 0x90),
    ("eth-tx", 0x93),
    ("eth-state-trie", 0x96),
    ("bitcoin-block", 0xb0),
    ("bitcoin-tx", 0xb1),
    ("zcash-block", 0xc0),
    ("stellar-block", 0xd0),
    ("dag-json", DAG_JSON),
    ("json", 0x0200),
    ("car", 0x0202),
    ("car-index-sorted", 0x0400),
];

/// Finds a codec by its multicodec name.
pub fn from_name(name: &str) -> Result<u64, CidError> {
    CODECS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, code)| *code)
        .ok_or_else(|| CidError::UnknownCodec(name.to_owned()))
}

/// Names a codec; `None` for a code that is not in the table here.
pub fn name(code: u64) -> Option<&'static str> {
    CODECS.iter().find(|(_, known)| *known == code).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_unique_and_ordered() {
        assert!(CODECS.windows(2).all(|pair| pair[0].1 < pair[1].1));
        for (known, code) in CODECS {
            assert_eq!(from_name(known), Ok(code));
            assert_eq!(name(code), Some(known));
        }
    }
}
