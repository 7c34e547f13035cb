//! Writing: blocks go to a pack as they come, and count when the session commits.
//!
//! A session holds a lease from its first look to its end, and the lock of the one pack it
//! writes to. What is not committed is garbage above the pack's committed length, which the
//! next writer cuts off.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_dag::{BlockSink, BlockSource, DagError, InPlace};
use ipfs_kit_hash::Code;
use ipfs_kit_pack::{Claim, Pack, PackId, Writer};
use ipfs_kit_unixfs::Control;
use rusqlite::{OptionalExtension, Transaction};

use crate::catalogue::{count_up, number};
use crate::fork::Ownership;
use crate::gc::pack_ids;
use crate::key::{Key, entries, keys, push_entry};
use crate::lease::{Lease, Note};
use crate::mark::first_missing;
use crate::references::{self, Reference};
use crate::shared::Shared;
use crate::unchanged::Pending;
use crate::{RepoError, Repository, read, reserve, roots};

/// Blocks on their way into a repository; cloned handles write to one session.
#[derive(Clone, Debug)]
pub struct Session {
    inner: Arc<Mutex<Inner>>,
}

/// What a session has taken so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Blocks that are new.
    pub blocks: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Blocks that were there already.
    pub known_blocks: u64,
    /// Bytes of those.
    pub known_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) lease: Lease,
    /// How many removals there had been when it began.
    removals: i64,
    open: Option<Open>,
    /// New blocks of the open pack.
    fresh: HashMap<Key, Fresh>,
    /// The same as a row.
    row: Vec<u8>,
    /// Blocks and roots that were found, for the commit to stamp.
    touched_blocks: Vec<u8>,
    touched_roots: Vec<u8>,
    in_place: HashMap<Key, Reference>,
    pub(crate) unchanged: Pending,
    taken: Taken,
}

/// When something was committed: in which order, and at what time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) seq: i64,
    pub(crate) time: i64,
}

