//! Mutable files: every edit of a tree is a function from its root to a new root.
//!
//! Nothing is changed in place. An [`Editor`] reads the blocks on the way to what is edited,
//! writes those that become others, and returns the CID of the new root; whoever keeps that
//! root swaps it. What an edit no longer needs stays where it is, for others to collect.
//!
//! The new CIDs are those that Kubo's `ipfs files` gives for the same edits. What follows from
//! that and is not plain to see:
//!
//! - A directory and each part of a file keep the kind of CID they have (version and hash);
//!   only what is new follows the parameters. Nothing is inlined that was not.
//! - A file grows as a trickle tree of 174 links, whatever layout it was imported with and
//!   whatever `max_file_links` says.
//! - A directory becomes a trie, or one block again, where its entries cross the threshold;
//!   its form depends on the entries alone.
//!
//! ```
//! use ipfs_kit_dag::MemoryBlocks;
//! use ipfs_kit_unixfs::edit::{Editor, WriteMode};
//! use ipfs_kit_unixfs::{Control, Params, Profile};
//!
//! let (params, control) = (Params::of(Profile::UnixFsV1_2025), Control::new());
//! let mut blocks = MemoryBlocks::new();
//! let mut editor = Editor::new(&params, &control, &mut blocks);
//! let root = editor.empty_root()?;
//! let create = WriteMode { create: true, parents: true, ..WriteMode::default() };
//! let root = editor.write(&root, &["docs", "hello"], 0, &mut &b"hello world"[..], create)?;
//! let root = editor.rename(&root, &["docs", "hello"], &["hello"])?;
//! let root = editor.unlink(&root, &["docs"], true)?;
//! assert_eq!(
//!     ipfs_kit_cid::to_string(&root),
//!     "bafybeiho2yad2oitx4vlwofrpvvkqiiuh3suzojwebcgxwtmjnigahanz4"
//! );
//! # Ok::<(), ipfs_kit_unixfs::UnixFsError>(())
//! ```
//!
//! Source: what boxo's `mfs` and Kubo's `ipfs files` write.

mod append;
mod attributes;
mod cut;
mod entries;
mod file;
mod folder;
mod nodes;
mod overwrite;
mod trail;
mod trie;
mod write;

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSink, BlockSource};

use crate::{Control, Mtime, Params, UnixFsError};

pub use write::WriteMode;

/// Somewhere blocks are read from and written to: what was written must be there to read.
pub trait Store: BlockSource + BlockSink {}

impl<S: BlockSource + BlockSink> Store for S {}

/// Links followed one below the other within a file.
///
/// No writer comes near it: 20 levels of two links hold more than a file can.
const MAX_DEPTH: usize = 128;

/// Edits trees of files and directories.
///
/// Paths are the names from the root down; an empty one is the root itself.
pub struct Editor<'a> {
    /// How what is new is made.
    pub params: &'a Params,
    /// Where to look for a stop.
    pub control: &'a Control,
    /// Where blocks are.
    pub store: &'a mut (dyn Store + Send),
    /// What a file that has an mtime gets as its new one when its bytes change; without it
    /// the old one stays.
    pub now: Option<Mtime>,
    /// Whether new leaves are raw; if not said, they are in files whose own CID is a `CIDv1`,
    /// as with a Kubo whose configuration says nothing either.
    pub raw_leaves: Option<bool>,
}

impl std::fmt::Debug for Editor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Editor").field("params", self.params).finish_non_exhaustive()
    }
}

impl<'a> Editor<'a> {
    /// An editor whose leaves are as the parameters say.
    pub fn new(
        params: &'a Params,
        control: &'a Control,
        store: &'a mut (dyn Store + Send),
    ) -> Self {
        Self { params, control, store, now: None, raw_leaves: Some(params.raw_leaves) }
    }

    /// Makes an empty directory.
    pub fn empty_root(&mut self) -> Result<Cid, UnixFsError> {
        Ok(folder::Folder::empty(self.params).save(self)?.cid)
    }
}

/// A path as messages show it.
fn show(path: &[&str]) -> String {
    format!("/{}", path.join("/"))
}

/// Refuses what cannot be the name of an entry.
fn check_name(name: &str) -> Result<(), UnixFsError> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(UnixFsError::InvalidEntryName { name: name.to_owned() });
    }
    Ok(())
}
