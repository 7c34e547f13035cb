//! An import that remembers: what did not change is not read, all else is.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, InPlace, MemoryBlocks};
use ipfs_kit_unixfs::{
    Control, FileId, Importer, Memory, Overrides, ParamError, Params, Profile,
    Remembered, UnixFsError,
};

/// A memory whose clock runs ahead, so that files just written have settled.
#[derive(Default)]
struct Map {
    folders: Mutex<HashMap<FileId, Vec<Remembered>>>,
    ahead_seconds: AtomicU64,
    lost: AtomicBool,
    kept: AtomicU64,
    remembered: AtomicU64,
}

impl Map {
    fn ahead(seconds: u64) -> Self {
        Self { ahead_seconds: seconds.into(), ..Self::default() }
    }

    fn names(&self) -> Vec<String> {
        let folders = self.folders.lock().unwrap();
        let is_folder = |file: &&Remembered| file.name.is_empty() && file.mtime_ns == 0;
        let files = folders.values().flatten().filter(|file| !is_folder(file));
        let mut names: Vec<_> = files.map(|file| file.name.clone()).collect();
        names.sort();
        names
    }
}

impl Memory for Map {
    fn recall(&self, folder: FileId) -> Result<Vec<Remembered>, DagError> {
        let mut files =
            self.folders.lock().unwrap().get(&folder).cloned().unwrap_or_default();
        files.reverse();
        Ok(files)
    }

    fn keep(&self, _: &Remembered) -> Result<bool, DagError> {
        self.kept.fetch_add(1, Ordering::Relaxed);
        Ok(!self.lost.load(Ordering::Relaxed))
    }

    fn remember(&self, folder: FileId, files: Vec<Remembered>) -> Result<(), DagError> {
        self.remembered.fetch_add(1, Ordering::Relaxed);
        self.folders.lock().unwrap().insert(folder, files);
        Ok(())
    }

    fn now_ns(&self) -> i128 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let ahead = self.ahead_seconds.load(Ordering::Relaxed);
        i128::try_from(now.as_nanos()).unwrap() + i128::from(ahead) * 1_000_000_000
    }
}

#[derive(Debug, PartialEq)]
struct Done {
    cid: Cid,
    tsize: u64,
    files: u64,
    unchanged: u64,
    bytes: u64,
}

fn import(params: &Params, memory: Option<&Map>, path: &Path) -> Done {
    import_listing(params, memory, path, true)
}

fn import_listing(
    params: &Params,
    memory: Option<&Map>,
    path: &Path,
    entries: bool,
) -> Done {
    let control = Control::new();
    let mut importer = Importer::new(params, 2, &control);
    importer.memory = memory.map(|memory| memory as &dyn Memory);
    let done = importer.path(path, entries, Some(&mut MemoryBlocks::new())).unwrap();
    assert!(control.unchanged_bytes() <= control.bytes());
    let (files, unchanged, bytes) =
        (control.files(), control.unchanged(), control.bytes());
    Done { cid: done.cid, tsize: done.tsize, files, unchanged, bytes }
}

fn tree(folder: &Path) -> std::path::PathBuf {
    let root = folder.join("root");
    fs::create_dir_all(root.join("sub/deep")).unwrap();
    for (name, bytes) in
        [("a", 1), ("b", 70_000), ("sub/c", 5), ("sub/deep/d", 0), ("~é", 9)]
    {
        fs::write(root.join(name), vec![7; bytes]).unwrap();
    }
    symlink("a", root.join("link")).unwrap();
    root
}

const BYTES: u64 = 70_015;

#[test]
fn an_unchanged_tree_is_not_opened_and_gives_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    for profile in Profile::ALL {
        let (params, memory) = (Params::of(profile), Map::ahead(10));
        let plain = import(&params, None, &root);
        let first = import(&params, Some(&memory), &root);
        assert_eq!(first, plain);
        assert_eq!((first.files, first.unchanged, first.bytes), (6, 0, BYTES));
        assert_eq!(memory.names(), ["a", "b", "c", "d", "~é"]);
        let noted = memory.remembered.load(Ordering::Relaxed);
        let again = import(&params, Some(&memory), &root);
        assert_eq!(again, Done { unchanged: 5, ..first });
        assert_eq!(memory.remembered.load(Ordering::Relaxed), noted, "nothing is new");
        assert_eq!(memory.kept.load(Ordering::Relaxed), 5, "each is asked for once");
    }
}

