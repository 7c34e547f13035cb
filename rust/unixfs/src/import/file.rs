//! A file whose chunks are hashed by several threads: leaves come in any order, the layout
//! takes them in theirs.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tree::{Place, Tree};
use crate::blocks::{Blocks, Child};
use crate::layout::Layout;
use crate::os::Stamp;
use crate::sync::lock;
use crate::{Attributes, UnixFsError};

/// A file of several chunks of one size, open for reading at any offset.
#[derive(Debug)]
pub(crate) struct SharedFile {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) place: Place,
    stamp: Stamp,
    attributes: Attributes,
    chunk_bytes: u64,
    /// The next chunk nobody has taken.
    next: AtomicU64,
    leaves: Mutex<Leaves>,
}

/// Leaves on their way into the layout.
#[derive(Debug)]
struct Leaves {
    layout: Option<Layout>,
    expected: u64,
    early: BTreeMap<u64, Child>,
}

impl SharedFile {
    pub(crate) fn new(
        tree: &Tree<'_>,
        (file, path, place): (File, PathBuf, Place),
        stamp: Stamp,
        attributes: Attributes,
        chunk_bytes: u64,
    ) -> Self {
        let layout = Some(Layout::new(tree.params));
        let leaves = Leaves { layout, expected: 0, early: BTreeMap::new() };
        Self {
            file,
            path,
            place,
            stamp,
            attributes,
            chunk_bytes,
            next: AtomicU64::new(0),
            leaves: Mutex::new(leaves),
        }
    }

    fn chunks(&self) -> u64 {
        self.stamp.size.div_ceil(self.chunk_bytes)
    }

    /// Takes the next chunk: its number, and where it begins and ends.
    pub(crate) fn claim(&self) -> Option<(u64, u64, u64)> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.chunks() {
            return None;
        }
        let start = index * self.chunk_bytes;
        Some((index, start, (start + self.chunk_bytes).min(self.stamp.size)))
    }

    /// Takes the leaf of a chunk; the last one finishes the file.
    pub(crate) fn deliver(
        &self,
        tree: &Tree<'_>,
        index: u64,
        leaf: Child,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let mut leaves = lock(&self.leaves);
        let leaves = &mut *leaves;
        leaves.early.insert(index, leaf);
        while let Some(leaf) = leaves.early.remove(&leaves.expected) {
            leaves.expected += 1;
            if let Some(layout) = &mut leaves.layout {
                layout.push(leaf, blocks)?;
            }
        }
        if leaves.expected < self.chunks() {
            return Ok(());
        }
        match leaves.layout.take() {
            Some(layout) => self.finish(tree, layout, blocks),
            None => Ok(()),
        }
    }

    /// Finishes a file that has no chunk at all.
    pub(crate) fn finish_empty(&self, tree: &Tree<'_>, blocks: &mut Blocks<'_>) {
        let layout = lock(&self.leaves).layout.take();
        if let Some(layout) = layout
            && let Err(error) = self.finish(tree, layout, blocks)
        {
            tree.fail(self.place.root(), error);
        }
    }

    fn finish(
        &self,
        tree: &Tree<'_>,
        layout: Layout,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        self.check_unchanged()?;
        let root = layout.finish(&self.attributes, blocks)?;
        tree.control.add_file();
        tree.deliver(&self.place, root, blocks);
        Ok(())
    }

    fn check_unchanged(&self) -> Result<(), UnixFsError> {
        let metadata = self.file.metadata().map_err(UnixFsError::read(&self.path))?;
        if Stamp::of(&metadata) == self.stamp {
            return Ok(());
        }
        let path = self.path.clone();
        Err(UnixFsError::Changed { path, detail: "its size or time is not what it was" })
    }
}
