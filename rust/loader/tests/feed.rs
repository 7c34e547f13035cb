//! Feeds: batches in order, bounded, each sample's trouble its own, and no hanging.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSource, DagError, MemoryBlocks};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_loader::{Batch, Cids, Data, Feed, Folder, Ranges, Samples, Turn};
use ipfs_kit_unixfs::{Control, Importer, Params, Profile};

const LONG: Duration = Duration::from_secs(30);

/// Blocks; each look costs a moment.
#[derive(Clone)]
struct Slow(Arc<MemoryBlocks>, Arc<AtomicUsize>);

impl BlockSource for Slow {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.get(cid)
    }
}

fn raw(data: &[u8]) -> Cid {
    Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(data).unwrap())
}

/// So many blocks of so many bytes, each of its number.
fn blocks(count: u16, bytes: usize) -> (Slow, Cids) {
    let (mut blocks, mut cids) = (MemoryBlocks::new(), Cids::default());
    for number in 0..count {
        let data = number.to_le_bytes().repeat(bytes / 2);
        let cid = raw(&data);
        cids.push(&cid);
        ipfs_kit_dag::BlockSink::put(&mut blocks, &cid, &data).unwrap();
    }
    (Slow(Arc::new(blocks), Arc::default()), cids)
}

fn feed(source: &Slow, samples: Samples, threads: usize, ahead: usize) -> Feed<()> {
    let source = source.clone();
    Feed::start(&Arc::new(samples), threads, ahead, move |_| source.clone())
}

fn next<J: Send>(feed: &Feed<J>) -> Option<Batch> {
    match feed.next(LONG) {
        Turn::Batch(batch) => Some(batch),
        Turn::End => None,
        Turn::Errand(_) | Turn::Waited => unreachable!("nothing came"),
    }
}

fn numbers(batch: &Batch) -> Vec<u16> {
    let Data::Views(views) = &batch.data else { return Vec::new() };
    views.iter().map(|view| u16::from_le_bytes([view[0], view[1]])).collect()
}

#[test]
fn batches_come_in_the_order_they_were_asked_for() {
    let (source, cids) = blocks(500, 64);
    let feed = feed(&source, Samples::Whole(cids), 4, 1 << 20);
    for batch in 0..100 {
        feed.push((0..5).map(|at| batch * 5 + at).rev().collect(), false);
    }
    for batch in 0..100_u16 {
        let expected: Vec<u16> = (0..5).map(|at| batch * 5 + at).rev().collect();
        assert_eq!(numbers(&next(&feed).unwrap()), expected);
    }
    assert!(next(&feed).is_none());
    assert_eq!((feed.waiting(), feed.bytes()), (0, 0));
}

#[test]
fn readers_wait_for_who_trains() {
    let (source, cids) = blocks(400, 1 << 10);
    let feed = feed(&source, Samples::Whole(cids), 2, 20 << 10);
    (0..100).for_each(|batch| feed.push((batch * 4..batch * 4 + 4).collect(), false));
    next(&feed).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    // One batch has been taken; 20 KiB lie ready, and the next of each reader.
    let read = source.1.load(Ordering::Relaxed);
    assert!((8..=4 + 20 + 8).contains(&read), "{read}");
    assert!(feed.bytes() <= 28 << 10, "{}", feed.bytes());
    (1..100).for_each(|_| assert!(next(&feed).unwrap().errors.is_empty()));
}

#[test]
fn a_batch_larger_than_the_bound_comes_all_the_same() {
    let (source, cids) = blocks(4, 1 << 10);
    let feed = feed(&source, Samples::Whole(cids), 2, 1);
    feed.push(vec![0, 1], false);
    feed.push(vec![2, 3], false);
    assert_eq!(numbers(&next(&feed).unwrap()), [0, 1]);
    assert_eq!(numbers(&next(&feed).unwrap()), [2, 3]);
}

#[test]
fn what_is_wrong_with_one_sample_says_nothing_of_the_others() {
    let (source, mut cids) = blocks(3, 64);
    cids.push(&raw(b"nowhere"));
    let feed = feed(&source, Samples::Whole(cids), 2, 1 << 20);
    feed.push(vec![0, 3, 77, 2], false);
    let batch = next(&feed).unwrap();
    let wrong: Vec<usize> = batch.errors.iter().map(|(at, _)| *at).collect();
    assert_eq!(wrong, [1, 2]);
    let Data::Views(views) = &batch.data else { unreachable!() };
    let lengths: Vec<usize> = views.iter().map(Bytes::len).collect();
    assert_eq!(lengths, [64, 0, 0, 64]);
}

/// A source of trouble.
struct Panicking;

impl BlockSource for Panicking {
    fn get(&self, _: &Cid) -> Result<Option<Bytes>, DagError> {
        unreachable!("as it was to be")
    }
}

#[test]
fn a_reader_that_panics_fails_its_batch_and_goes_on() {
    let (_, cids) = blocks(3, 64);
    let samples = Arc::new(Samples::Whole(cids));
    let feed = Feed::<()>::start(&samples, 1, 1, |_| Panicking);
    feed.push(vec![0, 1], false);
    feed.push(vec![2], false);
    assert_eq!(next(&feed).unwrap().errors.len(), 2);
    assert_eq!(next(&feed).unwrap().errors.len(), 1);
}

/// Has some blocks; for others it fails each time it is asked, and counts that.
struct Failing(Slow, Arc<AtomicUsize>);

impl BlockSource for Failing {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        if let Some(block) = self.0.get(cid)? {
            return Ok(Some(block));
        }
        self.1.fetch_add(1, Ordering::Relaxed);
        Err(DagError::Store("no answer".into()))
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        self.0.has(cid)
    }
}

