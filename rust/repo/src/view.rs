//! Where blocks lie, in memory: the sealed indexes as they are mapped, and all rows of packs
//! that are not sealed.
//!
//! A view is of one moment of the catalogue, plus what this handle itself has committed
//! since. It is brought up to date when a look-up misses, and before anyone relies on it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::{Folder, Pack, PackError, PackId, Probe};
use rusqlite::Transaction;

use crate::RepoError;
use crate::catalogue::number;
use crate::key::{Key, entries};

/// A pack that holds committed blocks.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) id: PackId,
    pub(crate) sealed: bool,
    /// How many of its bytes count.
    pub(crate) committed: AtomicU64,
    /// Opened at the first look.
    pack: OnceLock<Arc<Pack>>,
}

impl Slot {
    pub(crate) fn new(id: PackId, sealed: bool, committed: u64) -> Arc<Self> {
        let committed = AtomicU64::new(committed);
        Arc::new(Self { id, sealed, committed, pack: OnceLock::new() })
    }

    pub(crate) fn committed(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// The pack if it was looked at before.
    pub(crate) fn opened(&self) -> Option<&Arc<Pack>> {
        self.pack.get()
    }

    /// The open pack; `None` if its file is gone.
    pub(crate) fn pack(&self, folder: &Folder) -> Result<Option<&Arc<Pack>>, PackError> {
        if let Some(pack) = self.pack.get() {
            return Ok(Some(pack));
        }
        // Of several threads that open it at once, all go on with the first one's.
        let opened = Pack::open(folder, self.id)?.map(Arc::new);
        Ok(opened.map(|pack| self.pack.get_or_init(|| pack)))
    }
}

/// A pack as a view has it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) slot: Arc<Slot>,
    /// A bit for each entry of a sealed index that is no more.
    pub(crate) dead: Option<Arc<[u8]>>,
}

impl Entry {
    pub(crate) fn is_dead(&self, ordinal: u32) -> bool {
        self.dead.as_ref().is_some_and(|bits| bit(bits, ordinal))
    }
}

/// Whether a bit is set; those beyond the end are not.
pub(crate) fn bit(bits: &[u8], at: u32) -> bool {
    bits.get(at as usize / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

/// Where a block lies.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) slot: Arc<Slot>,
    pub(crate) offset: u64,
    /// Its place in the sealed index.
    pub(crate) ordinal: Option<u32>,
}

/// See above.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Newest first.
    pub(crate) packs: Vec<Entry>,
    recent: HashMap<Key, (u32, u64)>,
    /// Packs that `recent` points to.
    unsealed: Vec<Arc<Slot>>,
    /// The last row that was read.
    pub(crate) seq: i64,
    /// Changes whenever anything but new rows does.
    layout: Option<i64>,
    /// How many removals it has seen.
    pub(crate) removals: i64,
    pub(crate) has_references: bool,
    /// The pack of the last hit: blocks of one file lie together.
    last: AtomicUsize,
}

impl View {
    /// Reads what is new; all of it if anything was sealed, moved or removed.
    pub(crate) fn update(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(), RepoError> {
        let layout = number(transaction, "layout")?;
        if self.layout != Some(layout) {
            self.layout = None;
            self.reload(transaction)?;
            self.layout = Some(layout);
        }
        self.read_rows(transaction)?;
        let any = "SELECT EXISTS (SELECT 1 FROM reference)";
        self.has_references =
            transaction.prepare_cached(any)?.query_row((), |row| row.get(0))?;
        self.removals = number(transaction, "removals")?;
        Ok(())
    }

    fn reload(&mut self, transaction: &Transaction<'_>) -> Result<(), RepoError> {
        let known: HashMap<(PackId, bool), Arc<Slot>> = self
            .packs
            .drain(..)
            .map(|entry| ((entry.slot.id, entry.slot.sealed), entry.slot))
            .collect();
        self.recent.clear();
        self.unsealed.clear();
        self.seq = 0;
        let mut statement = transaction.prepare_cached(
            "SELECT id, sealed, bytes, dead FROM pack ORDER BY seq DESC, id DESC",
        )?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let id = PackId::from_u64(row.get::<_, i64>(0)?.cast_unsigned());
            let (sealed, bytes) = (row.get(1)?, row.get::<_, i64>(2)?.cast_unsigned());
            let dead: Option<Vec<u8>> = row.get(3)?;
            let slot = match known.get(&(id, sealed)) {
                Some(slot) => Arc::clone(slot),
                None => Slot::new(id, sealed, bytes),
            };
            slot.committed.fetch_max(bytes, Ordering::AcqRel);
            self.packs.push(Entry { slot, dead: dead.map(Arc::from) });
        }
        Ok(())
    }

