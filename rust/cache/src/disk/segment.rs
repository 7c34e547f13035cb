//! One segment, opened to be read: sealed, with its index, or walked frame by frame.

use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

use bytes::Bytes;
use foldhash::fast::RandomState;
use ipfs_kit_cid::{Cid, varint};
use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::{
    Damage, Folder, HEADER_BYTES, Key, Mapping, Pack, PackError, PackId,
};

use super::name::{Name, Short, Shortener};
use super::os;

/// Bytes of the offset in an entry of an index.
const OFFSET_BYTES: u64 = 8;

/// See above; shared by all threads.
#[derive(Debug)]
pub(super) struct Segment {
    pack: Pack,
    /// Only of one that has no index, or none that can be read.
    table: Option<Table>,
    /// Where frames begin that were found damaged, and could not be written over.
    damaged: Mutex<HashSet<u64>>,
    /// Bytes of blocks that this process removed.
    dead_bytes: AtomicU64,
    /// Whether there was an index when it was opened, even one that cannot be read.
    sealed: bool,
    /// Maps of it from before it was sealed.
    earlier: Vec<Mapping>,
}

/// What walking found.
#[derive(Debug)]
struct Table {
    offsets: RwLock<HashMap<Short, u64, RandomState>>,
    /// Where the last whole frame ends.
    end: AtomicU64,
    /// What an index of it would take, about.
    index_bytes: AtomicU64,
    /// Held by who walks.
    walk: Mutex<()>,
}

/// Where a block lies in a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) offset: u64,
    pub(super) key: Key,
}

/// What stands at a place where a block was looked for.
#[derive(Debug)]
pub(super) enum Frame {
    /// It, and under which CID.
    Whole(Cid, Bytes),
    /// It was there and was removed.
    Removed,
    /// Something else.
    Damaged,
}

impl Segment {
    /// Opens a segment; `None` if it is gone. An unsealed one is mapped up to `ahead`.
    pub(super) fn open(
        folder: &Folder,
        id: PackId,
        ahead: u64,
        shortener: &Shortener,
    ) -> Result<Option<Self>, PackError> {
        let mut sealed = false;
        match Pack::open(folder, id) {
            Ok(Some(pack)) if pack.is_sealed() => {
                return Ok(Some(Self::new(pack, None, true)));
            }
            Ok(Some(_)) => {}
            Err(PackError::Index { .. }) => sealed = true,
            Ok(None) => return Ok(None),
            Err(error) => return Err(error),
        }
        let Some(pack) = Pack::open_ahead(folder, id, ahead)? else { return Ok(None) };
        let table = Some(Table {
            offsets: RwLock::default(),
            end: AtomicU64::new(HEADER_BYTES),
            index_bytes: AtomicU64::new(0),
            walk: Mutex::default(),
        });
        let segment = Self::new(pack, table, sealed);
        segment.catch_up(shortener);
        Ok(Some(segment))
    }

    fn new(pack: Pack, table: Option<Table>, sealed: bool) -> Self {
        let (damaged, dead_bytes) = (Mutex::default(), AtomicU64::new(0));
        Self { pack, table, damaged, dead_bytes, sealed, earlier: Vec::new() }
    }

    pub(super) fn id(&self) -> PackId {
        self.pack.id()
    }

    pub(super) fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// What tells whether it is still mapped when it is gone.
    pub(super) fn mappings(&self) -> Vec<Mapping> {
        let mut mappings = self.earlier.clone();
        mappings.push(self.pack.mapping());
        mappings
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.pack.file_bytes()
    }

    /// Bytes of its frames, without those of what this process removed.
    pub(super) fn live_bytes(&self) -> u64 {
        self.file_bytes().saturating_sub(self.dead_bytes.load(Ordering::Relaxed))
    }

    /// Blocks and records named here, with those removed since it was sealed.
    pub(super) fn len(&self) -> usize {
        self.table.as_ref().map_or(self.pack.len(), |table| table.read().len())
    }

    /// Where the last whole frame ends; nothing of a sealed one is in doubt.
    pub(super) fn end(&self) -> u64 {
        self.table.as_ref().map_or(u64::MAX, Table::end)
    }

    /// What an index of it takes, about.
    pub(super) fn index_bytes(&self) -> u64 {
        let bytes = |table: &Table| table.index_bytes.load(Ordering::Relaxed);
        self.table.as_ref().map_or(0, bytes)
    }

    /// Walks what was appended since it was looked at; says whether there was anything.
    pub(super) fn catch_up(&self, shortener: &Shortener) -> bool {
        let Some(table) = &self.table else { return false };
        let (length, before) = (self.pack.file_bytes(), table.end());
        if length <= before {
            return false;
        }
        let _walking = table.walk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sections = self.pack.scan_from(table.end(), length);
        // A frame that is being written ends the walk until the file has grown.
        while let Some(Ok((offset, cid, _))) = sections.next() {
            if !is_removed(cid.hash()) {
                let short = shortener.short(cid.hash());
                table.insert(short, offset, sections.offset(), cid.hash());
            }
        }
        table.end.fetch_max(sections.offset(), Ordering::Release);
        table.end() > before
    }

    /// Notes what its writer appended.
    pub(super) fn note(&self, name: &Name<'_>, offset: u64, end: u64) {
        if let Some(table) = &self.table {
            table.insert(name.short, offset, end, name.hash);
            // These very bytes were hashed, or made, a moment ago.
            self.pack.set_verified(Key::Offset(offset));
        }
    }