#[test]
fn a_folder_of_unchanged_files_is_one_step_until_anything_in_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    let flat = root.join("flat");
    fs::create_dir(&flat).unwrap();
    for name in ["x", "y", "z"] {
        fs::write(flat.join(name), name).unwrap();
    }
    fs::write(flat.join(".hidden"), "not seen").unwrap();
    fs::create_dir(root.join("nothing")).unwrap();
    let changes: [fn(&Path); 9] = [
        |_| {},
        |flat| fs::write(flat.join("y"), "Y").unwrap(),
        |flat| fs::write(flat.join("new"), "").unwrap(),
        |flat| fs::remove_file(flat.join("new")).unwrap(),
        |flat| fs::rename(flat.join("x"), flat.join("w")).unwrap(),
        |flat| fs::remove_file(flat.join("z")).unwrap(),
        |flat| fs::create_dir(flat.join("z")).unwrap(),
        |flat| symlink("w", flat.join("link")).unwrap(),
        |flat| fs::write(flat.join(".hidden"), "changed").unwrap(),
    ];
    let (params, memory) = (Params::of(Profile::default()), Map::ahead(10));
    for (number, change) in changes.into_iter().enumerate() {
        change(&flat);
        let plain = import_listing(&params, None, &root, false);
        let first = import_listing(&params, Some(&memory), &root, false);
        assert_eq!(Done { unchanged: 0, ..first }, plain);
        let asked = memory.kept.load(Ordering::Relaxed);
        let again = import_listing(&params, Some(&memory), &root, false);
        let asked = memory.kept.load(Ordering::Relaxed) - asked;
        // Every file and nothing but the links.
        let links = 1 + u64::from(number >= 7);
        assert_eq!(again.unchanged, again.files - links);
        // Four single files, and one for each folder of nothing else while `flat` is one.
        assert!(number > 5 || asked == 4 + 3, "{asked}");
        assert_eq!(Done { unchanged: 0, ..again }, plain);
    }
    memory.kept.store(0, Ordering::Relaxed);
    let flat = import_listing(&params, Some(&memory), &root.join("sub/deep"), false);
    assert_eq!((flat.unchanged, memory.kept.load(Ordering::Relaxed)), (1, 1));
    memory.lost.store(true, Ordering::Relaxed);
    let lost = import_listing(&params, Some(&memory), &root.join("sub/deep"), false);
    assert_eq!((lost.cid, lost.unchanged), (flat.cid, 0));
}

#[test]
fn what_was_just_written_is_not_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    let (params, memory) = (Params::of(Profile::default()), Map::default());
    import(&params, Some(&memory), &root);
    assert_eq!(memory.names(), [""; 0]);
    // An old mtime does not help: anyone can set it.
    let file = fs::File::options().write(true).open(root.join("a")).unwrap();
    file.set_modified(UNIX_EPOCH).unwrap();
    import(&params, Some(&memory), &root);
    assert_eq!(memory.names(), [""; 0]);
    // Nor does an old ctime where the mtime lies ahead.
    memory.ahead_seconds.store(10, Ordering::Relaxed);
    file.set_modified(SystemTime::now() + std::time::Duration::from_secs(3600)).unwrap();
    import(&params, Some(&memory), &root);
    assert_eq!(memory.names(), ["b", "c", "d", "~é"]);
}

#[test]
fn every_change_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    let (params, memory) = (Params::of(Profile::default()), Map::ahead(10));
    let known = |what: &str, unchanged: u64| {
        let done = import(&params, Some(&memory), &root);
        assert_eq!(done.unchanged, unchanged, "{what}");
        assert_eq!(done.cid, import(&params, None, &root).cid, "{what}");
    };
    known("first", 0);
    // The same length and the mtime put back: only ctime tells.
    let before = fs::metadata(root.join("a")).unwrap().modified().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(root.join("a"), [8]).unwrap();
    fs::File::options()
        .write(true)
        .open(root.join("a"))
        .unwrap()
        .set_modified(before)
        .unwrap();
    known("written with its mtime put back", 4);
    known("left alone", 5);
    fs::rename(root.join("a"), root.join("e")).unwrap();
    known("renamed", 4);
    fs::remove_file(root.join("b")).unwrap();
    known("removed", 4);
    fs::write(root.join("new"), "n").unwrap();
    known("added", 4);
    // Two files of one size that swap their names.
    fs::write(root.join("f"), [9]).unwrap();
    known("another of one size", 5);
    fs::rename(root.join("e"), root.join("x")).unwrap();
    fs::rename(root.join("f"), root.join("e")).unwrap();
    fs::rename(root.join("x"), root.join("f")).unwrap();
    known("swapped", 4);
    fs::set_permissions(root.join("e"), Permissions::from_mode(0o600)).unwrap();
    known("mode changed", 5);
    fs::remove_file(root.join("e")).unwrap();
    symlink("new", root.join("e")).unwrap();
    known("a link instead", 5);
    fs::rename(root.join("sub"), root.join("bus")).unwrap();
    known("a folder renamed", 5);
}

