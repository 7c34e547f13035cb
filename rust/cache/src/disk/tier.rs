//! A disk cache as one process has it: looking up, and turning it off.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::{mem, process};

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_hash::{Hasher, Multihash};
use ipfs_kit_pack::{Folder, PackError, inherited};

use super::active::Active;
use super::counters::Counters;
use super::fault::{DiskFault, DiskState};
use super::gate::Gate;
use super::heat::Heat;
use super::name::{Name, Shortener};
use super::options::{DiskOptions, Plan, VerifyReads};
use super::segment::{Frame, Segment, Spot};
use super::shelf::{self, Segments, Shelf};

/// See above. A forked child makes its own and leaves the inherited one alone.
#[derive(Debug)]
pub(super) struct Tier {
    process: u32,
    pub(super) path: PathBuf,
    pub(super) plan: Plan,
    pub(super) options: DiskOptions,
    /// `None` if there is nothing to read either.
    disk: Option<Disk>,
    state: RwLock<DiskState>,
    pub(super) shelf: Shelf,
    heat: Mutex<Heat>,
    /// Grows whenever there may be a newer record of some key.
    epoch: AtomicU64,
    pub(super) shortener: Shortener,
    pub(super) counters: Counters,
    /// What this process appends to. Locked before all else.
    pub(super) active: Mutex<Option<Active>>,
    /// That of a child.
    child: OnceLock<Box<Tier>>,
}

#[derive(Debug)]
pub(super) struct Disk {
    pub(super) folder: Folder,
    pub(super) gate: Gate,
}

/// A block that was found, and where.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) segment: Arc<Segment>,
    pub(super) offset: u64,
    pub(super) cid: Cid,
    pub(super) data: Bytes,
}

impl Tier {
    pub(super) fn open(path: &Path, plan: Plan, options: DiskOptions) -> Self {
        let (disk, state) = match (plan.limit > 0).then(|| Disk::open(path)) {
            None => (None, DiskState::Off(Arc::new(DiskFault::SwitchedOff))),
            Some(Ok(disk)) => (Some(disk), DiskState::On),
            Some(Err(error)) => {
                let fault = DiskFault::new(path, error);
                let disk = Disk::open_read_only(path);
                let read_only = disk.is_some();
                let fault = Arc::new(fault);
                let off = if read_only { DiskState::ReadOnly } else { DiskState::Off };
                (disk, off(fault))
            }
        };
        let tier = Self {
            process: process::id(),
            path: path.to_owned(),
            plan,
            options,
            disk,
            state: RwLock::new(state),
            shelf: Shelf::default(),
            heat: Mutex::default(),
            epoch: AtomicU64::new(1),
            shortener: Shortener::default(),
            counters: Counters::default(),
            active: Mutex::new(None),
            child: OnceLock::new(),
        };
        if let Some(disk) = tier.writable()
            && let Err(error) = tier.shrink(disk)
        {
            tier.fail(error);
        }
        tier
    }

    /// Whether this process made it.
    pub(super) fn is_ours(&self) -> bool {
        self.process == process::id()
    }

    /// The one of this process: of all that a forked child inherits, locks in any state
    /// included, it touches nothing but the way to its own.
    pub(super) fn ours(&self) -> &Self {
        let mut tier = self;
        while !tier.is_ours() {
            tier = tier.child.get_or_init(|| {
                inherited::close_all_in_child();
                Box::new(Self::open(&tier.path, tier.plan, tier.options))
            });
        }
        tier
    }

    /// The end of a handle. In a forked child what was inherited is left as it is: another
    /// thread may have been changing it when the fork happened.
    pub(super) fn end(self: &Arc<Self>) {
        let mut tier: &Self = self;
        while !tier.is_ours() {
            mem::forget(self.clone());
            let Some(child) = tier.child.get() else { return };
            tier = child;
        }
        tier.close();
    }

    pub(super) fn state(&self) -> DiskState {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Turns it off. The first reason stays.
    pub(super) fn fail(&self, error: PackError) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.takes() {
            *state = DiskState::after(DiskFault::new(&self.path, error));
        }
    }

