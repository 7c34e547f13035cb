//! Import: files and folders become blocks and a root CID.
//!
//! A walk finds things, one of two engines turns their chunks into leaves, layouts and
//! directories turn leaves into a root. [`lanes`] is the fast path (sha2-256 of regular files,
//! nothing kept); [`batch`] does everything else. Both give the same CIDs.

mod batch;
mod control;
mod file;
mod lanes;
mod memory;
mod stream;
mod symlink;
mod tree;
mod walk;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use ipfs_kit_cid::{Cid, from_bytes};
use ipfs_kit_dag::BlockSink;
use ipfs_kit_hash::{Code, Hasher, sha256};

pub use control::Control;
pub use memory::{FileId, Memory, Remembered};

use crate::blocks::Child;
use crate::os::Kind;
use crate::sort::{Sorted, Sorter};
use crate::{ParamError, Params, UnixFsError};
use batch::SharedSink;
use stream::{Input, Patient};
use tree::{Folder, Place, Tree};
use walk::{Walk, base_name};

/// How to import.
#[derive(Debug, Clone, Copy)]
pub struct Importer<'a> {
    /// What decides the CID.
    pub params: &'a Params,
    /// How many threads hash; at least one.
    pub threads: usize,
    /// Where to look for a stop, and to count.
    pub control: &'a Control,
    /// What is known of files from before, so that those which did not change are not read
    /// again. Looked at only where there is a sink.
    pub memory: Option<&'a dyn Memory>,
    /// Whether the chunks of regular files are put with the place they lie in (Kubo's
    /// `nocopy`), which takes raw leaves; what readers and pipes give is put as it is.
    pub in_place: bool,
}

/// What an import made.
#[derive(Debug)]
pub struct Imported {
    /// The root.
    pub cid: Cid,
    /// Bytes of all its blocks, each counted as often as it is linked (`Tsize`).
    pub tsize: u64,
    /// Everything below the root, if it was asked for.
    pub entries: Option<Entries>,
}

/// A file, link or folder below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path below the root, names parted by slashes.
    pub path: String,
    /// Its CID.
    pub cid: Cid,
    /// Bytes of all its blocks (`Tsize`).
    pub tsize: u64,
}

/// The entries of a tree in the order of their paths' bytes; beyond 16 MiB they are on disk.
#[derive(Debug)]
pub struct Entries(Sorted);

impl Iterator for Entries {
    type Item = Result<Entry, UnixFsError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map_err(UnixFsError::from).and_then(|(key, value)| {
            let (tsize, cid) = value.split_at(size_of::<u64>());
            let mut word = [0; size_of::<u64>()];
            word.copy_from_slice(tsize);
            let path = String::from_utf8(key)
                .map_err(|_| UnixFsError::Node { reason: "name is not UTF-8" })?;
            Ok(Entry { path, cid: from_bytes(cid)?, tsize: u64::from_le_bytes(word) })
        }))
    }
}

impl<'a> Importer<'a> {
    /// Imports with these parameters on so many threads, without a memory and not in place.
    pub const fn new(params: &'a Params, threads: usize, control: &'a Control) -> Self {
        Self { params, threads, control, memory: None, in_place: false }
    }

