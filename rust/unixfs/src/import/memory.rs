//! What an import remembers of files, so that a tree that did not change is not read again.
//!
//! A file counts as unchanged if its inode, size and both times are what they were. That holds
//! only for what is older than the clock's own grain, and on file systems whose times are set
//! by this machine: nothing else is remembered. Writers through shared maps leave no trace
//! there at all.

use std::fmt;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use ipfs_kit_cid::Cid;
use ipfs_kit_dag::DagError;

use crate::blocks::Child;
use crate::os::Identified;
use crate::sync::lock;

/// How long a file must have been left alone before it is remembered: two seconds, the
/// coarsest grain of any file system's times.
const SETTLED_NS: i128 = 2_000_000_000;

/// A folder or a file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A regular file as it was when it was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Its name in the folder; empty for a file that was given on its own, and for the folder
    /// itself: then `size` is that of all its files, and `ctime_ns` tells how many.
    pub name: String,
    /// Its number on the folder's device.
    pub inode: u64,
    /// Its length.
    pub size: u64,
    /// When its bytes were last written, since 1970.
    pub mtime_ns: i128,
    /// When anything of it was last changed, since 1970.
    pub ctime_ns: i128,
    /// Its root.
    pub cid: Cid,
    /// Bytes of all blocks below its root (`Tsize`).
    pub tsize: u64,
}

impl Remembered {
    pub(crate) fn new(name: String, stat: &Identified, child: &Child) -> Self {
        Self {
            name,
            inode: stat.id.inode,
            size: stat.size,
            mtime_ns: stat.mtime_ns,
            ctime_ns: stat.ctime_ns,
            cid: child.cid,
            tsize: child.tsize,
        }
    }

    /// A folder that holds these files and nothing else.
    fn whole(folder: FileId, files: &[Self], child: &Child) -> Self {
        Self {
            name: String::new(),
            inode: folder.inode,
            size: files.iter().map(|file| file.size).sum(),
            mtime_ns: 0,
            ctime_ns: i128::try_from(files.len()).unwrap_or(i128::MAX),
            cid: child.cid,
            tsize: child.tsize,
        }
    }

    pub(crate) fn child(&self) -> Child {
        Child { cid: self.cid, tsize: self.tsize, size: self.size }
    }

    /// Whether nothing tells the file from what it was.
    pub(crate) fn is(&self, stat: &Identified) -> bool {
        self.inode == stat.id.inode
            && self.size == stat.size
            && self.mtime_ns == stat.mtime_ns
            && self.ctime_ns == stat.ctime_ns
    }
}

/// Where imports keep what they remember.
///
/// What it gives must have been made with the same parameters: it answers for one
/// [`Params::digest_input`](crate::Params::digest_input) alone.
pub trait Memory: Send + Sync {
    /// What was remembered of a folder's files, in any order; empty if nothing.
    ///
    /// A file given on its own is asked for by its own number.
    fn recall(&self, folder: FileId) -> Result<Vec<Remembered>, DagError>;

    /// Whether the DAG below this root is still whole in the store: asked once for every
    /// file that did not change, before its CID is used.
    fn keep(&self, file: &Remembered) -> Result<bool, DagError>;

    /// Replaces what is remembered of a folder. Called when all blocks of its files have gone
    /// to the sink, and not at all where nothing is new.
    fn remember(&self, folder: FileId, files: Vec<Remembered>) -> Result<(), DagError>;

    /// Nanoseconds since 1970, by the clock that files get their times from.
    fn now_ns(&self) -> i128 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
            Err(before) => {
                -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX)
            }
        }
    }
}

impl fmt::Debug for dyn Memory + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

/// Whether a file was left alone for so long that its times will show the next change.
pub(crate) fn is_settled(memory: &dyn Memory, stat: &Identified) -> bool {
    stat.mtime_ns.max(stat.ctime_ns).saturating_add(SETTLED_NS) <= memory.now_ns()
}

/// Whether the file at hand is the one remembered, and its blocks are still there.
pub(crate) fn check(
    memory: &dyn Memory,
    file: &Remembered,
    stat: &Identified,
) -> Result<bool, DagError> {
    Ok(file.is(stat) && memory.keep(file)?)
}

/// What is to be remembered of a folder while its files are imported.
#[derive(Debug)]
pub(crate) struct Notes {
    folder: FileId,
    /// How many files were known before, and whether the folder was, as a whole.
    known: usize,
    known_whole: bool,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    files: Vec<Remembered>,
    /// Whether any file is not as it was known.
    is_new: bool,
}

impl Notes {
    pub(crate) fn new(folder: FileId, known: &[Remembered]) -> Self {
        let known_whole = known.first().is_some_and(|file| file.name.is_empty());
        let known = known.len() - usize::from(known_whole);
        Self { folder, known, known_whole, taken: Mutex::default() }
    }

    /// Whether a file is on the folder's own device, so that its inode tells it from others.
    pub(crate) fn covers(&self, stat: &Identified) -> bool {
        stat.id.device == self.folder.device
    }

    /// Notes a file that is as it was.
    pub(crate) fn unchanged(&self, file: Remembered) {
        lock(&self.taken).files.push(file);
    }

    /// Notes a file that was read.
    pub(crate) fn read(&self, file: Remembered) {
        let mut taken = lock(&self.taken);
        taken.files.push(file);
        taken.is_new = true;
    }

    /// Passes the notes on if they say anything new.
    ///
    /// `whole` is what became of the folder, if that is told by its entries alone, and how
    /// many those are.
    pub(crate) fn finish(
        &self,
        memory: &dyn Memory,
        whole: Option<(&Child, usize)>,
    ) -> Result<(), DagError> {
        let Taken { mut files, is_new } = std::mem::take(&mut *lock(&self.taken));
        let whole = whole
            .filter(|(_, entries)| *entries == files.len())
            .map(|(child, _)| Remembered::whole(self.folder, &files, child));
        let same = files.len() == self.known && whole.is_some() == self.known_whole;
        if is_new || !same {
            files.extend(whole);
            memory.remember(self.folder, files)?;
        }
        Ok(())
    }
}
