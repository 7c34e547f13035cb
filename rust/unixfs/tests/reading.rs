//! Every range of every file is the slice of what was imported, and costs no block too many.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod strategies;

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Mutex;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::pb::{PbLink, PbNode};
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, MemoryBlocks};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::read::File;
use ipfs_kit_unixfs::{Control, FsNode, Importer, NodeKind, Overrides, Params, Profile};
use proptest::prelude::*;
use strategies::params;

/// Notes which blocks are asked for, and how many at once.
struct Watched<'a> {
    blocks: &'a MemoryBlocks,
    asked: Mutex<Vec<Cid>>,
    windows: Mutex<Vec<usize>>,
}

impl<'a> Watched<'a> {
    fn new(blocks: &'a MemoryBlocks) -> Self {
        Self { blocks, asked: Mutex::default(), windows: Mutex::default() }
    }

    fn take(&self) -> Vec<Cid> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl BlockSource for Watched<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        assert_ne!(cid.hash().code(), Code::Identity.code(), "it is in its CID");
        self.asked.lock().unwrap().push(*cid);
        self.blocks.get(cid)
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        self.windows.lock().unwrap().push(cids.len());
        cids.iter().map(|cid| self.get(cid)).collect()
    }
}

/// Blocks below a part that begins at `start`, which hold a byte of the range or stand above
/// one that does. Decodes all by itself.
fn needed(
    blocks: &MemoryBlocks,
    cid: &Cid,
    start: u64,
    range: &Range<u64>,
    found: &mut BTreeSet<Cid>,
) {
    if cid.hash().code() != Code::Identity.code() {
        found.insert(*cid);
    }
    if cid.codec() == codec::RAW {
        return;
    }
    let node = PbNode::decode(&blocks.get(cid).unwrap().unwrap()).unwrap();
    let message = FsNode::decode(node.data.as_ref().unwrap()).unwrap();
    let mut at = start + message.data.map_or(0, |data| data.len()) as u64;
    for (link, size) in node.links.iter().zip(message.block_sizes) {
        if at < range.end && at + size > range.start && size > 0 {
            needed(blocks, &link.cid, at, range, found);
        }
        at += size;
    }
}

fn import(params: &Params, bytes: &[u8]) -> (Cid, MemoryBlocks) {
    let (control, mut blocks) = (Control::new(), MemoryBlocks::new());
    let importer = Importer::new(params, 2, &control);
    let done = importer.reader(bytes, Some("name"), Some(&mut blocks)).unwrap();
    (done.cid, blocks)
}

fn slice<'b>(bytes: &'b [u8], range: &Range<u64>) -> &'b [u8] {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(place(range.start)..place(range.end)).unwrap_or_default()
}

fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
    let one = (0_u64..3100, 0_u64..1500).prop_map(|(start, len)| start..start + len);
    proptest::collection::vec(one, 1..6)
}

/// A file as any writer could lay it out: own bytes, then parts of any depth.
#[derive(Debug, Clone)]
struct Shape {
    data: Vec<u8>,
    raw: bool,
    below: Vec<Shape>,
}

impl Shape {
    /// Writes its blocks; gives its root and its bytes.
    fn put(&self, blocks: &mut MemoryBlocks) -> (Cid, Vec<u8>) {
        let mut bytes = self.data.clone();
        let (mut links, mut block_sizes) = (Vec::new(), Vec::new());
        for shape in &self.below {
            let (cid, below) = shape.put(blocks);
            links.push(PbLink::new(cid, "", below.len() as u64));
            block_sizes.push(below.len() as u64);
            bytes.extend(below);
        }
        let hasher = Hasher::new(Code::Sha2_256);
        let (codec, block) = if self.raw && self.below.is_empty() {
            (codec::RAW, bytes.clone())
        } else {
            let data = Some(self.data.clone());
            let message = FsNode { data, block_sizes, ..FsNode::new(NodeKind::File) };
            let node = PbNode { links, data: Some(message.encode()) };
            (codec::DAG_PB, node.encode())
        };
        let cid = Cid::new_v1(codec, hasher.hash(&block).unwrap());
        blocks.put(&cid, &block).unwrap();
        (cid, bytes)
    }
}

