//! Ranges of files as one view: that they are the bytes of the file, that they stay so, and when
//! nothing is copied.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use ipfs_kit_chunker::Spec;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::DagError;
use ipfs_kit_repo::{Options, PinKind, Repository, VerifyReads, whole};
use ipfs_kit_unixfs::read::File;
use ipfs_kit_unixfs::{Control, Importer, Params, Profile, UnixFsError};
use proptest::prelude::*;
use tempfile::TempDir;

const HOUR: i64 = 3600;

/// Bytes that differ from chunk to chunk.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

fn params(chunk_bytes: u32) -> Params {
    let chunker = Spec::Size(NonZeroU32::new(chunk_bytes).unwrap());
    Params { chunker, ..Params::of(Profile::UnixFsV1_2025) }
}

fn open(place: &TempDir, options: &Options) -> Repository {
    Repository::open(place.path(), options.clone()).unwrap()
}

fn add(repository: &Repository, params: &Params, bytes: &[u8]) -> Cid {
    let control = Control::new();
    let mut session = repository.session().unwrap();
    let importer = Importer::new(params, 1, &control);
    let done = importer.reader(bytes, None, Some(&mut session)).unwrap();
    session.commit().unwrap();
    done.cid
}

fn view(repository: &Repository, root: &Cid, range: Range<u64>) -> Bytes {
    try_view(repository, root, range).unwrap()
}

fn try_view(
    repository: &Repository,
    root: &Cid,
    range: Range<u64>,
) -> Result<Bytes, UnixFsError> {
    let file = File::open(repository, root)?;
    whole(&file, repository, range, 3, &Control::new())
}

/// Whether a view shows the file of a pack, as the system says.
fn is_mapped(view: &Bytes) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let at = view.as_ptr().addr();
    let holds = |line: &&str| {
        let (start, rest) = line.split_once('-').unwrap();
        let (end, _) = rest.split_once(' ').unwrap();
        let number = |text| usize::from_str_radix(text, 16).unwrap();
        (number(start)..number(end)).contains(&at)
    };
    maps.lines().find(holds).unwrap().contains(".car")
}

/// Whether pages of this system are those that packs are made for.
fn can_join() -> bool {
    cfg!(target_os = "linux") && cfg!(any(target_arch = "x86_64", target_arch = "x86"))
}

fn pack_files(place: &Path) -> Vec<std::path::PathBuf> {
    let folder = std::fs::read_dir(place.join("embedded/packs"));
    let folder = folder.or_else(|_| std::fs::read_dir(place.join("packs"))).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "car")).collect()
}

#[derive(Debug, Clone)]
struct Layout {
    chunk_bytes: u32,
    trickle: bool,
    raw_leaves: bool,
    links: usize,
    pack_bytes: u64,
    repeated: bool,
}

fn layout() -> impl Strategy<Value = Layout> {
    (
        prop::sample::select(vec![1000, 4096, 65_536, 70_000, 73_728, 131_072, 262_144]),
        any::<bool>(),
        prop::bool::weighted(0.8),
        2..10_usize,
        prop::sample::select(vec![150_000, 400_000, 512 << 20]),
        any::<bool>(),
    )
        .prop_map(
            |(chunk_bytes, trickle, raw_leaves, links, pack_bytes, repeated)| Layout {
                chunk_bytes,
                trickle,
                raw_leaves,
                links,
                pack_bytes,
                repeated,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn views_are_the_bytes_of_the_file_and_stay_so(
        layout in layout(),
        size in 0..1_500_000_usize,
        seed in any::<u64>(),
        cuts in prop::collection::vec((0..1_600_000_u64, 0..1_600_000_u64), 4),
    ) {
        let place = TempDir::new().unwrap();
        let options =
            Options { pack_bytes: layout.pack_bytes, threads: 2, ..Options::default() };
        let repository = open(&place, &options);
        let mut data = bytes(seed, size);
        if layout.repeated {
            let part = data[..size / 3].to_vec();
            data[size / 2..][..part.len()].copy_from_slice(&part);
        }
        let params = Params {
            trickle: layout.trickle,
            raw_leaves: layout.raw_leaves,
            max_file_links: layout.links,
            ..params(layout.chunk_bytes)
        };
        // Something that stays, so that packs are compacted and not only dropped.
        let stays = add(&repository, &params, &bytes(!seed, 300_000));
        let root = add(&repository, &params, &data);
        let pin = repository.pin(&stays, PinKind::Recursive, None, &Control::new());
        pin.unwrap();
        let mut views = vec![(0..size as u64, view(&repository, &root, 0..u64::MAX))];
        for (start, end) in cuts {
            let start = start.min(size as u64);
            let end = end.clamp(start, size as u64);
            views.push((start..end, view(&repository, &root, start..end)));
        }
        let chunk = u64::from(layout.chunk_bytes);
        let is_whole_pages = chunk >= 65_536 && chunk % 4096 == 0 && layout.raw_leaves;
        let check = |joined: bool| {
            for (range, view) in &views {
                let part = |at: u64| usize::try_from(at).unwrap();
                assert_eq!(&view[..], &data[part(range.start)..part(range.end)]);
                let spans =
                    !range.is_empty() && range.start / chunk < (range.end - 1) / chunk;
                let is_worth = view.len() >= 65_536;
                if joined && can_join() && is_whole_pages && spans && is_worth {
                    assert!(is_mapped(view));
                }
            }
        };
        check(true);
        drop(repository);
        check(true);
        let later = open(&place, &Options { clock_offset: 2 * HOUR, ..options });
        later.gc(&Control::new(), |_| ()).unwrap();
        later.compact(&Control::new()).unwrap();
        check(true);
        drop(later);
        check(false);
    }
}

#[test]
fn a_file_of_many_packs_sealed_and_not_is_one_view() {
    let place = TempDir::new().unwrap();
    let options = Options { pack_blocks: 5, threads: 2, ..Options::default() };
    let repository = open(&place, &options);
    let data = bytes(7, 24 * 65_536);
    let root = add(&repository, &params(65_536), &data);
    let view = view(&repository, &root, 100..u64::MAX);
    assert_eq!(view, &data[100..]);
    assert!(pack_files(place.path()).len() > 4);
    assert_eq!(is_mapped(&view), can_join());
}

#[test]
fn the_end_of_a_file_may_be_of_any_length() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, &Options::default());
    for end in [1, 63, 4095, 4096, 4097, 65_535] {
        let data = bytes(end, 2 * 65_536 + usize::try_from(end).unwrap());
        let root = add(&repository, &params(65_536), &data);
        for start in [0, 1, 65_535, 65_536, 2 * 65_536 - 1, 2 * 65_536] {
            let view = view(&repository, &root, start..u64::MAX);
            assert_eq!(view, &data[usize::try_from(start).unwrap()..]);
            let is_short = view.len() < 65_536 && start < 2 * 65_536;
            assert_eq!(is_mapped(&view), !is_short && can_join(), "{start} of {end}");
        }
    }
}

