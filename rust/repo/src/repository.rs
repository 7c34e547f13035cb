//! The handle of a repository, good for any thread, and in forked children too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, DagError};

use crate::folder::Folder;
use crate::fork::Ownership;
use crate::session::Hook;
use crate::shared::Shared;
use crate::{RepoError, read};

/// Whether a repository is made, and may be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writing {
    /// It is made if there is none.
    #[default]
    Create,
    /// It must be there.
    Existing,
    /// It must be there, and this handle changes nothing.
    Never,
}

/// When a stored block is hashed as it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyReads {
    /// Every time.
    Always,
    /// Once in a process.
    #[default]
    First,
    /// Never: whoever reads verifies.
    Never,
}

/// How to open a repository.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether it is made, and may be changed.
    pub writing: Writing,
    /// When stored blocks are hashed as they are read. Blocks in files that are not ours
    /// always are.
    pub verify: VerifyReads,
    /// Most bytes that all packs may take; no limit if not given.
    pub max_bytes: Option<u64>,
    /// Threads that hash blocks as they are read.
    pub threads: usize,
    /// How long a block lives that nothing keeps, in seconds.
    pub min_age: i64,
    /// Seconds that the clock is ahead: for tests of what happens later.
    pub clock_offset: i64,
    /// How large a pack grows before it is sealed.
    pub pack_bytes: u64,
    /// How many blocks a pack takes before it is sealed.
    pub pack_blocks: u64,
    /// Called whenever a commit of any session begins: for tests that hold a writer there.
    pub before_commit: Option<Hook>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            writing: Writing::Create,
            verify: VerifyReads::First,
            max_bytes: None,
            threads: 1,
            min_age: 3600,
            clock_offset: 0,
            pack_bytes: 512 << 20,
            pack_blocks: 1 << 17,
            before_commit: None,
        }
    }
}

/// A repository: blocks, pins and a root of mutable files, in a folder.
///
/// Cheap to share by reference between threads. In a forked child it opens anew at its first
/// use; what was inherited is left as it is.
#[derive(Debug)]
pub struct Repository {
    path: PathBuf,
    options: Options,
    /// Never null; leaked when a fork makes it a stranger's.
    current: AtomicPtr<Shared>,
}

impl Repository {
    /// Opens the repository in a folder.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, RepoError> {
        let path = std::path::absolute(path.as_ref())
            .map_err(RepoError::io("find", path.as_ref()))?;
        let shared = Arc::new(Shared::open(Folder::new(&path), &options)?);
        let current = AtomicPtr::new(Arc::into_raw(shared).cast_mut());
        Ok(Self { path, options, current })
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How it was opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether this handle can change nothing.
    pub fn is_read_only(&self) -> Result<bool, RepoError> {
        Ok(self.shared()?.packs.is_read_only())
    }

    /// What this process shares of it.
    pub(crate) fn shared(&self) -> Result<Arc<Shared>, RepoError> {
        let held = self.current.load(Ordering::Acquire);
        let shared = borrow(held);
        match shared.owner.check() {
            Ownership::Ours => return Ok(shared),
            Ownership::Stolen => return Err(RepoError::Forked),
            Ownership::Inherited => {}
        }
        // What is inherited may be locked by threads that do not run here: it is never
        // touched again. The count of this look is leaked with it.
        std::mem::forget(shared);
        let mut options = self.options.clone();
        if options.writing == Writing::Create {
            options.writing = Writing::Existing;
        }
        let fresh = Arc::new(Shared::open(Folder::new(&self.path), &options)?);
        let raw = Arc::into_raw(Arc::clone(&fresh)).cast_mut();
        let swapped =
            self.current.compare_exchange(held, raw, Ordering::AcqRel, Ordering::Acquire);
        match swapped {
            Ok(_) => Ok(fresh),
            Err(theirs) => {
                reclaim(raw);
                Ok(borrow(theirs))
            }
        }
    }

    /// Reads a block; `None` if it is not here.
    pub fn get(&self, cid: &Cid) -> Result<Option<Bytes>, RepoError> {
        read::get(&*self.shared()?, cid)
    }

    /// Reads many blocks, side by side.
    pub fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, RepoError> {
        read::get_many(&*self.shared()?, cids)
    }

    /// Tells whether a block is here.
    pub fn has(&self, cid: &Cid) -> Result<bool, RepoError> {
        let shared = self.shared()?;
        // What others removed must not be said to be there.
        shared.refresh()?;
        read::has(&shared, cid)
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let held = *self.current.get_mut();
        if borrow(held).owner.check() == Ownership::Ours {
            reclaim(held);
        }
    }
}

#[expect(unsafe_code, reason = "an `Arc` in an atomic")]
fn borrow(raw: *mut Shared) -> Arc<Shared> {
    // SAFETY: it came from `Arc::into_raw`, and the count that `current` stands for is given
    // back only when the repository is dropped, or never.
    unsafe {
        Arc::increment_strong_count(raw);
        Arc::from_raw(raw)
    }
}

#[expect(unsafe_code, reason = "an `Arc` in an atomic")]
fn reclaim(raw: *mut Shared) {
    // SAFETY: it came from `Arc::into_raw`, and nobody else gives this count back.
    drop(unsafe { Arc::from_raw(raw) });
}

impl BlockSource for Repository {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(self.get(cid)?)
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        Ok(self.get_many(cids)?)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        Ok(self.has(cid)?)
    }
}
