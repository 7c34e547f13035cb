//! Edits as JSON, as `tests/vectors/files-edit.json` has them, done by an [`Editor`].

use std::collections::BTreeMap;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::MemoryBlocks;
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::edit::{Editor, WriteMode};
use ipfs_kit_unixfs::read::entries;
use ipfs_kit_unixfs::{
    Control, Importer, Mtime, Overrides, Params, Profile, SizeEstimation, UnixFsError,
};
use serde_json::Value;

/// A tree under edit, with a configuration under Kubo's names.
#[derive(Debug)]
pub(crate) struct Files {
    config: Value,
    /// Bytes that data is cut from.
    stream: Vec<u8>,
    pub(crate) blocks: MemoryBlocks,
    pub(crate) root: Cid,
}

fn number(value: &Value, key: &str) -> Option<usize> {
    value[key].as_u64().map(|number| usize::try_from(number).unwrap())
}

fn hash(value: &Value) -> Option<Hasher> {
    value["hash"].as_str().map(|name| Hasher::new(Code::from_name(name).unwrap()))
}

fn names(path: &Value) -> Vec<&str> {
    path.as_str().unwrap().split('/').filter(|name| !name.is_empty()).collect()
}

/// Bytes that data is cut from: sha256(le64(0)), sha256(le64(1)), ...
pub(crate) fn stream(len: usize) -> Vec<u8> {
    let digests = (0..len.div_ceil(32) as u64)
        .flat_map(|i| ipfs_kit_hash::sha256::digest(&i.to_le_bytes()));
    digests.take(len).collect()
}

impl Files {
    pub(crate) fn new(config: Value, stream: Vec<u8>) -> Self {
        let mut files =
            Self { config, stream, blocks: MemoryBlocks::new(), root: Cid::default() };
        let params = files.params(&Value::Null);
        files.root = files.edit(&params, &Value::Null, |e, _| e.empty_root()).unwrap();
        files
    }

    /// Parameters of an edit: what it says itself, then the configuration, then Kubo's own.
    ///
    /// If an edit names a version or a hash, Kubo asks its configuration for neither.
    pub(crate) fn params(&self, op: &Value) -> Params {
        let named = op["cid_version"].is_u64() || op["hash"].is_string();
        let source = if named { op } else { &self.config };
        let config = &self.config;
        let hash = hash(source);
        let given = Overrides {
            cid_version: source["cid_version"]
                .as_u64()
                .filter(|&version| version != 0 || hash.is_none()),
            hash,
            chunker: config["chunker"].as_str().map(|spec| spec.parse().unwrap()),
            max_directory_links: number(config, "max_directory_links"),
            max_hamt_fanout: number(config, "max_hamt_fanout"),
            hamt_threshold: config["hamt_threshold"].as_u64(),
            hamt_size_estimation: config["hamt_size_estimation"]
                .as_str()
                .map(|name| SizeEstimation::from_name(name).unwrap()),
            ..Overrides::default()
        };
        Params::resolve(Profile::UnixFsV0_2015, &given).unwrap()
    }

    fn data(&self, spec: &Value) -> Vec<u8> {
        let at = |index: usize| usize::try_from(spec[index].as_u64().unwrap()).unwrap();
        self.stream[at(0)..at(0) + at(1)].to_vec()
    }

