//! What decodes as a UnixFS message encodes to a message that decodes to itself.
#![no_main]

use ipfs_kit_unixfs::FsNode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(node) = FsNode::decode(data) {
        assert_eq!(FsNode::decode(&node.encode()).expect("what we encode, we decode"), node);
    }
});
