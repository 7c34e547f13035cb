//! Rates of the disk tier: `cargo run --release --example disk_rates [folder]`.
//!
//! Values of 4 KiB and 256 KiB are put (under CIDs that the caller verified, under CIDs from
//! outside, under keys), got for the first time in a new handle, and got again; then a folder
//! of a thousand segments is opened. No rate counts that could be a sync: nothing is synced.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]
#![expect(clippy::cast_precision_loss, reason = "what is printed is rounded anyway")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use ipfs_kit_cache::disk::{DiskCache, DiskOptions, Trust};
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher};

const LIMIT: u64 = 4 << 30;
const TOTAL_BYTES: usize = 256 << 20;

fn blocks(bytes: usize, first: usize) -> Vec<(Cid, Vec<u8>)> {
    (first..first + TOTAL_BYTES / bytes)
        .map(|number| {
            let mut data = vec![number.to_le_bytes()[0]; bytes];
            data[..8].copy_from_slice(&number.to_le_bytes());
            let hash = Hasher::new(Code::Sha2_256).hash(&data).unwrap();
            (Cid::new_v1(codec::RAW, hash), data)
        })
        .collect()
}

/// Prints the median, which what else the machine does disturbs least.
fn timed(what: &str, count: usize, bytes: usize, mut action: impl FnMut(usize)) {
    let mut calls = Vec::new();
    for number in 0..count {
        let start = Instant::now();
        action(number);
        calls.push(start.elapsed().as_secs_f64());
    }
    calls.sort_by(f64::total_cmp);
    let each = calls[calls.len() / 2];
    let (micros, rate) = (each * 1e6, bytes as f64 / each / 1e9);
    println!("{bytes:>7} {what:<28} {micros:>9.2} us each {rate:>8.2} GB/s");
}

fn main() {
    let place = std::env::args_os().nth(1).map(PathBuf::from);
    let place = match &place {
        Some(place) => tempfile::tempdir_in(place).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    for bytes in [4 << 10, 256 << 10] {
        rates(place.path(), bytes);
    }
    many_segments(place.path());
}

fn rates(place: &Path, bytes: usize) {
    let folder = place.join(bytes.to_string());
    let open = || DiskCache::open(&folder, LIMIT, DiskOptions::new()).unwrap();
    let cache = open();
    let (ours, theirs) = (blocks(bytes, 0), blocks(bytes, 1 << 30));
    let count = ours.len();
    timed("put, verified", count, bytes, |at| {
        assert!(cache.put(&ours[at].0, &ours[at].1, Trust::Verified));
    });
    timed("put, from outside", count, bytes, |at| {
        assert!(cache.put(&theirs[at].0, &theirs[at].1, Trust::Unverified));
    });
    let keyed = blocks(bytes, 2 << 30);
    timed("put under a key", count, bytes, |at| {
        assert!(cache.put_key(&at.to_le_bytes(), &keyed[at].1, b"metadata"));
    });
    timed("get, put by this process", count, bytes, |at| {
        assert!(cache.get(ours[at].0.hash()).is_some());
    });
    drop(cache);
    let cache = open();
    timed("get, first in a process", count, bytes, |at| {
        assert!(cache.get(ours[at].0.hash()).is_some());
    });
    timed("get again", count, bytes, |at| {
        assert!(cache.get(ours[at].0.hash()).is_some());
    });
    timed("get under a key, first", count, bytes, |at| {
        assert!(cache.get_key(&at.to_le_bytes()).is_some());
    });
    timed("get under a key again", count, bytes, |at| {
        assert!(cache.get_key(&at.to_le_bytes()).is_some());
    });
    let absent = blocks(bytes, 3 << 30);
    timed("miss", count, bytes, |at| {
        assert!(cache.get(absent[at].0.hash()).is_none());
    });
}

/// As many as a limit of 64 GiB gives, small ones here.
fn many_segments(place: &Path) {
    let (folder, source) = (place.join("many"), place.join("one"));
    std::fs::create_dir(&folder).unwrap();
    let mut last = None;
    for number in 0..1000 {
        // One such block is a quarter of a segment of this cache, so that its end seals it.
        let data = vec![7_u8; 60_000 + number];
        let hash = Hasher::new(Code::Sha2_256).hash(&data).unwrap();
        let cache = DiskCache::open(&source, 4 << 20, DiskOptions::new()).unwrap();
        assert!(cache.put(&Cid::new_v1(codec::RAW, hash), &data, Trust::Verified));
        drop(cache);
        for entry in std::fs::read_dir(&source).unwrap().map(Result::unwrap) {
            let name = entry.file_name();
            if name.to_string_lossy().contains('.') {
                std::fs::rename(entry.path(), folder.join(name)).unwrap();
            }
        }
        last = Some(hash);
    }
    let start = Instant::now();
    let cache = DiskCache::open(&folder, LIMIT, DiskOptions::new()).unwrap();
    let opened = start.elapsed();
    let found = cache.contains(&last.unwrap());
    let looked = start.elapsed();
    let segments = cache.stats().segments;
    println!(
        "{segments} segments: opened in {opened:?}, looked up ({found}) in {looked:?}"
    );
}
