//! Garbage collection: marking from everything that keeps blocks, then removing the rest in
//! one transaction.
//!
//! What is marked before the transaction is most of the work and holds nobody up. Inside it,
//! with the `removals` lock held alone, only what became a root since is marked; then a block
//! goes if it is not marked, was committed or found by a commit longer ago than the age
//! asked for, and before the oldest lease of a living writer began.

use std::collections::HashSet;
use std::fs::{self, OpenOptions, TryLockError};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::Code;
use ipfs_kit_pack::inherited::{self, Registered};
use ipfs_kit_pack::{Claim, Pack, PackId};
use ipfs_kit_unixfs::Control;
use rusqlite::Transaction;

use crate::catalogue::count_up;
use crate::key::{Key, entries, keys, push_entry};
use crate::lease::{Note, Removal};
use crate::mark::{Marks, Missing};
use crate::read::get_here;
use crate::rebuild::refuse_without_pins;
use crate::reserve::with_room;
use crate::roots;
use crate::session::finish_sealing;
use crate::shared::Shared;
use crate::{RepoError, Repository, compact, names};

/// How much of a pack must be dead for a collection to copy the rest and remove it: a
/// quarter, so that no more than that is ever lost, and a byte is copied few times.
const WORTH_COPYING: f64 = 0.25;
/// How many removals a folder is remembered for without being added again.
const REMEMBERED_REMOVALS: i64 = 32;
/// Rounds of marking before the one that holds others up.
const ROUNDS: usize = 3;

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blocks that are no more.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that were given back to the disk.
    pub freed_bytes: u64,
}

impl Repository {
    /// Removes every block that nothing keeps; `removed` is told of each.
    ///
    /// Blocks live for the repository's `min_age` after a commit wrote them or found them.
    pub fn gc(
        &self,
        control: &Control,
        mut removed: impl FnMut(Cid),
    ) -> Result<Collected, RepoError> {
        let shared = self.shared()?;
        shared.writable()?;
        let folder = &shared.folder;
        let _lock = with_room(folder, || Collecting::begin(&shared, control))?;
        let mut done = Collected::default();
        let gone = with_room(folder, || {
            done.freed_bytes += clean(&shared)?;
            sweep(&shared, mark(&shared, control)?, Sweep::Unused, control)
        })?;
        for (key, bytes) in &gone.blocks {
            done.blocks += 1;
            done.bytes += bytes;
            removed(Cid::new_v1(codec::RAW, key.hash().unwrap_or_default()));
        }
        done.freed_bytes += gone.discard(&shared)?;
        let compacted =
            compact::compact(&shared, WORTH_COPYING, control, &mut done.freed_bytes);
        match compacted {
            // There is no room for copies: the blocks are gone all the same.
            Err(error) if error.is_disk_full() => Ok(done),
            compacted => compacted.map(|()| done),
        }
    }

    /// Removes these blocks whatever their age; those in use are an error, before any is
    /// removed. Gives how many were here.
    pub fn remove(&self, cids: &[Cid], control: &Control) -> Result<u64, RepoError> {
        let gone = self.remove_all(control, Sweep::All(cids))?;
        Ok(gone.blocks.len() as u64)
    }

    /// Removes those of these blocks that are not in use, whatever their age. Gives the
    /// others.
    pub fn remove_unused(
        &self,
        cids: &[Cid],
        control: &Control,
    ) -> Result<Vec<Cid>, RepoError> {
        Ok(self.remove_all(control, Sweep::Free(cids))?.in_use)
    }

    fn remove_all(&self, control: &Control, what: Sweep<'_>) -> Result<Gone, RepoError> {
        let shared = self.shared()?;
        shared.writable()?;
        let folder = &shared.folder;
        let _lock = with_room(folder, || Collecting::begin(&shared, control))?;
        let gone =
            with_room(folder, || sweep(&shared, mark(&shared, control)?, what, control))?;
        gone.discard(&shared)?;
        Ok(gone)
    }
}

