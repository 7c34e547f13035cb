//! What holds for any file, any tree and any parameters.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, MemoryBlocks, Walk, WalkLimits};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::read::{Node, write_file};
use ipfs_kit_unixfs::{
    Control, ExtractLimits, Extractor, FsNode, Importer, Overrides, Params, Profile,
    Symlinks,
};
use proptest::prelude::*;

const LIMITS: ExtractLimits = ExtractLimits { max_bytes: 1 << 30, max_entries: 1 << 20 };

fn params() -> impl Strategy<Value = Params> {
    let chunker = prop_oneof![
        (1_u32..200).prop_map(|n| format!("size-{n}")),
        Just("rabin-16-32-64".to_owned()),
        Just("buzhash".to_owned()),
        Just("size-262144".to_owned()),
    ];
    let hash = proptest::sample::select(vec![
        Code::Sha2_256,
        Code::Blake3,
        Code::Sha3_256,
        Code::Sha2_512,
    ]);
    let flags =
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (chunker, hash, flags, 2_usize..6, proptest::option::of(0_u64..400)).prop_map(
        |(
            chunker,
            hash,
            (v1, raw, trickle, inline, metadata),
            max_file_links,
            threshold,
        )| {
            let given = Overrides {
                chunker: Some(chunker.parse().unwrap()),
                hash: Some(Hasher::new(hash)),
                raw_leaves: Some(raw && !metadata),
                trickle: Some(trickle),
                inline: Some(inline),
                preserve_mode: Some(metadata),
                preserve_mtime: Some(metadata),
                max_file_links: Some(max_file_links),
                max_hamt_fanout: Some(8),
                hamt_threshold: threshold,
                ..Overrides::default()
            };
            let profile =
                if v1 { Profile::UnixFsV1_2025 } else { Profile::UnixFsV0_2015 };
            Params::resolve(profile, &given).unwrap()
        },
    )
}

fn import(params: &Params, path: &Path, threads: usize) -> (Cid, u64) {
    let importer = Importer { params, threads, control: &Control::new() };
    let done = importer.path(path, false, None).unwrap();
    (done.cid, done.tsize)
}

fn import_blocks(params: &Params, path: &Path) -> (Cid, u64, MemoryBlocks) {
    let mut blocks = MemoryBlocks::new();
    let importer = Importer { params, threads: 2, control: &Control::new() };
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
        let mut read = Vec::new();
        let root = Node::read(&blocks, &cid).unwrap();
        write_file(&blocks, root, &mut read, |_| Ok(())).unwrap();
        prop_assert_eq!(read, bytes);
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
