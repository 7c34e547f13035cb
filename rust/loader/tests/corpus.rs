//! What the fuzzers have found interesting is listed or refused without a panic.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/inputs.rs"]
mod fuzz;

use bytes::Bytes;
use fuzz::inputs;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::MemoryBlocks;
use ipfs_kit_hash::Multihash;
use ipfs_kit_loader::Tar;
use ipfs_kit_unixfs::read::File;

#[test]
fn archives() {
    let mut members = 0;
    for input in inputs("tar") {
        let size = input.len() as u64;
        let cid = Cid::new_v1(codec::RAW, Multihash::default());
        let file = File::of_block(&cid, Bytes::from(input)).unwrap();
        let mut tar = Tar::default();
        while let Ok(Some(stretch)) = tar.next(&file, &MemoryBlocks::new(), u64::MAX) {
            assert!(stretch.members.iter().all(|member| member.place.end <= size));
            members += stretch.members.len();
        }
    }
    assert!(members > 0);
}
