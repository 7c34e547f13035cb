//! Making the index anew from the packs, when it is lost or damaged.
//!
//! Pins and the root of the mutable files are taken over from the old index as far as it can
//! be read. Where it cannot, every root is pinned: a block that no other block links to, so
//! that nothing is collected which may have been pinned.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use ipfs_kit_cid::codec;
use ipfs_kit_dag::links;
use ipfs_kit_hash::Hasher;
use ipfs_kit_pack::{Claim, Folder as Packs, Pack, PackError, PackId, reindex, scan_end};
use ipfs_kit_unixfs::Control;
use rusqlite::{Connection, OpenFlags, Transaction};

use crate::catalogue::{Access, Catalogue, count_up};
use crate::folder::{Folder, sync_folder};
use crate::key::{Key, push_entry};
use crate::lease::Removal;
use crate::mark::first_missing;
use crate::names::{self, NameRow};
use crate::session::{Stamp, insert_row};
use crate::{Options, RepoError, Repository, Writing};

/// What a rebuild found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Packs in the new index.
    pub packs: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Pins that the old index still had.
    pub pins_kept: u64,
    /// Roots that were pinned because the old index could not be read.
    pub roots_pinned: u64,
    /// Packs that could not be read to their end, and where.
    pub damaged: Vec<String>,
}

/// What the index is marked with until all roots are pinned.
const LACKS_PINS: &str = "lacks-pins";

/// A row of the old index: CID, whether recursive, name.
type OldPin = (Vec<u8>, bool, Option<String>);

#[derive(Debug, Default)]
struct Salvaged {
    pins: Vec<OldPin>,
    roots: Vec<(String, Vec<u8>)>,
    names: Vec<NameRow>,
    /// Whether it was rebuilt itself, and that was cut off.
    lacks_pins: bool,
}

impl Repository {
    /// Makes the index of the repository in a folder anew. Nobody may be writing to it.
    pub fn rebuild(
        path: impl AsRef<Path>,
        options: &Options,
        control: &Control,
    ) -> Result<Rebuilt, RepoError> {
        let root = std::path::absolute(path.as_ref())
            .map_err(RepoError::io("find", path.as_ref()))?;
        let folder = Folder::new(&root);
        if !folder.own().is_dir() {
            return Err(RepoError::NotFound { path: root });
        }
        folder.create().map_err(|error| match error {
            RepoError::Io { source, .. } if is_refused(&source) => {
                RepoError::ReadOnly { path: root.clone() }
            }
            error => error,
        })?;
        let packs = Packs::create(folder.packs())?;
        let removal = Removal::begin(&folder)?;
        if !removal.leases(&folder)?.is_empty() {
            let what = "is writing to it";
            return Err(RepoError::Busy { path: root, what });
        }
        refuse_newer(&folder)?;
        let (index, fresh) = (folder.index(), folder.index().with_extension("db.new"));
        // One that was to take the old one's place, as its rebuild was cut off, has it all.
        let salvaged = salvage(if index.exists() { &index } else { &fresh });
        let pins_all = salvaged.as_ref().is_none_or(|old| old.lacks_pins);
        remove_index(&fresh)?;
        let mut rebuilt = Rebuilt::default();
        {
            let catalogue = Catalogue::open(&root, &fresh, Access::Create)?;
            for id in packs.packs()? {
                if control.is_cancelled() {
                    return Err(RepoError::Cancelled);
                }
                add_pack(&packs, &catalogue, id, &mut rebuilt)?;
            }
            if let Some(salvaged) = &salvaged {
                catalogue.write(|transaction| restore(transaction, salvaged))?;
                rebuilt.pins_kept = salvaged.pins.len() as u64;
            }
            if pins_all {
                catalogue.write(|transaction| {
                    let note = "INSERT INTO meta VALUES (?1, 1)";
                    transaction.execute(note, [LACKS_PINS])?;
                    Ok(())
                })?;
            }
            catalogue.checkpoint()?;
        }
        replace_index(&folder, &fresh)?;
        drop(removal);
        let writing = Writing::Existing;
        let repository = Self::open(&root, Options { writing, ..options.clone() })?;
        if pins_all {
            rebuilt.roots_pinned = pin_roots(&repository, control)?;
            repository.shared()?.writable()?.write(|transaction| {
                transaction.execute("DELETE FROM meta WHERE key = ?1", [LACKS_PINS])?;
                Ok(())
            })?;
        }
        Ok(rebuilt)
    }
}

