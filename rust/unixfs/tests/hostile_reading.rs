//! Files and directories that lie about themselves are errors, and soon.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::pb::{PbLink, PbNode};
use ipfs_kit_dag::{BlockSink, DagError, MemoryBlocks};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::read::{File, entries, resolve};
use ipfs_kit_unixfs::{FsNode, HAMT_MURMUR3, NodeKind, UnixFsError};

fn put(blocks: &mut MemoryBlocks, codec: u64, data: &[u8]) -> Cid {
    let cid = Cid::new_v1(codec, Hasher::new(Code::Sha2_256).hash(data).unwrap());
    blocks.put(&cid, data).unwrap();
    cid
}

fn put_node(blocks: &mut MemoryBlocks, links: Vec<PbLink>, message: &FsNode) -> Cid {
    let node = PbNode { links, data: Some(message.encode()) };
    put(blocks, codec::DAG_PB, &node.encode())
}

/// A file node over parts of the sizes it says.
fn put_file(blocks: &mut MemoryBlocks, parts: &[(Cid, u64)]) -> Cid {
    let links = parts.iter().map(|(cid, _)| PbLink::new(*cid, "", 1)).collect();
    let sizes = parts.iter().map(|(_, size)| *size).collect();
    put_node(blocks, links, &FsNode { block_sizes: sizes, ..FsNode::new(NodeKind::File) })
}

fn put_shard(blocks: &mut MemoryBlocks, links: &[(&str, Cid)]) -> Cid {
    let links = links.iter().map(|(name, cid)| PbLink::new(*cid, *name, 1)).collect();
    let message = FsNode {
        hash_type: Some(HAMT_MURMUR3),
        fanout: Some(16),
        ..FsNode::new(NodeKind::HamtShard)
    };
    put_node(blocks, links, &message)
}

fn read(blocks: &MemoryBlocks, cid: &Cid) -> Result<Vec<Bytes>, UnixFsError> {
    let file = File::open(blocks, cid)?;
    let found = file.read_range(blocks, 0..10_000);
    // What is missing is found without trusting anything either.
    let missing = file.missing(blocks, 0..10_000, u64::MAX);
    assert_eq!(missing.is_err(), found.is_err() && !is_missing(&found));
    found
}

fn is_missing<T>(result: &Result<T, UnixFsError>) -> bool {
    matches!(result, Err(UnixFsError::Dag(DagError::Missing(_))))
}

fn is_node<T>(result: &Result<T, UnixFsError>) -> bool {
    matches!(result, Err(UnixFsError::Node { .. }))
}

fn is_limit<T>(result: &Result<T, UnixFsError>) -> bool {
    matches!(result, Err(UnixFsError::Limit { .. }))
}

#[test]
fn sizes_must_agree() {
    let mut blocks = MemoryBlocks::new();
    let leaf = put(&mut blocks, codec::RAW, b"four");
    let inner = put_file(&mut blocks, &[(leaf, 4)]);
    for lie in [1, 3, 5, 1 << 40] {
        for below in [inner, leaf] {
            let root = put_file(&mut blocks, &[(below, lie)]);
            let file = File::open(&blocks, &root).unwrap();
            assert!(is_node(&file.read_range(&blocks, 0..lie)), "{lie}");
        }
    }
    let overflow = put_file(&mut blocks, &[(leaf, u64::MAX), (leaf, 4)]);
    assert!(is_node(&read(&blocks, &overflow)));
    let message = FsNode { file_size: Some(5), ..FsNode::new(NodeKind::File) };
    let root = put_node(&mut blocks, Vec::new(), &message);
    assert!(is_node(&read(&blocks, &root)));
    let links = vec![PbLink::new(leaf, "", 4)];
    let root = put_node(&mut blocks, links, &FsNode::new(NodeKind::File));
    assert!(is_node(&read(&blocks, &root)), "a link without a size");
}

#[test]
fn parts_are_files() {
    let mut blocks = MemoryBlocks::new();
    let folder = put_node(&mut blocks, Vec::new(), &FsNode::new(NodeKind::Directory));
    let root = put_file(&mut blocks, &[(folder, 4)]);
    assert!(is_node(&read(&blocks, &root)));
    assert!(matches!(read(&blocks, &folder), Err(UnixFsError::IsADirectory { .. })));
    let message = FsNode { data: Some(b"to".into()), ..FsNode::new(NodeKind::Symlink) };
    let link = put_node(&mut blocks, Vec::new(), &message);
    assert!(is_node(&read(&blocks, &link)));
    let garbage = put(&mut blocks, codec::DAG_PB, b"no node");
    assert!(matches!(read(&blocks, &garbage), Err(UnixFsError::Dag(_))));
    let value = put(&mut blocks, codec::DAG_CBOR, &[0xa0]);
    let root = put_file(&mut blocks, &[(value, 4)]);
    let failed = read(&blocks, &root);
    assert!(matches!(failed, Err(UnixFsError::Dag(DagError::UnknownCodec(_)))));
}