/// Something to be called.
#[derive(Clone)]
pub struct Hook(pub Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

/// The pack that is written to.
#[derive(Debug)]
struct Open {
    id: PackId,
    writer: Writer,
    /// How much of it is committed, and how many blocks.
    committed: u64,
    blocks: u64,
    /// The same file, to read what was just written.
    file: File,
    path: PathBuf,
}

/// Where the bytes of an uncommitted block lie.
#[derive(Clone, Copy, Debug)]
struct Fresh {
    start: u64,
    bytes: usize,
}

impl Repository {
    /// Begins to write.
    pub fn session(&self) -> Result<Session, RepoError> {
        let shared = self.shared()?;
        shared.writable()?;
        reserve::ensure(&shared.folder)?;
        shared.refresh()?;
        let (seq, removals) = {
            let view = shared.view();
            (view.seq, view.removals)
        };
        let lease = Lease::begin(&shared.folder, seq)?;
        let inner = Inner {
            shared,
            lease,
            removals,
            open: None,
            fresh: HashMap::new(),
            row: Vec::new(),
            touched_blocks: Vec::new(),
            touched_roots: Vec::new(),
            in_place: HashMap::new(),
            unchanged: Pending::default(),
            taken: Taken::default(),
        };
        Ok(Session { inner: Arc::new(Mutex::new(inner)) })
    }
}

impl Session {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it has taken so far.
    pub fn taken(&self) -> Taken {
        self.lock().taken
    }

    pub(crate) fn now(&self) -> i64 {
        self.lock().shared.now()
    }

    /// Takes a block, whose bytes the caller has just hashed or verified; tells whether it
    /// is new.
    pub fn put(&self, cid: &Cid, data: &[u8]) -> Result<bool, RepoError> {
        self.lock().put(cid, &[data], None)
    }

    /// Keeps all that is here below a root until this session ends: a collection that begins
    /// later leaves it alone. For roots that become part of a new one without being written.
    pub fn keep(&self, root: &Cid) -> Result<(), RepoError> {
        self.lock().note_roots(std::iter::once(root))?;
        Ok(())
    }

    /// Makes everything that was taken durable and visible.
    pub fn commit(&self) -> Result<(), RepoError> {
        self.commit_with(|_| Ok(()))
    }

    /// The same, with more to be written in the same transaction.
    pub(crate) fn commit_with<T>(
        &self,
        more: impl FnOnce(&Transaction<'_>) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        self.lock().commit(more)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.check_owner().is_err() {
            return;
        }
        let Some(open) = self.open.take() else { return };
        let is_new = open.blocks == self.fresh.len() as u64;
        if is_new || open.writer.end() > open.committed {
            let id = open.id;
            drop(open);
            cut(&self.shared, id).ok();
        }
    }
}

impl Inner {
    pub(crate) fn check_owner(&self) -> Result<(), RepoError> {
        match self.shared.owner.check() {
            Ownership::Ours => Ok(()),
            // A session is its process's own.
            Ownership::Inherited | Ownership::Stolen => Err(RepoError::Forked),
        }
    }

    fn put(
        &mut self,
        cid: &Cid,
        parts: &[&[u8]],
        place: Option<&InPlace<'_>>,
    ) -> Result<bool, RepoError> {
        self.check_owner()?;
        if cid.hash().code() == Code::Identity.code() {
            return Ok(false);
        }
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        let key = Key::of(cid.hash());
        if self.is_known(cid, &key)? {
            self.taken.known_blocks += 1;
            self.taken.known_bytes += bytes;
            return Ok(false);
        }
        match place {
            Some(place) => {
                let path = place.path.to_owned();
                let start = place.offset;
                let reference = Reference { key: key.clone(), path, start, bytes };
                self.in_place.insert(key, reference);
            }
            None => self.append(cid, key, parts)?,
        }
        self.taken.blocks += 1;
        self.taken.bytes += bytes;
        Ok(true)
    }

    /// Whether a block is here, or was taken; from now on it stays.
    fn is_known(&mut self, cid: &Cid, key: &Key) -> Result<bool, RepoError> {
        if self.fresh.contains_key(key) || self.in_place.contains_key(key) {
            return Ok(true);
        }
        let shared = &*self.shared;
        // The look that counts is under the lock; this one spares most of them, and does
        // what takes long.
        let in_pack = is_packed(shared, cid);
        if !in_pack && !references::is_whole(shared, cid)? {
            return Ok(false);
        }
        let found = self.lease.rely(|removals| {
            shared.catch_up(removals)?;
            let found = if in_pack {
                is_packed(shared, cid)
            } else {
                references::has(shared, cid.hash())?
            };
            Ok(found.then(|| ((), vec![Note::Block(key.clone())])))
        })?;
        if found.is_some() {
            key.write(&mut self.touched_blocks);
        }
        Ok(found.is_some())
    }

    /// Keeps a DAG whose root was noted; `false` if it has to be looked for and parts are
    /// missing.
    pub(crate) fn keep_noted(
        &mut self,
        root: &Cid,
        is_doubtful: bool,
    ) -> Result<bool, RepoError> {
        self.check_owner()?;
        let is_whole = !is_doubtful
            || first_missing(&Reader(self.into()), root, &Control::new())?.is_none();
        if is_whole {
            self.touched_roots.extend_from_slice(&root.to_bytes());
        }
        Ok(is_whole)
    }

    /// Keeps all that is here below some roots: what was not removed before stays. Gives how
    /// many removals there have been.
    pub(crate) fn note_roots<'a>(
        &mut self,
        roots: impl Iterator<Item = &'a Cid>,
    ) -> Result<i64, RepoError> {
        self.check_owner()?;
        let shared = &*self.shared;
        let notes: Vec<Note> = roots.map(|root| Note::Root(*root)).collect();
        let removals = self.lease.rely(|announced| {
            shared.catch_up(announced)?;
            Ok(Some((shared.view().removals, notes)))
        })?;
        Ok(removals.unwrap_or_default())
    }

    /// Keeps a block, if it is here.
    pub(crate) fn note_block(&mut self, cid: &Cid) -> Result<(), RepoError> {
        self.check_owner()?;
        let shared = &*self.shared;
        let key = Key::of(cid.hash());
        self.lease.rely(|announced| {
            shared.catch_up(announced)?;
            Ok(Some(((), vec![Note::Block(key)])))
        })?;
        Ok(())
    }

    fn append(&mut self, cid: &Cid, key: Key, parts: &[&[u8]]) -> Result<(), RepoError> {
        let options = &self.shared.options;
        let (pack_bytes, pack_blocks) = (options.pack_bytes, options.pack_blocks);
        let is_full = self.open.as_ref().is_some_and(|open| {
            open.writer.end() >= pack_bytes || open.blocks >= pack_blocks
        });
        if is_full {
            self.commit(|_| Ok(()))?;
            self.seal()?;
        }
        self.check_room(parts.iter().map(|part| part.len() as u64).sum())?;
        let open = match &mut self.open {
            Some(open) => open,
            slot => slot.insert(take_pack(&self.shared)?),
        };
        let offset = open.writer.append(cid, parts)?;
        open.blocks += 1;
        push_entry(&key, offset, &mut self.row);
        let bytes = parts.iter().map(|part| part.len()).sum();
        let start = open.writer.end() - bytes as u64;
        self.fresh.insert(key, Fresh { start, bytes });
        Ok(())
    }

    fn check_room(&self, more: u64) -> Result<(), RepoError> {
        let Some(limit) = self.shared.options.max_bytes else { return Ok(()) };
        let view = self.shared.view();
        let committed: u64 = view.packs.iter().map(|entry| entry.slot.committed()).sum();
        let open = self.open.as_ref();
        let ours = open.map_or(0, |open| open.writer.end() - open.committed);
        let needed = committed + ours + more;
        if needed > limit { Err(RepoError::Full { needed, limit }) } else { Ok(()) }
    }

    /// Makes an index for the pack, all of whose blocks are committed.
    fn seal(&mut self) -> Result<(), RepoError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let catalogue = self.shared.writable()?;
        let rows = catalogue.read(|transaction| rows_of(transaction, open.id))?;
        let all = rows.iter().flat_map(|row| entries(row));
        let all = all.filter_map(|(key, offset)| Some((key.hash()?, offset)));
        open.writer.seal(all)?;
        mark_sealed(&self.shared, open.id)
    }

    pub(crate) fn commit<T>(
        &mut self,
        more: impl FnOnce(&Transaction<'_>) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        self.check_owner()?;
        if let Some(hook) = &self.shared.options.before_commit {
            (hook.0)();
        }
        let end = match &mut self.open {
            Some(open) if !self.row.is_empty() => Some((open.id, open.writer.sync()?)),
            _ => None,
        };
        let (shared, time) = (&self.shared, self.shared.now());
        let count = self.fresh.len();
        let work = |transaction: &Transaction<'_>| {
            self.check_touched(transaction)?;
            let stamp = Stamp { seq: count_up(transaction, "commits")?, time };
            if let Some((id, end)) = end {
                insert_row(transaction, id, end, count, stamp, &self.row)?;
                check_limit(transaction, shared.options.max_bytes)?;
            }
            if !self.touched_blocks.is_empty() || !self.touched_roots.is_empty() {
                let row = (stamp.seq, time, &self.touched_blocks, &self.touched_roots);
                transaction
                    .prepare_cached("INSERT INTO touched VALUES (?1, ?2, ?3, ?4)")?
                    .execute(row)?;
            }
            if !self.in_place.is_empty() {
                references::insert(transaction, self.in_place.values(), stamp)?;
            }
            self.unchanged.insert(transaction)?;
            more(transaction)
        };
        let done = shared.writable()?.write_then(work, || {
            if let Some((id, end)) = end {
                shared.committed(id, end, &self.row);
            }
            if !self.in_place.is_empty() {
                shared.outdate();
            }
        })?;
        if let (Some((_, end)), Some(open)) = (end, &mut self.open) {
            open.committed = end;
        }
        if !self.in_place.is_empty() {
            shared.reload()?;
        }
        self.row.clear();
        self.fresh.clear();
        self.touched_blocks.clear();
        self.touched_roots.clear();
        self.in_place.clear();
        self.unchanged.clear();
        Ok(done)
    }

    /// Makes sure that what was found is still there, if anything was removed since.
    ///
    /// The lease keeps it from collections; damaged places can be dropped all the same.
    fn check_touched(&self, transaction: &Transaction<'_>) -> Result<(), RepoError> {
        if number(transaction, "removals")? == self.removals {
            return Ok(());
        }
        self.shared.update(transaction)?;
        let here = Here { session: self, transaction };
        let blocks = keys(&self.touched_blocks).filter_map(|key| key.hash());
        for hash in blocks {
            if !here.has(&Cid::new_v1(codec::RAW, hash))? {
                return Err(RepoError::Vanished);
            }
        }
        for root in roots::cids(&self.touched_roots) {
            if first_missing(&here, &root, &Control::new())?.is_some() {
                return Err(RepoError::Vanished);
            }
        }
        Ok(())
    }

    fn has(&self, cid: &Cid) -> Result<bool, RepoError> {
        self.check_owner()?;
        let key = Key::of(cid.hash());
        Ok(self.fresh.contains_key(&key)
            || self.in_place.contains_key(&key)
            || read::has(&self.shared, cid)?)
    }

    /// Reads a block, committed or not.
    fn get(&mut self, cid: &Cid) -> Result<Option<Bytes>, RepoError> {
        self.check_owner()?;
        let key = Key::of(cid.hash());
        if let (Some(fresh), Some(open)) = (self.fresh.get(&key), &mut self.open) {
            open.writer.flush()?;
            return open.read(*fresh).map(Some);
        }
        if let Some(reference) = self.in_place.get(&key) {
            return references::read_from(reference, cid).map(Some);
        }
        read::get(&self.shared, cid)
    }
}

