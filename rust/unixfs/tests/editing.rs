//! Any sequence of edits gives the tree it describes, under the CIDs that Kubo and an import
//! give it, and costs no more blocks than are on the way.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod files;
mod strategies;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;
use files::{Files, find, listing};
use ipfs_kit_cid::{Cid, codec, to_string};
use ipfs_kit_dag::pb::{PbLink, PbNode};
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, MemoryBlocks};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::edit::{Editor, WriteMode};
use ipfs_kit_unixfs::read::{File, stat};
use ipfs_kit_unixfs::{
    Attributes, Control, FsNode, Importer, Mtime, NodeKind, Overrides, Params, Profile,
    SizeEstimation, UnixFsError,
};
use proptest::prelude::*;
use serde_json::Value;

const CREATE: WriteMode = WriteMode { create: true, parents: true, truncate: false };

/// A tree under edit whose blocks are in memory.
struct Tree {
    params: Params,
    control: Control,
    blocks: MemoryBlocks,
    root: Cid,
}

impl Tree {
    fn new(params: Params) -> Self {
        let (control, mut blocks) = (Control::new(), MemoryBlocks::new());
        let root = Editor::new(&params, &control, &mut blocks).empty_root().unwrap();
        Self { params, control, blocks, root }
    }

    /// Does an edit; one that fails leaves the tree as it was.
    fn edit(
        &mut self,
        edit: impl FnOnce(&mut Editor<'_>, &Cid) -> Result<Cid, UnixFsError>,
    ) -> Result<(), UnixFsError> {
        let mut editor = Editor::new(&self.params, &self.control, &mut self.blocks);
        self.root = edit(&mut editor, &self.root)?;
        Ok(())
    }

    fn write(&mut self, path: &[&str], offset: u64, data: &[u8]) {
        self.edit(|e, root| e.write(root, path, offset, &mut &data[..], CREATE)).unwrap();
    }

    fn cid(&self, path: &[&str]) -> Cid {
        find(&self.blocks, &self.root, path).unwrap()
    }

    fn read(&self, path: &[&str]) -> Vec<u8> {
        read(&self.blocks, &self.cid(path))
    }
}

fn read(blocks: &MemoryBlocks, cid: &Cid) -> Vec<u8> {
    let file = File::open(blocks, cid).unwrap();
    file.read_range(blocks, 0..u64::MAX).unwrap().concat()
}

/// Every path below a directory, with the bytes of those that are files.
fn content(
    blocks: &MemoryBlocks,
    cid: &Cid,
    above: &str,
    found: &mut BTreeMap<String, Option<Vec<u8>>>,
) {
    for (name, cid) in listing(blocks, cid).unwrap() {
        let path = format!("{above}/{name}");
        let kind = stat(blocks, &cid).unwrap().kind;
        if matches!(kind, NodeKind::Directory | NodeKind::HamtShard) {
            content(blocks, &cid, &path, found);
            found.insert(path, None);
        } else {
            found.insert(path, Some(read(blocks, &cid)));
        }
    }
}

/// Sums blocks as links count them, without believing any `Tsize`; checks those it finds.
fn counted_size(blocks: &MemoryBlocks, cid: &Cid) -> u64 {
    let data = blocks.get(cid).unwrap().unwrap();
    if cid.codec() == codec::RAW {
        return data.len() as u64;
    }
    let links = PbNode::decode(&data).unwrap().links;
    let mut sum = data.len() as u64;
    for link in links {
        let below = counted_size(blocks, &link.cid);
        assert_eq!(link.tsize, Some(below));
        sum += below;
    }
    sum
}

#[derive(Debug, Clone)]
enum Op {
    Mkdir(String),
    Write { path: String, offset: usize, data: Vec<u8>, truncate: bool },
    Resize(String, usize),
    Copy(String, String),
    Remove(String),
    Rename(String, String),
    Chmod(String, u32),
}

fn op() -> impl Strategy<Value = Op> {
    let path = || "/[ab](/[cde]){0,2}";
    let data = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => proptest::collection::vec(any::<u8>(), 0..3000),
    ];
    prop_oneof![
        2 => path().prop_map(Op::Mkdir),
        6 => (path(), 0_usize..3000, data, any::<bool>(), any::<bool>()).prop_map(
            |(path, offset, data, near, truncate)| {
                let offset = if near { offset % 50 } else { offset };
                Op::Write { path, offset, data, truncate: truncate && near }
            }
        ),
        2 => (path(), 0_usize..3000).prop_map(|(path, size)| Op::Resize(path, size)),
        2 => (path(), path()).prop_map(|(from, to)| Op::Copy(from, to)),
        1 => path().prop_map(Op::Remove),
        2 => (path(), path()).prop_map(|(from, to)| Op::Rename(from, to)),
        1 => (path(), 0_u32..0o1000).prop_map(|(path, mode)| Op::Chmod(path, mode)),
    ]
}

