//! What writers and readers of a folder of packs rely on.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_pack::{
    Claim, Damage, Folder, HEADER_BYTES, Key, Pack, PackError, PackId, Writer, reindex,
    scan_end,
};
use tempfile::TempDir;

fn folder() -> (TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path().join("packs")).unwrap();
    (place, folder)
}

fn block(seed: u8, bytes: usize) -> (Cid, Vec<u8>) {
    let data: Vec<u8> =
        (0..bytes).map(|i| seed.wrapping_add(i.to_le_bytes()[0])).collect();
    let hash = Hasher::new(Code::Sha2_256).hash(&data).unwrap();
    (Cid::new_v1(codec::RAW, hash), data)
}

fn put(writer: &mut Writer, (cid, data): &(Cid, Vec<u8>)) -> u64 {
    writer.append(cid, &[data]).unwrap()
}

#[test]
fn a_reader_follows_a_writer_commit_by_commit() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let pack = Pack::open(&folder, writer.id()).unwrap().unwrap();
    assert!(!pack.is_sealed() && pack.is_empty());
    let mut views = Vec::new();
    for seed in 0..20 {
        let block = block(seed, usize::from(seed) * 9000);
        let before = writer.end();
        let offset = put(&mut writer, &block);
        let early = pack.read(offset, before, block.0.hash());
        assert!(matches!(
            early,
            Err(PackError::Damaged { reason: Damage::Beyond { .. }, .. })
        ));
        let committed = writer.sync().unwrap();
        let view = pack.read(offset, committed, block.0.hash()).unwrap();
        assert_eq!(view, block.1);
        views.push((view, block.1));
    }
    drop(pack);
    for (view, data) in views {
        assert_eq!(view, data);
    }
}

#[test]
fn what_is_not_flushed_is_short_and_not_a_signal() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let block = block(1, 100);
    let offset = put(&mut writer, &block);
    let pack = Pack::open(&folder, writer.id()).unwrap().unwrap();
    let read = pack.read(offset, writer.end(), block.0.hash());
    assert!(
        matches!(read, Err(PackError::Short { actual: HEADER_BYTES, .. })),
        "{read:?}"
    );
    let mut scan = pack.scan(writer.end());
    assert!(matches!(scan.next(), Some(Err(PackError::Short { .. }))));
    assert!(scan.next().is_none());
}

#[test]
fn another_block_than_the_one_asked_for_is_damage() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let offset = put(&mut writer, &block(1, 100));
    let committed = writer.sync().unwrap();
    let pack = Pack::open(&folder, writer.id()).unwrap().unwrap();
    let read = pack.read(offset, committed, block(2, 100).0.hash());
    assert!(matches!(
        read,
        Err(PackError::Damaged { reason: Damage::OtherBlock { .. }, .. })
    ));
    let inside = pack.read(offset + 1, committed, block(1, 100).0.hash());
    assert!(matches!(inside, Err(PackError::Damaged { .. })));
}

#[test]
fn one_writer_at_a_time_wins_among_threads() {
    let (_place, folder) = folder();
    let id = Writer::create(&folder).unwrap().id();
    for _ in 0..50 {
        let (won, barrier) = (AtomicUsize::new(0), Barrier::new(4));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let writer = Writer::reopen(&folder, id, HEADER_BYTES).unwrap();
                    won.fetch_add(usize::from(writer.is_some()), Ordering::SeqCst);
                    barrier.wait();
                });
            }
        });
        assert_eq!(won.into_inner(), 1);
    }
}

#[test]
fn reopening_cuts_what_was_not_committed() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    let first = block(1, 5000);
    let offset = put(&mut writer, &first);
    let committed = writer.sync().unwrap();
    put(&mut writer, &block(2, 70_000));
    writer.flush().unwrap();
    drop(writer);
    assert!(fs::metadata(folder.pack_path(id)).unwrap().len() > committed);

    let mut writer = Writer::reopen(&folder, id, committed).unwrap().unwrap();
    assert_eq!(fs::metadata(folder.pack_path(id)).unwrap().len(), committed);
    let third = block(3, 5000);
    let third_offset = put(&mut writer, &third);
    assert!(third_offset >= committed);
    let committed = writer.sync().unwrap();
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    assert_eq!(pack.read(offset, committed, first.0.hash()).unwrap(), first.1);
    assert_eq!(pack.read(third_offset, committed, third.0.hash()).unwrap(), third.1);
    assert_eq!(pack.scan(committed).count(), 2);
}