/// Which blocks go.
#[derive(Debug, Clone, Copy)]
enum Sweep<'a> {
    /// All that nothing keeps and that are old enough.
    Unused,
    /// These, of any age; none of them if one is in use.
    All(&'a [Cid]),
    /// These, of any age, but for those that are in use.
    Free(&'a [Cid]),
}

/// What the user of a block may be.
pub const USERS: &str = "a pin, a name, the mutable files or an import needs it";

/// The lock of the one who collects.
#[derive(Debug)]
pub(crate) struct Collecting {
    _registered: Registered,
    _file: fs::File,
}

impl Collecting {
    /// Waits for others to finish theirs.
    pub(crate) fn begin(shared: &Shared, control: &Control) -> Result<Self, RepoError> {
        let path = shared.folder.collecting();
        let options = OpenOptions::new().create(true).append(true).open(&path);
        let file = options.map_err(RepoError::io("open", &path))?;
        let registered = inherited::register(&file);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _registered: registered, _file: file }),
                Err(TryLockError::Error(source)) => {
                    return Err(RepoError::io("lock", &path)(source));
                }
                Err(TryLockError::WouldBlock) if control.is_cancelled() => {
                    return Err(RepoError::Cancelled);
                }
                Err(TryLockError::WouldBlock) => {
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }
}

/// Removes what dead writers left: packs that the index does not name. Gives the bytes.
///
/// Only for the holder of [`Collecting`], who makes such packs itself.
pub(crate) fn clean(shared: &Shared) -> Result<u64, RepoError> {
    // Files first: a pack that is made meanwhile is in the rows, or not in this list.
    let files = shared.packs.remains()?;
    let rows = pack_ids(shared)?;
    let mut freed = shared.packs.empty_trash()?;
    let unsealed: Vec<PackId> = {
        let view = shared.view();
        let open = view.packs.iter().filter(|entry| !entry.slot.sealed);
        open.map(|entry| entry.slot.id).collect()
    };
    for id in unsealed.into_iter().filter(|id| shared.packs.has_index(*id)) {
        finish_sealing(shared, id)?;
    }
    for id in files.into_iter().filter(|id| !rows.contains(id)) {
        let bytes = fs::metadata(shared.packs.pack_path(id)).map_or(0, |at| at.len());
        if shared.packs.has_index(id) {
            shared.packs.discard(id)?;
        } else {
            let Some(claim) = Claim::take(&shared.packs, id)? else { continue };
            // Whoever held it may have committed in between.
            if pack_ids(shared)?.contains(&id) {
                continue;
            }
            claim.discard()?;
        }
        freed += bytes;
    }
    Ok(freed)
}

pub(crate) fn pack_ids(shared: &Shared) -> Result<HashSet<PackId>, RepoError> {
    shared.writable()?.read(|transaction| {
        let mut statement = transaction.prepare_cached("SELECT id FROM pack")?;
        let ids = statement.query_map((), |row| row.get::<_, i64>(0))?;
        let ids: Result<Vec<i64>, _> = ids.collect();
        Ok(ids?.into_iter().map(|id| PackId::from_u64(id.cast_unsigned())).collect())
    })
}

/// Marks from all roots of this moment, again while new ones turn up.
fn mark(shared: &Shared, control: &Control) -> Result<Marks, RepoError> {
    let mut marks = Marks::default();
    let mut done = HashSet::new();
    for _ in 0..ROUNDS {
        shared.refresh()?;
        let found = shared.writable()?.read(roots::kept)?;
        let new: Vec<_> = found.into_iter().filter(|root| done.insert(*root)).collect();
        if new.is_empty() {
            break;
        }
        for root in new {
            let read = |cid: &Cid| crate::read::get(shared, cid);
            marks.follow(&root, Missing::Fail, control, read)?;
        }
    }
    for root in shared.writable()?.read(names::kept)? {
        let read = |cid: &Cid| crate::read::get(shared, cid);
        marks.follow(&root, Missing::Pass, control, read)?;
    }
    Ok(marks)
}

/// What a sweep took out of the index.
#[derive(Debug, Default)]
struct Gone {
    blocks: Vec<(Key, u64)>,
    packs: Vec<(PackId, Option<Claim>)>,
    /// Of those that were to go by name.
    in_use: Vec<Cid>,
}

