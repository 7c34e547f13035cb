//! Compaction: packs of which much is dead are copied without it, and removed.

use std::fs;

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::Hasher;
use ipfs_kit_pack::{Claim, Pack, PackId, Writer};
use ipfs_kit_unixfs::Control;
use rusqlite::Transaction;

use crate::catalogue::count_up;
use crate::gc::{Collecting, clean, delete_pack, pack_ids};
use crate::key::entries;
use crate::reserve::with_room;
use crate::session::{finish_sealing, mark_sealed, rows_of};
use crate::shared::Shared;
use crate::view::bit;
use crate::{RepoError, Repository};

impl Repository {
    /// Gives back all space that dead blocks take. Gives the bytes.
    pub fn compact(&self, control: &Control) -> Result<u64, RepoError> {
        let shared = self.shared()?;
        shared.writable()?;
        let folder = &shared.folder;
        let _lock = with_room(folder, || Collecting::begin(&shared, control))?;
        let mut freed_bytes = 0;
        with_room(folder, || {
            freed_bytes += clean(&shared)?;
            Ok(())
        })?;
        compact(&shared, 0.0, control, &mut freed_bytes)?;
        Ok(freed_bytes)
    }
}

/// A pack with dead blocks in it.
#[derive(Debug)]
struct Candidate {
    id: PackId,
    sealed: bool,
    bytes: i64,
    dead_bytes: i64,
}

/// Copies packs of which more than a share is dead; counts the bytes that gives back. For the
/// holder of [`Collecting`].
pub(crate) fn compact(
    shared: &Shared,
    share: f64,
    control: &Control,
    freed: &mut u64,
) -> Result<(), RepoError> {
    for pack in shared.writable()?.read(candidates)? {
        if control.is_cancelled() {
            return Err(RepoError::Cancelled);
        }
        #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
        let is_worth = pack.dead_bytes as f64 > pack.bytes as f64 * share;
        if is_worth {
            *freed += with_room(&shared.folder, || {
                let may_copy = pack.sealed || seal(shared, pack.id)?;
                if may_copy { copy(shared, pack.id, control) } else { Ok(0) }
            })?;
        }
    }
    Ok(())
}