/// A session as a source, for whoever has it alone.
struct Reader<'a>(std::cell::RefCell<&'a mut Inner>);

impl BlockSource for Reader<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(self.0.borrow_mut().get(cid)?)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        Ok(self.0.borrow().has(cid)?)
    }
}

/// What a commit will have made of the repository, inside its transaction.
struct Here<'a> {
    session: &'a Inner,
    transaction: &'a Transaction<'a>,
}

impl BlockSource for Here<'_> {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(read::get_here(&self.session.shared, cid)?)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        let (session, key) = (self.session, Key::of(cid.hash()));
        Ok(session.fresh.contains_key(&key)
            || session.in_place.contains_key(&key)
            || read::has_here(&session.shared, cid)?
            || references::is_named(self.transaction, cid.hash())?)
    }
}

/// Whether a pack has a block, as far as the view knows.
fn is_packed(shared: &Shared, cid: &Cid) -> bool {
    // What cannot be asked is as if it were not there: the block is written again.
    shared.view().find(&shared.packs, cid.hash(), 0).is_ok_and(|found| found.is_some())
}

/// Claims a pack that has room, or makes one.
fn take_pack(shared: &Shared) -> Result<Open, RepoError> {
    let unsealed: Vec<PackId> = {
        let view = shared.view();
        let open = view.packs.iter().filter(|entry| !entry.slot.sealed);
        open.map(|entry| entry.slot.id).collect()
    };
    for id in unsealed {
        if shared.packs.has_index(id) {
            finish_sealing(shared, id)?;
            continue;
        }
        let Some(claim) = Claim::take(&shared.packs, id)? else { continue };
        let state = shared.writable()?.read(|transaction| state_of(transaction, id))?;
        let Some((committed, blocks)) = state else { continue };
        // One that is damaged stays as it is, for `verify` to tell.
        let Ok(writer) = claim.resume(committed) else { continue };
        return Open::new(shared, id, writer, committed, blocks);
    }
    let writer = Writer::create(&shared.packs)?;
    Open::new(shared, writer.id(), writer, 0, 0)
}

