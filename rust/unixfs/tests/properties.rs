//! What holds for any file, any tree and any parameters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod strategies;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, MemoryBlocks, Walk, WalkLimits};
use ipfs_kit_unixfs::read::File;
use ipfs_kit_unixfs::{
    Control, ExtractLimits, Extractor, FsNode, Importer, Params, Symlinks,
};
use proptest::prelude::*;
use strategies::params;

const LIMITS: ExtractLimits = ExtractLimits { max_bytes: 1 << 30, max_entries: 1 << 20 };

fn import(params: &Params, path: &Path, threads: usize) -> (Cid, u64) {
    let control = Control::new();
    let importer = Importer::new(params, threads, &control);
    let done = importer.path(path, false, None).unwrap();
    (done.cid, done.tsize)
}

fn import_blocks(params: &Params, path: &Path) -> (Cid, u64, MemoryBlocks) {
    let mut blocks = MemoryBlocks::new();
    let control = Control::new();
    let importer = Importer::new(params, 2, &control);
    let done = importer.path(path, false, Some(&mut blocks)).unwrap();
    (done.cid, done.tsize, blocks)
}

/// Sums blocks as links count them, without believing any `Tsize`.
fn counted_size(blocks: &MemoryBlocks, cid: &Cid) -> u64 {
    let data = blocks.get(cid).unwrap().unwrap();
    let below = ipfs_kit_dag::links(cid, &data).unwrap();
    data.len() as u64 + below.iter().map(|cid| counted_size(blocks, cid)).sum::<u64>()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_file_reads_back_and_its_cid_knows_no_engine(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        params in params(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, &bytes).unwrap();
        let (cid, tsize, blocks) = import_blocks(&params, &path);
        prop_assert_eq!(import(&params, &path, 1), (cid, tsize));
        prop_assert_eq!(import(&params, &path, 3), (cid, tsize));
        prop_assert_eq!(counted_size(&blocks, &cid), tsize);
        let file = File::open(&blocks, &cid).unwrap();
        let read = file.read_range(&blocks, 0..u64::MAX).unwrap();
        prop_assert_eq!(read.concat(), bytes);
    }

    #[test]
    fn a_tree_comes_back_whole(
        files in proptest::collection::btree_map(
            "[a-zé][a-z0-9]{0,6}(/[b-f]{1,3}){0,2}",
            proptest::collection::vec(any::<u8>(), 0..300),
            0..40,
        ),
        params in params(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).unwrap();
        let written: BTreeMap<_, _> = files
            .into_iter()
            .filter(|(path, bytes)| {
                // A name may be a file once and a folder elsewhere: the first one stays.
                let path = from.join(path);
                fs::create_dir_all(path.parent().unwrap()).is_ok()
                    && !path.exists()
                    && fs::write(path, bytes).is_ok()
            })
            .collect();
        let (cid, tsize, blocks) = import_blocks(&params, &from);
        prop_assert_eq!(import(&params, &from, 2), (cid, tsize));
        let control = Control::new();
        let extractor = Extractor {
            source: &blocks,
            limits: LIMITS,
            symlinks: Symlinks::Inside,
            sharing: None,
            control: &control,
        };
        extractor.extract(&cid, &to).unwrap();
        for (path, bytes) in &written {
            prop_assert_eq!(&fs::read(to.join(path)).unwrap(), bytes);
        }
        prop_assert_eq!(import(&params, &to, 1), (cid, tsize));
        let visited = Walk::new(&blocks, cid, WalkLimits::default());
        prop_assert!(visited.into_iter().all(|visit| visit.is_ok()));
    }

    #[test]
    fn any_bytes_decode_or_err(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(node) = FsNode::decode(&bytes) {
            prop_assert_eq!(FsNode::decode(&node.encode()).unwrap(), node);
        }
    }
}
