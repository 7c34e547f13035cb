//! Where finished things go: into their folder, and a finished folder into the one above.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::control::Control;
use super::memory::{Memory, Notes, Remembered};
use crate::blocks::{Blocks, Child, CidRules};
use crate::directory::Directory;
use crate::os::Identified;
use crate::sort::Sorter;
use crate::sync::{into_inner, lock};
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
            Self::In { folder, name } => folder.path_of(name),
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
    /// Entries in the directory.
    entries: AtomicUsize,
    directory: Mutex<Directory>,
    /// What is to be remembered of its files, where anything is.
    pub(crate) notes: Option<Notes>,
}

impl Folder {
    /// A folder whose listing has yet to end.
    pub(crate) fn new(
        place: Place,
        path: PathBuf,
        attributes: Attributes,
        identity: Option<(u64, u64)>,
        keep_if_empty: bool,
        notes: Option<Notes>,
    ) -> Arc<Self> {
        Arc::new(Self {
            relative: place.relative(),
            place,
            path,
            attributes,
            identity,
            taken: AtomicBool::new(keep_if_empty),
            pending: AtomicUsize::new(1),
            entries: AtomicUsize::new(0),
            directory: Mutex::default(),
            notes,
        })
    }

    /// The path of an entry below the root.
    fn path_of(&self, name: &str) -> String {
        if self.relative.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.relative)
        }
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
    /// What is known of files from before, where blocks are kept.
    pub(crate) memory: Option<&'a dyn Memory>,
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
            memory: None,
            roots: (0..roots).map(|_| Mutex::new(None)).collect(),
            log: log_entries.then(Mutex::default),
            stopped: AtomicBool::new(false),
        }
    }

    /// The same with a memory of earlier imports.
    pub(crate) fn remembering(self, memory: Option<&'a dyn Memory>) -> Self {
        Self { memory, ..self }
    }

    /// Whether nothing more is worth doing.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.control.is_cancelled()
    }

    /// Whether a result has failed already, so that its other parts need not be made.
    pub(crate) fn has_failed(&self, root: usize) -> bool {
        matches!(*lock(&self.roots[root]), Some(Err(_)))
    }

    /// Notes why a result cannot be made; the first reason stays. A lone result ends all.
    pub(crate) fn fail(&self, root: usize, error: UnixFsError) {
        let mut slot = lock(&self.roots[root]);
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
                let mut slot = lock(&self.roots[*root]);
                if slot.is_none() {
                    *slot = Some(Ok(child));
                }
                Ok(())
            }
            Place::In { folder, name } => {
                self.add(folder, name, &child)?;
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
            let directory = std::mem::take(&mut *lock(&folder.directory));
            if !folder.taken.load(Ordering::Relaxed) {
                match &folder.place {
                    Place::Root(_) => {}
                    Place::In { folder: above, .. } => {
                        self.remember(folder, None)?;
                        folder = above;
                        continue;
                    }
                }
            }
            let child = directory.finish(self.params, &folder.attributes, blocks)?;
            self.remember(folder, Some(&child))?;
            match &folder.place {
                Place::Root(_) => return self.try_deliver(&folder.place, child, blocks),
                Place::In { folder: above, name } => {
                    self.add(above, name, &child)?;
                    folder = above;
                }
            }
        }
        Ok(())
    }

    /// Passes on what was noted of a folder that is finished.
    fn remember(
        &self,
        folder: &Folder,
        child: Option<&Child>,
    ) -> Result<(), UnixFsError> {
        if let (Some(notes), Some(memory)) = (&folder.notes, self.memory) {
            let entries = folder.entries.load(Ordering::Relaxed);
            let child = child.filter(|_| folder.attributes.is_empty());
            notes.finish(memory, child.map(|child| (child, entries)))?;
        }
        Ok(())
    }

    /// Puts an entry into its folder, and into the list of all entries.
    fn add(
        &self,
        folder: &Arc<Folder>,
        name: &str,
        child: &Child,
    ) -> Result<(), UnixFsError> {
        lock(&folder.directory).add(name, child)?;
        folder.entries.fetch_add(1, Ordering::Relaxed);
        if let Some(log) = &self.log {
            let (tsize, cid) = (child.tsize.to_le_bytes(), child.cid.to_bytes());
            let path = folder.path_of(name);
            lock(log).push([path.as_bytes(), b""], [&tsize, &cid])?;
        }
        Ok(())
    }

    /// Takes a file of a folder that is as it was.
    pub(crate) fn unchanged(
        &self,
        folder: &Arc<Folder>,
        file: Remembered,
        blocks: &mut Blocks<'_>,
    ) -> Result<(), UnixFsError> {
        self.control.add_unchanged(1, file.size);
        self.add(folder, &file.name, &file.child())?;
        if let Some(notes) = &folder.notes {
            notes.unchanged(file);
        }
        self.release(folder, blocks)
    }

    /// Takes a folder of files that are all as they were.
    pub(crate) fn whole_unchanged(
        &self,
        place: &Place,
        whole: &Remembered,
        blocks: &mut Blocks<'_>,
    ) {
        let files = u64::try_from(whole.ctime_ns).unwrap_or_default();
        self.control.add_unchanged(files, whole.size);
        // As a directory it has no size of its own.
        self.deliver(place, Child { size: 0, ..whole.child() }, blocks);
    }

    /// Whether every entry is to be listed.
    pub(crate) fn lists_entries(&self) -> bool {
        self.log.is_some()
    }

    /// Notes a file that was read and will show if it changes; `lone` is one given by itself.
    pub(crate) fn note(
        &self,
        place: &Place,
        lone: bool,
        stat: &Identified,
        child: &Child,
    ) -> Result<(), UnixFsError> {
        match (place, self.memory) {
            (_, Some(memory)) if lone => {
                let file = Remembered::new(String::new(), stat, child);
                memory.remember(stat.id, vec![file])?;
            }
            (Place::In { folder, name }, Some(_)) => {
                if let Some(notes) = folder.notes.as_ref().filter(|at| at.covers(stat)) {
                    notes.read(Remembered::new(name.clone(), stat, child));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The results, in the order of their numbers, and the entries if they were kept.
    pub(crate) fn finish(self) -> (Vec<Result<Child, UnixFsError>>, Option<Sorter>) {
        let cancelled = self.control.is_cancelled();
        let roots = self.roots.into_iter().map(|slot| match into_inner(slot) {
            Some(result) if !cancelled => result,
            // Only a stop leaves a result open.
            _ => Err(UnixFsError::Cancelled),
        });
        (roots.collect(), self.log.map(into_inner))
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
