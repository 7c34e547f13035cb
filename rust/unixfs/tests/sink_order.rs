//! A sink gets the same blocks in the same order, however many threads make them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, DagError};
use ipfs_kit_unixfs::{Control, Importer, Overrides, Params, Profile, UnixFsError};

#[derive(Default)]
struct Order(Vec<(Cid, usize)>);

impl BlockSink for Order {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        self.0.push((*cid, data.len()));
        Ok(())
    }
}

fn order(params: &Params, threads: usize, path: &Path) -> (Cid, Vec<(Cid, usize)>) {
    let (control, mut sink) = (Control::new(), Order::default());
    let importer = Importer::new(params, threads, &control);
    let done = importer.path(path, false, Some(&mut sink)).unwrap();
    (done.cid, sink.0)
}

fn params(chunker: &str, raw_leaves: bool) -> Params {
    let given = Overrides {
        chunker: Some(chunker.parse().unwrap()),
        raw_leaves: Some(raw_leaves),
        ..Overrides::default()
    };
    Params::resolve(Profile::default(), &given).unwrap()
}

#[test]
fn small_and_large_files_come_in_one_order() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..3_000_000_u64)
        .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33).to_le_bytes()[0])
        .collect();
    for i in 0..600_usize {
        let sub = folder.path().join(format!("{}", i % 7));
        fs::create_dir_all(&sub).unwrap();
        // Around the bound of small files, and none at all.
        let len = match i % 50 {
            0 => 0,
            1 => (256 << 10) - 1 + i / 50 % 3,
            2 => 1_000_000 + i,
            _ => i * 13,
        };
        fs::write(sub.join(format!("{i}")), &noise[i..i + len]).unwrap();
    }
    for params in [
        params("size-1048576", true),
        params("size-100000", false),
        params("rabin-1000-2000-4000", true),
    ] {
        let hashed = {
            let control = Control::new();
            Importer::new(&params, 2, &control).path(folder.path(), false, None)
        };
        let (cid, one) = order(&params, 1, folder.path());
        assert_eq!(cid, hashed.unwrap().cid);
        for threads in [2, 3, 8] {
            assert!(order(&params, threads, folder.path()) == (cid, one.clone()));
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_fails_the_import_whatever_its_size() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    for i in 0..300 {
        fs::write(folder.path().join(format!("{i}")), "x").unwrap();
    }
    let given = Overrides { dereference_symlinks: Some(true), ..Overrides::default() };
    let params = Params::resolve(Profile::default(), &given).unwrap();
    symlink("nowhere", folder.path().join("5-dangling")).unwrap();
    let control = Control::new();
    let failed = Importer::new(&params, 3, &control).path(
        folder.path(),
        false,
        Some(&mut Order::default()),
    );
    assert!(matches!(failed, Err(UnixFsError::Read { .. })));
}
