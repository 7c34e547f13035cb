//! Blocks in place: bytes that lie in files of the user's.
//!
//! Such a file may change or go at any time, so it is never mapped, every block is copied
//! out and hashed each time it is read, and a block that no longer matches is an error that
//! names the file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ipfs_kit_cid::{Cid, codec, multihash_from_bytes};
use ipfs_kit_hash::{Hasher, Multihash};
use ipfs_kit_unixfs::Control;
use rusqlite::{OptionalExtension, Transaction};

use crate::RepoError;
use crate::catalogue::count_up;
use crate::key::Key;
use crate::session::Stamp;
use crate::shared::Shared;
use crate::verify::{Bad, Verified};

/// A block that is to be committed in place.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) key: Key,
    pub(crate) path: PathBuf,
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

/// Where a block lies: its file, its first byte, and how many.
type Place = (PathBuf, u64, u64);

fn find(shared: &Shared, hash: &Multihash) -> Result<Option<Place>, RepoError> {
    let Some(catalogue) = &shared.catalogue else { return Ok(None) };
    if !shared.view().has_references {
        return Ok(None);
    }
    let found = catalogue.read(|transaction| {
        let mut statement = transaction.prepare_cached(
            "SELECT path, start, reference.bytes FROM reference
             JOIN file ON file.id = reference.file WHERE hash = ?1",
        )?;
        let place = statement.query_row([hash.to_bytes()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        Ok(place.optional()?)
    })?;
    Ok(found.map(|(path, start, bytes)| {
        (path_from_bytes(path), start.cast_unsigned(), bytes.cast_unsigned())
    }))
}

/// The same inside a transaction.
pub(crate) fn is_named(
    transaction: &Transaction<'_>,
    hash: &Multihash,
) -> Result<bool, RepoError> {
    let find = "SELECT EXISTS (SELECT 1 FROM reference WHERE hash = ?1)";
    let mut statement = transaction.prepare_cached(find)?;
    Ok(statement.query_row([hash.to_bytes()], |row| row.get(0))?)
}

/// Whether a file is known to have the block.
pub(crate) fn has(shared: &Shared, hash: &Multihash) -> Result<bool, RepoError> {
    Ok(find(shared, hash)?.is_some())
}

/// Whether a file has the block, and has not changed.
pub(crate) fn is_whole(shared: &Shared, cid: &Cid) -> Result<bool, RepoError> {
    match read(shared, cid) {
        Ok(found) => Ok(found.is_some()),
        Err(RepoError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads a block out of its file, and makes sure of it.
pub(crate) fn read(shared: &Shared, cid: &Cid) -> Result<Option<Bytes>, RepoError> {
    let Some((path, start, bytes)) = find(shared, cid.hash())? else { return Ok(None) };
    copy_verified(&path, start, bytes, cid).map(Some)
}

/// The same for a block that is not committed yet.
pub(crate) fn read_from(reference: &Reference, cid: &Cid) -> Result<Bytes, RepoError> {
    copy_verified(&reference.path, reference.start, reference.bytes, cid)
}

fn copy_verified(
    path: &Path,
    start: u64,
    bytes: u64,
    cid: &Cid,
) -> Result<Bytes, RepoError> {
    let damaged = |reason: String| RepoError::Damaged {
        cid: Box::new(*cid),
        place: path.to_owned(),
        reason,
    };
    let data = copy(path, start, bytes).map_err(|error| {
        damaged(format!("the file it was added from cannot be read: {error}"))
    })?;
    if Hasher::verify(cid.hash(), &data)? {
        return Ok(data.into());
    }
    Err(damaged("the file it was added from has changed: add it again".to_owned()))
}

fn copy(path: &Path, start: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
    let mut data = vec![0; bytes];
    read_exact_at(&file, &mut data, start)?;
    Ok(data)
}

/// Reads that many bytes, or fails.
pub(crate) fn read_exact_at(file: &File, data: &mut [u8], start: u64) -> io::Result<()> {
    let mut have = 0;
    while have < data.len() {
        match read_at(file, &mut data[have..], start + have as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => have += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// Writes references down; a block that had another place gets this one.
pub(crate) fn insert<'a>(
    transaction: &Transaction<'_>,
    references: impl Iterator<Item = &'a Reference>,
    Stamp { seq, time }: Stamp,
) -> Result<(), RepoError> {
    let mut add_file =
        transaction.prepare_cached("INSERT OR IGNORE INTO file (path) VALUES (?1)")?;
    let mut find_file =
        transaction.prepare_cached("SELECT id FROM file WHERE path = ?1")?;
    let mut add = transaction.prepare_cached(
        "INSERT OR REPLACE INTO reference VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut last: Option<(&Path, i64)> = None;
    for reference in references {
        let id = match last {
            Some((path, id)) if path == reference.path => id,
            _ => {
                let path = reference.path.as_os_str().as_encoded_bytes();
                add_file.execute([path])?;
                find_file.query_row([path], |row| row.get(0))?
            }
        };
        last = Some((&reference.path, id));
        let mut hash = Vec::with_capacity(40);
        reference.key.write(&mut hash);
        let (start, bytes) =
            (reference.start.cast_signed(), reference.bytes.cast_signed());
        add.execute((hash, id, start, bytes, seq, time))?;
    }
    Ok(())
}

#[cfg(unix)]
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_from_bytes(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// Looks at every block in place.
pub(crate) fn verify(
    shared: &Shared,
    control: &Control,
    found: &mut Verified,
) -> Result<(), RepoError> {
    for hash in all(shared)? {
        if control.is_cancelled() {
            return Err(RepoError::Cancelled);
        }
        let cid = Cid::new_v1(codec::RAW, hash);
        found.blocks += 1;
        match read(shared, &cid) {
            Ok(data) => {
                let bytes = data.map_or(0, |data| data.len());
                found.bytes += bytes as u64;
                control.add_bytes(bytes);
            }
            Err(RepoError::Damaged { place, reason, .. }) => {
                found.bad.push(Bad { cid: Some(cid), place, reason });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Forgets the places of bad blocks in files.
pub(crate) fn drop_bad(shared: &Shared, bad: &[Bad]) -> Result<(), RepoError> {
    shared.writable()?.write(|transaction| {
        let mut delete = transaction.prepare_cached(
            "DELETE FROM reference WHERE hash = ?1
             AND file IN (SELECT id FROM file WHERE path = ?2)",
        )?;
        for Bad { cid, place, .. } in bad {
            let Some(cid) = cid else { continue };
            let place = place.as_os_str().as_encoded_bytes();
            delete.execute((cid.hash().to_bytes(), place))?;
        }
        count_up(transaction, "removals")?;
        count_up(transaction, "layout")?;
        Ok(())
    })?;
    shared.reload()
}

/// The hashes of all blocks in place.
pub(crate) fn all(shared: &Shared) -> Result<Vec<Multihash>, RepoError> {
    let Some(catalogue) = &shared.catalogue else { return Ok(Vec::new()) };
    catalogue.read(|transaction| {
        let mut statement = transaction.prepare_cached("SELECT hash FROM reference")?;
        let rows = statement.query_map((), |row| row.get::<_, Vec<u8>>(0))?;
        let hashes: Result<Vec<_>, _> = rows.collect();
        Ok(hashes?.iter().filter_map(|hash| multihash_from_bytes(hash).ok()).collect())
    })
}
