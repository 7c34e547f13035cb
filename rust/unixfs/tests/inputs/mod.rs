//! The inputs that `tests/vectors/README.md` describes.

use std::fs;
use std::path::{Path, PathBuf};

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) fn vectors(name: &str) -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub(crate) fn chacha20(seed: &str, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    ChaCha20::new(&Sha256::digest(seed), &[0; 12].into()).apply_keystream(&mut bytes);
    bytes
}

pub(crate) fn sha256ctr(size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 32);
    for i in 0..size.div_ceil(32) as u64 {
        bytes.extend_from_slice(&ipfs_kit_hash::sha256::digest(&i.to_le_bytes()));
    }
    bytes.truncate(size);
    bytes
}

/// An input by its name; `counted` is a longer `sha256ctr`.
pub(crate) fn named(input: &str, size: usize, counted: &[u8]) -> Vec<u8> {
    match input {
        "sha256ctr" => counted[..size].to_vec(),
        "zero" => vec![0; size],
        "rep" => counted[..1000].iter().copied().cycle().take(size).collect(),
        other => panic!("unknown input {other}"),
    }
}

/// Fills a folder with `files` files, each holding `x`, under the names of a seed.
pub(crate) fn seeded_folder(folder: &Path, vector: &Value) {
    let number = |key: &str| usize::try_from(vector[key].as_u64().unwrap()).unwrap();
    let (files, name_len) = (number("files"), number("name_len"));
    let last_len = vector["last_name_len"]
        .as_u64()
        .map_or(name_len, |n| usize::try_from(n).unwrap());
    let alphabet = b"abcdefghijklmnopqrstuvwxyz01234567890-_";
    let stream = chacha20(vector["seed"].as_str().unwrap(), 1 << 20);
    let mut letters = stream.iter().map(|b| char::from(alphabet[usize::from(*b) % 39]));
    for i in 0..files {
        let len = if i + 1 == files { last_len } else { name_len };
        let name: String = letters.by_ref().take(len).collect();
        fs::write(folder.join(name), "x").unwrap();
    }
}

/// Builds a tree of `kubo-0.22.json` by its name; returns its root.
pub(crate) fn kubo_tree(folder: &Path, name: &str) -> PathBuf {
    let root = folder.join(name);
    fs::create_dir(&root).unwrap();
    let many = |folder: &Path, count: usize, name: &dyn Fn(usize) -> String| {
        fs::create_dir_all(folder).unwrap();
        for i in 0..count {
            fs::write(folder.join(name(i)), i.to_string()).unwrap();
        }
    };
    let count = name.rsplit('_').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    match name {
        "empty" => {}
        "mixed" => mixed(&root),
        "symlinks" => symlinks(&root),
        "nested_hamt" => {
            fs::write(root.join("readme"), "r").unwrap();
            many(&root.join("big"), 6000, &|i| format!("file-{i:06}"));
        }
        _ if name.starts_with("flat_") => many(&root, count, &|i| format!("file-{i:06}")),
        _ if name.starts_with("n30_") => many(&root, count, &|i| format!("{i:030}")),
        _ if name.starts_with("n28_") => many(&root, count, &|i| format!("{i:028}")),
        _ if name.starts_with("long_") => {
            many(&root, count, &|i| format!("{}{i:06}", "x".repeat(200)));
        }
        other => panic!("unknown tree {other}"),
    }
    root
}

fn mixed(root: &Path) {
    fs::create_dir_all(root.join("sub/deep")).unwrap();
    fs::create_dir(root.join("emptydir")).unwrap();
    for (name, size) in [
        ("empty", 0),
        ("one", 1),
        ("chunk", 262_144),
        ("two", 262_145),
        ("sub/deep/leaf", 100),
    ] {
        fs::write(root.join(name), sha256ctr(size)).unwrap();
    }
    for (name, text) in [
        ("Zed", "Z"),
        ("a b", "space"),
        ("\u{e9}t\u{e9}", "nfc"),
        ("文件", "cjk"),
        ("~tilde", "~"),
        ("a.txt", "a"),
        ("a", "a1"),
        ("B", "b"),
    ] {
        fs::write(root.join(name), text).unwrap();
    }
}

fn symlinks(root: &Path) {
    use std::os::unix::fs::symlink;
    fs::write(root.join("target"), "hello\n").unwrap();
    fs::create_dir(root.join("d")).unwrap();
    for (link, target) in [
        ("link", "target"),
        ("dangling", "../outside"),
        ("dlink", "d"),
        ("abs", "/abs/path"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
}
