//! Checking everything that is stored: every block against its CID, every index against its
//! pack.

use std::path::PathBuf;

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::{Pack, PackId};
use ipfs_kit_unixfs::Control;

use crate::catalogue::count_up;
use crate::error::described;
use crate::gc::Collecting;
use crate::key::{Key, entries, push_entry};
use crate::lease::Removal;
use crate::read::hash_all;
use crate::session::rows_of;
use crate::shared::Shared;
use crate::view::Entry;
use crate::{RepoError, Repository};

/// Bytes of blocks that are hashed at once.
const BATCH_BYTES: usize = 32 << 20;

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blocks looked at.
    pub blocks: u64,
    /// Bytes of those that are whole.
    pub bytes: u64,
    /// Those that are not.
    pub bad: Vec<Bad>,
    /// Whether the bad places were removed from the index.
    pub dropped: bool,
}

/// A block that is not what its CID says, or a pack that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    /// The block; `None` for a whole pack.
    pub cid: Option<Cid>,
    /// The file it lies in.
    pub place: PathBuf,
    /// What is wrong.
    pub reason: String,
}

/// A bad place, as it is dropped.
type Doomed = (PackId, Key, u64);

impl Repository {
    /// Hashes every block that is stored. `drop_bad` removes the places of bad ones from the
    /// index, so that they can be fetched or added again; the bytes stay until a collection.
    pub fn verify(
        &self,
        control: &Control,
        drop_bad: bool,
    ) -> Result<Verified, RepoError> {
        let shared = self.shared()?;
        let collecting = if drop_bad {
            shared.writable()?;
            Some(Collecting::begin(&shared, control)?)
        } else {
            None
        };
        shared.refresh()?;
        let packs = shared.view().packs.clone();
        let mut found = Verified::default();
        let mut doomed = Vec::new();
        for entry in &packs {
            check_pack(&shared, entry, control, &mut found, &mut doomed)?;
        }
        crate::references::verify(&shared, control, &mut found)?;
        if collecting.is_some() && !found.bad.is_empty() {
            drop_places(&shared, &doomed)?;
            crate::references::drop_bad(&shared, &found.bad)?;
            found.dropped = true;
        }
        Ok(found)
    }
}

fn check_pack(
    shared: &Shared,
    entry: &Entry,
    control: &Control,
    found: &mut Verified,
    doomed: &mut Vec<Doomed>,
) -> Result<(), RepoError> {
    let id = entry.slot.id;
    let place = shared.packs.pack_path(id);
    let whole_pack = |reason: String| Bad { cid: None, place: place.clone(), reason };
    let pack = match Pack::open(&shared.packs, id) {
        Ok(Some(pack)) => pack,
        Ok(None) => {
            // It may have been collected since the list was made.
            shared.refresh()?;
            if shared.view().packs.iter().any(|known| known.slot.id == id) {
                found.bad.push(whole_pack("it is gone".to_owned()));
            }
            return Ok(());
        }
        Err(error) => {
            found.bad.push(whole_pack(described(&error)));
            return Ok(());
        }
    };
    if let Err(error) = pack.check_index() {
        found.bad.push(whole_pack(described(&error)));
    }
    let committed = if entry.slot.sealed { u64::MAX } else { entry.slot.committed() };
    let mut places = places_of(shared, entry, &pack)?;
    places.sort_unstable_by_key(|(_, offset)| *offset);
    let mut batch = Vec::new();
    let mut batch_bytes = 0;
    for (hash, offset) in places {
        if control.is_cancelled() {
            return Err(RepoError::Cancelled);
        }
        match pack.read(offset, committed, &hash) {
            Ok(data) => {
                batch_bytes += data.len();
                batch.push((hash, offset, data));
            }
            Err(error) => {
                found.blocks += 1;
                found.bad.push(bad(&hash, &place, described(&error)));
                doomed.push((id, Key::of(&hash), offset));
            }
        }
        if batch_bytes >= BATCH_BYTES {
            check_batch(shared, id, &place, &mut batch, control, found, doomed);
            batch_bytes = 0;
        }
    }
    check_batch(shared, id, &place, &mut batch, control, found, doomed);
    Ok(())
}

type Read = (Multihash, u64, bytes::Bytes);