/// What the edits are to give: all paths, and the bytes of files.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model(BTreeMap<String, Option<Vec<u8>>>);

impl Model {
    fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || matches!(self.0.get(path), Some(None))
    }

    /// Makes all folders above a path, unless a file is in the way.
    fn parents(&mut self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|&at| at > 0);
        let above: Vec<_> = ends.map(|at| path[..at].to_owned()).collect();
        if above.iter().any(|path| matches!(self.0.get(path), Some(Some(_)))) {
            return false;
        }
        self.0.extend(above.into_iter().map(|path| (path, None)));
        true
    }

    fn take(&mut self, path: &str) -> Vec<(String, Option<Vec<u8>>)> {
        let below = format!("{path}/");
        let keys: Vec<_> = self
            .0
            .keys()
            .filter(|key| *key == path || key.starts_with(&below))
            .cloned()
            .collect();
        keys.iter()
            .map(|key| (key[path.len()..].to_owned(), self.0.remove(key).unwrap()))
            .collect()
    }

    fn put(&mut self, path: &str, taken: Vec<(String, Option<Vec<u8>>)>) {
        self.0
            .extend(taken.into_iter().map(|(end, held)| (format!("{path}{end}"), held)));
    }

    /// Does an edit; tells whether it can be done.
    fn run(&mut self, op: &Op) -> bool {
        match op {
            Op::Mkdir(path) => {
                if self.0.get(path).is_some_and(Option::is_some) || !self.parents(path) {
                    return false;
                }
                self.0.insert(path.clone(), None);
            }
            Op::Write { path, offset, data, truncate } => {
                if self.is_dir(path) || !self.parents(path) {
                    return false;
                }
                let held = self.0.entry(path.clone()).or_insert(Some(Vec::new()));
                let bytes = held.as_mut().unwrap();
                if *truncate {
                    bytes.clear();
                }
                bytes.resize(bytes.len().max(*offset), 0);
                let end = bytes.len().min(offset + data.len());
                bytes.splice(*offset..end, data.iter().copied());
            }
            Op::Resize(path, size) => match self.0.get_mut(path) {
                Some(Some(bytes)) => bytes.resize(*size, 0),
                _ => return false,
            },
            Op::Copy(from, to) => {
                let above = to.rsplit_once('/').unwrap().0;
                if !self.0.contains_key(from)
                    || self.0.contains_key(to)
                    || !self.is_dir(above)
                {
                    return false;
                }
                let copied = self.clone().take(from);
                self.put(to, copied);
            }
            Op::Remove(path) => return !self.take(path).is_empty(),
            Op::Rename(from, to) => {
                let (above, name) = to.rsplit_once('/').unwrap();
                let into = self.is_dir(to).then(|| from.rsplit_once('/').unwrap().1);
                let target = into
                    .map_or_else(|| format!("{above}/{name}"), |n| format!("{to}/{n}"));
                let below = format!("{target}/").starts_with(&format!("{from}/"));
                if !self.0.contains_key(from)
                    || !self.is_dir(target.rsplit_once('/').unwrap().0)
                    || into.is_some() && self.0.contains_key(&target)
                    || self.is_dir(from) && below
                {
                    return false;
                }
                let taken = self.take(from);
                self.0.remove(&target);
                self.put(&target, taken);
            }
            Op::Chmod(path, _) => return self.0.contains_key(path),
        }
        true
    }
}

fn names(path: &str) -> Vec<&str> {
    path.split('/').skip(1).collect()
}

