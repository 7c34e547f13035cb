//! What a repository promises, one claim a test.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSink, BlockSource, InPlace, pb};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_repo::{
    Hook, Options, Pin, PinKind, Pinned, RepoError, Repository, Session, Writing,
};
use ipfs_kit_unixfs::Control;
use tempfile::TempDir;

const HOUR: i64 = 3600;

fn raw(data: &[u8]) -> Cid {
    Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(data).unwrap())
}

/// A dag-pb node with these links.
fn node(children: &[Cid]) -> (Cid, Vec<u8>) {
    let links = children.iter().map(|cid| pb::PbLink::new(*cid, "", 0));
    let block = pb::PbNode { links: links.collect(), data: None }.encode();
    let hash = Hasher::new(Code::Sha2_256).hash(&block).unwrap();
    (Cid::new_v1(codec::DAG_PB, hash), block)
}

fn small_packs() -> Options {
    Options { pack_bytes: 64 << 10, pack_blocks: 100, threads: 2, ..Options::default() }
}

fn open(place: &TempDir) -> Repository {
    Repository::open(place.path(), small_packs()).unwrap()
}

/// The same repository as it will be found some seconds later.
fn later(place: &TempDir, seconds: i64) -> Repository {
    let options = Options { clock_offset: seconds, ..small_packs() };
    Repository::open(place.path(), options).unwrap()
}

/// Blocks of all sizes that differ from one another.
fn blocks(count: usize) -> Vec<(Cid, Vec<u8>)> {
    let make = |at: usize| {
        let length = [0, 1, 100, 5000, 70_000][at % 5];
        let mut data = at.to_le_bytes().to_vec();
        data.resize(8 + length, u8::try_from(at % 251).unwrap());
        (raw(&data), data)
    };
    (0..count).map(make).collect()
}

fn put_all(repository: &Repository, blocks: &[(Cid, Vec<u8>)]) {
    let session = repository.session().unwrap();
    for (cid, data) in blocks {
        session.put(cid, data).unwrap();
    }
    session.commit().unwrap();
}

fn assert_all(repository: &Repository, blocks: &[(Cid, Vec<u8>)]) {
    for (cid, data) in blocks {
        assert_eq!(repository.get(cid).unwrap().as_deref(), Some(&data[..]));
        assert!(repository.has(cid).unwrap());
    }
    let cids: Vec<_> = blocks.iter().map(|(cid, _)| *cid).collect();
    let found = repository.get_many(&cids).unwrap();
    for (found, (_, data)) in found.iter().zip(blocks) {
        assert_eq!(found.as_deref(), Some(&data[..]));
    }
}

fn pack_files(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.join("embedded/packs")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.is_file());
    paths.sort();
    paths
}

fn gc(repository: &Repository) -> Vec<Cid> {
    let mut removed = Vec::new();
    repository.gc(&Control::new(), |cid| removed.push(cid)).unwrap();
    removed
}

#[test]
fn blocks_come_back_from_this_handle_another_and_after_reopening() {
    let place = TempDir::new().unwrap();
    let (one, other) = (open(&place), open(&place));
    let blocks = blocks(500);
    put_all(&one, &blocks);
    assert_all(&one, &blocks);
    assert_all(&other, &blocks);
    drop((one, other));
    assert_all(&open(&place), &blocks);
    assert!(pack_files(place.path()).len() > 4, "there should be several packs");
}

#[test]
fn nothing_is_visible_before_the_commit_and_nothing_stays_without_one() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let cid = raw(b"x");
    let session = repository.session().unwrap();
    assert!(session.put(&cid, b"x").unwrap());
    assert!(!session.put(&cid, b"x").unwrap());
    assert_eq!(BlockSource::get(&session, &cid).unwrap().as_deref(), Some(&b"x"[..]));
    assert!(!repository.has(&cid).unwrap());
    drop(session);
    assert!(!repository.has(&cid).unwrap());
    assert_eq!(pack_files(place.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_block_that_is_there_is_not_written_again() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let blocks = blocks(300);
    put_all(&repository, &blocks);
    let before = repository.stat().unwrap();
    let session = repository.session().unwrap();
    for (cid, data) in &blocks {
        assert!(!session.put(cid, data).unwrap());
    }
    session.commit().unwrap();
    assert_eq!(session.taken().known_blocks, 300);
    assert_eq!(repository.stat().unwrap(), before);
}

#[test]
fn a_pack_is_left_for_the_next_writer_and_two_writers_have_two() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    put_all(&repository, &blocks(2));
    put_all(&repository, &blocks(4));
    assert_eq!(pack_files(place.path()).len(), 1);
    let (one, two) = (repository.session().unwrap(), repository.session().unwrap());
    one.put(&raw(b"one"), b"one").unwrap();
    two.put(&raw(b"two"), b"two").unwrap();
    two.commit().unwrap();
    one.commit().unwrap();
    assert_eq!(pack_files(place.path()).len(), 2);
    assert!(
        repository.has(&raw(b"one")).unwrap() && repository.has(&raw(b"two")).unwrap()
    );
}