#[test]
fn a_writer_that_is_dropped_leaves_what_was_committed() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    put(&mut writer, &block(1, 10));
    let committed = writer.sync().unwrap();
    put(&mut writer, &block(2, 10));
    drop(writer);
    assert_eq!(fs::metadata(folder.pack_path(id)).unwrap().len(), committed);
}

#[test]
fn a_pack_shorter_than_its_commit_is_refused() {
    let (_place, folder) = folder();
    let id = Writer::create(&folder).unwrap().id();
    let reopened = Writer::reopen(&folder, id, 1000);
    assert!(matches!(
        reopened,
        Err(PackError::Short { expected: 1000, actual: HEADER_BYTES, .. })
    ));
    fs::write(folder.pack_path(id), [0; 18]).unwrap();
    let reopened = Writer::reopen(&folder, id, 0);
    assert!(matches!(reopened, Err(PackError::Damaged { reason: Damage::Header, .. })));
    fs::write(folder.pack_path(id), b"").unwrap();
    assert!(matches!(Writer::reopen(&folder, id, 0), Err(PackError::Short { .. })));
}

#[test]
fn a_sealed_pack_has_no_writer_and_finds_its_blocks() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    let blocks: Vec<_> = (0..200).map(|seed| block(seed, 300)).collect();
    let mut entries: Vec<_> =
        blocks.iter().map(|block| (*block.0.hash(), put(&mut writer, block))).collect();
    let again = put(&mut writer, &blocks[7]);
    entries.insert(0, (*blocks[7].0.hash(), again));
    let committed = writer.end();
    writer.seal(entries.clone()).unwrap();

    assert!(folder.has_index(id));
    assert!(Writer::reopen(&folder, id, committed).unwrap().is_none());
    assert!(Claim::take(&folder, id).unwrap().is_none());
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    pack.check_index().unwrap();
    assert!(pack.is_sealed());
    assert_eq!((pack.len(), pack.entries().count()), (200, 200));
    for ((hash, offset), (_, data)) in entries[1..].iter().zip(&blocks) {
        let found = pack.find(hash).unwrap();
        assert_eq!(found.offset, *offset);
        let numbered = pack.entries().nth(found.ordinal as usize);
        assert_eq!(numbered, Some((*hash, *offset)));
        for bound in [committed, u64::MAX] {
            assert_eq!(pack.read(found.offset, bound, hash).unwrap(), data);
        }
        assert!(!pack.is_verified(found));
        pack.set_verified(found);
        assert!(pack.is_verified(found) && pack.is_verified(Key::Ordinal(found.ordinal)));
    }
    assert_eq!(pack.find(block(0, 301).0.hash()), None);
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 3, "{names:?}"); // pack, index, trash
}

#[test]
fn an_empty_pack_seals() {
    let (_place, folder) = folder();
    let writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    writer.seal([]).unwrap();
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    assert!(pack.is_sealed() && pack.is_empty());
    assert_eq!(pack.scan(u64::MAX).count(), 0);
}

#[test]
fn views_outlive_a_discarded_pack() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    let block = block(1, 100_000);
    let offset = put(&mut writer, &block);
    writer.seal([(*block.0.hash(), offset)]).unwrap();
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    let view = pack.read(offset, u64::MAX, block.0.hash()).unwrap();
    folder.discard(id).unwrap();
    folder.discard(id).unwrap();
    assert!(Pack::open(&folder, id).unwrap().is_none());
    assert!(Writer::reopen(&folder, id, 0).unwrap().is_none());
    assert_eq!(scan_end(&folder, id).unwrap(), None);
    assert_eq!(folder.packs().unwrap(), []);
    drop(pack);
    assert_eq!(view, block.1);
    assert_eq!(fs::read_dir(folder.path().join("trash")).unwrap().count(), 0);
}

#[test]
fn a_file_that_took_the_place_of_a_pack_has_its_own_lock() {
    let (_place, folder) = folder();
    let writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    folder.discard(id).unwrap();
    fs::write(folder.pack_path(id), b"").unwrap();
    // The old writer locks a file that is gone, the new one is free.
    assert!(Claim::take(&folder, id).unwrap().is_some());
    drop(writer);
}