#[test]
fn more_blocks_than_a_view_may_have_are_copied() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, &Options::default());
    // One block, linked over and over.
    for (blocks, joined) in [(8192, true), (8193, false)] {
        let data = vec![0; blocks * 65_536];
        let root = add(&repository, &params(65_536), &data);
        let view = view(&repository, &root, 0..u64::MAX);
        assert!(view == data);
        assert_eq!(is_mapped(&view), joined && can_join());
    }
}

#[test]
fn a_damaged_block_is_an_error_and_no_view() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, &Options::default());
    let data = bytes(3, 20 * 65_536);
    let root = add(&repository, &params(65_536), &data);
    drop(repository);
    let pack = pack_files(place.path()).pop().unwrap();
    let mut file = std::fs::read(&pack).unwrap();
    let at = file.windows(16).position(|part| part == &data[13 * 65_536 + 5..][..16]);
    file[at.unwrap()] ^= 1;
    std::fs::write(&pack, file).unwrap();
    let repository = open(&place, &Options::default());
    let refused = try_view(&repository, &root, 0..u64::MAX).unwrap_err();
    assert!(matches!(refused, UnixFsError::Dag(DagError::Store(_))), "{refused:?}");
    // What comes before it is whole.
    assert_eq!(view(&repository, &root, 0..13 * 65_536), &data[..13 * 65_536]);
}

#[test]
fn blocks_are_hashed_on_the_first_view_and_always_if_that_is_asked_for() {
    let place = TempDir::new().unwrap();
    let data = bytes(3, 20 * 65_536);
    let root = add(&open(&place, &Options::default()), &params(65_536), &data);
    let pack = pack_files(place.path()).pop().unwrap();
    let file = std::fs::read(&pack).unwrap();
    let at = file.windows(16).position(|part| part == &data[13 * 65_536 + 5..][..16]);
    for verify in [VerifyReads::First, VerifyReads::Always] {
        std::fs::write(&pack, &file).unwrap();
        let options = Options { verify, ..Options::default() };
        let repository = open(&place, &options);
        let first = view(&repository, &root, 0..u64::MAX);
        assert_eq!(first, data);
        let mut damaged = file.clone();
        damaged[at.unwrap()] ^= 1;
        std::fs::write(&pack, damaged).unwrap();
        let second = try_view(&repository, &root, 0..u64::MAX);
        assert_eq!(second.is_ok(), verify == VerifyReads::First);
    }
}

#[test]
fn a_view_that_is_cancelled_is_none() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, &Options::default());
    let root = add(&repository, &params(65_536), &bytes(3, 20 * 65_536));
    let file = File::open(&repository, &root).unwrap();
    let control = Control::new();
    control.cancel();
    let cancelled = whole(&file, &repository, 0..u64::MAX, 1, &control);
    assert!(matches!(cancelled, Err(UnixFsError::Cancelled)));
}

#[test]
fn a_view_on_each_of_many_threads_is_the_file() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, &Options { threads: 2, ..Options::default() });
    let data = bytes(11, 30 * 65_536);
    let root = add(&repository, &params(65_536), &data);
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (repository, data) = (&repository, &data);
            scope.spawn(move || {
                for turn in 0..50 {
                    let start = (thread * 50 + turn) * 4000 % data.len() as u64;
                    let view = view(repository, &root, start..u64::MAX);
                    assert!(view == data[usize::try_from(start).unwrap()..]);
                }
            });
        }
    });
}