#[test]
fn both_versions_and_all_codecs_of_a_hash_are_one_block() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let (cid, data) = node(&[]);
    put_all(&repository, &[(cid, data.clone())]);
    let v0 = ipfs_kit_cid::to_v0(&cid).unwrap();
    assert_eq!(repository.get(&v0).unwrap().as_deref(), Some(&data[..]));
    let raw = Cid::new_v1(codec::RAW, *cid.hash());
    assert_eq!(repository.get(&raw).unwrap().as_deref(), Some(&data[..]));
}

#[test]
fn identity_blocks_are_always_there_and_never_stored() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let hash = Hasher::new(Code::Identity).hash(b"inlined").unwrap();
    let cid = Cid::new_v1(codec::RAW, hash);
    assert!(repository.has(&cid).unwrap());
    assert_eq!(repository.get(&cid).unwrap().as_deref(), Some(&b"inlined"[..]));
    put_all(&repository, &[(cid, b"inlined".to_vec())]);
    assert_eq!(repository.stat().unwrap().blocks, 0);
}

#[test]
fn collection_takes_what_is_old_and_unpinned_alone() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let leaves = blocks(20);
    let cids: Vec<_> = leaves.iter().map(|(cid, _)| *cid).collect();
    let root = node(&cids[..10]);
    put_all(&repository, &leaves);
    put_all(&repository, std::slice::from_ref(&root));
    let control = Control::new();
    repository.pin(&root.0, PinKind::Recursive, None, &control).unwrap();
    repository.pin(&cids[15], PinKind::Direct, Some("one"), &control).unwrap();
    assert_eq!(gc(&repository), []);
    assert_eq!(gc(&later(&place, HOUR - 60)), []);
    let removed = gc(&later(&place, HOUR + 60));
    assert_eq!(removed.len(), 9);
    assert_all(&repository, &leaves[..10]);
    assert_all(&repository, &leaves[15..16]);
    for at in (10..15).chain(16..20) {
        assert!(!repository.has(&cids[at]).unwrap());
        assert_eq!(repository.get(&cids[at]).unwrap(), None);
    }
    repository.unpin(&root.0, PinKind::Recursive).unwrap();
    repository.unpin(&cids[15], PinKind::Direct).unwrap();
    assert_eq!(gc(&later(&place, HOUR + 60)).len(), 12);
    assert_eq!(repository.stat().unwrap().bytes, 0);
    assert_eq!(pack_files(place.path()), Vec::<PathBuf>::new());
}

#[test]
fn what_is_removed_can_be_added_again() {
    let place = TempDir::new().unwrap();
    let blocks = blocks(250);
    put_all(&open(&place), &blocks);
    assert_eq!(gc(&later(&place, 2 * HOUR)).len(), 250);
    let repository = open(&place);
    put_all(&repository, &blocks);
    assert_all(&repository, &blocks);
}

#[test]
fn finding_a_block_again_makes_it_young() {
    let place = TempDir::new().unwrap();
    let blocks = blocks(10);
    put_all(&open(&place), &blocks);
    put_all(&later(&place, 2 * HOUR), &blocks[..4]);
    let repository = later(&place, 2 * HOUR + 60);
    assert_eq!(gc(&repository).len(), 6);
    assert_all(&repository, &blocks[..4]);
}