fn candidates(transaction: &Transaction<'_>) -> Result<Vec<Candidate>, RepoError> {
    // On a disk that is nearly full, the small copies make room for the large ones.
    let all = "SELECT id, sealed, bytes, dead_bytes FROM pack WHERE dead_blocks > 0
               ORDER BY bytes - dead_bytes";
    let mut statement = transaction.prepare_cached(all)?;
    let rows = statement.query_map((), |row| {
        Ok(Candidate {
            id: PackId::from_u64(row.get::<_, i64>(0)?.cast_unsigned()),
            sealed: row.get(1)?,
            bytes: row.get(2)?,
            dead_bytes: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Seals a pack that nobody writes to; false if somebody does.
fn seal(shared: &Shared, id: PackId) -> Result<bool, RepoError> {
    if shared.packs.has_index(id) {
        finish_sealing(shared, id)?;
        return Ok(true);
    }
    let Some(claim) = Claim::take(&shared.packs, id)? else { return Ok(false) };
    let (committed, rows) = shared.writable()?.read(|transaction| {
        let find = "SELECT bytes FROM pack WHERE id = ?1";
        let number = id.as_u64().cast_signed();
        let bytes: i64 =
            transaction.prepare_cached(find)?.query_row([number], |row| row.get(0))?;
        Ok((bytes.cast_unsigned(), rows_of(transaction, id)?))
    })?;
    let writer = claim.resume(committed)?;
    let all = rows.iter().flat_map(|row| entries(row));
    writer.seal(all.filter_map(|(key, offset)| Some((key.hash()?, offset))))?;
    mark_sealed(shared, id)?;
    Ok(true)
}

/// Copies what is alive in a sealed pack into a new one; gives the bytes that are saved.
///
/// Every block is verified on the way. One that is damaged stops the copy: removing its pack
/// would remove the evidence, and perhaps what could be mended.
fn copy(shared: &Shared, id: PackId, control: &Control) -> Result<u64, RepoError> {
    let path = shared.packs.pack_path(id);
    let lost = || RepoError::PackLost { id };
    let pack = Pack::open(&shared.packs, id)?.ok_or_else(lost)?;
    let before = fs::metadata(&path).map_err(RepoError::io("look at", &path))?.len();
    let dead = shared.writable()?.read(|transaction| dead_of(transaction, id))?;
    let mut alive: Vec<_> = numbered(&pack).filter(|(at, ..)| !bit(&dead, *at)).collect();
    alive.sort_unstable_by_key(|(_, _, offset)| *offset);
    if alive.is_empty() {
        replace(shared, id, None)?;
        shared.packs.discard(id)?;
        return Ok(before);
    }
    let count = alive.len();
    let mut writer = Writer::create(&shared.packs)?;
    let copied = copy_blocks(&pack, &mut writer, &path, alive, control);
    let new = writer.id();
    let sealed = copied.and_then(|places| {
        let end = writer.sync()?;
        writer.seal(places)?;
        Ok(end)
    });
    let end = match sealed {
        Ok(end) => end,
        Err(error) => {
            shared.packs.discard(new).ok();
            return Err(error);
        }
    };
    if let Err(error) = replace(shared, id, Some(Copied { id: new, end, blocks: count }))
    {
        // What failed may have come through all the same, so the index is asked.
        if !pack_ids(shared)?.contains(&new) {
            shared.packs.discard(new).ok();
        }
        return Err(error);
    }
    shared.packs.discard(id)?;
    Ok(before.saturating_sub(end))
}

type Place = (ipfs_kit_hash::Multihash, u64);

fn numbered(pack: &Pack) -> impl Iterator<Item = (u32, ipfs_kit_hash::Multihash, u64)> {
    let numbers = 0_u32..;
    numbers.zip(pack.entries()).map(|(at, (hash, offset))| (at, hash, offset))
}

fn copy_blocks(
    pack: &Pack,
    writer: &mut Writer,
    path: &std::path::Path,
    alive: Vec<(u32, ipfs_kit_hash::Multihash, u64)>,
    control: &Control,
) -> Result<Vec<Place>, RepoError> {
    let mut places = Vec::with_capacity(alive.len());
    for (at, hash, offset) in alive {
        if control.is_cancelled() {
            return Err(RepoError::Cancelled);
        }
        let (cid, data) = pack.read_with_cid(offset, u64::MAX, &hash)?;
        let key = ipfs_kit_pack::Key::Ordinal(at);
        if !pack.is_verified(key) && !Hasher::verify(&hash, &data)? {
            return Err(RepoError::Damaged {
                cid: Box::new(Cid::new_v1(codec::RAW, hash)),
                place: path.to_owned(),
                reason: "its bytes do not have its hash: see `ipfs-kit repo verify`"
                    .to_owned(),
            });
        }
        places.push((hash, writer.append(&cid, &[&data])?));
        control.add_bytes(data.len());
    }
    Ok(places)
}

fn dead_of(transaction: &Transaction<'_>, id: PackId) -> Result<Vec<u8>, RepoError> {
    let find = "SELECT dead FROM pack WHERE id = ?1";
    let mut statement = transaction.prepare_cached(find)?;
    let dead: Option<Vec<u8>> =
        statement.query_row([id.as_u64().cast_signed()], |row| row.get(0))?;
    Ok(dead.unwrap_or_default())
}

/// A pack that takes the place of another.
#[derive(Debug)]
struct Copied {
    id: PackId,
    end: u64,
    blocks: usize,
}

/// Puts the new pack in the place of the old one, its age kept.
///
/// Nobody else marks blocks dead meanwhile: who does holds [`Collecting`].
fn replace(shared: &Shared, old: PackId, new: Option<Copied>) -> Result<(), RepoError> {
    shared.writable()?.write(|transaction| {
        if let Some(new) = new {
            transaction
                .prepare_cached(
                    "INSERT INTO pack (id, sealed, bytes, blocks, seq, time)
                     SELECT ?2, 1, ?3, ?4, seq, time FROM pack WHERE id = ?1",
                )?
                .execute((
                    old.as_u64().cast_signed(),
                    new.id.as_u64().cast_signed(),
                    new.end.cast_signed(),
                    i64::try_from(new.blocks).unwrap_or(i64::MAX),
                ))?;
        }
        delete_pack(transaction, old)?;
        count_up(transaction, "layout")?;
        Ok(())
    })?;
    shared.reload()
}
