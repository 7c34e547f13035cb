//! Reading blocks: from packs as views of the mapped file, from files of the user's as copies.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_dag::{BlockSource, DagError};
use ipfs_kit_hash::sha256::Kernel;
use ipfs_kit_hash::{Code, Hasher, Message, Multihash};
use ipfs_kit_pack::{Key as Place, Pack};

use crate::error::described;
use crate::repository::VerifyReads;
use crate::shared::{LOOKS, Shared};
use crate::view::Location;
use crate::{RepoError, references};

/// Bytes worth hashing on a thread of their own.
const THREAD_BYTES: usize = 1 << 20;
/// Messages hashed at once: twice the lanes of the widest kernel.
const LANES: usize = 32;

/// A block found in a pack, before it is known to be whole.
struct Found {
    data: Bytes,
    pack: Arc<Pack>,
    place: Place,
}

impl Found {
    fn needs_check(&self, shared: &Shared) -> bool {
        match shared.options.verify {
            VerifyReads::Always => true,
            VerifyReads::First => !self.pack.is_verified(self.place),
            VerifyReads::Never => false,
        }
    }
}

/// Reads a block.
pub(crate) fn get(shared: &Shared, cid: &Cid) -> Result<Option<Bytes>, RepoError> {
    let hash = cid.hash();
    if hash.code() == Code::Identity.code() {
        return Ok(Some(Bytes::copy_from_slice(hash.digest())));
    }
    // Damage is reported only if no other place has the block whole.
    let mut damage = None;
    let (mut skip, mut looks) = (0, 0);
    while let Some(location) = shared.locate(hash, skip)? {
        skip += 1;
        let found = match open(shared, &location, cid) {
            Ok(Some(found)) => found,
            // The pack was moved or removed by another: the block may be elsewhere now.
            Ok(None) if looks < LOOKS => {
                shared.refresh()?;
                (skip, looks) = (0, looks + 1);
                continue;
            }
            Ok(None) => {
                damage = Some(RepoError::PackLost { id: location.slot.id });
                continue;
            }
            Err(error) => {
                damage = Some(error);
                continue;
            }
        };
        if !found.needs_check(shared) {
            return Ok(Some(found.data));
        }
        if Hasher::verify(hash, &found.data)? {
            found.pack.set_verified(found.place);
            return Ok(Some(found.data));
        }
        damage = Some(mismatch(shared, cid, &location));
    }
    match references::read(shared, cid) {
        Ok(Some(data)) => Ok(Some(data)),
        Ok(None) => damage.map_or(Ok(None), Err),
        Err(error) => Err(damage.unwrap_or(error)),
    }
}

/// Reads a block of a pack as the view has it at this moment, for who holds the catalogue.
pub(crate) fn get_here(shared: &Shared, cid: &Cid) -> Result<Option<Bytes>, RepoError> {
    if cid.hash().code() == Code::Identity.code() {
        return Ok(Some(Bytes::copy_from_slice(cid.hash().digest())));
    }
    let found = shared.view().find(&shared.packs, cid.hash(), 0);
    let Some(location) = found? else { return Ok(None) };
    let Some(found) = open(shared, &location, cid)? else { return Ok(None) };
    if found.needs_check(shared) {
        if !Hasher::verify(cid.hash(), &found.data)? {
            return Err(mismatch(shared, cid, &location));
        }
        found.pack.set_verified(found.place);
    }
    Ok(Some(found.data))
}

/// Tells whether a pack has a block, for who holds the catalogue.
pub(crate) fn has_here(shared: &Shared, cid: &Cid) -> Result<bool, RepoError> {
    let found = shared.view().find(&shared.packs, cid.hash(), 0);
    Ok(cid.hash().code() == Code::Identity.code() || found?.is_some())
}

/// Reads blocks; those not yet known to be whole are hashed side by side.
pub(crate) fn get_many(
    shared: &Shared,
    cids: &[Cid],
) -> Result<Vec<Option<Bytes>>, RepoError> {
    let mut blocks: Vec<Option<Bytes>> = vec![None; cids.len()];
    let mut unchecked: Vec<(usize, Found)> = Vec::new();
    let mut others = Vec::new();
    for (at, cid) in cids.iter().enumerate() {
        let usual = cid.hash().code() != Code::Identity.code();
        let location =
            if usual { shared.locate(cid.hash(), 0).ok().flatten() } else { None };
        match location.map(|location| open(shared, &location, cid)) {
            Some(Ok(Some(found))) if found.needs_check(shared) => {
                unchecked.push((at, found));
            }
            Some(Ok(Some(found))) => blocks[at] = Some(found.data),
            _ => others.push(at),
        }
    }
    let whole = verify_many(shared, cids, &unchecked);
    for ((at, found), is_whole) in unchecked.into_iter().zip(whole) {
        if is_whole {
            found.pack.set_verified(found.place);
            blocks[at] = Some(found.data);
        } else {
            others.push(at);
        }
    }
    // What is not so simple goes the long way: other places, files, errors that say which.
    for at in others {
        blocks[at] = get(shared, &cids[at])?;
    }
    Ok(blocks)
}

