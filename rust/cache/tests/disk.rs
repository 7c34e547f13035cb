//! What one process sees of a disk cache.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use ipfs_kit_cache::disk::{
    DiskCache, DiskFault, DiskOptions, DiskState, EntryName, OptionsError, Trust,
    VerifyReads,
};
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher, Multihash};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
use ipfs_kit_pack::Joining;
use tempfile::TempDir;

const LIMIT: u64 = 2 << 20;

fn data(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut data = Vec::with_capacity(bytes + 8);
    while data.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(bytes);
    data
}

fn block(seed: u64, bytes: usize) -> (Cid, Vec<u8>) {
    let data = data(seed, bytes);
    (Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(&data).unwrap()), data)
}

fn open(place: &Path) -> DiskCache {
    open_with(place, DiskOptions::new())
}

fn open_with(place: &Path, options: DiskOptions) -> DiskCache {
    DiskCache::open(&place.join("cache"), LIMIT, options).unwrap()
}

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn files(place: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
    }
    found
}

#[test]
fn blocks_of_all_lengths_come_back_now_and_after_a_restart() {
    let place = place();
    let blocks: Vec<_> = [0, 1, 63, 4095, 4096, 4097, 65_535, 65_536, 65_537, 100_000]
        .iter()
        .map(|&bytes| block(bytes, usize::try_from(bytes).unwrap()))
        .collect();
    let cache = open(place.path());
    for (cid, data) in &blocks {
        assert!(!cache.contains(cid.hash()));
        assert!(cache.put(cid, data, Trust::Unverified));
        assert_eq!(cache.get(cid.hash()).unwrap(), data);
    }
    for close in [false, true] {
        if close {
            cache.close();
        }
        let other = open(place.path());
        for (cid, data) in &blocks {
            assert!(other.contains(cid.hash()));
            assert_eq!(other.get(cid.hash()).unwrap(), data);
        }
        assert_eq!(other.stats().hits, blocks.len() as u64);
    }
}

#[test]
fn what_is_refused_is_not_there() {
    let place = place();
    let cache = open(place.path());
    let (cid, data) = block(1, 100);
    assert!(!cache.put(&cid, b"something else", Trust::Unverified));
    assert!(!cache.contains(cid.hash()));
    let most = usize::try_from(cache.most_block_bytes()).unwrap();
    let (large, bytes) = block(2, most + 1000);
    assert!(!cache.put(&large, &bytes, Trust::Verified));
    assert!(!cache.put_key(b"k", &bytes, b""));
    assert!(!cache.put_key(&bytes, b"v", b""));
    let identity = Hasher::new(Code::Identity).hash(b"id").unwrap();
    let identity = Cid::new_v1(codec::RAW, identity);
    assert!(!cache.put(&identity, b"id", Trust::Unverified));
    let unknown = Cid::new_v1(codec::RAW, Multihash::wrap(0x30_0000, &[1; 32]).unwrap());
    assert!(!cache.put(&unknown, &data, Trust::Verified));
    assert_eq!(cache.stats().refusals, 6);
    assert!(files(place.path()).len() <= 2, "nothing was written for what was refused");
    let (largest, bytes) = block(3, most);
    assert!(cache.put(&largest, &bytes, Trust::Unverified));
    assert_eq!(cache.get(largest.hash()).unwrap(), bytes);
}

#[test]
fn the_longest_block_fits_whatever_the_limit() {
    for limit in (1 << 20..4 << 20).step_by(100 << 10) {
        let place = place();
        let cache = DiskCache::open(place.path(), limit, DiskOptions::new()).unwrap();
        let most = usize::try_from(cache.most_block_bytes()).unwrap();
        for seed in 0..20 {
            let (cid, bytes) = block(seed, most);
            assert!(cache.put(&cid, &bytes, Trust::Verified), "{limit}");
            assert_eq!(cache.get(cid.hash()).unwrap(), bytes);
            assert!(cache.stats().allocated_bytes <= limit, "{limit}");
        }
        let (cid, bytes) = block(99, most + 1000);
        assert!(!cache.put(&cid, &bytes, Trust::Verified), "{limit}");
    }
}

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn blocks_joined_to_one_view_outlive_the_cache_and_are_counted_as_mapped() {
    let place = place();
    let cache = DiskCache::open(place.path(), 16 << 20, DiskOptions::new()).unwrap();
    let blocks: Vec<_> = (0..12).map(|seed| block(seed, 256 << 10)).collect();
    let mut joining = Joining::new();
    for (cid, data) in &blocks {
        assert!(cache.put(cid, data, Trust::Unverified));
        assert!(joining.push(cache.get(cid.hash()).unwrap()).is_ok());
    }
    let view = joining.finish().unwrap();
    assert!(cache.clear());
    assert!(cache.stats().unlinked_mapped_bytes >= 3 << 20);
    let whole: Vec<u8> = blocks.into_iter().flat_map(|(_, data)| data).collect();
    assert!(view == whole);
    drop(view);
    assert_eq!(cache.stats().unlinked_mapped_bytes, 0);
}