    /// Where a block should be.
    pub(super) fn find(&self, name: &Name<'_>) -> Option<Spot> {
        let spot = match &self.table {
            None => {
                let found = self.pack.find_with(name.hash, name.probe)?;
                Spot { offset: found.offset, key: found.into() }
            }
            Some(table) => {
                let offset = *table.read().get(&name.short)?;
                Spot { offset, key: Key::Offset(offset) }
            }
        };
        (!self.damaged().contains(&spot.offset)).then_some(spot)
    }

    /// What is at a place where a block should be. It is not hashed.
    pub(super) fn read(&self, offset: u64, hash: &Multihash) -> Frame {
        match self.pack.read_with_cid(offset, self.end(), hash) {
            Ok((cid, data)) => Frame::Whole(cid, data),
            Err(PackError::Damaged { reason: Damage::OtherBlock { found }, .. })
                if is_removed(found.hash()) =>
            {
                Frame::Removed
            }
            Err(_) => Frame::Damaged,
        }
    }

    /// The block whose frame begins at a place, whatever it is.
    pub(super) fn at(&self, offset: u64) -> Option<(Cid, Bytes)> {
        let end = self.end().min(self.pack.file_bytes());
        let (at, cid, data) = self.pack.scan_from(offset, end).next()?.ok()?;
        (at == offset && !is_removed(cid.hash())).then_some((cid, data))
    }

    pub(super) fn is_verified(&self, key: Key) -> bool {
        self.pack.is_verified(key)
    }

    pub(super) fn set_verified(&self, key: Key) {
        self.pack.set_verified(key);
    }

    /// Takes over from the same segment, as it was before it was sealed, what was verified.
    pub(super) fn inherit(&mut self, before: &Self) {
        self.earlier = before.mappings();
        let dead = before.dead_bytes.load(Ordering::Relaxed);
        self.dead_bytes.store(dead, Ordering::Relaxed);
        if before.table.is_some() && self.table.is_none() {
            for (ordinal, (_, offset)) in (0..).zip(self.pack.entries()) {
                if before.is_verified(Key::Offset(offset)) {
                    self.pack.set_verified(Key::Ordinal(ordinal));
                }
            }
        }
    }

    /// What an index is to name: all that was walked and not removed.
    pub(super) fn places(&self) -> Vec<(Multihash, u64)> {
        let place = |(offset, cid, _): (u64, Cid, Bytes)| (*cid.hash(), offset);
        self.frames().into_iter().map(place).collect()
    }

    /// All blocks and records, each with the place of its frame.
    pub(super) fn frames(&self) -> Vec<(u64, Cid, Bytes)> {
        let mut offsets: Vec<u64> = match &self.table {
            None => self.pack.entries().map(|(_, offset)| offset).collect(),
            Some(table) => table.read().values().copied().collect(),
        };
        // In the order of the file, as the disk likes it.
        offsets.sort_unstable();
        let damaged = self.damaged().clone();
        let offsets = offsets.into_iter().filter(|offset| !damaged.contains(offset));
        let frame = |offset| self.at(offset).map(|(cid, data)| (offset, cid, data));
        offsets.filter_map(frame).collect()
    }

    /// Remembers that a frame is damaged, and makes all processes see it as removed.
    pub(super) fn drop_damaged(
        &self,
        folder: &Folder,
        offset: u64,
        whole: Option<(&Cid, &Bytes)>,
    ) -> bool {
        let new = self.damaged().insert(offset);
        if let (true, Some((cid, data))) = (new, whole) {
            self.remove(folder, offset, cid, data).ok();
        }
        new
    }

    /// Writes zeros over the digest in a frame.
    pub(super) fn remove(
        &self,
        folder: &Folder,
        offset: u64,
        cid: &Cid,
        data: &Bytes,
    ) -> Result<(), PackError> {
        let path = folder.pack_path(self.id());
        let error =
            |source| PackError::Io { action: "write", path: path.clone(), source };
        let cid_bytes = cid.encoded_len();
        let prefix_bytes = varint::len((cid_bytes + data.len()) as u64);
        // The digest is what a CID ends with.
        let digest_bytes = cid.hash().digest().len();
        let at = offset + (prefix_bytes + cid_bytes - digest_bytes) as u64;
        let file = OpenOptions::new().write(true).open(&path).map_err(error)?;
        os::write_at(&file, &vec![0; digest_bytes], at).map_err(error)?;
        self.dead_bytes.fetch_add(data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn damaged(&self) -> std::sync::MutexGuard<'_, HashSet<u64>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Short, u64, RandomState>> {
        self.offsets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// The last frame of a name counts.
    fn insert(&self, short: Short, offset: u64, end: u64, hash: &Multihash) {
        // What is found must not be beyond the end.
        self.end.fetch_max(end, Ordering::Release);
        let mut offsets = self.offsets.write().unwrap_or_else(PoisonError::into_inner);
        let known = offsets.entry(short).or_insert_with(|| {
            let bytes = hash.digest().len() as u64 + OFFSET_BYTES;
            self.index_bytes.fetch_add(bytes, Ordering::Relaxed);
            offset
        });
        *known = offset.max(*known);
    }
}

/// Whether a frame had its digest written over.
fn is_removed(hash: &Multihash) -> bool {
    hash.digest().iter().all(|byte| *byte == 0)
}
