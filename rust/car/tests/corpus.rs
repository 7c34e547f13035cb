//! What the fuzzers have found interesting is read without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ipfs_kit_car::{IndexedReader, Reader};

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz");
    let text = std::fs::read_to_string(format!("{folder}/{target}.hex")).unwrap();
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

#[test]
fn cars() {
    for input in inputs("car") {
        if let Ok(mut reader) = Reader::new(&input[..]) {
            while let Ok(Some(_)) = reader.next_block() {}
        }
        if let Ok(reader) = IndexedReader::open(input) {
            for root in reader.roots() {
                let _ = reader.get(root);
            }
        }
    }
}