#[test]
fn a_source_that_fails_is_not_asked_again_for_the_same_batch() {
    let (source, mut cids) = blocks(3, 64);
    (0..20_u8).for_each(|number| cids.push(&raw(&[number])));
    let asked = Arc::new(AtomicUsize::new(0));
    let (source, count) = (source.clone(), Arc::clone(&asked));
    let feed = Feed::<()>::start(&Arc::new(Samples::Whole(cids)), 1, 1, move |_| {
        Failing(source.clone(), Arc::clone(&count))
    });
    feed.push((0..23).collect(), false);
    let batch = next(&feed).unwrap();
    assert_eq!((batch.errors.len(), asked.load(Ordering::Relaxed)), (20, 1));
    let texts: Vec<String> =
        batch.errors.iter().map(|(_, error)| causes(error)).collect();
    assert!(texts[0].contains("no answer"), "{}", texts[0]);
    assert!(texts[1..].iter().all(|text| text.contains("not asked again")));
}

fn causes(error: &dyn std::error::Error) -> String {
    let deeper = error.source().map(causes).unwrap_or_default();
    format!("{error}; {deeper}")
}

/// Asks others for every block.
struct Asking(ipfs_kit_loader::Errands<Sender<Bytes>>);

impl BlockSource for Asking {
    fn get(&self, _: &Cid) -> Result<Option<Bytes>, DagError> {
        let (sender, receiver) = channel();
        self.0.leave(sender);
        Ok(receiver.recv().ok())
    }
}

#[test]
fn errands_are_run_by_others() {
    let (_, cids) = blocks(3, 64);
    let samples = Arc::new(Samples::Whole(cids));
    let feed = Feed::start(&samples, 2, 1, |errands| Asking(errands.clone()));
    feed.push(vec![0, 1, 2], false);
    let batch = std::thread::scope(|scope| {
        scope.spawn(|| {
            while let Turn::Errand(answer) = feed.errand(LONG) {
                answer.send(Bytes::from_static(b"had")).unwrap();
            }
        });
        let batch = next(&feed).unwrap();
        feed.stop();
        batch
    });
    assert!(batch.errors.is_empty());
    assert_eq!(batch.bytes(), 9);
}

#[test]
fn closing_frees_readers_that_wait_for_an_errand() {
    let (_, cids) = blocks(3, 64);
    let samples = Arc::new(Samples::Whole(cids));
    let feed = Feed::start(&samples, 2, 1, |errands| Asking(errands.clone()));
    feed.push(vec![0, 1, 2], false);
    assert!(matches!(feed.errand(LONG), Turn::Errand(_)));
    let begin = Instant::now();
    feed.close();
    assert!(begin.elapsed() < LONG);
    assert!(matches!(feed.next(LONG), Turn::End));
    assert!(matches!(feed.errand(LONG), Turn::End));
}

#[test]
fn ranges_of_files_are_read_whatever_their_layout() {
    let (params, control) = (Params::of(Profile::UnixFsV0_2015), Control::new());
    let mut blocks = MemoryBlocks::new();
    let bytes: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let importer = Importer::new(&params, 1, &control);
    let root = importer.reader(&bytes[..], None, Some(&mut blocks)).unwrap();
    let source = Slow(Arc::new(blocks), Arc::default());
    let files: Cids = [&root.cid].into_iter().collect();
    let starts: Vec<u64> = (0..1000).map(|at| at * 11_999).collect();
    let ends: Vec<u64> = starts.iter().map(|start| start + 1000).collect();
    let ranges = Ranges::new(files.clone(), vec![0; 1000], starts.clone(), ends).unwrap();
    let feed = feed(&source, Samples::Ranges(ranges), 2, 1 << 20);
    feed.push((0..1000).collect(), true);
    feed.push((0..1000).collect(), false);
    let packed = next(&feed).unwrap();
    let Data::Packed(memory, ends) = &packed.data else { unreachable!() };
    assert_eq!((memory.len(), ends[6]), (1_000_000, 7000));
    let batch = next(&feed).unwrap();
    assert!(batch.errors.is_empty());
    let Data::Views(found) = batch.data else { unreachable!() };
    let found: Vec<u8> = found.concat();
    let expected = starts.iter().flat_map(|&start| {
        let start = usize::try_from(start).unwrap();
        &bytes[start..start + 1000]
    });
    assert!(found.iter().eq(expected));
    assert!(Ranges::new(files.clone(), vec![1], vec![0], vec![1]).is_none());
    assert!(Ranges::new(files.clone(), vec![0], vec![2], vec![1]).is_none());
    assert!(Ranges::new(files, vec![0], vec![], vec![1]).is_none());
}

#[test]
fn a_folder_lists_its_files_by_path() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["b/2", "b/1", "a/.hidden", ".git/x", "c", "a/large"] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = if name == "a/large" { vec![7; 3 << 20] } else { name.into() };
        std::fs::write(path, bytes).unwrap();
    }
    std::os::unix::fs::symlink("c", folder.path().join("link")).unwrap();
    let (params, control) = (Params::of(Profile::UnixFsV1_2025), Control::new());
    let mut blocks = MemoryBlocks::new();
    let importer = Importer::new(&params, 1, &control);
    let root = importer.path(folder.path(), false, Some(&mut blocks)).unwrap();
    let found = Folder::list(&blocks, &root.cid, &control).unwrap();
    let paths = (0..found.paths.len()).filter_map(|at| found.paths.get(at));
    assert_eq!(paths.collect::<Vec<_>>(), ["a/large", "b/1", "b/2", "c"]);
    assert_eq!(found.sizes[1..], [3, 3, 1]);
    assert_eq!(found.cids.get(3), Some(raw(b"c")));
}