#[test]
fn a_claimed_pack_can_be_discarded() {
    let (_place, folder) = folder();
    let id = Writer::create(&folder).unwrap().id();
    Claim::take(&folder, id).unwrap().unwrap().discard().unwrap();
    assert_eq!(folder.packs().unwrap(), []);
}

#[test]
fn the_trash_is_emptied_and_unfinished_indexes_go_unless_somebody_writes() {
    let (_place, folder) = folder();
    let (busy, free) =
        (Writer::create(&folder).unwrap(), Writer::create(&folder).unwrap());
    let (busy_id, free_id) = (busy.id(), free.id());
    drop(free);
    let unfinished = |id: PackId| folder.path().join(format!("{id}.idx.tmp"));
    let gone = PackId::random();
    for id in [busy_id, free_id, gone] {
        fs::write(unfinished(id), [0; 10]).unwrap();
    }
    fs::write(folder.path().join("trash/rest.car"), [0; 7]).unwrap();
    assert_eq!(folder.empty_trash().unwrap(), 27);
    assert!(unfinished(busy_id).exists());
    assert!(!unfinished(free_id).exists() && !unfinished(gone).exists());
    assert_eq!(folder.packs().unwrap().len(), 2);
    fs::remove_dir(folder.path().join("trash")).unwrap();
    assert_eq!(folder.empty_trash().unwrap(), 0);
    drop(busy);
}

#[test]
fn a_folder_opened_to_read_refuses_changes() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let id = writer.id();
    let block = block(1, 10);
    let offset = put(&mut writer, &block);
    writer.seal([(*block.0.hash(), offset)]).unwrap();
    let folder = Folder::open_read_only(folder.path()).unwrap();
    let refused = |error| matches!(error, PackError::ReadOnly { .. });
    assert!(refused(Writer::create(&folder).unwrap_err()));
    assert!(refused(Writer::reopen(&folder, id, 0).unwrap_err()));
    assert!(refused(folder.discard(id).unwrap_err()));
    assert!(refused(folder.empty_trash().unwrap_err()));
    assert!(refused(reindex(&folder, id).unwrap_err()));
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    assert_eq!(pack.read(offset, u64::MAX, block.0.hash()).unwrap(), block.1);
}

#[test]
fn a_block_too_long_is_refused_and_the_writer_goes_on() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let (cid, data) = block(1, 1 << 20);
    let parts = vec![&data[..]; 65];
    assert!(matches!(writer.append(&cid, &parts), Err(PackError::Car(_))));
    let offset = writer.append(&cid, &[&data]).unwrap();
    let committed = writer.sync().unwrap();
    let pack = Pack::open(&folder, writer.id()).unwrap().unwrap();
    assert_eq!(pack.read(offset, committed, cid.hash()).unwrap(), data);
}

#[test]
fn threads_read_while_one_writes() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let pack = Pack::open(&folder, writer.id()).unwrap().unwrap();
    let committed = std::sync::Mutex::new((Vec::new(), 0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut seen = 0;
                while seen < 60 {
                    let (blocks, end) = committed.lock().unwrap().clone();
                    let blocks: Vec<(u64, (Cid, Vec<u8>))> = blocks;
                    for (offset, (cid, data)) in &blocks {
                        assert_eq!(pack.read(*offset, end, cid.hash()).unwrap(), data);
                    }
                    seen = blocks.len();
                }
            });
        }
        let mut written = Vec::new();
        for seed in 0..60 {
            let block = block(seed, usize::from(seed) * 1500);
            written.push((put(&mut writer, &block), block));
            let end = writer.sync().unwrap();
            *committed.lock().unwrap() = (written.clone(), end);
        }
    });
}