    /// The disk, if what is on it can be had.
    pub(super) fn readable(&self) -> Option<&Disk> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        self.disk.as_ref().filter(|_| state.gives())
    }

    /// The disk, if it may be written to.
    pub(super) fn writable(&self) -> Option<&Disk> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        self.disk.as_ref().filter(|_| state.takes())
    }

    pub(super) fn heat(&self) -> MutexGuard<'_, Heat> {
        self.heat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn slot(&self) -> MutexGuard<'_, Option<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The segments there are now.
    pub(super) fn segments(&self, disk: &Disk) -> Segments {
        // What was listed before is still good if the folder cannot be listed now.
        self.list(disk, false).ok();
        self.shelf.segments()
    }

    /// Makes the list of segments anew if that is needed.
    pub(super) fn list(&self, disk: &Disk, forced: bool) -> Result<bool, PackError> {
        let (shortener, ahead) = (&self.shortener, self.plan.segment);
        let listed =
            self.shelf.refresh(&disk.folder, &disk.gate, ahead, shortener, forced)?;
        if listed {
            self.begin_epoch();
        }
        Ok(listed)
    }

    /// Walks what all writers appended; says whether there was anything.
    pub(super) fn catch_up(&self, segments: &Segments) -> bool {
        let walked = |segment: &&Arc<Segment>| segment.catch_up(&self.shortener);
        let any = segments.iter().filter(walked).count() > 0;
        if any {
            self.begin_epoch();
        }
        any
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// To be called when a record can be found that could not be found before.
    pub(super) fn begin_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Reads a block and counts it as used.
    pub(super) fn fetch(&self, disk: &Disk, hash: &Multihash) -> Option<Bytes> {
        self.fetch_from(disk, &self.segments(disk), hash)
    }

    /// The same, the segments being known.
    pub(super) fn fetch_from(
        &self,
        disk: &Disk,
        segments: &Segments,
        hash: &Multihash,
    ) -> Option<Bytes> {
        let name = self.shortener.name(hash);
        let warm = self.heat().get(name.short);
        if let Some(warm) = warm
            && let Some(segment) = shelf::find(segments, warm.segment)
            && let Some(data) =
                self.read(disk, segment, &name, warm.offset, warm.verified)
        {
            self.heat().touch(name.short, warm.segment, warm.offset);
            return Some(data);
        }
        let found = self.search(disk, segments, &name).or_else(|| {
            let more = self.catch_up(segments);
            more.then(|| self.search(disk, segments, &name)).flatten()
        });
        if found.is_none() && warm.is_some() {
            self.heat().forget(name.short);
        }
        found
    }

    /// Looks in all segments as they were walked.
    fn search(&self, disk: &Disk, segments: &Segments, name: &Name<'_>) -> Option<Bytes> {
        for segment in segments.iter() {
            let Some(Spot { offset, key }) = segment.find(name) else { continue };
            let verified = segment.is_verified(key);
            if let Some(data) = self.read(disk, segment, name, offset, verified) {
                if self.options.verify() == VerifyReads::First && !verified {
                    segment.set_verified(key);
                }
                self.heat().touch(name.short, segment.id(), offset);
                return Some(data);
            }
        }
        None
    }

    /// Reads a block where it should be, and hashes it if that must be. What is damaged is
    /// dropped.
    fn read(
        &self,
        disk: &Disk,
        segment: &Segment,
        name: &Name<'_>,
        offset: u64,
        verified: bool,
    ) -> Option<Bytes> {
        let (cid, data) = match segment.read(offset, name.hash) {
            Frame::Whole(cid, data) => (cid, data),
            Frame::Removed => return None,
            Frame::Damaged => {
                self.drop_damaged(disk, segment, offset, None);
                return None;
            }
        };
        let hash = match self.options.verify() {
            VerifyReads::Always => true,
            VerifyReads::First => !verified,
            VerifyReads::Never => false,
        };
        if hash && !matches!(Hasher::verify(name.hash, &data), Ok(true)) {
            self.drop_damaged(disk, segment, offset, Some((&cid, &data)));
            return None;
        }
        Some(data)
    }

    pub(super) fn drop_damaged(
        &self,
        disk: &Disk,
        segment: &Segment,
        offset: u64,
        whole: Option<(&Cid, &Bytes)>,
    ) {
        let whole = whole.filter(|_| self.state().takes());
        if segment.drop_damaged(&disk.folder, offset, whole) {
            self.counters.damaged_items.one();
        }
    }

    /// Every place where a block lies, the latest segment first. Nothing is hashed.
    pub(super) fn places(
        segments: &Segments,
        name: &Name<'_>,
    ) -> impl Iterator<Item = Hit> {
        segments.iter().filter_map(|segment| {
            let Spot { offset, .. } = segment.find(name)?;
            match segment.read(offset, name.hash) {
                Frame::Whole(cid, data) => {
                    Some(Hit { segment: segment.clone(), offset, cid, data })
                }
                Frame::Removed | Frame::Damaged => None,
            }
        })
    }

    /// Where a block lies, the latest of several places. It is not hashed.
    pub(super) fn locate(&self, disk: &Disk, hash: &Multihash) -> Option<Hit> {
        let name = self.shortener.name(hash);
        let segments = self.segments(disk);
        let mut found = Self::places(&segments, &name).next();
        if found.is_none() && self.catch_up(&segments) {
            found = Self::places(&segments, &name).next();
        }
        found
    }

    /// Removes a block or record wherever it lies; says whether it was there.
    pub(super) fn remove(&self, disk: &Disk, hash: &Multihash) -> bool {
        let name = self.shortener.name(hash);
        let segments = self.segments(disk);
        self.catch_up(&segments);
        let mut removed = false;
        for hit in Self::places(&segments, &name) {
            match hit.segment.remove(&disk.folder, hit.offset, &hit.cid, &hit.data) {
                Ok(()) => removed = true,
                // Evicted by another meanwhile.
                Err(PackError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => self.fail(error),
            }
        }
        self.heat().forget(name.short);
        removed
    }
}

impl Disk {
    fn open(path: &Path) -> Result<Self, PackError> {
        let folder = Folder::create(path)?;
        let gate = Gate::open(path)?;
        Ok(Self { folder, gate })
    }

    fn open_read_only(path: &Path) -> Option<Self> {
        let folder = Folder::open_read_only(path).ok()?;
        let gate = Gate::open_read_only(path)?;
        Some(Self { folder, gate })
    }
}