#[test]
fn a_cid_whose_blocks_are_gone_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    let (params, memory) = (Params::of(Profile::default()), Map::ahead(10));
    let first = import(&params, Some(&memory), &root);
    memory.lost.store(true, Ordering::Relaxed);
    assert_eq!(import(&params, Some(&memory), &root), first);
}

#[test]
fn a_file_given_by_itself_is_remembered_by_its_own_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = tree(folder.path()).join("b");
    for wrap in [false, true] {
        let given = Overrides { wrap_with_directory: Some(wrap), ..Overrides::default() };
        let params = Params::resolve(Profile::default(), &given).unwrap();
        let memory = Map::ahead(10);
        let first = import(&params, Some(&memory), &path);
        assert_eq!(memory.names(), [""]);
        let again = import(&params, Some(&memory), &path);
        assert_eq!(again, Done { unchanged: 1, ..first });
        fs::write(&path, "changed").unwrap();
        assert_eq!(import(&params, Some(&memory), &path).unchanged, 0);
        fs::write(&path, vec![7; 70_000]).unwrap();
    }
}

#[test]
fn links_that_are_followed_are_told_by_what_they_lead_to() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    let given = Overrides { dereference_symlinks: Some(true), ..Overrides::default() };
    let params = Params::resolve(Profile::default(), &given).unwrap();
    let memory = Map::ahead(10);
    import(&params, Some(&memory), &root);
    assert_eq!(import(&params, Some(&memory), &root).unchanged, 6);
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(root.join("a"), [8]).unwrap();
    let changed = import(&params, Some(&memory), &root);
    assert_eq!(changed.unchanged, 4);
    assert_eq!(changed.cid, import(&params, None, &root).cid);
}

/// Keeps blocks, and where those in place lie.
#[derive(Default)]
struct Places {
    blocks: MemoryBlocks,
    places: Vec<(Cid, std::path::PathBuf, u64, usize)>,
}

impl BlockSink for Places {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        self.blocks.put(cid, data)
    }

    fn put_in_place(
        &mut self,
        cid: &Cid,
        data: &[u8],
        place: &InPlace<'_>,
    ) -> Result<(), DagError> {
        self.places.push((*cid, place.path.to_owned(), place.offset, data.len()));
        self.blocks.put(cid, data)
    }
}

#[test]
fn blocks_in_place_say_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let root = tree(folder.path());
    let given = Overrides {
        chunker: Some("size-30000".parse().unwrap()),
        ..Overrides::default()
    };
    let params = Params::resolve(Profile::default(), &given).unwrap();
    let control = Control::new();
    let importer = Importer { in_place: true, ..Importer::new(&params, 2, &control) };
    let mut sink = Places::default();
    let done = importer.path(&root, false, Some(&mut sink)).unwrap();
    assert_eq!(done.cid, import(&params, None, &root).cid);
    assert_eq!(sink.places.len(), 7);
    for (cid, path, offset, len) in &sink.places {
        assert!(path.is_absolute());
        let bytes = fs::read(path).unwrap();
        let start = usize::try_from(*offset).unwrap();
        let block = sink.blocks.get(cid).unwrap().unwrap();
        assert_eq!(&bytes[start..start + len], &block[..]);
    }
    let mut sink = Places::default();
    importer.reader(&b"bytes"[..], None, Some(&mut sink)).unwrap();
    assert!(sink.places.is_empty() && sink.blocks.len() == 1);
}

#[test]
fn leaves_with_a_node_around_them_cannot_be_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let params = Params::of(Profile::UnixFsV0_2015);
    let control = Control::new();
    let importer = Importer { in_place: true, ..Importer::new(&params, 1, &control) };
    let failed = importer.path(folder.path(), false, None);
    assert!(matches!(
        failed,
        Err(UnixFsError::Params(ParamError::InPlaceWithoutRawLeaves))
    ));
}
