//! What the fuzzers have found interesting is read without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use ipfs_kit_dag::pb::PbNode;
use ipfs_kit_dag::{cbor, json};

fn inputs(target: &str) -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fuzz");
    let text = std::fs::read_to_string(format!("{folder}/{target}.hex")).unwrap();
    let byte =
        |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

#[test]
fn pb_nodes() {
    for input in inputs("dag_pb") {
        if let Ok(node) = PbNode::decode(&input) {
            let bytes = node.encode();
            assert_eq!(PbNode::decode(&bytes).unwrap().encode(), bytes);
        }
    }
}

#[test]
fn values() {
    for input in inputs("dag_cbor") {
        if let Ok(value) = cbor::decode(&input) {
            assert_eq!(cbor::encode(&value).unwrap(), input);
        }
        if let Ok(value) = json::decode_canonical(&input) {
            assert_eq!(json::encode(&value).unwrap(), input);
        }
    }
}