#[test]
fn a_writer_keeps_what_it_found_until_it_commits() {
    let place = TempDir::new().unwrap();
    let blocks = blocks(200);
    put_all(&open(&place), &blocks);
    let collector = later(&place, 2 * HOUR);
    let collected = Arc::new(AtomicBool::new(false));
    let (done, own) = (Arc::clone(&collected), later(&place, 2 * HOUR));
    let collect = Hook(Arc::new(move || {
        assert_eq!(own.gc(&Control::new(), |_| {}).unwrap().blocks, 50);
        done.store(true, Ordering::Relaxed);
    }));
    let options = Options { before_commit: Some(collect), ..small_packs() };
    let repository = Repository::open(place.path(), options).unwrap();
    let session = repository.session().unwrap();
    for (cid, data) in &blocks[..150] {
        assert!(!session.put(cid, data).unwrap());
    }
    session.commit().unwrap();
    assert!(collected.load(Ordering::Relaxed));
    assert_all(&repository, &blocks[..150]);
    drop(session);
    // Committed by the clock of now, they are two hours old for the collector.
    assert_eq!(gc(&collector).len(), 150);
}

#[test]
fn pinning_needs_the_whole_dag() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let control = Control::new();
    let (root, block) = node(&[raw(b"missing")]);
    put_all(&repository, &[(root, block)]);
    let error = repository.pin(&root, PinKind::Recursive, None, &control).unwrap_err();
    assert!(error.to_string().contains(&ipfs_kit_cid::to_string(&raw(b"missing"))));
    repository.pin(&root, PinKind::Direct, None, &control).unwrap();
    put_all(&repository, &[(raw(b"missing"), b"missing".to_vec())]);
    repository.pin(&root, PinKind::Recursive, Some("whole"), &control).unwrap();
    let pin = Pin { cid: root, kind: PinKind::Recursive, name: Some("whole".to_owned()) };
    assert_eq!(repository.pins(None, 10).unwrap(), std::slice::from_ref(&pin));
    // Again is no error, and keeps the name.
    repository.pin(&root, PinKind::Recursive, None, &control).unwrap();
    assert_eq!(repository.pinned(&root, &control).unwrap(), Some(Pinned::By(pin)));
    let below = Some(Pinned::Below(root));
    assert_eq!(repository.pinned(&raw(b"missing"), &control).unwrap(), below);
    assert_eq!(repository.pinned(&raw(b"other"), &control).unwrap(), None);
    let error = repository.pin(&root, PinKind::Direct, None, &control).unwrap_err();
    assert!(matches!(error, RepoError::PinConflict { .. }));
    let mut indirect = Vec::new();
    let each = |cid| {
        indirect.push(cid);
        Ok(())
    };
    repository.indirect_pins(&control, each).unwrap();
    assert_eq!(indirect, [raw(b"missing")]);
    let error = repository.unpin(&raw(b"missing"), PinKind::Recursive).unwrap_err();
    assert!(matches!(error, RepoError::NotPinned { .. }));
}

#[test]
fn pins_are_listed_in_pages() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let blocks = blocks(25);
    put_all(&repository, &blocks);
    for (cid, _) in &blocks {
        repository.pin(cid, PinKind::Recursive, None, &Control::new()).unwrap();
    }
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = repository.pins(after.as_ref(), 7).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.cid);
        all.extend(page.into_iter().map(|pin| pin.cid));
    }
    let mut expected: Vec<_> = blocks.iter().map(|(cid, _)| *cid).collect();
    expected.sort_unstable_by_key(Cid::to_bytes);
    assert_eq!(all, expected);
}

#[test]
fn blocks_in_use_are_not_removed_one_by_one() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let control = Control::new();
    let blocks = blocks(150);
    let root = node(&[blocks[0].0]);
    put_all(&repository, &blocks);
    put_all(&repository, std::slice::from_ref(&root));
    repository.pin(&root.0, PinKind::Recursive, None, &control).unwrap();
    let both = [blocks[0].0, blocks[1].0];
    let error = repository.remove(&both, &control).unwrap_err();
    assert!(matches!(error, RepoError::InUse { .. }));
    assert!(repository.has(&blocks[1].0).unwrap());
    assert_eq!(repository.remove(&both[1..], &control).unwrap(), 1);
    assert!(!repository.has(&blocks[1].0).unwrap());
    assert_eq!(repository.remove(&both[1..], &control).unwrap(), 0);
}

