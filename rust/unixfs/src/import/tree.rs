//! Where finished things go: into their folder, and a finished folder into the one above.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::control::Control;
use crate::blocks::{Blocks, Child, CidRules};
use crate::directory::Directory;
use crate::sort::Sorter;
use crate::{Attributes, Params, UnixFsError};

/// Where a finished file, link or folder belongs.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// It is a result of its own, by its number.
    Root(usize),
    /// It is an entry of a folder.
    In { folder: Arc<Folder>, name: String },
}

impl Place {
    /// Which result it is part of.
    pub(crate) fn root(&self) -> usize {
        let mut place = self;
        loop {
            match place {
                Self::Root(root) => return *root,
                Self::In { folder, .. } => place = &folder.place,
            }
        }
    }

    /// Its path below the root, which itself has none.
    pub(crate) fn relative(&self) -> String {
        match self {
            Self::Root(_) => String::new(),
            Self::In { folder, name } if folder.relative.is_empty() => name.clone(),
            Self::In { folder, name } => format!("{}/{name}", folder.relative),
        }
    }
}

/// A folder that waits for its entries.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) place: Place,
    pub(crate) path: PathBuf,
    relative: String,
    attributes: Attributes,
    /// Device and inode, kept only where links are followed.
    pub(crate) identity: Option<(u64, u64)>,
    /// Whether it is taken: as Kubo has it, one entry is enough, even if that is a folder
    /// which is left out.
    taken: AtomicBool,
    /// Entries found and not finished, and one for the listing itself.
    pending: AtomicUsize,
    directory: Mutex<Directory>,
}

impl Folder {
    /// A folder whose listing has yet to end.
    pub(crate) fn new(
        place: Place,
        path: PathBuf,
        attributes: Attributes,
        identity: Option<(u64, u64)>,
        keep_if_empty: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            relative: place.relative(),
            place,
            path,
            attributes,
            identity,
            taken: AtomicBool::new(keep_if_empty),
            pending: AtomicUsize::new(1),
            directory: Mutex::default(),
        })
    }

    /// Announces an entry, before it can be finished.
    pub(crate) fn expect_entry(&self) {
        self.taken.store(true, Ordering::Relaxed);
        self.pending.fetch_add(1, Ordering::Relaxed);
    }
}

/// What all workers of an import share.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    pub(crate) params: &'a Params,
    pub(crate) rules: CidRules,
    pub(crate) control: &'a Control,
    roots: Vec<Mutex<Option<Result<Child, UnixFsError>>>>,
    /// Every entry by path: tsize, then CID.
    log: Option<Mutex<Sorter>>,
    stopped: AtomicBool,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(
        params: &'a Params,
        control: &'a Control,
        roots: usize,
        log_entries: bool,
    ) -> Self {
        Self {
            params,
            rules: CidRules::new(params),
            control,
            roots: (0..roots).map(|_| Mutex::new(None)).collect(),
            log: log_entries.then(Mutex::default),
            stopped: AtomicBool::new(false),
        }
    }

    /// Whether nothing more is worth doing.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.control.is_cancelled()
    }

    /// Whether a result has failed already, so that its other parts need not be made.
    pub(crate) fn has_failed(&self, root: usize) -> bool {
        matches!(*self.roots[root].lock(), Some(Err(_)))
    }

    /// Notes why a result cannot be made; the first reason stays. A lone result ends all.
    pub(crate) fn fail(&self, root: usize, error: UnixFsError) {
        let mut slot = self.roots[root].lock();
        if !matches!(*slot, Some(Err(_))) {
            *slot = Some(Err(error));
        }
        if self.roots.len() == 1 {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    /// Ends everything with this reason, whatever it belongs to.
    pub(crate) fn fail_all(&self, error: UnixFsError) {
        self.fail(0, error);
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Puts a finished thing where it belongs; finishes the folders that this completes.
    pub(crate) fn deliver(&self, place: &Place, child: Child, blocks: &mut Blocks<'_>) {
        if let Err(error) = self.try_deliver(place, child, blocks) {
            self.fail(place.root(), error);
        }
    }

    fn try_deliver(
        &self,
        place: &Place,
        child: Child,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        match place {
            Place::Root(root) => {
                let mut slot = self.roots[*root].lock();
                if slot.is_none() {
                    *slot = Some(Ok(child));
                }
                Ok(())
            }
            Place::In { folder, name } => {
                folder.directory.lock().add(name, &child)?;
                self.log(place, &child)?;
                self.release(folder, blocks)
            }
        }
    }

    /// Notes that a folder's listing has ended.
    pub(crate) fn listed(&self, folder: &Arc<Folder>, blocks: &mut Blocks<'_>) {
        if let Err(error) = self.release(folder, blocks) {
            self.fail(folder.place.root(), error);
        }
    }

    /// Counts one thing off; the last one finishes the folder, and perhaps those above.
    fn release(
        &self,
        folder: &Arc<Folder>,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        let mut folder = folder;
        while folder.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            let directory = std::mem::take(&mut *folder.directory.lock());
            if !folder.taken.load(Ordering::Relaxed) {
                match &folder.place {
                    Place::Root(_) => {}
                    Place::In { folder: above, .. } => {
                        folder = above;
                        continue;
                    }
                }
            }
            let child = directory.finish(self.params, &folder.attributes, blocks)?;
            match &folder.place {
                Place::Root(_) => return self.try_deliver(&folder.place, child, blocks),
                Place::In { folder: above, name } => {
                    above.directory.lock().add(name, &child)?;
                    self.log(&folder.place, &child)?;
                    folder = above;
                }
            }
        }
        Ok(())
    }

    fn log(&self, place: &Place, child: &Child) -> Result<(), UnixFsError> {
        if let Some(log) = &self.log {
            let (tsize, cid) = (child.tsize.to_le_bytes(), child.cid.to_bytes());
            log.lock().push([place.relative().as_bytes(), b""], [&tsize, &cid])?;
        }
        Ok(())
    }

    /// The results, in the order of their numbers, and the entries if they were kept.
    pub(crate) fn finish(self) -> (Vec<Result<Child, UnixFsError>>, Option<Sorter>) {
        let cancelled = self.control.is_cancelled();
        let roots = self.roots.into_iter().map(|slot| match slot.into_inner() {
            Some(result) if !cancelled => result,
            // Only a stop leaves a result open.
            _ => Err(UnixFsError::Cancelled),
        });
        (roots.collect(), self.log.map(Mutex::into_inner))
    }
}

/// Ends the whole import if its thread panics: the others would wait for that one's work.
pub(crate) struct StopOnPanic<'a>(pub(crate) &'a Tree<'a>);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stopped.store(true, Ordering::Relaxed);
        }
    }
}
