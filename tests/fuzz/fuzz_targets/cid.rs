//! Bytes and text are one CID in its one form, or an error.
#![no_main]

use ipfs_kit_cid::{parse, read_prefix, to_string};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((cid, read)) = read_prefix(data) {
        assert_eq!(cid.to_bytes(), &data[..read]);
        assert_eq!(parse(&to_string(&cid)).as_ref(), Ok(&cid));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        if let Ok(cid) = parse(text) {
            assert_eq!(parse(&to_string(&cid)), Ok(cid));
        }
    }
});