#[test]
fn compaction_gives_dead_space_back_and_keeps_views() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let control = Control::new();
    let blocks = blocks(450);
    put_all(&repository, &blocks);
    let view = repository.get(&blocks[4].0).unwrap().unwrap();
    // Those of 5000 bytes: of shorter ones nothing comes back where a long one is next, which
    // then only has more padding before it.
    let dead: Vec<_> = blocks.iter().skip(3).step_by(5).map(|(cid, _)| *cid).collect();
    repository.remove(&dead, &control).unwrap();
    let before = repository.stat().unwrap();
    assert!(before.dead_bytes > 0);
    let other = open(&place);
    assert!(repository.compact(&control).unwrap() > 0);
    let after = repository.stat().unwrap();
    assert_eq!((after.blocks, after.dead_bytes), (before.blocks, 0));
    assert_eq!(&view[..], &blocks[4].1[..]);
    let alive: Vec<_> =
        blocks.iter().filter(|(cid, _)| !dead.contains(cid)).cloned().collect();
    assert_all(&repository, &alive);
    assert_all(&other, &alive);
    assert_all(&open(&place), &alive);
}

#[test]
fn a_flipped_bit_is_an_error_that_names_the_block() {
    let place = TempDir::new().unwrap();
    let blocks = blocks(60);
    put_all(&open(&place), &blocks);
    let cid = blocks[4].0;
    for path in pack_files(place.path()) {
        let mut bytes = fs::read(&path).unwrap();
        let needle = &blocks[4].1;
        let at = bytes.windows(needle.len()).position(|window| window == &needle[..]);
        if let Some(at) = at {
            bytes[at + 9] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let repository = open(&place);
    let error = repository.get(&cid).unwrap_err();
    assert!(matches!(&error, RepoError::Damaged { cid: found, .. } if **found == cid));
    assert!(matches!(repository.get_many(&[cid]), Err(RepoError::Damaged { .. })));
    let found = repository.verify(&Control::new(), false).unwrap();
    assert_eq!((found.blocks, found.bad.len(), found.dropped), (60, 1, false));
    assert_eq!(found.bad[0].cid, Some(cid));
    assert!(repository.verify(&Control::new(), true).unwrap().dropped);
    assert!(!repository.has(&cid).unwrap());
    put_all(&repository, &blocks[4..5]);
    assert_all(&repository, &blocks);
    assert_eq!(repository.verify(&Control::new(), false).unwrap().bad, []);
}

#[test]
fn a_pack_that_is_cut_or_lost_is_an_error_and_never_wrong_bytes() {
    let place = TempDir::new().unwrap();
    let blocks = blocks(300);
    put_all(&open(&place), &blocks);
    let packs: Vec<_> = pack_files(place.path())
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "car"))
        .collect();
    let first = fs::read(&packs[0]).unwrap();
    fs::write(&packs[0], &first[..first.len() / 2]).unwrap();
    fs::remove_file(&packs[1]).unwrap();
    let repository = open(&place);
    let (mut whole, mut failed) = (0, 0);
    for (cid, data) in &blocks {
        match repository.get(cid) {
            Ok(Some(found)) => {
                assert_eq!(&found[..], &data[..]);
                whole += 1;
            }
            Ok(None) => panic!("a lost block is not one that never was"),
            Err(_) => failed += 1,
        }
    }
    assert!(whole > 0 && failed > 0);
    assert!(!repository.verify(&Control::new(), false).unwrap().bad.is_empty());
}

#[test]
fn the_index_is_rebuilt_from_the_packs_with_every_root_pinned() {
    let place = TempDir::new().unwrap();
    let leaves = blocks(250);
    let cids: Vec<_> = leaves.iter().map(|(cid, _)| *cid).collect();
    let root = node(&cids);
    put_all(&open(&place), &leaves);
    put_all(&open(&place), std::slice::from_ref(&root));
    for ending in ["db", "db-wal", "db-shm"] {
        fs::remove_file(place.path().join("embedded/index").with_extension(ending)).ok();
    }
    let error = Repository::open(place.path(), small_packs()).unwrap_err();
    assert!(matches!(error, RepoError::IndexDamaged { .. }), "{error}");
    let control = Control::new();
    let rebuilt = Repository::rebuild(place.path(), &small_packs(), &control).unwrap();
    assert_eq!((rebuilt.blocks, rebuilt.roots_pinned), (251, 1));
    assert_eq!(gc(&later(&place, 2 * HOUR)), []);
    let repository = open(&place);
    assert_all(&repository, &leaves);
    assert_eq!(repository.find_pin(&root.0).unwrap().unwrap().kind, PinKind::Recursive);
}

