//! What decodes as dag-cbor or dag-json encodes to the same bytes.
#![no_main]

use ipfs_kit_dag::{cbor, json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = cbor::decode(data) {
        assert_eq!(cbor::encode(&value).expect("decoded values encode"), data);
    }
    if let Ok(value) = json::decode_canonical(data) {
        assert_eq!(json::encode(&value).expect("decoded values encode"), data);
    }
});
