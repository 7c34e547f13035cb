//! What holds for any CID and any bytes.

use ipfs_kit_cid::{
    BASES, Base, Version, arb, encode, from_bytes, parse, read_prefix, to_string, to_v1,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn printing_then_parsing_is_the_identity(cid in arb::cid()) {
        prop_assert_eq!(parse(&to_string(&cid)).unwrap(), cid);
        prop_assert_eq!(from_bytes(&cid.to_bytes()).unwrap(), cid);
    }

    #[test]
    fn every_base_round_trips(cid in arb::cid()) {
        for (name, base) in BASES {
            let (text, v1) = (encode(&cid, base), to_v1(&cid));
            if base == Base::Identity {
                prop_assert!(text.is_err());
                continue;
            }
            if cid.version() == Version::V1 || base == Base::Base58Btc {
                prop_assert_eq!(parse(&text.unwrap()).unwrap(), cid, "{}", name);
            } else {
                prop_assert!(text.is_err());
            }
            prop_assert_eq!(parse(&encode(&v1, base).unwrap()).unwrap(), v1, "{}", name);
        }
    }

    #[test]
    fn any_bytes_parse_or_err(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok((cid, read)) = read_prefix(&bytes) {
            prop_assert_eq!(&cid.to_bytes(), &bytes[..read]);
        }
    }

    #[test]
    fn any_text_parses_or_errs(text in "\\PC{0,120}") {
        let _ = parse(&text);
    }
}
