//! What is listed of an archive lies in it, in order, and is the same in whatever steps.
#![no_main]

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::MemoryBlocks;
use ipfs_kit_hash::Multihash;
use ipfs_kit_loader::{Member, Tar, TarError};
use ipfs_kit_unixfs::read::File;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fn walk(file: &File, step: u64) -> Result<Vec<Member>, TarError> {
    let (mut tar, mut members) = (Tar::default(), Vec::new());
    while let Some(stretch) = tar.next(file, &MemoryBlocks::new(), step)? {
        members.extend(stretch.members);
    }
    Ok(members)
}

fuzz_target!(|data: &[u8]| {
    // A file of one raw block is its bytes; nobody asks for more.
    let cid = Cid::new_v1(codec::RAW, Multihash::default());
    let file =
        File::of_block(&cid, Bytes::copy_from_slice(data)).expect("raw blocks are");
    let shown = |step| walk(&file, step).map_err(|error| error.to_string());
    let found = shown(u64::MAX);
    assert_eq!(shown(0), found);
    let mut at = 0;
    for member in found.unwrap_or_default() {
        assert!(at + 512 <= member.place.start && member.place.start <= member.place.end);
        at = member.place.end;
    }
    assert!(at <= data.len() as u64);
});

// Each head has the sum of its bytes, which no mutation finds.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
    let size = fuzzer_mutate(data, size, max_size);
    for head in data[..size].chunks_exact_mut(512) {
        if head.iter().any(|&byte| byte != 0) {
            head[148..156].fill(b' ');
            let sum: u64 = head.iter().map(|&byte| u64::from(byte)).sum();
            head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    size
});
