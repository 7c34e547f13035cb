//! Strict parsing: exactly one CID, in its one valid form.

use ipfs_kit_hash::{Code, HashError, MAX_DIGEST_BYTES, Multihash};

use crate::{Base, Cid, CidError, Version, codec, varint};

/// The longest binary CID: version, codec, hash code and length at 9 bytes each, and a digest.
pub const MAX_CID_BYTES: usize = 4 * varint::MAX_BYTES + MAX_DIGEST_BYTES;
/// The longest text looked at: that in base 2 and its prefix. Decoding some bases takes time
/// that grows with the square of the length, so the bound comes first.
pub const MAX_CID_CHARS: usize = 8 * MAX_CID_BYTES + 4;

/// How much of a text a message shows: a usual CID, and a little more.
const SHOWN_CHARS: usize = 80;
const V0_CHARS: usize = 46;
const V0_BYTES: usize = 34;

/// Parses the text of a CID: a bare base58btc v0, or a multibase v1.
pub fn parse(text: &str) -> Result<Cid, CidError> {
    if text.is_empty() {
        return Err(CidError::Empty);
    }
    if text.len() > MAX_CID_CHARS {
        return Err(CidError::TooLong { length: text.len(), limit: MAX_CID_CHARS });
    }
    if text.len() == V0_CHARS && text.starts_with("Qm") {
        let bytes =
            Base::Base58Btc.decode(text).map_err(|e| multibase_error(&e, text))?;
        return from_bytes(&bytes);
    }
    let (_, bytes) = multibase::decode(text).map_err(|e| multibase_error(&e, text))?;
    let cid = from_bytes(&bytes)?;
    match cid.version() {
        Version::V0 => Err(CidError::PrefixedV0),
        Version::V1 => Ok(cid),
    }
}

/// Parses a CID that may stand behind `ipfs://` or `/ipfs/`, as people paste them.
pub fn parse_any(text: &str) -> Result<Cid, CidError> {
    let bare = text.strip_prefix("ipfs://").or_else(|| text.strip_prefix("/ipfs/"));
    parse(bare.map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest)))
}

fn multibase_error(error: &multibase::Error, text: &str) -> CidError {
    let reason = match error {
        multibase::Error::UnknownBase(_) => "it begins with the letter of no known base",
        multibase::Error::InvalidBaseString => "it is misspelled or cut short",
    };
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    CidError::Multibase { text: shown, reason }
}

/// Parses a binary CID that fills `bytes`.
pub fn from_bytes(bytes: &[u8]) -> Result<Cid, CidError> {
    match read_prefix(bytes)? {
        (cid, read) if read == bytes.len() => Ok(cid),
        (_, read) => Err(CidError::Trailing(bytes.len() - read)),
    }
}

/// Parses the binary CID that `bytes` begins with; returns it with the bytes it took.
pub fn read_prefix(bytes: &[u8]) -> Result<(Cid, usize), CidError> {
    if bytes.is_empty() {
        return Err(CidError::Empty);
    }
    if bytes.starts_with(&[0x12, 0x20]) {
        let (hash, read) = read_multihash(bytes, 0)?;
        debug_assert_eq!(read, V0_BYTES);
        let cid = Cid::new_v0(hash)
            .map_err(|_| CidError::NotV0 { codec: codec::DAG_PB, hash: hash.code() })?;
        return Ok((cid, read));
    }
    let (version, at) = read_varint(bytes, 0)?;
    if version != 1 {
        return Err(CidError::Version(version));
    }
    let (codec, at) = read_varint(bytes, at)?;
    let (hash, at) = read_multihash(bytes, at)?;
    Ok((Cid::new_v1(codec, hash), at))
}

/// Parses a multihash that fills `bytes`.
pub fn multihash_from_bytes(bytes: &[u8]) -> Result<Multihash, CidError> {
    match read_multihash(bytes, 0)? {
        (hash, read) if read == bytes.len() => Ok(hash),
        (_, read) => Err(CidError::Trailing(bytes.len() - read)),
    }
}

