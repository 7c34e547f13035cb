//! Walks visit each block once, parents first, and read siblings together.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::sync::Mutex;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::pb::{PbLink, PbNode};
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, MemoryBlocks, Walk, WalkLimits};
use ipfs_kit_hash::{Code, Hasher};

struct Counted(MemoryBlocks, Mutex<Vec<usize>>);

impl BlockSource for Counted {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        self.1.lock().unwrap().push(1);
        self.0.get(cid)
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        self.1.lock().unwrap().push(cids.len());
        cids.iter().map(|cid| self.0.get(cid)).collect()
    }
}

fn put(blocks: &mut MemoryBlocks, codec: u64, data: &[u8]) -> Cid {
    let cid = Cid::new_v1(codec, Hasher::new(Code::Sha2_256).hash(data).unwrap());
    blocks.put(&cid, data).unwrap();
    cid
}

fn node(blocks: &mut MemoryBlocks, below: &[Cid]) -> Cid {
    let links = below.iter().map(|cid| PbLink::new(*cid, "", 0)).collect();
    put(blocks, codec::DAG_PB, &PbNode { links, data: None }.encode())
}

/// A tree of `levels` levels of ten links each, whose leaves differ.
fn tree(blocks: &mut MemoryBlocks, levels: u32, next: &mut u32) -> Cid {
    if levels == 0 {
        *next += 1;
        return put(
            blocks,
            codec::DAG_PB,
            &PbNode { links: Vec::new(), data: Some(next.to_le_bytes().to_vec()) }
                .encode(),
        );
    }
    let below: Vec<Cid> = (0..10).map(|_| tree(blocks, levels - 1, next)).collect();
    node(blocks, &below)
}

/// What a walk gives, by recursion.
fn plain(
    blocks: &MemoryBlocks,
    cid: &Cid,
    seen: &mut HashSet<Cid>,
    found: &mut Vec<Cid>,
) {
    if seen.insert(*cid) {
        found.push(*cid);
        let data = blocks.get(cid).unwrap().unwrap();
        for cid in ipfs_kit_dag::links(cid, &data).unwrap() {
            plain(blocks, &cid, seen, found);
        }
    }
}

#[test]
fn siblings_are_read_together_and_the_order_is_as_ever() {
    let mut blocks = MemoryBlocks::new();
    let one = tree(&mut blocks, 3, &mut 0);
    // The same again below another root, and a leaf that stands in two places.
    let again = node(&mut blocks, &[one, one]);
    let root = node(&mut blocks, &[one, again, one]);
    let mut expected = Vec::new();
    plain(&blocks, &root, &mut HashSet::new(), &mut expected);
    let source = Counted(blocks, Mutex::default());
    let walk = Walk::new(&source, root, WalkLimits::default());
    let visited: Vec<Cid> = walk.map(|visit| visit.unwrap().cid).collect();
    assert_eq!(visited, expected);
    let calls = source.1.lock().unwrap();
    assert_eq!(calls.iter().sum::<usize>(), expected.len(), "each is read once");
    assert!(calls.len() <= 114, "{} calls for {} blocks", calls.len(), expected.len());
}

#[test]
fn a_missing_sibling_is_an_error_at_its_turn() {
    let mut blocks = MemoryBlocks::new();
    let leaves: Vec<Cid> =
        (0..5_u8).map(|i| put(&mut blocks, codec::RAW, &[i])).collect();
    let absent = put(&mut MemoryBlocks::new(), codec::RAW, b"absent");
    let root = node(&mut blocks, &[&leaves[..], &[absent], &leaves[..]].concat());
    let mut walk = Walk::new(&blocks, root, WalkLimits::default());
    for cid in [&[root], &leaves[..]].concat() {
        assert_eq!(walk.next().unwrap().unwrap().cid, cid);
    }
    assert!(matches!(walk.next(), Some(Err(DagError::Missing(cid))) if *cid == absent));
    assert!(walk.next().is_none());
}