    fn read_rows(&mut self, transaction: &Transaction<'_>) -> Result<(), RepoError> {
        let mut statement = transaction.prepare_cached(
            "SELECT segment.seq, pack.id, pack.bytes, segment.entries FROM segment
             JOIN pack ON pack.id = segment.pack WHERE segment.seq > ?1
             ORDER BY segment.seq",
        )?;
        let mut rows = statement.query([self.seq])?;
        while let Some(row) = rows.next()? {
            let id = PackId::from_u64(row.get::<_, i64>(1)?.cast_unsigned());
            let bytes = row.get::<_, i64>(2)?.cast_unsigned();
            self.add(id, bytes, row.get_ref(3)?.as_blob().map_err(from_sql)?);
            self.seq = row.get(0)?;
        }
        Ok(())
    }

    /// Adds committed blocks of a pack that is not sealed.
    pub(crate) fn add(&mut self, id: PackId, committed: u64, row: &[u8]) {
        let known = self.unsealed.iter().position(|slot| slot.id == id);
        let number = known.unwrap_or_else(|| {
            let slot = self.unsealed_slot(id, committed);
            self.unsealed.push(slot);
            self.unsealed.len() - 1
        });
        self.unsealed[number].committed.fetch_max(committed, Ordering::AcqRel);
        // There are never as many packs that are not sealed.
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        for (key, offset) in entries(row) {
            self.recent.insert(key, (number, offset));
        }
    }

    fn unsealed_slot(&mut self, id: PackId, committed: u64) -> Arc<Slot> {
        let mut packs = self.packs.iter();
        let known = packs.find(|entry| entry.slot.id == id && !entry.slot.sealed);
        if let Some(entry) = known {
            return Arc::clone(&entry.slot);
        }
        let slot = Slot::new(id, false, committed);
        self.packs.insert(0, Entry { slot: Arc::clone(&slot), dead: None });
        slot
    }

    /// Where a block lies, but for the first `skip` places.
    ///
    /// If it is not found and a pack could not be asked, the error names that pack: either
    /// the view is out of date, or the pack is lost.
    pub(crate) fn find(
        &self,
        folder: &Folder,
        hash: &Multihash,
        mut skip: usize,
    ) -> Result<Option<Location>, Unasked> {
        if let Some((number, offset)) = self.recent.get(&Key::of(hash)) {
            if skip == 0 {
                let slot = Arc::clone(&self.unsealed[*number as usize]);
                return Ok(Some(Location { slot, offset: *offset, ordinal: None }));
            }
            skip -= 1;
        }
        // The first place is looked for where the last one was, others in order.
        let last = self.last.load(Ordering::Relaxed).min(self.packs.len());
        let from = if skip == 0 { last } else { 0 };
        let probe = Probe::new(hash.digest());
        let mut unasked = None;
        for at in (from..self.packs.len()).chain(0..from) {
            let entry = &self.packs[at];
            if !entry.slot.sealed {
                continue;
            }
            let pack = match entry.slot.pack(folder) {
                Ok(Some(pack)) => pack,
                Ok(None) => {
                    unasked = Some(Unasked { id: entry.slot.id, error: None });
                    continue;
                }
                Err(error) => {
                    unasked = Some(Unasked { id: entry.slot.id, error: Some(error) });
                    continue;
                }
            };
            let Some(found) = pack.find_with(hash, probe) else { continue };
            if entry.is_dead(found.ordinal) {
                continue;
            }
            if skip > 0 {
                skip -= 1;
                continue;
            }
            self.last.store(at, Ordering::Relaxed);
            let slot = Arc::clone(&entry.slot);
            let ordinal = Some(found.ordinal);
            return Ok(Some(Location { slot, offset: found.offset, ordinal }));
        }
        unasked.map_or(Ok(None), Err)
    }

    /// The blocks of packs that are not sealed.
    pub(crate) fn recent(&self) -> impl Iterator<Item = (&Key, &Arc<Slot>, u64)> {
        self.recent.iter().map(|(key, (number, offset))| {
            (key, &self.unsealed[*number as usize], *offset)
        })
    }
}

/// A pack that the view has and that could not be opened; without an error it is gone.
#[derive(Debug)]
pub(crate) struct Unasked {
    pub(crate) id: PackId,
    pub(crate) error: Option<PackError>,
}

impl From<Unasked> for RepoError {
    fn from(unasked: Unasked) -> Self {
        unasked.error.map_or(Self::PackLost { id: unasked.id }, Self::Pack)
    }
}

fn from_sql(error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(
        0,
        rusqlite::types::Type::Blob,
        Box::new(error),
    )
}