fn run(tree: &mut Tree, op: &Op) -> Result<(), UnixFsError> {
    match op {
        Op::Mkdir(path) => tree.edit(|e, root| e.mkdir(root, &names(path), true)),
        Op::Write { path, offset, data, truncate } => {
            let mode = WriteMode { truncate: *truncate, ..CREATE };
            let (path, offset) = (names(path), *offset as u64);
            tree.edit(|e, root| e.write(root, &path, offset, &mut &data[..], mode))
        }
        Op::Resize(path, size) => {
            tree.edit(|e, root| e.resize(root, &names(path), *size as u64))
        }
        Op::Copy(from, to) => {
            let cid = find(&tree.blocks, &tree.root, &names(from))?;
            tree.edit(|e, root| e.link(root, &names(to), &cid, false, false))
        }
        Op::Remove(path) => tree.edit(|e, root| e.unlink(root, &names(path), true)),
        Op::Rename(from, to) => {
            tree.edit(|e, root| e.rename(root, &names(from), &names(to)))
        }
        Op::Chmod(path, mode) => tree.edit(|e, root| e.chmod(root, &names(path), *mode)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn edits_give_the_tree_they_describe(
        ops in proptest::collection::vec(op(), 1..40),
        params in strategies::params(),
    ) {
        let (mut tree, mut model) = (Tree::new(params), Model::default());
        for op in &ops {
            let before = model.clone();
            let done = run(&mut tree, op);
            let possible = model.run(op);
            prop_assert_eq!(done.is_ok(), possible, "{:?}: {:?}", op, done);
            if !possible {
                model = before;
            }
            let mut found = BTreeMap::new();
            content(&tree.blocks, &tree.root, "", &mut found);
            prop_assert_eq!(&found, &model.0, "{:?}", op);
        }
        counted_size(&tree.blocks, &tree.root);
    }

    #[test]
    fn a_directory_is_as_an_import_makes_it(
        steps in proptest::collection::vec(
            // An edit makes no leaf of an empty file, as an import does: there are none.
            ("[a-d]{1,2}[0-9]{0,9}", any::<bool>(), "[x-z]{1,60}"), 1..60),
        threshold in 0_u64..1500,
        estimation in proptest::sample::select(SizeEstimation::ALL.to_vec()),
        links in prop_oneof![Just(0_usize), 1_usize..20],
        fanout in proptest::sample::select(vec![8_usize, 16, 256]),
    ) {
        let given = Overrides {
            hamt_threshold: Some(threshold),
            hamt_size_estimation: Some(estimation),
            max_directory_links: Some(links),
            max_hamt_fanout: Some(fanout),
            ..Overrides::default()
        };
        let params = Params::resolve(Profile::UnixFsV1_2025, &given).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::new(params.clone());
        for (name, add, text) in &steps {
            let path = folder.path().join(name);
            if *add {
                std::fs::write(path, text).unwrap();
                let _ = tree.edit(|e, root| e.unlink(root, &[name], false));
                tree.write(&[name], 0, text.as_bytes());
            } else {
                let there = std::fs::remove_file(path).is_ok();
                let done = tree.edit(|e, root| e.unlink(root, &[name], false));
                prop_assert_eq!(done.is_ok(), there);
            }
            let control = Control::new();
            let done = Importer::new(&params, 1, &control)
                .path(folder.path(), false, None).unwrap();
            prop_assert_eq!(to_string(&tree.root), to_string(&done.cid));
        }
    }
}

#[test]
fn edits_are_those_of_kubo() {
    let vectors = "../../tests/vectors/files-edit.json";
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join(vectors);
    let all: Value = serde_json::from_slice(&std::fs::read(vectors).unwrap()).unwrap();
    let stream = files::stream(5 << 20);
    for sequence in all["sequences"].as_array().unwrap() {
        let config = sequence["config"].clone();
        let mut files = Files::new(config, stream.clone());
        for op in sequence["edits"].as_array().unwrap() {
            match (files.run(op), op["root"].as_str()) {
                (Ok(()), Some(root)) => assert_eq!(to_string(&files.root), root, "{op}"),
                (Err(_), None) => {}
                (done, root) => panic!("{done:?} where Kubo says {root:?}: {op}"),
            }
        }
    }
}

/// Counts what is read and written.
#[derive(Default)]
struct Counting {
    blocks: MemoryBlocks,
    read: Mutex<Cell<usize>>,
    written: usize,
}

impl BlockSource for Counting {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        let read = self.read.lock().unwrap();
        read.set(read.get() + 1);
        self.blocks.get(cid)
    }
}

impl BlockSink for Counting {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        self.written += 1;
        self.blocks.put(cid, data)
    }
}