/// Reads the multihash at `offset`; returns it with the offset behind it.
pub fn read_multihash(
    bytes: &[u8],
    offset: usize,
) -> Result<(Multihash, usize), CidError> {
    let (code, at) = read_varint(bytes, offset)?;
    let (length, at) = read_varint(bytes, at)?;
    let rest = &bytes[at..];
    let digest = usize::try_from(length)
        .ok()
        .and_then(|length| rest.get(..length))
        .ok_or(CidError::DigestLength { expected: length, actual: rest.len() })?;
    check_digest_length(code, digest.len())?;
    let hash = Multihash::wrap(code, digest)
        .map_err(|_| HashError::IdentityTooLong { length: digest.len() })?;
    Ok((hash, at + digest.len()))
}

/// A known hash gives digests of its own length alone, so any other can match no content.
fn check_digest_length(code: u64, length: usize) -> Result<(), CidError> {
    let too_long = CidError::TooLong { length, limit: MAX_DIGEST_BYTES };
    match Code::from_code(code) {
        Ok(Code::Identity) if length > MAX_DIGEST_BYTES => {
            Err(HashError::IdentityTooLong { length }.into())
        }
        Ok(Code::Identity) => Ok(()),
        Ok(Code::Blake3) if (1..=MAX_DIGEST_BYTES).contains(&length) => Ok(()),
        Ok(known) if known != Code::Blake3 && length == known.digest_bytes() => Ok(()),
        Ok(code) => Err(HashError::DigestLength { code, length }.into()),
        Err(_) if length > MAX_DIGEST_BYTES => Err(too_long),
        Err(_) => Ok(()),
    }
}

fn read_varint(bytes: &[u8], offset: usize) -> Result<(u64, usize), CidError> {
    match varint::decode(bytes.get(offset..).unwrap_or_default()) {
        Ok((value, read)) => Ok((value, offset + read)),
        Err(reason) => Err(CidError::Varint { offset, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::to_string;

    const V1: &str = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
    const V0: &str = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";

    #[test]
    fn both_versions_round_trip() {
        for text in [V0, V1] {
            let cid = parse(text).unwrap();
            assert_eq!(to_string(&cid), text);
            assert_eq!(from_bytes(&cid.to_bytes()).unwrap(), cid);
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = parse(V1).unwrap().to_bytes();
        bytes.push(0);
        assert_eq!(from_bytes(&bytes), Err(CidError::Trailing(1)));
    }

    #[test]
    fn overlong_version_is_refused() {
        let bytes = parse(V1).unwrap().to_bytes();
        let overlong = [&[0x81, 0x00], &bytes[1..]].concat();
        assert!(matches!(from_bytes(&overlong), Err(CidError::Varint { offset: 0, .. })));
    }

    #[test]
    fn every_cut_is_refused() {
        for text in [V0, V1] {
            let bytes = parse(text).unwrap().to_bytes();
            for end in 0..bytes.len() {
                assert!(from_bytes(&bytes[..end]).is_err(), "{end} bytes of {text}");
            }
        }
    }

    #[test]
    fn a_digest_of_another_length_than_its_hash_gives_is_refused() {
        let short = [&[0x01, 0x55, 0x12, 31][..], &[7; 31]].concat();
        assert!(matches!(
            from_bytes(&short),
            Err(CidError::Hash(HashError::DigestLength { length: 31, .. }))
        ));
    }

    #[test]
    fn v0_behind_a_multibase_prefix_is_refused() {
        let bytes = parse(V0).unwrap().to_bytes();
        let text = multibase::encode(Base::Base32Lower, bytes);
        assert_eq!(parse(&text), Err(CidError::PrefixedV0));
    }

    #[test]
    fn pasted_forms_are_understood_by_parse_any_alone() {
        for text in [format!("ipfs://{V1}"), format!("/ipfs/{V1}/"), V1.to_owned()] {
            assert_eq!(to_string(&parse_any(&text).unwrap()), V1);
        }
        assert!(parse(&format!("/ipfs/{V1}")).is_err());
    }

    #[test]
    fn long_text_is_refused_before_it_is_decoded() {
        let text = "z".repeat(1 << 20);
        assert!(matches!(parse(&text), Err(CidError::TooLong { .. })));
    }
}