fn shapes() -> impl Strategy<Value = Shape> {
    let data = || proptest::collection::vec(any::<u8>(), 0..40);
    let leaf = (data(), any::<bool>());
    let leaf = leaf.prop_map(|(data, raw)| Shape { data, raw, below: Vec::new() });
    leaf.prop_recursive(5, 200, 8, move |below| {
        (data(), proptest::collection::vec(below, 0..8)).prop_map(|(data, below)| Shape {
            data,
            raw: false,
            below,
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn files_of_any_layout_are_read(shape in shapes(), ranges in ranges()) {
        let mut blocks = MemoryBlocks::new();
        let (cid, bytes) = shape.put(&mut blocks);
        let source = Watched::new(&blocks);
        let file = File::open(&source, &cid).unwrap();
        prop_assert_eq!(file.size(), bytes.len() as u64);
        for range in ranges.iter().chain([&(0..u64::MAX)]) {
            source.take();
            let pieces = file.read_range(&source, range.clone()).unwrap();
            prop_assert_eq!(&pieces.concat(), slice(&bytes, range));
            let mut allowed = BTreeSet::new();
            needed(&blocks, &cid, 0, range, &mut allowed);
            prop_assert!(source.take().iter().all(|cid| allowed.contains(cid)));
            prop_assert!(file.missing(&blocks, range.clone(), 1).unwrap().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn ranges_are_slices_and_cost_no_other_block(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        params in params(),
        ranges in ranges(),
    ) {
        let (cid, blocks) = import(&params, &bytes);
        let source = Watched::new(&blocks);
        let file = File::open(&source, &cid).unwrap();
        prop_assert_eq!(file.size(), bytes.len() as u64);
        source.take();
        for range in ranges.iter().chain([&(0..u64::MAX), &(5..5), &Range { start: 9, end: 4 }]) {
            let expected = slice(&bytes, range);
            let mut allowed = BTreeSet::new();
            needed(&blocks, &cid, 0, range, &mut allowed);
            let pieces = file.read_range(&source, range.clone()).unwrap();
            prop_assert!(pieces.iter().all(|piece| !piece.is_empty()));
            prop_assert_eq!(&pieces.concat(), expected);
            let mut buffer = vec![0; expected.len() + 7];
            let len = usize::try_from(range.end.saturating_sub(range.start));
            let room = buffer.len().min(len.unwrap_or(usize::MAX));
            let read = file.read_at(&source, range.start, &mut buffer[..room]).unwrap();
            prop_assert_eq!(&buffer[..read], expected);
            let asked = source.take();
            prop_assert!(asked.iter().all(|cid| allowed.contains(cid)));
        }
    }

    #[test]
    fn what_is_missing_ends_with_the_range_and_is_never_outside_of_it(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        params in params(),
        range in (0_u64..3100, 0_u64..1500),
        max_bytes in 0_u64..2000,
    ) {
        let range = range.0..range.0 + range.1;
        let (cid, full) = import(&params, &bytes);
        let mut allowed = BTreeSet::new();
        needed(&full, &cid, 0, &range, &mut allowed);
        let mut here = MemoryBlocks::new();
        here.put(&cid, &full.get(&cid).unwrap().unwrap()).unwrap();
        let file = File::open(&here, &cid).unwrap();
        let mut asked = BTreeSet::from([cid]);
        loop {
            let missing = file.missing(&here, range.clone(), max_bytes).unwrap();
            if missing.is_empty() {
                break;
            }
            for cid in missing {
                prop_assert!(allowed.contains(&cid));
                prop_assert!(asked.insert(cid), "asked for twice");
                here.put(&cid, &full.get(&cid).unwrap().unwrap()).unwrap();
            }
        }
        let read = file.read_range(&here, range.clone()).unwrap().concat();
        prop_assert_eq!(&read, slice(&bytes, &range));
    }
}

#[test]
fn long_reads_ask_for_many_blocks_at_once() {
    let bytes: Vec<u8> = (0..6_000_000_u32).map(|i| (i >> 8).to_le_bytes()[0]).collect();
    for raw_leaves in [true, false] {
        let given = Overrides {
            chunker: Some("size-1000".parse().unwrap()),
            raw_leaves: Some(raw_leaves),
            max_file_links: Some(100),
            ..Overrides::default()
        };
        let params = Params::resolve(Profile::default(), &given).unwrap();
        let (cid, blocks) = import(&params, &bytes);
        let source = Watched::new(&blocks);
        let file = File::open(&source, &cid).unwrap();
        let mut read = Vec::new();
        let copy = &mut |piece: Bytes| {
            read.extend_from_slice(&piece);
            Ok(())
        };
        file.copy_to(&source, 0..file.size(), copy).unwrap();
        assert!(read == bytes);
        // 6060 leaves and inner nodes, and one root.
        let windows = source.windows.lock().unwrap();
        assert_eq!(windows.iter().sum::<usize>(), 6060);
        assert_eq!(*windows.iter().max().unwrap(), 64);
        assert!(windows.len() < 200, "{}", windows.len());
    }
}

#[test]
fn inner_nodes_are_read_once() {
    let given = Overrides {
        chunker: Some("size-100".parse().unwrap()),
        max_file_links: Some(10),
        ..Overrides::default()
    };
    let params = Params::resolve(Profile::default(), &given).unwrap();
    let (cid, blocks) =
        import(&params, &(0..=255).cycle().take(50_000).collect::<Vec<_>>());
    let source = Watched::new(&blocks);
    let file = File::open(&source, &cid).unwrap();
    let mut four = [0; 4];
    file.read_at(&source, 33_333, &mut four).unwrap();
    source.take();
    file.read_at(&source, 33_334, &mut four).unwrap();
    assert_eq!(source.take().len(), 1, "the leaf");
}

#[test]
fn one_file_is_read_by_many_threads() {
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let given = Overrides {
        chunker: Some("size-1024".parse().unwrap()),
        max_file_links: Some(8),
        ..Overrides::default()
    };
    let params = Params::resolve(Profile::UnixFsV0_2015, &given).unwrap();
    let (cid, blocks) = import(&params, &bytes);
    let file = File::open(&blocks, &cid).unwrap();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (file, blocks, bytes) = (&file, &blocks, &bytes);
            scope.spawn(move || {
                let mut buffer = [0; 5000];
                for i in 0..200_usize {
                    let at = (i * 7919 + first * 100_003) % (bytes.len() - buffer.len());
                    file.read_at(blocks, at as u64, &mut buffer).unwrap();
                    assert_eq!(buffer, bytes[at..at + buffer.len()]);
                }
            });
        }
    });
}
