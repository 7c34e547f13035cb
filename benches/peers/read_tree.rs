//! Open, read and close every file below a folder on N threads, and print how many there were:
//! the bound that no hashing of a tree can pass.
//!
//!     read_tree THREADS FOLDER

use std::{
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), files);
        } else {
            files.push(entry.path());
        }
    }
}

fn main() {
    let threads = env::args().nth(1).and_then(|n| n.parse().ok()).expect("THREADS");
    let folder = env::args_os().nth(2).expect("FOLDER");
    let mut files = Vec::new();
    list(Path::new(&folder), &mut files);

    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = vec![0; 1 << 16];
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut file = fs::File::open(path).expect("a readable file");
                    file.read(&mut buffer).expect("a readable file");
                }
            });
        }
    });
    println!("{}", files.len());
}
