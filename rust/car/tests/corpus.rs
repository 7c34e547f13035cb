//! What the fuzzers have found interesting is read without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/inputs.rs"]
mod fuzz;

use fuzz::inputs;
use ipfs_kit_car::{IndexedReader, Reader};

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
