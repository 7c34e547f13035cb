//! Our CIDs are those of Kubo and of ipfs-unixfs-importer, over all their vectors.
#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod inputs;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use inputs::{chacha20, kubo_tree, named, seeded_folder, sha256ctr, vectors};
use ipfs_kit_cid::to_string;
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::{Control, Importer, Overrides, Params, Profile};
use serde_json::Value;

fn text<'a>(vector: &'a Value, key: &str) -> &'a str {
    vector[key].as_str().unwrap_or_else(|| panic!("no {key} in {vector}"))
}

fn size(vector: &Value) -> usize {
    usize::try_from(vector["size"].as_u64().unwrap()).unwrap()
}

fn profile(vector: &Value) -> Profile {
    Profile::from_name(text(vector, "profile")).unwrap()
}

/// Options of `kubo-0.22.json`, over Kubo's defaults.
fn kubo_params(options: &Value) -> Result<Params, String> {
    let flag = |key: &str| options[key].as_bool();
    let chunker = options["chunker"].as_str().map(str::parse).transpose();
    let given = Overrides {
        cid_version: options["cid_version"].as_u64(),
        raw_leaves: flag("raw_leaves"),
        hash: options["hash"]
            .as_str()
            .map(|name| Hasher::new(Code::from_name(name).unwrap())),
        chunker: chunker.map_err(|e: ipfs_kit_chunker::ChunkerError| e.to_string())?,
        trickle: flag("trickle"),
        inline: flag("inline"),
        inline_limit: options["inline_limit"]
            .as_u64()
            .map(|n| usize::try_from(n).unwrap()),
        ..Overrides::default()
    };
    Params::resolve(Profile::UnixFsV0_2015, &given).map_err(|e| e.to_string())
}

fn hash_path(params: &Params, path: &Path) -> (String, u64) {
    let control = Control::new();
    let importer = Importer::new(params, 2, &control);
    let done = importer.path(path, false, None).unwrap();
    (to_string(&done.cid), done.tsize)
}

/// Larger inputs go one way alone, as it is the layouts above them that they are for.
const MOST_TWICE: usize = 16 << 20;

/// Through the lanes (a file) and through batches (a reader).
fn assert_both(params: &Params, path: &Path, bytes: &[u8], cid: &str, what: &Value) {
    assert_eq!(hash_path(params, path).0, cid, "lanes: {what}");
    if bytes.len() > MOST_TWICE {
        return;
    }
    let control = Control::new();
    let importer = Importer::new(params, 2, &control);
    let read = importer.reader(bytes, None, None).unwrap();
    assert_eq!(to_string(&read.cid), cid, "batches: {what}");
}

fn assert_file(params: &Params, bytes: &[u8], cid: &str, what: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    assert_both(params, &path, bytes, cid, what);
}

#[test]
fn ipip_499_files() {
    let all = vectors("ipip-499.json");
    let files =
        all["files"].as_array().unwrap().iter().chain(all["trickle"].as_array().unwrap());
    for vector in files {
        let literal = text(vector, "seed").strip_prefix("literal \"");
        let bytes = match literal {
            Some(literal) => literal.trim_end_matches('"').as_bytes().to_vec(),
            None => chacha20(text(vector, "seed"), size(vector)),
        };
        let trickle = vector["layout"].as_str() == Some("trickle");
        let given = Overrides { trickle: Some(trickle), ..Overrides::default() };
        let params = Params::resolve(profile(vector), &given).unwrap();
        assert_file(&params, &bytes, text(vector, "cid"), vector);
    }
}

#[test]
fn ipip_499_directories() {
    for vector in vectors("ipip-499.json")["dirs"].as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        seeded_folder(folder.path(), vector);
        let (cid, _) = hash_path(&Params::of(profile(vector)), folder.path());
        assert_eq!(cid, text(vector, "cid"), "{vector}");
    }
}

#[test]
fn unixfs_importer() {
    for vector in vectors("unixfs-importer-17.1.1.json").as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let mut given = Overrides {
            chunker: vector["chunk_size"]
                .as_u64()
                .map(|n| format!("size-{n}").parse().unwrap()),
            max_file_links: vector["max_links"]
                .as_u64()
                .map(|n| usize::try_from(n).unwrap()),
            hamt_threshold: vector["shard_threshold"].as_u64(),
            ..Overrides::default()
        };
        given.trickle = vector["layout"].as_str().map(|layout| layout == "trickle");
        let params = Params::resolve(profile(vector), &given).unwrap();
        let found = if vector["kind"].is_string() {
            seeded_folder(folder.path(), vector);
            hash_path(&params, folder.path())
        } else {
            let bytes = chacha20(text(vector, "seed"), size(vector));
            assert_file(&params, &bytes, text(vector, "cid"), vector);
            let path = folder.path().join("file");
            fs::write(&path, bytes).unwrap();
            hash_path(&params, &path)
        };
        let expected =
            (text(vector, "cid").to_owned(), vector["tsize"].as_u64().unwrap());
        assert_eq!(found, expected, "{vector}");
    }
}

#[test]
fn kubo_files() {
    let all = vectors("kubo-0.22.json");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let mut inputs: BTreeMap<(&str, usize), Vec<&Value>> = BTreeMap::new();
    for vector in all["files"].as_array().unwrap() {
        inputs.entry((text(vector, "input"), size(vector))).or_default().push(vector);
    }
    let counted = sha256ctr(inputs.keys().map(|(_, size)| *size).max().unwrap());
    for ((input, size), vectors) in inputs {
        let bytes = named(input, size, &counted);
        fs::write(&path, &bytes).unwrap();
        for vector in vectors {
            match (kubo_params(&vector["options"]), vector["cid"].as_str()) {
                (Err(_), None) => {}
                (Ok(params), Some(cid)) => {
                    assert_both(&params, &path, &bytes, cid, vector);
                }
                (params, cid) => panic!("{params:?} where Kubo says {cid:?}: {vector}"),
            }
        }
    }
}

#[test]
fn kubo_directories() {
    let all = vectors("kubo-0.22.json");
    let mut trees: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for vector in all["directories"].as_array().unwrap() {
        // A symbolic link as the root is followed here, and dangles.
        if vector["cid"].is_string() {
            trees.entry(text(vector, "name")).or_default().push(vector);
        }
    }
    for (name, vectors) in trees {
        let folder = tempfile::tempdir().unwrap();
        let root = kubo_tree(folder.path(), name);
        for vector in vectors {
            let (found, _) = hash_path(&kubo_params(&vector["options"]).unwrap(), &root);
            let same = vector["differs_in_newer_kubo"].is_null();
            assert_eq!(found == text(vector, "cid"), same, "{found} for {vector}");
        }
    }
}
