//! Multibases by name, and a CID printed in one of them.

use crate::{Base, Cid, CidError, Version};

/// Every multibase with the name the table gives it.
pub const BASES: [(&str, Base); 25] = [
    ("identity", Base::Identity),
    ("base2", Base::Base2),
    ("base8", Base::Base8),
    ("base10", Base::Base10),
    ("base16", Base::Base16Lower),
    ("base16upper", Base::Base16Upper),
    ("base32hex", Base::Base32HexLower),
    ("base32hexupper", Base::Base32HexUpper),
    ("base32hexpad", Base::Base32HexPadLower),
    ("base32hexpadupper", Base::Base32HexPadUpper),
    ("base32", Base::Base32Lower),
    ("base32upper", Base::Base32Upper),
    ("base32pad", Base::Base32PadLower),
    ("base32padupper", Base::Base32PadUpper),
    ("base32z", Base::Base32Z),
    ("base36", Base::Base36Lower),
    ("base36upper", Base::Base36Upper),
    ("base45", Base::Base45),
    ("base58btc", Base::Base58Btc),
    ("base58flickr", Base::Base58Flickr),
    ("base64", Base::Base64),
    ("base64pad", Base::Base64Pad),
    ("base64url", Base::Base64Url),
    ("base64urlpad", Base::Base64UrlPad),
    ("base256emoji", Base::Base256Emoji),
];

/// Finds a multibase by its name in the table.
pub fn base_from_name(name: &str) -> Result<Base, CidError> {
    BASES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, base)| *base)
        .ok_or_else(|| CidError::UnknownBase(name.to_owned()))
}

/// Names a multibase as the table does.
pub fn base_name(base: Base) -> &'static str {
    BASES.iter().find(|(_, known)| *known == base).map_or("unknown", |(name, _)| *name)
}

/// Prints a CID in a base; v0 is refused outside base58btc, where it stands bare, and identity
/// altogether, as a CID's bytes are no text.
pub fn encode(cid: &Cid, base: Base) -> Result<String, CidError> {
    match cid.version() {
        _ if base == Base::Identity => Err(CidError::BinaryBase),
        Version::V0 if base == Base::Base58Btc => Ok(base.encode(cid.hash().to_bytes())),
        Version::V0 => Err(CidError::V0Base(base_name(base))),
        Version::V1 => Ok(multibase::encode(base, cid.to_bytes())),
    }
}
