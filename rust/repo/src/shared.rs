//! What the threads of one process share of an open repository.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::Folder as Packs;

use crate::catalogue::{Access, Catalogue, Version};
use crate::folder::{Folder, network_file_system, sync_folder};
use crate::repository::{Options, Writing};
use crate::reserve::with_room;
use crate::view::{Location, View};
use crate::{RepoError, fork, frozen};

/// Looks at the catalogue before a pack that cannot be found is an error.
pub(crate) const LOOKS: usize = 3;

/// An open repository.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: Folder,
    pub(crate) packs: Packs,
    pub(crate) options: Options,
    pub(crate) owner: fork::Owner,
    /// Gone where the index file cannot be read and nobody may write one.
    pub(crate) catalogue: Option<Arc<Catalogue>>,
    view: RwLock<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    view: View,
    /// The catalogue's number for what others have committed.
    version: Option<Version>,
    /// The number of removals that had been announced when this was read.
    announced: u64,
}

impl Shared {
    pub(crate) fn open(folder: Folder, options: &Options) -> Result<Self, RepoError> {
        if options.writing == Writing::Never {
            return Self::open_once(folder, options);
        }
        // The first connection to an index takes some room beside it.
        with_room(&folder, || Self::open_once(folder.clone(), options))
    }

    fn open_once(folder: Folder, options: &Options) -> Result<Self, RepoError> {
        if !folder.own().is_dir() {
            if options.writing != Writing::Create {
                return Err(RepoError::NotFound { path: folder.root });
            }
            refuse_network(&folder)?;
            folder.create()?;
        }
        let may_write = options.writing != Writing::Never;
        if may_write && !folder.is_whole() && refuse_network(&folder).is_ok() {
            // Who made it did not live to make all of it. If it cannot be written, it is
            // opened to be read.
            folder.create().ok();
        }
        if !is_writable(&folder) || (!may_write && refuse_network(&folder).is_err()) {
            let packs = Packs::open_read_only(folder.packs())?;
            let catalogue = frozen::catalogue(&folder)?;
            return Self::new(folder, packs, options, catalogue);
        }
        refuse_network(&folder)?;
        let packs = if may_write {
            Packs::create(folder.packs())?
        } else {
            Packs::open_read_only(folder.packs())?
        };
        let index = folder.index();
        // In this order: whoever makes a repository makes its index before its packs.
        let has_packs = !packs.packs()?.is_empty();
        let is_new = !index.exists();
        if is_new && has_packs {
            let reason = "is gone".to_owned();
            return Err(RepoError::IndexDamaged { path: index, reason });
        }
        let access = if has_packs { Access::Write } else { Access::Create };
        let catalogue = Arc::new(Catalogue::open(&folder.root, &index, access)?);
        if is_new {
            sync_folder(&folder.own())?;
        }
        fork::register(Arc::downgrade(&catalogue));
        Self::new(folder, packs, options, Some(catalogue))
    }

    fn new(
        folder: Folder,
        packs: Packs,
        options: &Options,
        catalogue: Option<Arc<Catalogue>>,
    ) -> Result<Self, RepoError> {
        let owner = fork::Owner::current();
        let options = options.clone();
        let view = RwLock::default();
        let shared = Self { folder, packs, options, owner, catalogue, view };
        shared.refresh()?;
        Ok(shared)
    }

    /// The catalogue, which is there for all who write.
    pub(crate) fn catalogue(&self) -> Result<&Arc<Catalogue>, RepoError> {
        let path = || self.folder.root.clone();
        self.catalogue.as_ref().ok_or_else(|| RepoError::ReadOnly { path: path() })
    }

    /// The catalogue, for those who change something.
    pub(crate) fn writable(&self) -> Result<&Arc<Catalogue>, RepoError> {
        if self.packs.is_read_only() {
            return Err(RepoError::ReadOnly { path: self.folder.root.clone() });
        }
        self.catalogue()
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX) + self.options.clock_offset
    }

    pub(crate) fn view(&self) -> ViewGuard<'_> {
        ViewGuard(self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn seen(&self) -> RwLockWriteGuard<'_, Seen> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the view up to date; tells whether anything was new.
    pub(crate) fn refresh(&self) -> Result<bool, RepoError> {
        let Some(catalogue) = &self.catalogue else {
            return frozen::refresh(self, &mut self.seen().view);
        };
        let version = catalogue.version()?;
        if self.view.read().is_ok_and(|seen| seen.version == Some(version)) {
            return Ok(false);
        }
        // The catalogue before the view, as in a removal: else each waits for the other.
        catalogue.read(|transaction| {
            let mut seen = self.seen();
            seen.view.update(transaction)?;
            seen.version = Some(version);
            Ok(())
        })?;
        Ok(true)
    }

    /// Brings the view up to date after a change of our own, which is no news otherwise.
    pub(crate) fn reload(&self) -> Result<(), RepoError> {
        self.outdate();
        self.refresh()?;
        Ok(())
    }

    /// Says that the view is out of date.
    pub(crate) fn outdate(&self) {
        self.seen().version = None;
    }

    /// Brings the view up to date inside a transaction, whatever it was.
    pub(crate) fn update(
        &self,
        transaction: &rusqlite::Transaction<'_>,
    ) -> Result<(), RepoError> {
        self.seen().view.update(transaction)
    }

    /// Adds what this handle has just committed.
    pub(crate) fn committed(&self, id: ipfs_kit_pack::PackId, end: u64, row: &[u8]) {
        self.seen().view.add(id, end, row);
    }

    /// Makes the view see every removal that has been announced.
    pub(crate) fn catch_up(&self, announced: u64) -> Result<(), RepoError> {
        if self.view.read().is_ok_and(|seen| seen.announced == announced) {
            return Ok(());
        }
        self.refresh()?;
        self.seen().announced = announced;
        Ok(())
    }

    /// Where a block lies, but for the first `skip` places; looks again at what others did
    /// before it says that there is none.
    pub(crate) fn locate(
        &self,
        hash: &Multihash,
        skip: usize,
    ) -> Result<Option<Location>, RepoError> {
        let mut looks = 0;
        loop {
            let found = self.view().find(&self.packs, hash, skip);
            match found {
                Ok(Some(location)) => return Ok(Some(location)),
                Ok(None) if skip > 0 || looks > 0 => return Ok(None),
                Err(unasked) if looks == LOOKS => return Err(unasked.into()),
                Ok(None) | Err(_) => {}
            }
            // Another thread may have brought the view up to date since the look, so that
            // there is no news: then the look is as old as if there were.
            self.refresh()?;
            looks += 1;
        }
    }
}

/// A look at the view; nothing that brings it up to date may be called meanwhile.
#[derive(Debug)]
pub(crate) struct ViewGuard<'a>(RwLockReadGuard<'a, Seen>);

impl std::ops::Deref for ViewGuard<'_> {
    type Target = View;

    fn deref(&self) -> &View {
        &self.0.view
    }
}

fn refuse_network(folder: &Folder) -> Result<(), RepoError> {
    let existing = folder.root.ancestors().find(|path| path.exists());
    match existing.and_then(network_file_system) {
        Some(kind) => {
            Err(RepoError::NetworkFileSystem { path: folder.root.clone(), kind })
        }
        None => Ok(()),
    }
}

/// Whether this process may write there: asked by opening a file, since the permission bits
/// do not tell of file systems that are mounted to be read.
fn is_writable(folder: &Folder) -> bool {
    let path = folder.removals();
    std::fs::OpenOptions::new().append(true).open(path).is_ok()
}