/// Tells whether a block is in the view, or a file.
pub(crate) fn has(shared: &Shared, cid: &Cid) -> Result<bool, RepoError> {
    let hash = cid.hash();
    Ok(hash.code() == Code::Identity.code()
        || shared.locate(hash, 0)?.is_some()
        || references::has(shared, hash)?)
}

/// The block's bytes as they lie in the pack; `None` if the pack went away since.
fn open(
    shared: &Shared,
    location: &Location,
    cid: &Cid,
) -> Result<Option<Found>, RepoError> {
    let Some(pack) = location.slot.pack(&shared.packs)? else { return Ok(None) };
    let place = location.ordinal.map_or(Place::Offset(location.offset), Place::Ordinal);
    let committed = location.slot.committed();
    match pack.read(location.offset, committed, cid.hash()) {
        Ok(data) => Ok(Some(Found { data, pack: Arc::clone(pack), place })),
        Err(error) => Err(RepoError::Damaged {
            cid: Box::new(*cid),
            place: place_of(shared, location),
            reason: described(&error),
        }),
    }
}

fn place_of(shared: &Shared, location: &Location) -> PathBuf {
    shared.packs.pack_path(location.slot.id)
}

fn mismatch(shared: &Shared, cid: &Cid, location: &Location) -> RepoError {
    let place = place_of(shared, location);
    let reason = "its bytes do not have its hash".to_owned();
    RepoError::Damaged { cid: Box::new(*cid), place, reason }
}

/// Which of the blocks have their hashes.
fn verify_many(shared: &Shared, cids: &[Cid], found: &[(usize, Found)]) -> Vec<bool> {
    let blocks: Vec<(&Multihash, &[u8])> =
        found.iter().map(|(at, found)| (cids[*at].hash(), &found.data[..])).collect();
    hash_all(shared.options.threads, &blocks)
}

/// Which of the blocks have these hashes; a hash that cannot be computed counts as wrong.
pub fn hash_all(threads: usize, blocks: &[(&Multihash, &[u8])]) -> Vec<bool> {
    let bytes: usize = blocks.iter().map(|(_, data)| data.len()).sum();
    let groups = blocks.len() / Kernel::best().group();
    let threads = threads.min(bytes / THREAD_BYTES).min(groups).max(1);
    let share = blocks.len().div_ceil(threads).max(1);
    let mut shares = blocks.chunks(share);
    let Some(first) = shares.next() else { return Vec::new() };
    thread::scope(|scope| {
        let others: Vec<_> =
            shares.map(|share| scope.spawn(move || hash_share(share))).collect();
        let mut whole = hash_share(first);
        for (other, share) in others.into_iter().zip(blocks.chunks(share).skip(1)) {
            // A panic is no proof of anything.
            whole.extend(other.join().unwrap_or_else(|_| vec![false; share.len()]));
        }
        whole
    })
}

fn hash_share(blocks: &[(&Multihash, &[u8])]) -> Vec<bool> {
    let mut whole = Vec::with_capacity(blocks.len());
    let mut hashes = Vec::with_capacity(LANES);
    for some in blocks.chunks(LANES) {
        let usual = Hasher::new(Code::Sha2_256);
        let is_usual = |hash: &Multihash| hash.code() == Code::Sha2_256.code();
        if some.iter().all(|(hash, _)| is_usual(hash)) {
            let messages: Vec<Message<'_>> =
                some.iter().map(|(_, data)| Message::from(*data)).collect();
            hashes.clear();
            if usual.hash_many(&messages, &mut hashes).is_ok() {
                whole.extend(
                    some.iter().zip(&hashes).map(|((hash, _), found)| *hash == found),
                );
                continue;
            }
        }
        let check = |(hash, data): &(&Multihash, &[u8])| {
            Hasher::verify(hash, data).unwrap_or(false)
        };
        whole.extend(some.iter().map(check));
    }
    whole
}

impl BlockSource for Shared {
    fn get(&self, cid: &Cid) -> Result<Option<Bytes>, DagError> {
        Ok(get(self, cid)?)
    }

    fn get_many(&self, cids: &[Cid]) -> Result<Vec<Option<Bytes>>, DagError> {
        Ok(get_many(self, cids)?)
    }

    fn has(&self, cid: &Cid) -> Result<bool, DagError> {
        Ok(has(self, cid)?)
    }
}