/// Gives back what was appended to a pack and will never be committed: all of it, if the
/// index does not name the pack. A commit that failed may have come through all the same, so
/// the index is asked.
fn cut(shared: &Shared, id: PackId) -> Result<(), RepoError> {
    let Some(claim) = Claim::take(&shared.packs, id)? else { return Ok(()) };
    let state = shared.writable()?.read(|transaction| state_of(transaction, id))?;
    match state {
        Some((committed, _)) => drop(claim.resume(committed)?),
        None if !pack_ids(shared)?.contains(&id) => claim.discard()?,
        None => {}
    }
    Ok(())
}

impl Open {
    /// A copy of an uncommitted block: its place may be cut off under a view.
    fn read(&self, fresh: Fresh) -> Result<Bytes, RepoError> {
        let mut data = vec![0; fresh.bytes];
        references::read_exact_at(&self.file, &mut data, fresh.start)
            .map_err(RepoError::io("read", &self.path))?;
        Ok(data.into())
    }

    fn new(
        shared: &Shared,
        id: PackId,
        writer: Writer,
        committed: u64,
        blocks: u64,
    ) -> Result<Self, RepoError> {
        let path: PathBuf = shared.packs.pack_path(id);
        let file = File::open(&path).map_err(RepoError::io("open", &path))?;
        let committed = committed.max(writer.end());
        Ok(Self { id, writer, committed, blocks, file, path })
    }
}