/// Whether a folder cannot be written at all.
fn is_refused(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

/// Refuses to collect by an index whose rebuild was cut off before it had all pins.
pub(crate) fn refuse_without_pins(
    transaction: &Transaction<'_>,
    index: &Path,
) -> Result<(), RepoError> {
    if !lacks_pins(transaction)? {
        return Ok(());
    }
    let reason = "was being rebuilt, and that did not come to its end".to_owned();
    Err(RepoError::IndexDamaged { path: index.to_owned(), reason })
}

fn lacks_pins(connection: &Connection) -> rusqlite::Result<bool> {
    let find = "SELECT EXISTS (SELECT 1 FROM meta WHERE key = ?1)";
    connection.query_row(find, [LACKS_PINS], |row| row.get(0))
}

/// What a newer version wrote down and this one does not know would be lost.
fn refuse_newer(folder: &Folder) -> Result<(), RepoError> {
    match Catalogue::open(&folder.root, &folder.index(), Access::Write) {
        Err(newer @ RepoError::Newer { .. }) => Err(newer),
        _ => Ok(()),
    }
}

/// Reads what only the index knows; `None` if it cannot be read whole.
fn salvage(path: &Path) -> Option<Salvaged> {
    if !path.exists() {
        return None;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    let mut pins = connection.prepare("SELECT cid, recursive, name FROM pin").ok()?;
    let pins: Result<_, _> = pins
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .ok()?
        .collect();
    let mut roots = connection.prepare("SELECT name, cid FROM root").ok()?;
    let roots: Result<_, _> =
        roots.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).ok()?.collect();
    let lacks_pins = lacks_pins(&connection).ok()?;
    let names = names::all(&connection).ok()?;
    Some(Salvaged { pins: pins.ok()?, roots: roots.ok()?, names, lacks_pins })
}

fn restore(transaction: &Transaction<'_>, old: &Salvaged) -> Result<(), RepoError> {
    for (cid, recursive, name) in &old.pins {
        let Some(parsed) = crate::roots::cid_of(cid) else { continue };
        let key = ipfs_kit_cid::to_v1(&parsed).to_bytes();
        transaction
            .prepare_cached("INSERT OR REPLACE INTO pin VALUES (?1, ?2, ?3, ?4, 0)")?
            .execute((key, cid, recursive, name))?;
    }
    for (name, cid) in &old.roots {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO root VALUES (?1, ?2)")?
            .execute((name, cid))?;
    }
    names::restore(transaction, &old.names)
}

/// Puts a pack into the new index, as far as it can be read.
fn add_pack(
    packs: &Packs,
    catalogue: &Catalogue,
    id: PackId,
    rebuilt: &mut Rebuilt,
) -> Result<(), RepoError> {
    if packs.has_index(id) {
        match usable(packs, id) {
            Ok(Some((blocks, bytes))) => {
                catalogue.write(|transaction| {
                    let seq = count_up(transaction, "commits")?;
                    transaction
                        .prepare_cached(
                            "INSERT INTO pack (id, sealed, bytes, blocks, seq, time)
                             VALUES (?1, 1, ?2, ?3, ?4, ?5)",
                        )?
                        .execute((
                            id.as_u64().cast_signed(),
                            bytes.cast_signed(),
                            i64::try_from(blocks).unwrap_or(i64::MAX),
                            seq,
                            now(),
                        ))?;
                    Ok(())
                })?;
                rebuilt.packs += 1;
                rebuilt.blocks += blocks as u64;
            }
            Ok(None) => {}
            Err(error) => rebuilt.damaged.push(format!("pack {id}: {error}")),
        }
        return Ok(());
    }
    let Some(_claim) = Claim::take(packs, id)? else { return Ok(()) };
    let end = match scan_end(packs, id) {
        Ok(Some(end)) => end,
        Ok(None) => return Ok(()),
        Err(PackError::Damaged { .. }) => {
            rebuilt.damaged.push(format!("pack {id}: it does not begin as packs do"));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let Some(pack) = Pack::open(packs, id)? else { return Ok(()) };
    let (mut row, mut blocks) = (Vec::new(), 0);
    for section in pack.scan(end) {
        let (offset, cid, _) = section?;
        push_entry(&Key::of(cid.hash()), offset, &mut row);
        blocks += 1;
    }
    if blocks == 0 {
        return Ok(());
    }
    catalogue.write(|transaction| {
        let stamp = Stamp { seq: count_up(transaction, "commits")?, time: now() };
        insert_row(transaction, id, end, blocks, stamp, &row)
    })?;
    rebuilt.packs += 1;
    rebuilt.blocks += blocks as u64;
    Ok(())
}

/// Blocks and bytes of a sealed pack, whose index is made anew if it is damaged.
fn usable(packs: &Packs, id: PackId) -> Result<Option<(usize, u64)>, PackError> {
    let opened = Pack::open(packs, id).and_then(|pack| match pack {
        Some(pack) => pack.check_index().map(|()| Some(pack)),
        None => Ok(None),
    });
    let pack = match opened {
        Err(PackError::Index { .. }) => {
            reindex(packs, id)?;
            Pack::open(packs, id)?
        }
        opened => opened?,
    };
    Ok(pack.map(|pack| (pack.len(), pack.file_bytes())))
}

/// Pins every block that no other links to; alone where what it links to is not here.
fn pin_roots(repository: &Repository, control: &Control) -> Result<u64, RepoError> {
    let shared = repository.shared()?;
    let (mut linked, mut found) = (HashSet::new(), Vec::new());
    let packs = shared.view().packs.clone();
    for entry in packs {
        let Some(pack) = entry.slot.pack(&shared.packs)? else { continue };
        // What is damaged further on is for `verify` to tell.
        for (_, cid, data) in pack.scan(entry.slot.committed()).map_while(Result::ok) {
            if control.is_cancelled() {
                return Err(RepoError::Cancelled);
            }
            if cid.codec() != codec::RAW && Hasher::verify(cid.hash(), &data)? {
                let below = links(&cid, &data).unwrap_or_default();
                linked.extend(below.iter().map(|cid| Key::of(cid.hash())));
            }
            found.push(cid);
        }
    }
    let mut pinned = 0;
    for cid in found.into_iter().filter(|cid| !linked.contains(&Key::of(cid.hash()))) {
        let whole = first_missing(repository, &cid, control).is_ok_and(|at| at.is_none());
        let kind = if whole { crate::PinKind::Recursive } else { crate::PinKind::Direct };
        // A block that is stored twice is found twice; one that is damaged is not pinned.
        if repository.pin(&cid, kind, Some("rebuilt"), control).is_ok() {
            pinned += 1;
        }
    }
    Ok(pinned)
}

fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn remove_index(path: &Path) -> Result<(), RepoError> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let path = PathBuf::from(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(RepoError::io("remove", &path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Puts the new index in the place of the old one, whose log must not be taken for its own.
fn replace_index(folder: &Folder, fresh: &Path) -> Result<(), RepoError> {
    let index = folder.index();
    remove_index(&index)?;
    sync_folder(&folder.own())?;
    fs::rename(fresh, &index).map_err(RepoError::io("rename to", &index))?;
    sync_folder(&folder.own())
}
