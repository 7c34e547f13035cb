//! What the fuzzers have found interesting is read without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/inputs.rs"]
mod fuzz;

use fuzz::inputs;
use ipfs_kit_dag::pb::PbNode;
use ipfs_kit_dag::{cbor, json};

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
