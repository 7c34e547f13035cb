//! Paths, lists and sizes of directories of both forms, and of IPLD values.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec, to_string};
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, Ipld, MemoryBlocks, cbor, json};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::read::{File, PathEnd, Resolved, entries, resolve, stat};
use ipfs_kit_unixfs::{Control, Importer, NodeKind, Params, Profile, UnixFsError};

/// Counts the blocks that are asked for.
struct Counted<'a>(&'a MemoryBlocks, Mutex<u64>);

impl BlockSource for Counted<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        *self.1.lock().unwrap() += 1;
        self.0.get(cid)
    }
}

fn import(folder: &std::path::Path) -> (Cid, MemoryBlocks) {
    let (params, control) = (Params::of(Profile::default()), Control::new());
    let mut blocks = MemoryBlocks::new();
    let importer = Importer::new(&params, 2, &control);
    let done = importer.path(folder, false, Some(&mut blocks)).unwrap();
    (done.cid, blocks)
}

fn missing_path(result: Result<Resolved, UnixFsError>) -> String {
    match result {
        Err(UnixFsError::NoSuchEntry { path }) => path,
        other => format!("{other:?}"),
    }
}

fn no_directory_path(result: Result<Resolved, UnixFsError>) -> String {
    match result {
        Err(UnixFsError::NotADirectory { path }) => path,
        other => format!("{other:?}"),
    }
}

#[test]
fn paths_lead_through_directories() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    fs::write(folder.path().join("a/b/file"), "bytes").unwrap();
    std::os::unix::fs::symlink("b", folder.path().join("a/link")).unwrap();
    let (root, blocks) = import(folder.path());
    let at = |path: &[&str]| resolve(&blocks, &root, path);
    let whole = |cid| Resolved { cid, remainder: Vec::new(), end: PathEnd::Block };
    assert_eq!(at(&[]).unwrap(), whole(root));
    let file = at(&["a", "b", "file"]).unwrap();
    assert_eq!(file.end, PathEnd::Block);
    let open = File::open(&blocks, &file.cid).unwrap();
    assert_eq!(open.read_range(&blocks, 0..9).unwrap().concat(), b"bytes");
    let root_text = to_string(&root);
    assert_eq!(missing_path(at(&["a", "no", "file"])), format!("{root_text}/a/no"));
    let through = no_directory_path(at(&["a", "b", "file", "more", "names"]));
    assert_eq!(through, format!("{root_text}/a/b/file"));
    let link = at(&["a", "link"]).unwrap();
    assert_eq!(stat(&blocks, &link.cid).unwrap().kind, NodeKind::Symlink);
    let through = at(&["a", "link", "file"]).unwrap();
    assert_eq!((through.cid, through.end), (link.cid, PathEnd::Symlink));
    assert_eq!(through.remainder, ["file"]);
}

#[test]
fn a_missing_block_on_the_way_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    let (root, blocks) = import(folder.path());
    let mut some = MemoryBlocks::new();
    some.put(&root, &blocks.get(&root).unwrap().unwrap()).unwrap();
    let a = resolve(&some, &root, &["a"]).unwrap().cid;
    let failed = resolve(&some, &root, &["a", "b"]);
    let Err(UnixFsError::Dag(DagError::Missing(cid))) = failed else {
        unreachable!("{failed:?}")
    };
    assert_eq!(*cid, a);
}

#[test]
fn a_trie_of_50_000_entries_is_read_by_four_blocks_and_listed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let names: BTreeSet<String> = (0..50_000).map(|i| format!("entry-{i:05}")).collect();
    for name in &names {
        std::os::unix::fs::symlink(name, folder.path().join(name)).unwrap();
    }
    let (root, blocks) = import(folder.path());
    let source = Counted(&blocks, Mutex::new(0));
    for name in names.iter().step_by(997) {
        *source.1.lock().unwrap() = 0;
        let found = resolve(&source, &root, &[name]).unwrap();
        assert!(*source.1.lock().unwrap() <= 4);
        let block = blocks.get(&found.cid).unwrap().unwrap();
        assert!(block.windows(name.len()).any(|at| at == name.as_bytes()));
        let absent = resolve(&source, &root, &[format!("{name}x")]);
        assert!(missing_path(absent).ends_with('x'));
    }
    let listed: Vec<_> =
        entries(&blocks, &root).unwrap().collect::<Result<_, _>>().unwrap();
    let found: BTreeSet<String> = listed.iter().map(|at| at.name.clone()).collect();
    assert!(listed.len() == names.len() && found == names);
    let total = stat(&blocks, &root).unwrap();
    assert_eq!(total.kind, NodeKind::HamtShard);
    // A list whose blocks come one by one, each when it is found missing.
    let mut here = MemoryBlocks::new();
    here.put(&root, &blocks.get(&root).unwrap().unwrap()).unwrap();
    let shared = Mutex::new(here);
    let slow = Slow(&shared);
    let (mut listed_again, mut fetched) = (0, 0);
    let mut list = entries(&slow, &root).unwrap();
    loop {
        match list.next() {
            None => break,
            Some(Ok(entry)) => {
                assert_eq!(entry, listed[listed_again]);
                listed_again += 1;
            }
            Some(Err(UnixFsError::Dag(DagError::Missing(cid)))) => {
                assert_eq!(list.ahead(1), [*cid]);
                let block = blocks.get(&cid).unwrap().unwrap();
                shared.lock().unwrap().put(&cid, &block).unwrap();
                fetched += 1;
            }
            Some(Err(other)) => unreachable!("{other}"),
        }
    }
    assert_eq!(listed_again, listed.len());
    assert!(fetched > 256);
}