impl Gone {
    /// Removes the packs that nothing is left of.
    fn discard(&self, shared: &Shared) -> Result<u64, RepoError> {
        let mut freed = 0;
        for (id, _claim) in &self.packs {
            let path = shared.packs.pack_path(*id);
            freed += fs::metadata(path).map_or(0, |at| at.len());
            shared.packs.discard(*id)?;
        }
        Ok(freed)
    }
}

/// Up to when commits count as old.
#[derive(Clone, Copy, Debug)]
struct Cutoff {
    seq: i64,
    time: i64,
}

impl Cutoff {
    fn is_young(self, seq: i64, time: i64) -> bool {
        seq > self.seq || time > self.time
    }
}

/// Removes blocks, none of which is marked.
fn sweep(
    shared: &Shared,
    mut marks: Marks,
    what: Sweep<'_>,
    control: &Control,
) -> Result<Gone, RepoError> {
    let index = shared.folder.index();
    shared.writable()?.read(|transaction| refuse_without_pins(transaction, &index))?;
    let mut removal = Removal::begin(&shared.folder)?;
    let gone = shared.writable()?.write(|transaction| {
        shared.update(transaction)?;
        let leases = removal.leases(&shared.folder)?;
        let read = |cid: &Cid| get_here(shared, cid);
        for root in roots::kept(transaction)? {
            marks.follow(&root, Missing::Fail, control, read)?;
        }
        for root in names::kept(transaction)? {
            marks.follow(&root, Missing::Pass, control, read)?;
        }
        for cid in roots::direct(transaction)? {
            marks.insert(Key::of(cid.hash()));
        }
        let oldest = leases.iter().map(|lease| lease.seq).min();
        for note in leases.into_iter().flat_map(|lease| lease.notes) {
            match note {
                Note::Block(key) => marks.insert(key),
                Note::Root(root) => marks.follow(&root, Missing::Pass, control, read)?,
            }
        }
        let mut gone = Gone::default();
        let named = match what {
            Sweep::Unused => None,
            Sweep::All(cids) | Sweep::Free(cids) => Some(cids),
        };
        let (cutoff, doomed) = match named {
            None => {
                let time = shared.now() - shared.options.min_age;
                (Cutoff { seq: oldest.unwrap_or(i64::MAX), time }, None)
            }
            Some(cids) => {
                let is_used = |cid: &Cid| marks.contains(&Key::of(cid.hash()));
                gone.in_use = cids.iter().copied().filter(is_used).collect();
                if let (Sweep::All(_), [cid, ..]) = (what, &*gone.in_use) {
                    return Err(RepoError::InUse { cid: Box::new(*cid), by: USERS });
                }
                let free = cids.iter().filter(|cid| !is_used(cid));
                let doomed: HashSet<_> = free.map(|cid| Key::of(cid.hash())).collect();
                (Cutoff { seq: i64::MAX, time: i64::MAX }, Some(doomed))
            }
        };
        if doomed.is_none() {
            mark_young(transaction, &mut marks, cutoff, |marks, root| {
                marks.follow(root, Missing::Pass, control, read)
            })?;
        }
        let is_dead = |key: &Key| match &doomed {
            Some(doomed) => doomed.contains(key),
            None => !marks.contains(key),
        };
        removal.announce()?;
        for pack in all_packs(transaction)? {
            if control.is_cancelled() {
                return Err(RepoError::Cancelled);
            }
            if pack.sealed {
                sweep_sealed(shared, transaction, &pack, cutoff, &is_dead, &mut gone)?;
            } else {
                sweep_rows(shared, transaction, &pack, cutoff, &is_dead, &mut gone)?;
            }
        }
        sweep_references(transaction, cutoff, &is_dead, &mut gone)?;
        if !gone.blocks.is_empty() || !gone.packs.is_empty() {
            let removals = count_up(transaction, "removals")?;
            count_up(transaction, "layout")?;
            // Folders that nobody adds any more would stay for ever.
            transaction
                .prepare_cached("DELETE FROM unchanged WHERE removals < ?1")?
                .execute([removals - REMEMBERED_REMOVALS])?;
        }
        Ok(gone)
    })?;
    // Whoever looks next looks at what is left.
    shared.reload()?;
    drop(removal);
    Ok(gone)
}

