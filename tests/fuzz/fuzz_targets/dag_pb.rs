//! What decodes as dag-pb encodes to a node that decodes to itself.
#![no_main]

use ipfs_kit_dag::pb::PbNode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(node) = PbNode::decode(data) {
        let bytes = node.encode();
        let again = PbNode::decode(&bytes).expect("what we encode, we decode");
        assert_eq!(again.encode(), bytes);
    }
});
