//! What the fuzzers have found interesting, for the tests that replay it.

/// The inputs of a target.
pub(crate) fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz");
    let text = std::fs::read_to_string(format!("{folder}/{target}.hex")).unwrap();
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}