#[test]
fn one_entry_of_a_large_directory_costs_the_shards_on_its_path() {
    let given = Overrides { hamt_threshold: Some(4096), ..Overrides::default() };
    let params = Params::resolve(Profile::UnixFsV1_2025, &given).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for i in 0..20_000 {
        std::fs::write(folder.path().join(format!("file-{i}")), "x").unwrap();
    }
    let control = Control::new();
    let mut store = Counting::default();
    let importer = Importer::new(&params, 1, &control);
    let root = importer.path(folder.path(), false, Some(&mut store.blocks)).unwrap().cid;
    let mut editor = Editor::new(&params, &control, &mut store);
    let added = editor.write(&root, &["new"], 0, &mut &b"y"[..], CREATE).unwrap();
    assert!(store.written <= 5, "{} written", store.written);
    assert!(store.read.lock().unwrap().take() <= 8);
    store.written = 0;
    let mut editor = Editor::new(&params, &control, &mut store);
    let removed = editor.unlink(&added, &["new"], false).unwrap();
    assert_eq!(removed, root);
    assert!(store.written <= 4, "{} written", store.written);
    // 4 KiB of entries prove that it stays a trie.
    assert!(store.read.lock().unwrap().take() <= 40);
}

#[test]
fn a_file_is_read_only_where_it_is_written() {
    let given =
        Overrides { chunker: Some("size-64".parse().unwrap()), ..Overrides::default() };
    let params = Params::resolve(Profile::UnixFsV1_2025, &given).unwrap();
    let control = Control::new();
    let mut store = Counting::default();
    let mut editor = Editor::new(&params, &control, &mut store);
    let root = editor.empty_root().unwrap();
    let root =
        editor.write(&root, &["f"], 0, &mut &vec![7; 64 * 2000][..], CREATE).unwrap();
    store.read.lock().unwrap().set(0);
    store.written = 0;
    let mut editor = Editor::new(&params, &control, &mut store);
    editor.write(&root, &["f"], 64 * 1500 + 3, &mut &b"abc"[..], CREATE).unwrap();
    assert!(store.written <= 5, "{} written", store.written);
    assert!(store.read.lock().unwrap().take() <= 6);
}

fn default_tree() -> Tree {
    Tree::new(Params::of(Profile::UnixFsV1_2025))
}

