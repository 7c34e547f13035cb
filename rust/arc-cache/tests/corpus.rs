//! What the fuzzers have found interesting leaves a cache whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ipfs_kit_arc_cache::exercise;

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz");
    let text = std::fs::read_to_string(format!("{folder}/{target}.hex")).unwrap();
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

#[test]
fn caches() {
    let inputs = inputs("arc_cache");
    assert!(!inputs.is_empty());
    for input in &inputs {
        exercise(input);
    }
}