#[test]
fn a_rebuild_that_was_cut_off_is_not_collected_by_and_can_be_done_again() {
    let place = TempDir::new().unwrap();
    put_all(&open(&place), &blocks(10));
    let index = rusqlite::Connection::open(place.path().join("embedded/index.db"));
    index.unwrap().execute("INSERT INTO meta VALUES ('lacks-pins', 1)", ()).unwrap();
    let error = later(&place, 2 * HOUR).gc(&Control::new(), |_| {}).unwrap_err();
    assert!(matches!(error, RepoError::IndexDamaged { .. }), "{error}");
    let control = Control::new();
    let rebuilt = Repository::rebuild(place.path(), &small_packs(), &control).unwrap();
    assert_eq!(rebuilt.roots_pinned, 10);
    assert_eq!(gc(&later(&place, 2 * HOUR)), []);
}

#[test]
fn a_rebuild_keeps_the_pins_of_an_index_that_can_be_read() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let blocks = blocks(10);
    put_all(&repository, &blocks);
    let control = Control::new();
    repository.pin(&blocks[0].0, PinKind::Recursive, Some("kept"), &control).unwrap();
    drop(repository);
    let rebuilt = Repository::rebuild(place.path(), &small_packs(), &control).unwrap();
    assert_eq!((rebuilt.pins_kept, rebuilt.roots_pinned), (1, 0));
    assert_eq!(gc(&later(&place, 2 * HOUR)).len(), 9);
    let pin = open(&place).find_pin(&blocks[0].0).unwrap().unwrap();
    assert_eq!(pin.name.as_deref(), Some("kept"));
}

#[test]
fn a_damaged_index_is_an_error_that_says_what_to_do() {
    let place = TempDir::new().unwrap();
    put_all(&open(&place), &blocks(10));
    let index = place.path().join("embedded/index.db");
    let mut bytes = fs::read(&index).unwrap();
    bytes[..4096].fill(7);
    fs::write(&index, bytes).unwrap();
    let error = Repository::open(place.path(), small_packs()).unwrap_err();
    assert!(error.to_string().contains("repo rebuild"), "{error}");
    let control = Control::new();
    Repository::rebuild(place.path(), &small_packs(), &control).unwrap();
    assert_all(&open(&place), &blocks(10));
}

#[test]
fn a_newer_repository_is_refused() {
    let place = TempDir::new().unwrap();
    drop(open(&place));
    let index = rusqlite::Connection::open(place.path().join("embedded/index.db"));
    index
        .unwrap()
        .execute("UPDATE meta SET value = 99 WHERE key = 'format'", ())
        .unwrap();
    let error = Repository::open(place.path(), small_packs()).unwrap_err();
    assert!(matches!(error, RepoError::Newer { found: 99, .. }), "{error}");
}

#[test]
fn a_limit_is_kept_and_says_so() {
    let place = TempDir::new().unwrap();
    let options = Options { max_bytes: Some(100_000), ..small_packs() };
    let repository = Repository::open(place.path(), options).unwrap();
    let session = repository.session().unwrap();
    let data = vec![1; 60_000];
    session.put(&raw(&data), &data).unwrap();
    let data = vec![2; 60_000];
    let error = session.put(&raw(&data), &data).unwrap_err();
    assert!(matches!(error, RepoError::Full { limit: 100_000, .. }));
    session.commit().unwrap();
    assert_eq!(repository.stat().unwrap().blocks, 1);
}

#[test]
fn a_reader_changes_nothing() {
    let place = TempDir::new().unwrap();
    let blocks = blocks(120);
    put_all(&open(&place), &blocks);
    let options = Options { writing: Writing::Never, ..small_packs() };
    let repository = Repository::open(place.path(), options.clone()).unwrap();
    assert_all(&repository, &blocks);
    assert!(matches!(repository.session(), Err(RepoError::ReadOnly { .. })));
    let error = repository.gc(&Control::new(), |_| {}).unwrap_err();
    assert!(matches!(error, RepoError::ReadOnly { .. }));
    let nowhere = Repository::open(place.path().join("nowhere"), options);
    assert!(matches!(nowhere, Err(RepoError::NotFound { .. })));
}