type Edit = fn(&mut Editor<'_>, &Cid) -> Result<Cid, UnixFsError>;

fn fails(tree: &mut Tree, edit: Edit, name: &str) {
    let error = tree.edit(edit).unwrap_err();
    assert!(format!("{error:?}").starts_with(name), "{error:?}");
}

#[test]
fn what_cannot_be_done_has_a_name() {
    let mut tree = default_tree();
    tree.write(&["d", "f"], 0, b"x");
    let root = tree.root;
    let mut check = |edit, name| fails(&mut tree, edit, name);
    check(|e, r| e.mkdir(r, &["d"], false), "EntryExists");
    check(|e, r| e.mkdir(r, &[], false), "EntryExists");
    check(|e, r| e.mkdir(r, &["d", "f"], true), "EntryExists");
    check(|e, r| e.mkdir(r, &["d", "f", "g"], true), "NotADirectory");
    check(|e, r| e.mkdir(r, &["x", "y"], false), "NoSuchEntry");
    for name in ["", ".", "..", "a/b", "a\0"] {
        let error = tree.edit(|e, r| e.mkdir(r, &[name], true)).unwrap_err();
        assert!(matches!(error, UnixFsError::InvalidEntryName { .. }), "{error:?}");
        let error = tree.edit(|e, r| e.mkdir(r, &[name, "x"], true)).unwrap_err();
        assert!(matches!(error, UnixFsError::InvalidEntryName { .. }), "{error:?}");
    }
    let mut check = |edit, name| fails(&mut tree, edit, name);
    check(|e, r| e.unlink(r, &["d"], false), "NeedsRecursive");
    check(|e, r| e.unlink(r, &[], true), "OnRoot");
    check(|e, r| e.unlink(r, &["no"], true), "NoSuchEntry");
    check(|e, r| e.rmdir(r, &["d"]), "NotEmpty");
    check(|e, r| e.rmdir(r, &["d", "f"]), "NotADirectory");
    check(|e, r| e.rmdir(r, &["no"]), "NoSuchEntry");
    check(|e, r| e.rmdir(r, &[]), "OnRoot");
    check(|e, r| e.rename(r, &["d"], &["d"]), "MoveIntoItself");
    check(|e, r| e.rename(r, &["d"], &["d", "e"]), "MoveIntoItself");
    check(|e, r| e.rename(r, &["d"], &[]), "MoveIntoItself");
    check(|e, r| e.rename(r, &[], &["d"]), "OnRoot");
    check(|e, r| e.rename(r, &["d", "f"], &["d"]), "EntryExists");
    check(|e, r| e.rename(r, &["no"], &["d"]), "NoSuchEntry");
    check(|e, r| e.move_entry(r, &["no"], &["d"], true), "NoSuchEntry");
    check(|e, r| e.move_entry(r, &[], &["d"], true), "OnRoot");
    check(|e, r| e.move_entry(r, &["d", "f"], &["d"], false), "IsADirectory");
    check(|e, r| e.move_entry(r, &["d"], &["d", "f"], false), "NotADirectory");
    check(|e, r| e.move_entry(r, &["d"], &["d"], true), "MoveIntoItself");
    check(|e, r| e.rename(r, &["d"], &["no", "d"]), "NoSuchEntry");
    check(|e, r| e.link(r, &["d", "f"], r, false, false), "EntryExists");
    check(|e, r| e.link(r, &["d"], r, false, true), "IsADirectory");
    let write = |e: &mut Editor<'_>, r: &Cid, path: &[&str], mode| {
        e.write(r, path, 0, &mut &b"x"[..], mode)
    };
    let error = tree.edit(|e, r| write(e, r, &["d"], CREATE)).unwrap_err();
    assert!(matches!(error, UnixFsError::IsADirectory { .. }));
    let error = tree.edit(|e, r| write(e, r, &["no"], WriteMode::default())).unwrap_err();
    assert!(matches!(error, UnixFsError::NoSuchEntry { .. }));
    let error = tree.edit(|e, r| e.resize(r, &["d", "f"], 1 << 63)).unwrap_err();
    assert!(matches!(error, UnixFsError::Limit { .. }));
    let error = tree.edit(|e, r| e.chmod(r, &["d"], 0o10_000)).unwrap_err();
    assert!(matches!(error, UnixFsError::Params(_)));
    tree.control.cancel();
    let error = tree.edit(|e, r| e.mkdir(r, &["x"], true)).unwrap_err();
    assert!(matches!(error, UnixFsError::Cancelled));
    assert_eq!(tree.root, root);
}

#[test]
fn an_mtime_follows_the_bytes_and_a_mode_stays() {
    let mut tree = default_tree();
    tree.write(&["f"], 0, b"abc");
    let old = Mtime { seconds: 1, nanoseconds: 2 };
    let now = Mtime { seconds: 3, nanoseconds: 0 };
    tree.edit(|e, r| e.touch(r, &["f"], old)).unwrap();
    tree.edit(|e, r| e.chmod(r, &["f"], 0o4755)).unwrap();
    let attributes =
        |tree: &Tree| File::open(&tree.blocks, &tree.cid(&["f"])).unwrap().attributes();
    let mode = Some(0o4755);
    assert_eq!(attributes(&tree), Attributes { mode, mtime: Some(old) });
    for (data, mtime) in [(&b""[..], old), (&b"x"[..], now)] {
        tree.edit(|e, r| {
            e.now = Some(now);
            e.write(r, &["f"], 0, &mut &data[..], CREATE)
        })
        .unwrap();
        assert_eq!(attributes(&tree), Attributes { mode, mtime: Some(mtime) });
    }
    tree.edit(|e, r| e.resize(r, &["f"], 9)).unwrap();
    assert_eq!(attributes(&tree), Attributes { mode, mtime: Some(now) });
    assert_eq!(tree.read(&["f"]), b"xbc\0\0\0\0\0\0");
}