/// Marks a pack sealed whose writer did not live to say so, nor perhaps to sync its name.
pub(crate) fn finish_sealing(shared: &Shared, id: PackId) -> Result<(), RepoError> {
    shared.packs.sync()?;
    mark_sealed(shared, id)
}

/// Marks a pack sealed whose index is there.
pub(crate) fn mark_sealed(shared: &Shared, id: PackId) -> Result<(), RepoError> {
    let number = id.as_u64().cast_signed();
    // One that is damaged is for `verify` to tell.
    let indexed = Pack::open(&shared.packs, id).ok().flatten();
    let indexed = indexed.and_then(|pack| i64::try_from(pack.len()).ok());
    shared.writable()?.write(|transaction| {
        // What was removed while the index was being written is in it again.
        transaction
            .prepare_cached(
                "UPDATE pack SET sealed = 1,
                     dead_blocks = max(0, blocks - coalesce(?2, blocks - dead_blocks))
                 WHERE id = ?1",
            )?
            .execute((number, indexed))?;
        transaction
            .prepare_cached("DELETE FROM segment WHERE pack = ?1")?
            .execute([number])?;
        count_up(transaction, "layout")?;
        Ok(())
    })?;
    shared.reload()
}

/// The limit holds for all processes together: what each looked at may have grown since.
fn check_limit(
    transaction: &Transaction<'_>,
    limit: Option<u64>,
) -> Result<(), RepoError> {
    let Some(limit) = limit else { return Ok(()) };
    let sum = "SELECT coalesce(sum(bytes), 0) FROM pack";
    let bytes: i64 = transaction.prepare_cached(sum)?.query_row((), |row| row.get(0))?;
    let needed = bytes.cast_unsigned();
    if needed > limit { Err(RepoError::Full { needed, limit }) } else { Ok(()) }
}

/// How much of a pack that is not sealed is committed, and how many blocks it has.
fn state_of(
    transaction: &Transaction<'_>,
    id: PackId,
) -> Result<Option<(u64, u64)>, RepoError> {
    let find = "SELECT bytes, blocks FROM pack WHERE id = ?1 AND sealed = 0";
    let mut statement = transaction.prepare_cached(find)?;
    let state = statement.query_row([id.as_u64().cast_signed()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    });
    let state = state.optional()?;
    Ok(state.map(|(bytes, blocks)| (bytes.cast_unsigned(), blocks.cast_unsigned())))
}