/// Marks what commits found not long ago, and forgets older ones.
fn mark_young(
    transaction: &Transaction<'_>,
    marks: &mut Marks,
    cutoff: Cutoff,
    mut follow: impl FnMut(&mut Marks, &Cid) -> Result<(), RepoError>,
) -> Result<(), RepoError> {
    let Cutoff { seq, time } = cutoff;
    transaction
        .prepare_cached("DELETE FROM touched WHERE seq <= ?1 AND time <= ?2")?
        .execute((seq, time))?;
    let mut statement =
        transaction.prepare_cached("SELECT blocks, roots FROM touched")?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let (blocks, found): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        keys(&blocks).for_each(|key| marks.insert(key));
        for root in roots::cids(&found) {
            follow(marks, &root)?;
        }
    }
    Ok(())
}

/// A row of the table of packs.
#[derive(Debug)]
struct Row {
    id: PackId,
    sealed: bool,
    seq: i64,
    time: i64,
    dead: Vec<u8>,
}

fn all_packs(transaction: &Transaction<'_>) -> Result<Vec<Row>, RepoError> {
    let mut statement =
        transaction.prepare_cached("SELECT id, sealed, seq, time, dead FROM pack")?;
    let rows = statement.query_map((), |row| {
        Ok(Row {
            id: PackId::from_u64(row.get::<_, i64>(0)?.cast_unsigned()),
            sealed: row.get(1)?,
            seq: row.get(2)?,
            time: row.get(3)?,
            dead: row.get::<_, Option<_>>(4)?.unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn sweep_sealed(
    shared: &Shared,
    transaction: &Transaction<'_>,
    row: &Row,
    cutoff: Cutoff,
    is_dead: &impl Fn(&Key) -> bool,
    gone: &mut Gone,
) -> Result<(), RepoError> {
    if cutoff.is_young(row.seq, row.time) {
        return Ok(());
    }
    // A pack that cannot be read is for `verify` and `rebuild` to deal with.
    let Ok(Some(pack)) = Pack::open(&shared.packs, row.id) else { return Ok(()) };
    let mut dead = row.dead.clone();
    dead.resize(pack.len().div_ceil(8), 0);
    let (mut alive, mut new_blocks, mut new_bytes) = (false, 0_i64, 0);
    for (at, (hash, offset)) in pack.entries().enumerate() {
        let (byte, mask) = (at / 8, 1 << (at % 8));
        if dead[byte] & mask != 0 {
            continue;
        }
        let key = Key::of(&hash);
        if !is_dead(&key) {
            alive = true;
            continue;
        }
        dead[byte] |= mask;
        let bytes = bytes_of(&pack, offset, u64::MAX, &hash);
        new_blocks += 1;
        new_bytes += bytes;
        gone.blocks.push((key, bytes));
    }
    if !alive {
        delete_pack(transaction, row.id)?;
        gone.packs.push((row.id, None));
    } else if new_blocks > 0 {
        transaction
            .prepare_cached(
                "UPDATE pack SET dead = ?2, dead_blocks = dead_blocks + ?3,
                 dead_bytes = dead_bytes + ?4 WHERE id = ?1",
            )?
            .execute((number(row.id), dead, new_blocks, new_bytes.cast_signed()))?;
    }
    Ok(())
}

fn sweep_rows(
    shared: &Shared,
    transaction: &Transaction<'_>,
    row: &Row,
    cutoff: Cutoff,
    is_dead: &impl Fn(&Key) -> bool,
    gone: &mut Gone,
) -> Result<(), RepoError> {
    let committed = {
        let view = shared.view();
        let slot = view.packs.iter().find(|entry| entry.slot.id == row.id);
        slot.map_or(0, |entry| entry.slot.committed())
    };
    let Ok(Some(pack)) = Pack::open(&shared.packs, row.id) else { return Ok(()) };
    let (mut alive, mut new_blocks, mut new_bytes) = (false, 0_i64, 0);
    for (seq, time, blocks) in rows_with_age(transaction, row.id)? {
        if cutoff.is_young(seq, time) {
            alive = true;
            continue;
        }
        let mut kept = Vec::with_capacity(blocks.len());
        for (key, offset) in entries(&blocks) {
            if !is_dead(&key) {
                push_entry(&key, offset, &mut kept);
                continue;
            }
            let hash = key.hash().unwrap_or_default();
            let bytes = bytes_of(&pack, offset, committed, &hash);
            new_blocks += 1;
            new_bytes += bytes;
            gone.blocks.push((key, bytes));
        }
        alive |= !kept.is_empty();
        if kept.is_empty() {
            transaction
                .prepare_cached("DELETE FROM segment WHERE seq = ?1")?
                .execute([seq])?;
        } else if kept.len() < blocks.len() {
            transaction
                .prepare_cached("UPDATE segment SET entries = ?2 WHERE seq = ?1")?
                .execute((seq, kept))?;
        }
    }
    // One that a writer holds is about to be written to.
    let claim = if alive { None } else { Claim::take(&shared.packs, row.id)? };
    if claim.is_some() {
        delete_pack(transaction, row.id)?;
        gone.packs.push((row.id, claim));
    } else if new_blocks > 0 {
        transaction
            .prepare_cached(
                "UPDATE pack SET dead_blocks = dead_blocks + ?2,
                 dead_bytes = dead_bytes + ?3 WHERE id = ?1",
            )?
            .execute((number(row.id), new_blocks, new_bytes.cast_signed()))?;
    }
    Ok(())
}

/// A row of blocks with the number and time of its commit.
type Aged = (i64, i64, Vec<u8>);

fn rows_with_age(
    transaction: &Transaction<'_>,
    id: PackId,
) -> Result<Vec<Aged>, RepoError> {
    let rows = "SELECT seq, time, entries FROM segment WHERE pack = ?1";
    let mut statement = transaction.prepare_cached(rows)?;
    let rows = statement
        .query_map([number(id)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn sweep_references(
    transaction: &Transaction<'_>,
    cutoff: Cutoff,
    is_dead: &impl Fn(&Key) -> bool,
    gone: &mut Gone,
) -> Result<(), RepoError> {
    let mut statement =
        transaction.prepare_cached("SELECT hash, seq, time, bytes FROM reference")?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM reference WHERE hash = ?1")?;
    let mut dead = Vec::new();
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let hash: Vec<u8> = row.get(0)?;
        let Some((key, _)) = Key::read(&hash) else { continue };
        if !cutoff.is_young(row.get(1)?, row.get(2)?) && is_dead(&key) {
            gone.blocks.push((key, row.get::<_, i64>(3)?.cast_unsigned()));
            dead.push(hash);
        }
    }
    drop(rows);
    for hash in dead {
        delete.execute([hash])?;
    }
    transaction
        .prepare_cached("DELETE FROM file WHERE id NOT IN (SELECT file FROM reference)")?
        .execute(())?;
    Ok(())
}

pub(crate) fn delete_pack(
    transaction: &Transaction<'_>,
    id: PackId,
) -> Result<(), RepoError> {
    transaction
        .prepare_cached("DELETE FROM segment WHERE pack = ?1")?
        .execute([number(id)])?;
    transaction
        .prepare_cached("DELETE FROM pack WHERE id = ?1")?
        .execute([number(id)])?;
    Ok(())
}

fn number(id: PackId) -> i64 {
    id.as_u64().cast_signed()
}

/// Bytes of a block; what cannot be read has none.
fn bytes_of(
    pack: &Pack,
    offset: u64,
    committed: u64,
    hash: &ipfs_kit_hash::Multihash,
) -> u64 {
    let found: Result<Bytes, _> = pack.read(offset, committed, hash);
    debug_assert!(hash.code() != Code::Identity.code());
    found.map_or(0, |data| data.len() as u64)
}