#[test]
fn keys_have_values_and_metadata_and_the_latest_put_counts() {
    let place = place();
    let cache = open(place.path());
    for (key, value, metadata) in
        [(&b"key"[..], &b"one"[..], &b"m1"[..]), (b"", b"", b""), (b"key", b"two", b"m2")]
    {
        assert!(cache.put_key(key, value, metadata));
        assert_eq!(cache.get_key(key).unwrap(), value);
        assert_eq!(cache.metadata(key).unwrap(), metadata);
    }
    // The value is a block under its blake3.
    let hash = Hasher::new(Code::Blake3).hash(b"two").unwrap();
    assert_eq!(cache.get(&hash).unwrap(), &b"two"[..]);
    drop(cache);
    let cache = open(place.path());
    assert_eq!(cache.get_key(b"key").unwrap(), &b"two"[..]);
    assert_eq!(cache.metadata(b"key").unwrap(), b"m2");
    assert_eq!(cache.get_key(b"").unwrap(), &b""[..]);
    assert!(cache.get_key(b"other").is_none() && !cache.contains_key(b"other"));
    assert!(cache.remove_key(b"key") && !cache.remove_key(b"key"));
    assert!(cache.get_key(b"key").is_none());
    drop(cache);
    assert!(open(place.path()).get_key(b"key").is_none());
}

#[test]
fn what_is_removed_is_gone_for_all_handles_and_its_views_stay() {
    let place = place();
    let (one, two) = (open(place.path()), open(place.path()));
    let (cid, data) = block(1, 5000);
    assert!(one.put(&cid, &data, Trust::Unverified));
    let view = two.get(cid.hash()).unwrap();
    assert!(two.remove(cid.hash()) && !two.remove(cid.hash()));
    assert!(!one.contains(cid.hash()) && one.get(cid.hash()).is_none());
    assert_eq!(view, data);
    assert!(one.put(&cid, &data, Trust::Unverified));
    one.close();
    assert_eq!(two.get(cid.hash()).unwrap(), data);
    assert_eq!(two.stats().damaged_items, 0);
}

#[test]
fn another_handle_sees_what_was_put_at_once() {
    let place = place();
    let (one, two) = (open(place.path()), open(place.path()));
    assert!(one.put_key(b"key", b"old", b""));
    assert_eq!(two.get_key(b"key").unwrap(), &b"old"[..]);
    for round in 0..50_u8 {
        // Whoever put it, however warm the one before was.
        assert!([&one, &two][usize::from(round % 2)].put_key(b"key", &[round], b""));
        for _ in 0..2 {
            assert_eq!(one.get_key(b"key").unwrap(), &[round][..]);
            assert_eq!(two.get_key(b"key").unwrap(), &[round][..]);
        }
    }
    for seed in 0..200 {
        let (cid, data) = block(seed, 20_000);
        assert!(one.put(&cid, &data, Trust::Verified));
        assert_eq!(two.get(cid.hash()).unwrap(), data);
    }
    assert!(one.clear());
    assert!(two.get(block(199, 20_000).0.hash()).is_none());
    assert_eq!(two.stats().items, 0);
    // What stood in its segment went with it; it takes another.
    assert!(two.put_key(b"key", b"again", b""));
    assert_eq!(one.get_key(b"key").unwrap(), &b"again"[..]);
}

#[test]
fn the_folder_stays_under_its_limit_and_views_of_what_was_evicted_stay() {
    let place = place();
    let cache = open(place.path());
    let (first, bytes) = block(0, 30_000);
    assert!(cache.put(&first, &bytes, Trust::Unverified));
    let view = cache.get(first.hash()).unwrap();
    for seed in 1..400 {
        let (cid, data) = block(seed, 30_000);
        assert!(cache.put(&cid, &data, Trust::Verified));
        assert_eq!(cache.get(cid.hash()).unwrap(), data);
        let stats = cache.stats();
        assert!(stats.allocated_bytes <= LIMIT, "{stats:?}");
        assert!(stats.live_bytes <= LIMIT);
    }
    let stats = cache.stats();
    assert!(!cache.contains(first.hash()));
    assert!(stats.evicted_segments > 0 && stats.evicted_items > 0);
    assert!(stats.unlinked_mapped_bytes >= 30_000);
    assert_eq!(view, bytes);
    drop(view);
    assert_eq!(cache.stats().unlinked_mapped_bytes, 0);
    // A good part of the limit is used.
    assert!(stats.live_bytes > LIMIT / 2, "{stats:?}");
}