#[test]
fn blocks_in_place_are_read_from_their_file_and_checked_each_time() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let file = place.path().join("data");
    let data = vec![7; 10_000];
    fs::write(&file, [&[0; 100][..], &data].concat()).unwrap();
    let cid = raw(&data);
    let mut session: Session = repository.session().unwrap();
    let at = InPlace { path: &file, offset: 100 };
    session.put_in_place(&cid, &data, &at).unwrap();
    assert_eq!(BlockSource::get(&session, &cid).unwrap().as_deref(), Some(&data[..]));
    session.commit().unwrap();
    assert_eq!(repository.get(&cid).unwrap().as_deref(), Some(&data[..]));
    assert_eq!(open(&place).get_many(&[cid]).unwrap()[0].as_deref(), Some(&data[..]));
    assert_eq!(repository.stat().unwrap().in_place, 1);
    fs::write(&file, vec![8; 20_000]).unwrap();
    assert!(matches!(repository.get(&cid), Err(RepoError::Damaged { .. })));
    fs::remove_file(&file).unwrap();
    let error = repository.get(&cid).unwrap_err();
    assert!(error.to_string().contains("data"), "{error}");
    assert_eq!(repository.verify(&Control::new(), true).unwrap().bad.len(), 1);
    assert!(!repository.has(&cid).unwrap());
}

#[test]
fn a_block_whose_file_has_changed_is_written_when_it_is_added_again() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let file = place.path().join("data");
    fs::write(&file, b"abc").unwrap();
    let cid = raw(b"abc");
    let mut session = repository.session().unwrap();
    session.put_in_place(&cid, b"abc", &InPlace { path: &file, offset: 0 }).unwrap();
    session.commit().unwrap();
    fs::write(&file, b"xyz").unwrap();
    put_all(&repository, &[(cid, b"abc".to_vec())]);
    assert_eq!(repository.get(&cid).unwrap().as_deref(), Some(&b"abc"[..]));
}

/// Bytes that this thread has read, whatever from.
#[cfg(target_os = "linux")]
fn bytes_read() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/io").unwrap();
    let number = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    number.unwrap().parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn a_block_in_place_is_read_once_to_see_that_it_is_still_there() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let file = place.path().join("data");
    let data = vec![7; 4 << 20];
    fs::write(&file, &data).unwrap();
    let (cid, at) = (raw(&data), InPlace { path: &file, offset: 0 });
    let mut session = repository.session().unwrap();
    session.put_in_place(&cid, &data, &at).unwrap();
    session.commit().unwrap();
    let before = bytes_read();
    session.put_in_place(&cid, &data, &at).unwrap();
    let read = bytes_read() - before;
    assert_eq!(session.taken().known_blocks, 1);
    assert!((4 << 20..5 << 20).contains(&read), "{read}");
}

#[test]
fn the_files_root_is_swapped_only_by_who_knows_it() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let (one, two) = (node(&[]), node(&[raw(b"x")]));
    put_all(&repository, &[one.clone(), two.clone(), (raw(b"x"), b"x".to_vec())]);
    assert_eq!(repository.files_root().unwrap(), None);
    let session = repository.session().unwrap();
    session.commit_files_root(None, &one.0).unwrap();
    let conflict = session.commit_files_root(None, &two.0);
    assert!(matches!(conflict, Err(RepoError::Conflict)));
    session.commit_files_root(Some(&one.0), &two.0).unwrap();
    drop(session);
    assert_eq!(repository.files_root().unwrap(), Some(two.0));
    assert_eq!(gc(&later(&place, 2 * HOUR)).len(), 1);
    assert!(repository.has(&raw(b"x")).unwrap());
}

#[test]
fn a_broken_pin_stops_collection_before_anything_is_lost() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let leaf = raw(b"leaf");
    let (root, block) = node(&[leaf]);
    put_all(&repository, &[(leaf, b"leaf".to_vec()), (root, block)]);
    repository.pin(&root, PinKind::Recursive, None, &Control::new()).unwrap();
    for path in pack_files(place.path()) {
        let length = fs::metadata(&path).unwrap().len();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length - 1).unwrap();
    }
    let repository = later(&place, 2 * HOUR);
    assert!(repository.gc(&Control::new(), |_| {}).is_err());
}

#[test]
fn every_block_is_listed_once() {
    let place = TempDir::new().unwrap();
    let repository = open(&place);
    let blocks = blocks(270);
    put_all(&repository, &blocks);
    let mut listed = Vec::new();
    let each = |cid| {
        listed.push(cid);
        Ok(())
    };
    repository.each_block(each).unwrap();
    listed.sort_unstable_by_key(Cid::to_bytes);
    let mut expected: Vec<_> = blocks.iter().map(|(cid, _)| *cid).collect();
    expected.sort_unstable_by_key(Cid::to_bytes);
    assert_eq!(listed, expected);
}