#[test]
fn a_pack_without_padding_is_read_and_gone_on_with() {
    let (_place, folder) = folder();
    let id = PackId::from_u64(7);
    let old: Vec<_> = [5000, 70_000, 100, 1 << 20, 65_536]
        .iter()
        .zip(0..)
        .map(|(&bytes, seed)| block(seed, bytes))
        .collect();
    let mut file = ipfs_kit_car::Header::default().encode_frame();
    let mut entries = Vec::new();
    for (cid, data) in &old {
        entries.push((*cid.hash(), file.len() as u64));
        ipfs_kit_car::section::encode_head(cid, data.len(), &mut file);
        file.extend_from_slice(data);
    }
    fs::write(folder.pack_path(id), &file).unwrap();
    assert_eq!(scan_end(&folder, id).unwrap(), Some(file.len() as u64));
    let mut writer = Writer::reopen(&folder, id, file.len() as u64).unwrap().unwrap();
    let new = block(9, 70_000);
    entries.push((*new.0.hash(), put(&mut writer, &new)));
    assert_eq!((writer.end() - new.1.len() as u64) % 4096, 0);
    writer.seal(entries).unwrap();
    assert_eq!(reindex(&folder, id).unwrap(), Some(6));
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    for (cid, data) in old.iter().chain([&new]) {
        let found = pack.find(cid.hash()).unwrap();
        assert_eq!(pack.read(found.offset, u64::MAX, cid.hash()).unwrap(), data);
    }
}

#[test]
fn a_view_is_found_in_its_file_and_in_no_other() {
    let (_place, folder) = folder();
    let mut writer = Writer::create(&folder).unwrap();
    let block = block(1, 70_000);
    let offset = put(&mut writer, &block);
    let (id, committed) = (writer.id(), writer.sync().unwrap());
    let start = committed - block.1.len() as u64;
    let check = |pack: &Pack| {
        let view = pack.read(offset, committed, block.0.hash()).unwrap();
        assert_eq!(pack.offset_of(&view), Some(start));
        assert_eq!(pack.offset_of(&view[7..]), Some(start + 7));
        assert_eq!(pack.offset_of(&block.1), None);
    };
    check(&Pack::open(&folder, id).unwrap().unwrap());
    writer.seal([(*block.0.hash(), offset)]).unwrap();
    let pack = Pack::open(&folder, id).unwrap().unwrap();
    check(&pack);
    // Files are told apart where the system has something to tell them by.
    assert_eq!(pack.reopen(&folder).is_some(), cfg!(unix));
    let path = folder.pack_path(id);
    fs::rename(&path, path.with_extension("old")).unwrap();
    assert!(pack.reopen(&folder).is_none());
    fs::copy(path.with_extension("old"), &path).unwrap();
    assert!(pack.reopen(&folder).is_none());
}

#[test]
fn what_is_mapped_ahead_serves_a_pack_while_it_grows() {
    let (_place, folder) = folder();
    let id = PackId::from_u64(7);
    let mut writer = Writer::create_cached(&folder, id, 1 << 20).unwrap().unwrap();
    assert!(Writer::create_cached(&folder, id, 0).unwrap().is_none());
    let pack = Pack::open_ahead(&folder, id, 1 << 20).unwrap().unwrap();
    let mut last = HEADER_BYTES;
    let mut views = Vec::new();
    for number in 0..40_u8 {
        let data = vec![number; 20_000];
        let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Blake3).hash(&data).unwrap());
        let offset = writer.append(&cid, &[&data]).unwrap();
        writer.flush().unwrap();
        let found = pack.read(offset, writer.end(), cid.hash()).unwrap();
        assert_eq!(found, data);
        views.push(found);
        let mut sections = pack.scan_from(last, writer.end());
        assert_eq!(sections.next().unwrap().unwrap().0, offset);
        assert!(sections.next().is_none());
        last = sections.offset();
        // A section that reaches beyond what may be believed is not looked at.
        assert!(pack.read(offset, writer.end() - 1, cid.hash()).is_err());
    }
    let mapping = pack.mapping();
    let entries: Vec<_> = pack
        .scan(writer.end())
        .map(Result::unwrap)
        .map(|(at, cid, _)| (*cid.hash(), at))
        .collect();
    writer.seal(entries).unwrap();
    let sealed = Pack::open(&folder, id).unwrap().unwrap();
    assert_eq!(sealed.len(), 40);
    drop(pack);
    folder.discard(id).unwrap();
    assert!(mapping.is_alive());
    assert_eq!(views[39], vec![39; 20_000]);
    drop(views);
    assert!(!mapping.is_alive());
}