fn check_batch(
    shared: &Shared,
    id: PackId,
    place: &std::path::Path,
    batch: &mut Vec<Read>,
    control: &Control,
    found: &mut Verified,
    doomed: &mut Vec<Doomed>,
) {
    let blocks: Vec<_> = batch.iter().map(|(hash, _, data)| (hash, &data[..])).collect();
    let whole = hash_all(shared.options.threads, &blocks);
    for ((hash, offset, data), is_whole) in batch.drain(..).zip(whole) {
        found.blocks += 1;
        control.add_bytes(data.len());
        if is_whole {
            found.bytes += data.len() as u64;
        } else {
            let reason = "its bytes do not have its hash".to_owned();
            found.bad.push(bad(&hash, place, reason));
            doomed.push((id, Key::of(&hash), offset));
        }
    }
}

fn bad(hash: &Multihash, place: &std::path::Path, reason: String) -> Bad {
    let cid = Some(Cid::new_v1(codec::RAW, *hash));
    Bad { cid, place: place.to_owned(), reason }
}

/// The blocks of a pack that count.
fn places_of(
    shared: &Shared,
    entry: &Entry,
    pack: &Pack,
) -> Result<Vec<(Multihash, u64)>, RepoError> {
    if entry.slot.sealed {
        let numbered = (0_u32..).zip(pack.entries());
        let alive = numbered.filter(|(at, _)| !entry.is_dead(*at));
        return Ok(alive.map(|(_, place)| place).collect());
    }
    let Some(catalogue) = &shared.catalogue else { return Ok(Vec::new()) };
    let rows = catalogue.read(|transaction| rows_of(transaction, entry.slot.id))?;
    let all = rows.iter().flat_map(|row| entries(row));
    Ok(all.filter_map(|(key, offset)| Some((key.hash()?, offset))).collect())
}

/// Takes places out of the index; whatever relied on them finds them missing.
fn drop_places(shared: &Shared, doomed: &[Doomed]) -> Result<(), RepoError> {
    let mut removal = Removal::begin(&shared.folder)?;
    shared.writable()?.write(|transaction| {
        removal.announce()?;
        let mut packs: Vec<PackId> = doomed.iter().map(|(id, ..)| *id).collect();
        packs.sort_unstable();
        packs.dedup();
        for id in packs {
            let number = id.as_u64().cast_signed();
            let offsets: std::collections::HashSet<u64> = doomed
                .iter()
                .filter(|(of, ..)| *of == id)
                .map(|(_, _, offset)| *offset)
                .collect();
            for (seq, row) in numbered_rows(transaction, number)? {
                let mut kept = Vec::with_capacity(row.len());
                for (key, offset) in entries(&row) {
                    if !offsets.contains(&offset) {
                        push_entry(&key, offset, &mut kept);
                    }
                }
                transaction
                    .prepare_cached("UPDATE segment SET entries = ?2 WHERE seq = ?1")?
                    .execute((seq, kept))?;
            }
            let Ok(Some(pack)) = Pack::open(&shared.packs, id) else { continue };
            let find = "SELECT dead FROM pack WHERE id = ?1";
            let dead: Option<Vec<u8>> = transaction
                .prepare_cached(find)?
                .query_row([number], |row| row.get(0))?;
            let mut dead = dead.unwrap_or_default();
            if pack.is_sealed() {
                dead.resize(pack.len().div_ceil(8), 0);
            }
            for (at, (_, offset)) in pack.entries().enumerate() {
                if offsets.contains(&offset) {
                    dead[at / 8] |= 1 << (at % 8);
                }
            }
            transaction
                .prepare_cached(
                    "UPDATE pack SET dead = ?2, dead_blocks = dead_blocks + ?3
                     WHERE id = ?1",
                )?
                .execute((number, dead, i64::try_from(offsets.len()).unwrap_or(0)))?;
        }
        count_up(transaction, "removals")?;
        count_up(transaction, "layout")?;
        Ok(())
    })?;
    shared.reload()?;
    drop(removal);
    Ok(())
}

fn numbered_rows(
    transaction: &rusqlite::Transaction<'_>,
    pack: i64,
) -> Result<Vec<(i64, Vec<u8>)>, RepoError> {
    let rows = "SELECT seq, entries FROM segment WHERE pack = ?1";
    let mut statement = transaction.prepare_cached(rows)?;
    let rows = statement.query_map([pack], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
