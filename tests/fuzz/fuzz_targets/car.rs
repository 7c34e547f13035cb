//! A CAR read from front to end and by its index gives verified blocks or an error.
#![no_main]

use ipfs_kit_car::{IndexedReader, Reader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(mut reader) = Reader::new(data) {
        while let Ok(Some(_)) = reader.next_block() {}
    }
    if let Ok(reader) = IndexedReader::open(data.to_vec()) {
        for root in reader.roots() {
            let _ = reader.get(root);
        }
    }
});