#[test]
fn what_is_asked_for_often_outlives_what_is_not() {
    let place = place();
    let cache = open(place.path());
    let (hot, bytes) = block(0, 5000);
    assert!(cache.put(&hot, &bytes, Trust::Unverified));
    assert!(cache.put_key(b"hot", b"hot value", b"and metadata"));
    for seed in 1..2000 {
        let (cid, data) = block(seed, 5000);
        assert!(cache.put(&cid, &data, Trust::Verified));
        if seed % 20 == 0 {
            assert_eq!(cache.get(hot.hash()).unwrap(), bytes, "{seed}");
            assert_eq!(cache.get_key(b"hot").unwrap(), &b"hot value"[..]);
        }
    }
    assert_eq!(cache.metadata(b"hot").unwrap(), b"and metadata");
    assert!(!cache.contains(block(1, 5000).0.hash()));
    assert!(cache.stats().carried_items > 0);
}

#[test]
fn a_smaller_limit_is_kept_from_the_beginning() {
    let place = place();
    let folder = place.path().join("cache");
    let large = DiskCache::open(&folder, 8 << 20, DiskOptions::new()).unwrap();
    for seed in 0..200 {
        let (cid, data) = block(seed, 30_000);
        assert!(large.put(&cid, &data, Trust::Verified));
    }
    drop(large);
    let small = DiskCache::open(&folder, LIMIT, DiskOptions::new()).unwrap();
    assert!(small.stats().allocated_bytes <= LIMIT);
    assert_eq!(small.get(block(199, 30_000).0.hash()).unwrap(), block(199, 30_000).1);
}

#[test]
fn clear_leaves_two_files_at_most() {
    let place = place();
    let cache = open(place.path());
    for seed in 0..50 {
        let (cid, data) = block(seed, 30_000);
        cache.put(&cid, &data, Trust::Verified);
    }
    assert!(cache.clear());
    assert!(files(place.path()).len() <= 2);
    assert!(cache.entries().is_empty());
    let (cid, data) = block(1, 10);
    assert!(cache.put(&cid, &data, Trust::Unverified));
    assert_eq!(cache.get(cid.hash()).unwrap(), data);
}

#[test]
fn entries_are_the_blocks_and_keys_that_can_be_had() {
    let place = place();
    let cache = open(place.path());
    let blocks: Vec<_> = (0..20).map(|seed| block(seed, 20_000)).collect();
    for (cid, data) in &blocks {
        assert!(cache.put(cid, data, Trust::Verified));
    }
    assert!(cache.put_key(b"a", b"some value", b""));
    assert!(cache.put_key(b"b", b"another", b""));
    assert!(cache.put_key(b"b", b"yet another", b""));
    assert!(cache.remove_key(b"a") && cache.remove(blocks[3].0.hash()));
    let entries = cache.entries();
    let names = files(place.path());
    assert_eq!(entries.len(), 20);
    for entry in &entries {
        assert!(names.contains(&entry.file_name));
        match &entry.name {
            EntryName::Block(hash) => assert_eq!(
                cache.get(hash).unwrap().len() as u64,
                entry.bytes,
                "each can be had"
            ),
            EntryName::Key(key) => assert_eq!((&key[..], entry.bytes), (&b"b"[..], 11)),
        }
    }
    let used = |cache: &DiskCache| {
        let name = EntryName::Block(*blocks[0].0.hash());
        cache.entries().into_iter().find(|entry| entry.name == name).unwrap().last_used
    };
    let before = used(&cache);
    cache.get(blocks[0].0.hash()).unwrap();
    assert!(used(&cache) > before);
}

/// Flips a bit of some bytes that lie in a file of the cache as they are.
fn damage(place: &Path, data: &[u8]) {
    for name in files(place).iter().filter(|name| name.strip_suffix(".car").is_some()) {
        let path = place.join("cache").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let found = bytes.windows(data.len()).position(|window| window == data);
        if let Some(at) = found {
            bytes[at + data.len() / 2] ^= 1;
            fs::write(&path, bytes).unwrap();
            return;
        }
    }
    unreachable!("the block is nowhere");
}