#[test]
fn bytes_of_a_root_are_kept_when_it_grows() {
    // Kubo loses them here.
    for profile in Profile::ALL {
        let given = Overrides { raw_leaves: Some(false), ..Overrides::default() };
        let mut tree = Tree::new(Params::resolve(profile, &given).unwrap());
        let importer = Importer::new(&tree.params, 1, &tree.control);
        let cid =
            importer.reader(&b"hello"[..], None, Some(&mut tree.blocks)).unwrap().cid;
        tree.edit(|e, r| e.link(r, &["f"], &cid, false, false)).unwrap();
        for raw_leaves in [Some(true), Some(false), None] {
            let root = tree.root;
            tree.edit(|e, r| {
                e.raw_leaves = raw_leaves;
                e.write(r, &["f"], 5, &mut &b" world"[..], CREATE)
            })
            .unwrap();
            tree.edit(|e, r| e.write(r, &["f"], 4, &mut &b"O, W"[..], CREATE)).unwrap();
            assert_eq!(tree.read(&["f"]), b"hellO, Wrld".as_slice());
            tree.root = root;
        }
    }
}

#[test]
fn a_wide_file_of_another_layout_grows() {
    let chunker = Some("size-4".parse().unwrap());
    let given = Overrides { chunker, max_file_links: Some(1024), ..Overrides::default() };
    let mut tree = Tree::new(Params::resolve(Profile::UnixFsV1_2025, &given).unwrap());
    let bytes: Vec<u8> = (0..3000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let importer = Importer::new(&tree.params, 1, &tree.control);
    let cid = importer.reader(&bytes[..], None, Some(&mut tree.blocks)).unwrap().cid;
    tree.edit(|e, r| e.link(r, &["f"], &cid, false, false)).unwrap();
    tree.write(&["f"], 2999, &bytes);
    tree.write(&["f"], 5000, &bytes);
    let expected = [&bytes[..2999], &bytes[..2001], &bytes[..]].concat();
    assert_eq!(tree.read(&["f"]), expected);
}

#[test]
fn a_gap_of_exabytes_takes_a_few_blocks_and_no_time() {
    let mut tree = default_tree();
    tree.write(&["f"], 0, b"x");
    let size = (1_u64 << 62) + 5;
    tree.edit(|e, r| e.resize(r, &["f"], size)).unwrap();
    assert!(tree.blocks.len() < 500, "{}", tree.blocks.len());
    tree.write(&["f"], size - 2, b"end");
    let cid = tree.cid(&["f"]);
    let file = File::open(&tree.blocks, &cid).unwrap();
    assert_eq!(file.size(), size + 1);
    let mut end = [1; 5];
    assert_eq!(file.read_at(&tree.blocks, size - 4, &mut end).unwrap(), 5);
    assert_eq!(&end, b"\0\0end");
    let root = tree.root;
    tree.edit(|e, r| e.resize(r, &["f"], 1)).unwrap();
    assert_eq!(tree.read(&["f"]), b"x");
    tree.root = root;
    tree.control.cancel();
    let error = tree.edit(|e, r| e.resize(r, &["f"], size + 9)).unwrap_err();
    assert!(matches!(error, UnixFsError::Cancelled), "{error:?}");
}

fn put(blocks: &mut MemoryBlocks, node: &PbNode) -> Cid {
    let block = node.encode();
    let cid =
        Cid::new_v1(codec::DAG_PB, Hasher::new(Code::Sha2_256).hash(&block).unwrap());
    blocks.put(&cid, &block).unwrap();
    cid
}

#[test]
fn hostile_dags_give_errors() {
    let mut tree = default_tree();
    let file = |sizes: &[u64]| FsNode {
        file_size: Some(sizes.iter().sum()),
        block_sizes: sizes.to_vec(),
        ..FsNode::new(NodeKind::File)
    };
    let leaf =
        put(&mut tree.blocks, &PbNode { links: vec![], data: Some(file(&[]).encode()) });
    // A part that is not as long as its parent says.
    let link = |cid| PbLink::new(cid, "", 1);
    let lying = PbNode { links: vec![link(leaf)], data: Some(file(&[9]).encode()) };
    let lying = put(&mut tree.blocks, &lying);
    // A chain deeper than any file, whose only byte is at its end.
    let byte =
        FsNode { data: Some(vec![1]), file_size: Some(1), ..FsNode::new(NodeKind::File) };
    let byte = PbNode { links: vec![], data: Some(byte.encode()) };
    let mut deep = put(&mut tree.blocks, &byte);
    for _ in 0..2000 {
        let node = PbNode { links: vec![link(deep)], data: Some(file(&[1]).encode()) };
        deep = put(&mut tree.blocks, &node);
    }
    for cid in [lying, deep] {
        for size in [0, 9_u64] {
            let data = [5; 3];
            tree.edit(|e, r| e.link(r, &["f"], &cid, false, true)).unwrap();
            let root = tree.root;
            tree.edit(|e, r| e.write(r, &["f"], 0, &mut &data[..], CREATE)).unwrap_err();
            if size == 0 {
                tree.edit(|e, r| e.resize(r, &["f"], size)).unwrap_err();
            }
            tree.root = root;
        }
    }
    // Links whose sizes overflow, and blocks that are not there.
    let huge = PbNode {
        links: vec![PbLink::new(leaf, "a", u64::MAX), PbLink::new(leaf, "b", u64::MAX)],
        data: Some(FsNode::new(NodeKind::Directory).encode()),
    };
    let huge = put(&mut tree.blocks, &huge);
    tree.edit(|e, r| e.link(r, &["h"], &huge, false, false)).unwrap_err();
    let mut editor = Editor::new(&tree.params, &tree.control, &mut tree.blocks);
    editor.mkdir(&huge, &["x"], false).unwrap_err();
    let absent =
        Cid::new_v1(codec::DAG_PB, Hasher::new(Code::Sha2_256).hash(b"?").unwrap());
    editor.mkdir(&absent, &["x"], false).unwrap_err();
    editor.mkdir(&leaf, &["x"], false).unwrap_err();
    tree.edit(|e, r| e.link(r, &["h"], &absent, false, false)).unwrap_err();
    hostile_tries(&mut tree);
}

/// A trie whose parts are all one another, another without entries, and others misshapen.
fn hostile_tries(tree: &mut Tree) {
    let shard = |fanout| FsNode {
        hash_type: Some(ipfs_kit_unixfs::HAMT_MURMUR3),
        fanout: Some(fanout),
        data: Some(vec![1]),
        ..FsNode::new(NodeKind::HamtShard)
    };
    let slots: BTreeSet<String> = (0..256).map(|i| format!("{i:02X}")).collect();
    let empty = PbNode { links: vec![], data: Some(shard(256).encode()) };
    let mut below = put(&mut tree.blocks, &empty);
    for _ in 0..12 {
        let links =
            slots.iter().map(|slot| PbLink::new(below, slot.clone(), 1)).collect();
        below = put(&mut tree.blocks, &PbNode { links, data: Some(shard(256).encode()) });
    }
    let entry = |name: &str, fanout, cid| PbNode {
        links: vec![PbLink::new(cid, name, 1)],
        data: Some(shard(fanout).encode()),
    };
    let leaf = below;
    let mut bad = vec![below];
    for node in [
        entry("", 256, leaf),
        entry("G0x", 256, leaf),
        entry("é", 256, leaf),
        entry("+0x", 256, leaf),
        entry("00x", 7, leaf),
        entry("00x", 1 << 40, leaf),
    ] {
        bad.push(put(&mut tree.blocks, &node));
    }
    for cid in bad {
        let mut editor = Editor::new(&tree.params, &tree.control, &mut tree.blocks);
        assert!(editor.unlink(&cid, &["x"], true).is_err());
        assert!(editor.mkdir(&cid, &["x"], false).is_err(), "{cid}");
    }
}
