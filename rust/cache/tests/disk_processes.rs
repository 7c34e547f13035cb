//! A disk cache among processes: the bound, killed writers, forks, bad disks.
//!
//! Apart from the other tests: a forked child has the threads of no other test.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ipfs_kit_cache::disk::{DiskCache, DiskFault, DiskOptions, DiskState, Trust};
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher};

const LIMIT: u64 = 4 << 20;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn block(seed: u64) -> (Cid, Vec<u8>) {
    let bytes = 500 + usize::try_from(seed * 7919 % 30_000).unwrap();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut data = Vec::with_capacity(bytes + 8);
    while data.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(bytes);
    (Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(&data).unwrap()), data)
}

fn open(folder: &Path, limit: u64) -> DiskCache {
    DiskCache::open(folder, limit, DiskOptions::new()).unwrap()
}

/// Run by tests below in processes of its own: puts and gets until it is told to end.
#[test]
fn helper_that_writes() {
    let Some(folder) = std::env::var_os("CACHE_TEST_FOLDER") else { return };
    let first: u64 = std::env::var("CACHE_TEST_SEED").unwrap().parse().unwrap();
    let count: u64 = std::env::var("CACHE_TEST_COUNT").unwrap().parse().unwrap();
    let cache = open(Path::new(&folder), LIMIT);
    for number in 0..count {
        // A part of them is everyone's.
        let seed = if number % 3 == 0 { number } else { first + number };
        let (cid, data) = block(seed);
        assert!(cache.put(&cid, &data, Trust::Verified), "{:?}", cache.state());
        cache.put_key(
            &seed.to_le_bytes(),
            &data[..usize::try_from(seed % 500).unwrap()],
            b"m",
        );
        let (old, bytes) = block(first + number * 7 % (number + 1));
        if let Some(found) = cache.get(old.hash()) {
            assert_eq!(found, bytes);
        }
    }
    assert_eq!(cache.stats().damaged_items, 0);
}

fn writer(folder: &Path, seed: u64, count: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "helper_that_writes", "--nocapture"])
        .env("CACHE_TEST_FOLDER", folder)
        .env("CACHE_TEST_SEED", seed.to_string())
        .env("CACHE_TEST_COUNT", count.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn end_well(mut child: Child) {
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
}

/// What every file below a folder takes of the disk.
fn allocated(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            }
            found.insert(entry.path(), meta.blocks() * 512);
        }
    }
    found
}

/// Adds a folder up, as any onlooker would, until told to stop; gives the most it saw.
fn watch(folder: &Path, stop: &AtomicBool) -> (u64, u64) {
    let (mut most, mut rounds) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        most = most.max(allocated(folder).values().sum());
        rounds += 1;
        thread::sleep(Duration::from_millis(1));
    }
    (most, rounds)
}

/// Ends the threads of a test, also of one that fails.
struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn four_writers_never_go_over_the_limit() {
    let _alone = alone();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cache");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let stopping = Stopping(&stop);
        let watcher = scope.spawn(|| watch(&folder, &stop));
        let writers: Vec<_> =
            (1..=4).map(|number| writer(&folder, number * 1_000_000, 2500)).collect();
        writers.into_iter().for_each(end_well);
        drop(stopping);
        let (most, rounds) = watcher.join().unwrap();
        assert!(most <= LIMIT, "{most} bytes were seen of {LIMIT}");
        assert!(most > LIMIT / 2 && rounds > 50, "{most} bytes in {rounds} rounds");
    });
    let cache = open(&folder, LIMIT);
    let entries = cache.entries().len();
    assert!(entries > 50, "{entries}");
}

#[test]
fn killed_writers_leave_nothing_wrong_and_no_lock() {
    let _alone = alone();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cache");
    let mut pause = 7;
    for round in 0..12_u64 {
        let mut writers: Vec<_> = (0..3)
            .map(|number| writer(&folder, (round * 3 + number + 1) * 1_000_000, 100_000))
            .collect();
        pause = pause * 31 % 101;
        thread::sleep(Duration::from_millis(40 + pause));
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        let cache = open(&folder, LIMIT);
        assert!(cache.stats().allocated_bytes <= LIMIT);
        for entry in cache.entries() {
            if let ipfs_kit_cache::disk::EntryName::Block(hash) = entry.name {
                assert_eq!(cache.get(&hash).unwrap().len() as u64, entry.bytes);
            }
        }
        let stats = cache.stats();
        assert!(stats.damaged_items == 0, "{stats:?}");
        let (cid, data) = block(round + 77_000_000);
        assert!(cache.put(&cid, &data, Trust::Unverified));
        assert_eq!(cache.get(cid.hash()).unwrap(), data);
    }
}