    /// Imports a file or a folder, whichever stands at `path`; a link there is followed.
    ///
    /// `entries` keeps everything below the root for the caller to list.
    pub fn path(
        &self,
        path: &Path,
        entries: bool,
        sink: Option<&mut (dyn BlockSink + Send)>,
    ) -> Result<Imported, UnixFsError> {
        if self.in_place && !self.params.raw_leaves {
            return Err(ParamError::InPlaceWithoutRawLeaves.into());
        }
        let metadata = fs::metadata(path).map_err(UnixFsError::read(path))?;
        let memory = self.memory.filter(|_| sink.is_some());
        let tree = Tree::new(self.params, self.control, 1, entries).remembering(memory);
        let place = self.place(|| base_name(path))?;
        let owned = if self.in_place {
            std::path::absolute(path).map_err(UnixFsError::read(path))?
        } else {
            path.to_owned()
        };
        match Kind::of(metadata.file_type()) {
            Kind::Directory => {
                let walk = Walk::folder(self.params, owned, place);
                self.run(&tree, walk, None, sink);
            }
            Kind::File => {
                let walk = Walk::wrapped_file(self.params, owned, place);
                self.run(&tree, walk, None, sink);
            }
            Kind::Symlink | Kind::Other(_) => {
                let file = crate::os::open_stream(path)?;
                let reader = Box::new(Patient { file, control: self.control });
                let given = Some((place, Input::Reader(reader)));
                self.run(&tree, Walk::files(self.params, Vec::new()), given, sink);
            }
        }
        finish_one(tree)
    }

    /// Imports what a reader gives, to its end; `name` is what a wrapping directory calls it.
    pub fn reader(
        &self,
        reader: impl Read + Send,
        name: Option<&str>,
        sink: Option<&mut (dyn BlockSink + Send)>,
    ) -> Result<Imported, UnixFsError> {
        let tree = Tree::new(self.params, self.control, 1, false);
        let place =
            self.place(|| name.map(str::to_owned).ok_or(UnixFsError::Nameless))?;
        let given = Some((place, Input::Reader(Box::new(reader))));
        self.run(&tree, Walk::files(self.params, Vec::new()), given, sink);
        finish_one(tree)
    }

    /// Hashes many files, each on its own; one that fails leaves the others be.
    pub fn files(&self, paths: Vec<PathBuf>) -> Vec<Result<Cid, UnixFsError>> {
        if self.params.wrap_with_directory {
            let one = |path: &PathBuf| self.path(path, false, None).map(|done| done.cid);
            return paths.iter().map(one).collect();
        }
        let tree = Tree::new(self.params, self.control, paths.len(), false);
        self.run(&tree, Walk::files(self.params, paths), None, None);
        let (results, _) = tree.finish();
        results.into_iter().map(|result| result.map(|child| child.cid)).collect()
    }

    fn run<'t>(
        &self,
        tree: &'t Tree<'t>,
        walk: Walk<'t>,
        given: Option<(Place, Input<'t>)>,
        sink: Option<SharedSink<'_>>,
    ) {
        let kernel = match sha256::Kernel::best_checked() {
            Ok(kernel) => kernel,
            Err(error) => return tree.fail_all(error.into()),
        };
        let threads = self.threads.max(1);
        let sha256 = tree.rules.hash() == Hasher::new(Code::Sha2_256);
        match tree.params.chunker.fixed_size() {
            Some(chunk) if sha256 && sink.is_none() && given.is_none() => {
                lanes::run(tree, walk, kernel, chunk, threads);
            }
            _ => batch::run(tree, walk, given, sink, threads, self.in_place),
        }
    }

    /// Where the root goes: nowhere, or into a directory under its name.
    fn place(
        &self,
        name: impl FnOnce() -> Result<String, UnixFsError>,
    ) -> Result<Place, UnixFsError> {
        if !self.params.wrap_with_directory {
            return Ok(Place::Root(0));
        }
        let name = name()?;
        let attributes = self.params.attributes;
        // What a new folder waits for is its listing; here that is the one entry.
        let folder =
            Folder::new(Place::Root(0), PathBuf::new(), attributes, None, true, None);
        Ok(Place::In { folder, name })
    }
}

fn finish_one(tree: Tree<'_>) -> Result<Imported, UnixFsError> {
    let (mut results, log) = tree.finish();
    let child: Child = results.pop().unwrap_or(Err(UnixFsError::Cancelled))?;
    let entries = log.map(Sorter::finish).transpose()?.map(Entries);
    Ok(Imported { cid: child.cid, tsize: child.tsize, entries })
}