/// The rows of a pack, oldest first.
pub(crate) fn rows_of(
    transaction: &Transaction<'_>,
    id: PackId,
) -> Result<Vec<Vec<u8>>, RepoError> {
    let rows = "SELECT entries FROM segment WHERE pack = ?1 ORDER BY seq";
    let mut statement = transaction.prepare_cached(rows)?;
    let rows = statement.query_map([id.as_u64().cast_signed()], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes down what was appended to a pack.
pub(crate) fn insert_row(
    transaction: &Transaction<'_>,
    id: PackId,
    end: u64,
    blocks: usize,
    Stamp { seq, time }: Stamp,
    row: &[u8],
) -> Result<(), RepoError> {
    let number = id.as_u64().cast_signed();
    transaction
        .prepare_cached("INSERT INTO segment VALUES (?1, ?2, ?3, ?4)")?
        .execute((seq, number, time, row))?;
    let blocks = i64::try_from(blocks).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "INSERT INTO pack (id, sealed, bytes, blocks, seq, time)
             VALUES (?1, 0, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes,
                 blocks = blocks + excluded.blocks, seq = excluded.seq,
                 time = excluded.time",
        )?
        .execute((number, end.cast_signed(), blocks, seq, time))?;
    Ok(())
}

impl BlockSink for Session {
    fn put(&mut self, cid: &Cid, data: &[u8]) -> Result<(), DagError> {
        self.lock().put(cid, &[data], None)?;
        Ok(())
    }

    fn put_parts(&mut self, cid: &Cid, parts: &[&[u8]]) -> Result<(), DagError> {
        self.lock().put(cid, parts, None)?;
        Ok(())
    }

    fn put_in_place(
        &mut self,
        cid: &Cid,
        data: &[u8],
        place: &InPlace<'_>,
    ) -> Result<(), DagError> {
        self.lock().put(cid, &[data], Some(place))?;
        Ok(())
    }
}

impl BlockSource for Session {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(self.lock().get(cid)?)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        Ok(self.lock().has(cid)?)
    }
}

#[cfg(test)]
mod tests {
    use ipfs_kit_hash::Hasher;

    use super::*;
    use crate::Options;

    fn block(number: usize) -> (Cid, Vec<u8>) {
        let data = number.to_le_bytes().repeat(1000);
        let hash = Hasher::new(Code::Sha2_256).hash(&data).unwrap();
        (Cid::new_v1(codec::RAW, hash), data)
    }

    /// Takes a block, and commits so that it counts while the caller is told of an error.
    fn put_with_an_error_too_late(repository: &Repository, number: usize) {
        let session = repository.session().unwrap();
        let (cid, data) = block(number);
        assert!(session.put(&cid, &data).unwrap());
        let failed = session.commit_with(|transaction| -> Result<(), _> {
            transaction.execute_batch("COMMIT")?;
            Err(RepoError::Cancelled)
        });
        assert!(matches!(failed, Err(RepoError::Cancelled)));
    }

    #[test]
    fn a_commit_that_came_through_keeps_its_blocks_whatever_the_caller_was_told() {
        let place = tempfile::tempdir().unwrap();
        let open = |number| {
            let options = Options { pack_blocks: 3, ..Options::default() };
            let repository = Repository::open(place.path(), options).unwrap();
            for at in 0..number {
                let (cid, data) = block(at);
                assert_eq!(repository.get(&cid).unwrap().as_deref(), Some(&data[..]));
            }
            repository
        };
        // New packs, packs that are gone on with, and packs that are full.
        for number in 0..8 {
            put_with_an_error_too_late(&open(number), number);
        }
        open(8);
        assert!(open(8).verify(&Control::new(), false).unwrap().bad.is_empty());
    }
}
