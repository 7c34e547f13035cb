//! What every store promises, run on each of them.

#![expect(clippy::unwrap_used, reason = "tests")]

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_repo::{MemoryStore, Options, Repository, Store};

fn block(code: Code, data: &'static [u8]) -> (Cid, Bytes) {
    let hash = Hasher::new(code).hash(data).unwrap();
    (Cid::new_v1(codec::RAW, hash), Bytes::from_static(data))
}

fn usual(data: &'static [u8]) -> (Cid, Bytes) {
    block(Code::Sha2_256, data)
}

/// Runs a claim on every implementation, each empty.
fn on_each(claim: impl Fn(&dyn Store)) {
    claim(&MemoryStore::new());
    let place = tempfile::tempdir().unwrap();
    claim(&Repository::open(place.path(), Options::default()).unwrap());
    let place = tempfile::tempdir().unwrap();
    // Every block its own sealed pack.
    let options = Options { pack_blocks: 1, ..Options::default() };
    claim(&Repository::open(place.path(), options).unwrap());
}

#[test]
fn what_is_put_is_found() {
    on_each(|store| {
        let blocks = [usual(b""), usual(b"a"), usual(b"b"), block(Code::Blake3, b"a")];
        store.put_blocks(&blocks).unwrap();
        for (cid, data) in &blocks {
            assert_eq!(store.get(cid).unwrap().as_ref(), Some(data));
            assert!(store.has(cid).unwrap());
        }
        let cids = blocks.each_ref().map(|(cid, _)| *cid);
        let data = blocks.map(|(_, data)| Some(data));
        assert_eq!(store.get_many(&cids).unwrap(), data);
        assert_eq!(store.hashes().unwrap().len(), 4);
    });
}

#[test]
fn what_was_not_put_is_none() {
    on_each(|store| {
        let (cid, _) = usual(b"absent");
        assert_eq!(store.get(&cid).unwrap(), None);
        assert!(!store.has(&cid).unwrap());
        assert_eq!(store.get_many(&[cid, cid]).unwrap(), [None, None]);
        assert_eq!(store.remove_blocks(&[cid]).unwrap(), 0);
    });
}

#[test]
fn the_same_block_twice_is_one() {
    on_each(|store| {
        let block = usual(b"same");
        store.put_blocks(&[block.clone(), block.clone()]).unwrap();
        store.put_blocks(std::slice::from_ref(&block)).unwrap();
        assert_eq!(store.hashes().unwrap(), [*block.0.hash()]);
    });
}

#[test]
fn a_block_is_found_by_its_hash_whatever_the_codec() {
    on_each(|store| {
        let (cid, data) = usual(b"codec");
        store.put_blocks(&[(cid, data.clone())]).unwrap();
        let other = Cid::new_v1(codec::DAG_CBOR, *cid.hash());
        assert_eq!(store.get(&other).unwrap(), Some(data));
    });
}

#[test]
fn identity_blocks_take_no_room() {
    on_each(|store| {
        let (cid, data) = block(Code::Identity, b"inlined");
        assert_eq!(store.get(&cid).unwrap(), Some(data.clone()));
        store.put_blocks(&[(cid, data)]).unwrap();
        assert!(store.hashes().unwrap().is_empty());
    });
}

#[test]
fn blocks_that_do_not_match_are_refused_with_all_others() {
    on_each(|store| {
        let (cid, _) = usual(b"right");
        let blocks = [usual(b"before"), (cid, Bytes::from_static(b"wrong"))];
        assert!(store.put_blocks(&blocks).is_err());
        assert!(store.hashes().unwrap().is_empty());
    });
}

#[test]
fn what_is_removed_is_gone_and_can_come_back() {
    on_each(|store| {
        let blocks = [usual(b"1"), usual(b"2"), usual(b"3")];
        store.put_blocks(&blocks).unwrap();
        assert_eq!(store.remove_blocks(&[blocks[0].0, blocks[2].0]).unwrap(), 2);
        assert_eq!(store.hashes().unwrap(), [*blocks[1].0.hash()]);
        assert_eq!(store.get(&blocks[0].0).unwrap(), None);
        store.put_blocks(&blocks[..1]).unwrap();
        assert_eq!(store.get(&blocks[0].0).unwrap(), Some(blocks[0].1.clone()));
    });
}