    fn edit<T>(
        &mut self,
        params: &Params,
        op: &Value,
        edit: impl FnOnce(&mut Editor<'_>, &Cid) -> Result<T, UnixFsError>,
    ) -> Result<T, UnixFsError> {
        let control = Control::new();
        let mut editor = Editor::new(params, &control, &mut self.blocks);
        editor.raw_leaves =
            op["raw_leaves"].as_bool().or(self.config["raw_leaves"].as_bool());
        edit(&mut editor, &self.root)
    }

    /// Imports a file, as `ipfs add` with these options.
    fn add(&mut self, op: &Value) -> Cid {
        let given = Overrides {
            cid_version: op["cid_version"].as_u64(),
            raw_leaves: op["raw_leaves"].as_bool(),
            trickle: op["trickle"].as_bool(),
            chunker: op["chunker"].as_str().map(|spec| spec.parse().unwrap()),
            max_file_links: number(op, "max_file_links"),
            inline: op["inline"].as_bool(),
            ..Overrides::default()
        };
        let params = Params::resolve(Profile::UnixFsV0_2015, &given).unwrap();
        let (control, data) = (Control::new(), self.data(&op["data"]));
        let importer = Importer::new(&params, 1, &control);
        importer.reader(&data[..], None, Some(&mut self.blocks)).unwrap().cid
    }

    /// Does one edit; what fails leaves the tree as it was.
    pub(crate) fn run(&mut self, op: &Value) -> Result<(), UnixFsError> {
        let flag = |key: &str| op[key].as_bool().unwrap_or(false);
        let params = self.params(op);
        self.root = match op["op"].as_str().unwrap() {
            "mkdir" => self.edit(&params, op, |editor, root| {
                editor.mkdir(root, &names(&op["path"]), flag("parents"))
            })?,
            "write" => {
                let (data, offset) = (self.data(&op["data"]), op["offset"].as_u64());
                let mode = WriteMode {
                    create: flag("create"),
                    parents: flag("parents"),
                    truncate: flag("truncate"),
                };
                let path = names(&op["path"]);
                self.edit(&params, op, |editor, root| {
                    editor.write(root, &path, offset.unwrap_or(0), &mut &data[..], mode)
                })?
            }
            "add" => {
                let cid = self.add(op);
                self.link(op, &cid)?
            }
            "cp" => {
                let from = names(&op["from"]);
                let cid = find(&self.blocks, &self.root, &from)?;
                self.link(op, &cid)?
            }
            "rm" => self.edit(&params, op, |editor, root| {
                editor.unlink(root, &names(&op["path"]), flag("recursive"))
            })?,
            "mv" => self.edit(&params, op, |editor, root| {
                editor.rename(root, &names(&op["from"]), &names(&op["to"]))
            })?,
            "chmod" => {
                let mode = u32::try_from(op["mode"].as_u64().unwrap()).unwrap();
                self.edit(&params, op, |editor, root| {
                    editor.chmod(root, &names(&op["path"]), mode)
                })?
            }
            "touch" => {
                let nanoseconds = u32::try_from(op["nsecs"].as_u64().unwrap_or(0));
                let mtime = Mtime {
                    seconds: op["mtime"].as_i64().unwrap(),
                    nanoseconds: nanoseconds.unwrap(),
                };
                self.edit(&params, op, |editor, root| {
                    editor.touch(root, &names(&op["path"]), mtime)
                })?
            }
            other => panic!("unknown edit {other}"),
        };
        Ok(())
    }

    fn link(&mut self, op: &Value, cid: &Cid) -> Result<Cid, UnixFsError> {
        let flag = |key: &str| op[key].as_bool().unwrap_or(false);
        let params = self.params(&Value::Null);
        self.edit(&params, op, |editor, root| {
            editor.link(root, &names(&op["to"]), cid, flag("parents"), flag("force"))
        })
    }
}

/// The CID at a path.
pub(crate) fn find(
    blocks: &MemoryBlocks,
    root: &Cid,
    path: &[&str],
) -> Result<Cid, UnixFsError> {
    let mut cid = *root;
    for (depth, name) in path.iter().enumerate() {
        let missing = || UnixFsError::NoSuchEntry {
            path: format!("/{}", path[..=depth].join("/")),
        };
        cid = *listing(blocks, &cid)?.get(*name).ok_or_else(missing)?;
    }
    Ok(cid)
}

/// The entries of a directory by name.
pub(crate) fn listing(
    blocks: &MemoryBlocks,
    cid: &Cid,
) -> Result<BTreeMap<String, Cid>, UnixFsError> {
    entries(blocks, cid)?
        .map(|entry| entry.map(|entry| (entry.name, entry.cid)))
        .collect()
}