struct Slow<'a>(&'a Mutex<MemoryBlocks>);

impl BlockSource for Slow<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        self.0.lock().unwrap().get(cid)
    }
}

#[test]
fn a_list_says_what_stands_in_the_block_and_stat_what_the_root_says() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), vec![1; 3 << 20]).unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let (root, blocks) = import(folder.path());
    let list: Vec<_> = entries(&blocks, &root).unwrap().map(Result::unwrap).collect();
    assert_eq!(list.len(), 2);
    let (empty, file) = (&list[0], &list[1]);
    assert_eq!((&*empty.name, empty.tsize), ("empty", 4));
    let of_file = stat(&blocks, &file.cid).unwrap();
    assert_eq!((of_file.kind, of_file.size, of_file.links), (NodeKind::File, 3 << 20, 3));
    assert_eq!(of_file.cumulative_size, file.tsize);
    let of_root = stat(&blocks, &root).unwrap();
    assert_eq!((of_root.kind, of_root.size), (NodeKind::Directory, 0));
    assert!(entries(&blocks, &empty.cid).unwrap().next().is_none());
    let no_list = entries(&blocks, &file.cid);
    assert!(matches!(no_list, Err(UnixFsError::NotADirectory { .. })));
}

#[test]
fn paths_lead_through_values() {
    let mut blocks = MemoryBlocks::new();
    let mut put = |codec, data: &[u8]| {
        let cid = Cid::new_v1(codec, Hasher::new(Code::Sha2_256).hash(data).unwrap());
        blocks.put(&cid, data).unwrap();
        cid
    };
    let link = |cid: &Cid| {
        let cid = ipfs_kit_cid::to_string(cid).parse().unwrap();
        Ipld::Link(cid)
    };
    let map = |pairs: Vec<(&str, Ipld)>| {
        let pairs = pairs.into_iter().map(|(key, value)| (key.to_owned(), value));
        Ipld::Map(pairs.collect::<BTreeMap<_, _>>())
    };
    let leaf = put(codec::RAW, b"leaf");
    let inner = map(vec![("leaf", link(&leaf)), ("number", Ipld::Integer(7))]);
    let inner = put(codec::DAG_JSON, &json::encode(&inner).unwrap());
    let list = Ipld::List(vec![Ipld::Null, link(&inner)]);
    let outer = map(vec![("list", list), ("text", Ipld::String("t".into()))]);
    let outer = put(codec::DAG_CBOR, &cbor::encode(&outer).unwrap());
    let at = |path: &[&str]| resolve(&blocks, &outer, path);
    let whole = at(&["list", "1", "leaf"]).unwrap();
    assert_eq!((whole.cid, whole.end), (leaf, PathEnd::Block));
    assert_eq!(at(&["list", "1"]).unwrap().cid, inner);
    let inside = at(&["list", "1", "number"]).unwrap();
    assert_eq!((inside.cid, inside.end), (inner, PathEnd::Value));
    assert_eq!(inside.remainder, ["number"]);
    let inside = at(&["list", "0"]).unwrap();
    assert_eq!((inside.cid, inside.remainder.len()), (outer, 2));
    let text = to_string(&outer);
    for (path, up_to) in [
        (&["no", "more"][..], "no"),
        (&["list", "01"], "list/01"),
        (&["list", "+1"], "list/+1"),
        (&["list", "2"], "list/2"),
        (&["list", "1", "no"], "list/1/no"),
    ] {
        assert_eq!(missing_path(at(path)), format!("{text}/{up_to}"));
    }
    assert_eq!(no_directory_path(at(&["text", "t"])), format!("{text}/text"));
    let through = no_directory_path(at(&["list", "1", "leaf", "x"]));
    assert_eq!(through, format!("{text}/list/1/leaf"));
}