#[test]
fn what_a_killed_writer_put_is_there() {
    let _alone = alone();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("cache");
    let mut child = writer(&folder, 1_000_000, 1_000_000);
    let reader = open(&folder, LIMIT);
    let start = Instant::now();
    let mut last = 0;
    // It is seen while it writes, and then still.
    while last < 200 && start.elapsed() < Duration::from_secs(20) {
        if reader.get(block(1_000_000 + last).0.hash()).is_some() {
            last += 1;
        } else if last % 3 == 0 {
            last += 1; // everyone's
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(last, 200);
    let there = |cache: &DiskCache| -> Vec<u64> {
        let numbers = 0..10_000_u64;
        numbers.filter(|n| cache.contains(block(1_000_000 + n).0.hash())).collect()
    };
    let before = there(&reader);
    assert_eq!(there(&open(&folder, LIMIT)), before);
    // Its segment is gone on with, and not left to be evicted.
    let cache = open(&folder, LIMIT);
    let (cid, data) = block(5);
    assert!(cache.put(&cid, &data, Trust::Unverified));
    assert!(there(&cache).len() + 70 > before.len());
}

mod fork {
    #![expect(unsafe_code, reason = "there is no other way to fork")]

    use super::*;

    /// Runs something in a child that was forked without any hook.
    fn in_child(action: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child runs Rust code that takes no lock that was held at the fork, and
        // ends at once.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let said = action();
            // SAFETY: ends the process without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!said)) }
        }
        let mut status = 0;
        // SAFETY: waits for the child of above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    #[test]
    fn a_child_goes_on_with_a_slot_of_its_own_while_threads_work() {
        let _alone = alone();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("cache");
        let cache = open(&folder, LIMIT);
        let (cid, data) = block(1);
        assert!(cache.put(&cid, &data, Trust::Unverified));
        let view = cache.get(cid.hash()).unwrap();
        let stop = AtomicBool::new(false);
        // What was put may be evicted at once: to fill the folder takes others no longer
        // than this thread may have to wait for its turn.
        let is_right = |cid: &Cid, data: &[u8]| {
            cache.get(cid.hash()).is_none_or(|found| found == data)
        };
        thread::scope(|scope| {
            let stopping = Stopping(&stop);
            for number in 1..=2 {
                let (cache, stop, is_right) = (&cache, &stop, &is_right);
                scope.spawn(move || {
                    let mut seed = number * 1_000_000;
                    while !stop.load(Ordering::Relaxed) {
                        let (cid, data) = block(seed);
                        assert!(cache.put(&cid, &data, Trust::Verified));
                        assert!(is_right(&cid, &data));
                        assert!(cache.put_key(b"key", &data[..200], b""));
                        seed += 1;
                    }
                });
            }
            for round in 0..20 {
                thread::sleep(Duration::from_millis(5));
                assert!(in_child(|| {
                    let (own, bytes) = block(9_000_000 + round);
                    let put = cache.put(&own, &bytes, Trust::Unverified);
                    let keyed = cache.put_key(b"child", b"value", b"");
                    let right = is_right(&own, &bytes);
                    cache.close();
                    put && keyed && right && view == data
                }));
            }
            drop(stopping);
        });
        assert!(cache.stats().allocated_bytes <= LIMIT);
        assert_eq!(cache.stats().damaged_items, 0);
        let (last, bytes) = block(9_999_999);
        assert!(in_child(|| cache.put(&last, &bytes, Trust::Unverified)));
        assert_eq!(cache.get(last.hash()).unwrap(), bytes);
    }

    #[test]
    fn a_child_does_not_keep_its_parent_s_slot() {
        let _alone = alone();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("cache");
        let cache = open(&folder, LIMIT);
        let (cid, data) = block(1);
        assert!(cache.put(&cid, &data, Trust::Unverified));
        let segments = || {
            let names = allocated(&folder).into_keys();
            names.filter(|path| path.extension().is_some_and(|end| end == "car")).count()
        };
        assert_eq!(segments(), 1);
        // The parent lives: its segment is its own, the child needs another.
        assert!(in_child(|| {
            let (cid, data) = block(2);
            cache.put(&cid, &data, Trust::Unverified) && segments() == 2
        }));
        // The child is dead: its segment is the next one's, beside that of the parent.
        let other = open(&folder, LIMIT);
        let (cid, data) = block(3);
        assert!(other.put(&cid, &data, Trust::Unverified));
        assert_eq!(segments(), 2);
        assert_eq!(cache.get(cid.hash()).unwrap(), data);
        // The end of an inherited handle changes nothing of the parent's.
        let taken = std::mem::ManuallyDrop::new(cache);
        assert!(in_child(|| {
            drop(std::mem::ManuallyDrop::into_inner(taken));
            open(&folder, LIMIT).put(&block(4).0, &block(4).1, Trust::Unverified)
        }));
        assert_eq!(segments(), 3);
    }
}

/// A small disk of its own; `None` where nothing can be mounted.
struct Disk(PathBuf);

impl Disk {
    fn new(place: &Path, size: &str) -> Option<Self> {
        let path = place.join("disk");
        fs::create_dir(&path).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(path))
    }

    fn make_read_only(&self) {
        let again =
            Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status();
        assert!(again.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk_turns_it_off_and_reads_go_on() {
    let _alone = alone();
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(place.path(), "2m") else { return };
    let cache = open(&disk.0.join("cache"), LIMIT);
    let mut put = Vec::new();
    for seed in 0..300 {
        let (cid, data) = block(seed);
        if cache.put(&cid, &data, Trust::Verified) {
            put.push((cid, data));
        }
    }
    let state = cache.state();
    assert!(matches!(state, DiskState::ReadOnly(_)), "{state:?}");
    assert!(matches!(state.fault(), Some(DiskFault::Full { .. })), "{state:?}");
    assert!(put.len() > 50, "{}", put.len());
    for (cid, data) in &put {
        assert_eq!(cache.get(cid.hash()).unwrap(), data);
    }
    drop(cache);
    // What is there can be had by those who come later.
    let later = open(&disk.0.join("cache"), LIMIT);
    assert_eq!(later.get(put[0].0.hash()).unwrap(), put[0].1);
    // With a limit that fits the disk it works again.
    let fitting = open(&disk.0.join("cache"), 1 << 20);
    let (cid, data) = block(1000);
    assert!(fitting.put(&cid, &data, Trust::Unverified), "{:?}", fitting.state());
}

#[test]
fn a_disk_that_was_full_from_the_beginning_only_misses() {
    let _alone = alone();
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(place.path(), "64k") else { return };
    while fs::write(disk.0.join(format!("{:?}", Instant::now())), [0; 4096]).is_ok() {}
    let cache = open(&disk.0.join("cache"), LIMIT);
    let (cid, data) = block(1);
    assert!(!cache.put(&cid, &data, Trust::Unverified));
    assert!(!cache.put_key(b"key", b"value", b""));
    assert!(cache.get(cid.hash()).is_none() && cache.get_key(b"key").is_none());
    let state = cache.state();
    assert!(matches!(state.fault(), Some(DiskFault::Full { .. })), "{state:?}");
}

#[test]
fn a_disk_that_becomes_read_only_serves_what_it_has() {
    let _alone = alone();
    let place = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::new(place.path(), "8m") else { return };
    let folder = disk.0.join("cache");
    let cache = open(&folder, LIMIT);
    let (cid, data) = block(1);
    assert!(cache.put(&cid, &data, Trust::Unverified));
    assert!(cache.put_key(b"key", b"value", b""));
    drop(cache);
    disk.make_read_only();
    let cache = open(&folder, LIMIT);
    assert!(matches!(cache.state().fault(), Some(DiskFault::ReadOnly { .. })));
    assert_eq!(cache.get(cid.hash()).unwrap(), data);
    assert_eq!(cache.get_key(b"key").unwrap(), &b"value"[..]);
    assert_eq!(cache.entries().len(), 2);
    let (other, bytes) = block(2);
    assert!(!cache.put(&other, &bytes, Trust::Unverified) && !cache.remove(cid.hash()));
    assert!(!cache.clear() && cache.get(other.hash()).is_none());
}
