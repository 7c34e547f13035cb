//! What the fuzzers have found interesting is read without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/inputs.rs"]
mod fuzz;

use fuzz::inputs;
use ipfs_kit_cid::{parse, read_prefix, to_string};

#[test]
fn cids() {
    for input in inputs("cid") {
        if let Ok((cid, read)) = read_prefix(&input) {
            assert_eq!(cid.to_bytes(), &input[..read]);
            assert_eq!(parse(&to_string(&cid)), Ok(cid));
        }
        if let Ok(text) = std::str::from_utf8(&input) {
            let _ = parse(text);
        }
    }
}