#[test]
fn a_flipped_bit_is_a_miss_and_its_neighbours_stay() {
    for (options, sealed) in [
        (DiskOptions::new(), false),
        (DiskOptions::new().with_verify(VerifyReads::Always), true),
    ] {
        let place = place();
        let blocks: Vec<_> = (0..20).map(|seed| block(seed, 5000)).collect();
        let cache = open_with(place.path(), options);
        for (cid, data) in &blocks {
            assert!(cache.put(cid, data, Trust::Verified));
        }
        assert!(cache.put_key(b"key", b"value", b"metadata that can be found"));
        if sealed {
            for seed in 100..120 {
                let (cid, data) = block(seed, 5000);
                assert!(cache.put(&cid, &data, Trust::Verified));
            }
        }
        drop(cache);
        damage(place.path(), &blocks[7].1);
        damage(place.path(), b"metadata that can be found");
        let cache = open_with(place.path(), options);
        for (number, (cid, data)) in blocks.iter().enumerate() {
            let found = cache.get(cid.hash());
            assert_eq!(found.as_deref(), (number != 7).then_some(&data[..]));
        }
        assert!(cache.get_key(b"key").is_none());
        assert_eq!(cache.stats().damaged_items, 2);
        // They are dropped for good, and can be put again.
        let (cid, data) = &blocks[7];
        for cache in [&cache, &open_with(place.path(), options)] {
            assert!(!cache.contains(cid.hash()));
        }
        assert!(cache.put(cid, data, Trust::Unverified));
        assert_eq!(cache.get(cid.hash()).unwrap(), data);
    }
}

#[test]
fn never_means_that_nothing_is_hashed() {
    let place = place();
    let (cid, data) = block(1, 5000);
    let cache = open(place.path());
    assert!(cache.put(&cid, &data, Trust::Verified));
    drop(cache);
    damage(place.path(), &data);
    let never = DiskOptions::new().with_verify(VerifyReads::Never);
    assert_ne!(open_with(place.path(), never).get(cid.hash()).unwrap(), data);
    assert!(open(place.path()).get(cid.hash()).is_none());
}

#[test]
fn a_limit_that_is_too_small_is_an_error() {
    let place = place();
    let opened = DiskCache::open(place.path(), 1000, DiskOptions::new());
    assert_eq!(opened.unwrap_err(), OptionsError::Limit { limit_bytes: 1000 });
}

#[test]
fn a_folder_that_cannot_be_turns_it_off() {
    let place = place();
    fs::write(place.path().join("cache"), b"a file").unwrap();
    let cache = open(place.path());
    let state = cache.state();
    assert!(!state.takes() && !state.gives());
    assert!(matches!(state.fault(), Some(DiskFault::Missing { .. })), "{state:?}");
    let (cid, data) = block(1, 10);
    assert!(!cache.put(&cid, &data, Trust::Verified) && cache.get(cid.hash()).is_none());
    assert!(!cache.put_key(b"k", b"v", b"") && cache.get_key(b"k").is_none());
    assert!(!cache.clear() && cache.entries().is_empty());
    cache.flush();
    cache.close();
}

#[test]
fn a_folder_that_goes_away_turns_it_off_and_what_is_mapped_is_served() {
    let place = place();
    let cache = open(place.path());
    let (cid, data) = block(1, 10);
    assert!(cache.put(&cid, &data, Trust::Verified));
    fs::remove_dir_all(place.path().join("cache")).unwrap();
    assert_eq!(cache.get(cid.hash()).unwrap(), data);
    for seed in 2..10 {
        let (cid, data) = block(seed, 100_000);
        cache.put(&cid, &data, Trust::Verified);
    }
    assert!(matches!(cache.state(), DiskState::Off(_)), "{:?}", cache.state());
}

#[test]
fn threads_share_a_handle() {
    let place = place();
    let cache = open(place.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let cache = &cache;
            scope.spawn(move || {
                for seed in 0..150 {
                    // Half of them are everyone's.
                    let seed = if seed % 2 == 0 { seed } else { seed + thread * 1000 };
                    let (cid, data) = block(seed, 9000);
                    assert!(cache.put(&cid, &data, Trust::Unverified));
                    let key = seed.to_le_bytes();
                    assert!(cache.put_key(&key, &data[..100], &key));
                    if let Some(found) = cache.get(cid.hash()) {
                        assert_eq!(found, data);
                    }
                    if let Some(found) = cache.get_key(&key) {
                        assert_eq!(found, data[..100]);
                    }
                }
            });
        }
    });
    let stats = cache.stats();
    assert!(stats.allocated_bytes <= LIMIT && stats.damaged_items == 0, "{stats:?}");
}