#[test]
fn a_missing_part_is_named() {
    let mut blocks = MemoryBlocks::new();
    let leaf = put(&mut MemoryBlocks::new(), codec::RAW, b"four");
    let root = put_file(&mut blocks, &[(leaf, 4), (leaf, 4)]);
    assert!(is_missing(&read(&blocks, &root)));
    let file = File::open(&blocks, &root).unwrap();
    assert_eq!(file.missing(&blocks, 0..8, 100).unwrap(), [leaf], "once");
}

#[test]
fn chains_end() {
    let mut blocks = MemoryBlocks::new();
    let leaf = put(&mut blocks, codec::RAW, b"x");
    let mut chain = leaf;
    for _ in 0..900 {
        chain = put_file(&mut blocks, &[(chain, 1)]);
    }
    // One of them is deep, and can be read; many of them are work for nothing.
    assert_eq!(read(&blocks, &chain).unwrap().concat(), b"x");
    let root = put_file(&mut blocks, &vec![(chain, 1); 10_000]);
    assert!(is_limit(&read(&blocks, &root)));
    for _ in 0..200 {
        chain = put_file(&mut blocks, &[(chain, 1)]);
    }
    assert!(is_limit(&read(&blocks, &chain)), "too deep");
}

#[test]
fn parts_of_no_bytes_are_not_read() {
    let mut blocks = MemoryBlocks::new();
    let leaf = put(&mut blocks, codec::RAW, b"");
    let mut bomb = leaf;
    for _ in 0..60 {
        bomb = put_file(&mut blocks, &vec![(bomb, 0); 1000]);
    }
    assert!(read(&blocks, &bomb).unwrap().is_empty());
}

#[test]
fn a_few_blocks_that_stand_for_an_exabyte_give_what_is_asked() {
    let mut blocks = MemoryBlocks::new();
    let mut bomb = put(&mut blocks, codec::RAW, &[7; 1024]);
    let mut size = 1024;
    for _ in 0..50 {
        bomb = put_file(&mut blocks, &[(bomb, size), (bomb, size)]);
        size *= 2;
    }
    let file = File::open(&blocks, &bomb).unwrap();
    assert_eq!(file.size(), 1 << 60);
    let some = file.read_range(&blocks, (1 << 59) - 10..(1 << 59) + 10).unwrap();
    assert_eq!(some.concat(), [7; 20]);
    assert_eq!(file.missing(&blocks, 0..1 << 20, 1).unwrap(), []);
}

fn list(blocks: &MemoryBlocks, cid: &Cid) -> Result<Vec<String>, UnixFsError> {
    entries(blocks, cid)?.take(10_000).map(|entry| Ok(entry?.name)).collect()
}

#[test]
fn tries_that_stand_for_endless_lists_are_refused() {
    let mut blocks = MemoryBlocks::new();
    let leaf = put(&mut blocks, codec::RAW, b"x");
    let slots: Vec<String> = (0..16).map(|slot| format!("{slot:X}")).collect();
    for bottom in [vec![("5name", leaf)], vec![]] {
        let mut bomb = put_shard(&mut blocks, &bottom);
        for _ in 0..12 {
            let links: Vec<_> = slots.iter().map(|slot| (&slot[..], bomb)).collect();
            bomb = put_shard(&mut blocks, &links);
        }
        assert!(is_node(&list(&blocks, &bomb)), "{bottom:?}");
    }
    let mut deep = put_shard(&mut blocks, &[("0name", leaf)]);
    for _ in 0..20 {
        deep = put_shard(&mut blocks, &[("0", deep)]);
    }
    assert!(matches!(list(&blocks, &deep), Err(UnixFsError::HamtTooDeep)));
}

#[test]
fn resolving_ends_in_tries_of_any_shape() {
    let mut blocks = MemoryBlocks::new();
    let leaf = put(&mut blocks, codec::RAW, b"x");
    let slots: Vec<String> = (0..16).map(|slot| format!("{slot:X}")).collect();
    let mut deep = put_shard(&mut blocks, &[("0name", leaf)]);
    for _ in 0..20 {
        let links: Vec<_> = slots.iter().map(|slot| (&slot[..], deep)).collect();
        deep = put_shard(&mut blocks, &links);
    }
    assert!(matches!(resolve(&blocks, &deep, &["a"]), Err(UnixFsError::HamtTooDeep)));
    let raw: Vec<_> = slots.iter().map(|slot| (&slot[..], leaf)).collect();
    let raw = put_shard(&mut blocks, &raw);
    assert!(is_node(&resolve(&blocks, &raw, &["a"])));
    let folder = put_node(&mut blocks, Vec::new(), &FsNode::new(NodeKind::Directory));
    let odd: Vec<_> = slots.iter().map(|slot| (&slot[..], folder)).collect();
    let odd = put_shard(&mut blocks, &odd);
    assert!(is_node(&resolve(&blocks, &odd, &["a"])));
    let message = FsNode { fanout: Some(7), ..FsNode::new(NodeKind::HamtShard) };
    let odd = put_node(&mut blocks, Vec::new(), &message);
    assert!(is_node(&resolve(&blocks, &odd, &["a"])));
}
