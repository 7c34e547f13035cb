//! Cuts of Kubo's own chunkers, read from `tests/vectors/chunker-cuts.json`.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use ipfs_kit_chunker::{Chunker, Kernel, Spec};
use serde_json::Value;
use sha2::{Digest, Sha256};

const VECTORS: &str = include_str!("../../../tests/vectors/chunker-cuts.json");

/// The first `size` bytes of sha256(le64(0)) || sha256(le64(1)) || ...
fn sha256ctr(size: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..size.div_ceil(32) as u64)
        .flat_map(|counter| Sha256::digest(counter.to_le_bytes()))
        .collect();
    bytes.truncate(size);
    bytes
}

fn input(recipe: &str, size: usize, ctr: &[u8]) -> Vec<u8> {
    match recipe {
        "sha256ctr" => ctr[..size].to_vec(),
        "zero" => vec![0; size],
        "rep" => ctr[..1000].iter().copied().cycle().take(size).collect(),
        other => panic!("unknown recipe {other}"),
    }
}

/// Chunk lengths, from pairs of a length and how many of it stand in a row.
fn lengths(entry: &Value) -> Vec<usize> {
    let pairs: Vec<(usize, usize)> =
        serde_json::from_value(entry["lengths"].clone()).unwrap();
    pairs.into_iter().flat_map(|(length, count)| vec![length; count]).collect()
}

#[test]
fn every_kernel_cuts_where_kubo_does() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let entries = vectors["cuts"].as_array().unwrap();
    assert!(entries.len() > 250);
    let size = |entry: &Value| usize::try_from(entry["size"].as_u64().unwrap()).unwrap();
    let ctr = sha256ctr(entries.iter().map(size).max().unwrap());
    for entry in entries {
        let data = input(entry["input"].as_str().unwrap(), size(entry), &ctr);
        let spec: Spec = entry["chunker"].as_str().unwrap().parse().unwrap();
        let expected = lengths(entry);
        for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_available()) {
            let mut chunker = Chunker::with_kernel(&spec, kernel).unwrap();
            let cuts: Vec<usize> = chunker.cuts(&data).map(|cut| cut.len()).collect();
            assert!(cuts == expected, "{kernel} on {entry}");
        }
    }
}

#[test]
fn the_recipes_make_the_bytes_that_the_vectors_were_made_from() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let ctr = sha256ctr(5_000_000);
    for entry in vectors["cuts"].as_array().unwrap() {
        let size = usize::try_from(entry["size"].as_u64().unwrap()).unwrap();
        if size <= ctr.len() {
            let data = input(entry["input"].as_str().unwrap(), size, &ctr);
            let expected = entry["sha256"].as_str().unwrap();
            for (pair, byte) in expected.as_bytes().chunks(2).zip(Sha256::digest(&data)) {
                assert_eq!(std::str::from_utf8(pair).unwrap(), format!("{byte:02x}"));
            }
        }
    }
}
