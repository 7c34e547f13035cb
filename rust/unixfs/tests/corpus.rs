//! What the fuzzers have found interesting is read without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/inputs.rs"]
mod fuzz;

use fuzz::inputs;
use ipfs_kit_unixfs::FsNode;

#[test]
fn messages() {
    for input in inputs("unixfs") {
        if let Ok(node) = FsNode::decode(&input) {
            assert_eq!(FsNode::decode(&node.encode()).unwrap(), node);
        }
    }
}
