//! Pins: roots that stay, with all below them or alone.

use std::collections::HashSet;

use ipfs_kit_cid::{Cid, to_v1};
use ipfs_kit_dag::BlockSource;
use ipfs_kit_unixfs::Control;
use rusqlite::{OptionalExtension, Row, Transaction};

use crate::mark::{Marks, Missing, first_missing};
use crate::reserve::with_room;
use crate::roots::{cid_of, kept};
use crate::{RepoError, Repository, Session, read};

/// What a pin keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PinKind {
    /// The block and all below it.
    Recursive,
    /// The block alone.
    Direct,
}

/// A pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What is pinned, as it was given.
    pub cid: Cid,
    /// How.
    pub kind: PinKind,
    /// What it is called, if anything.
    pub name: Option<String>,
}

/// How a block is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pinned {
    /// By itself.
    By(Pin),
    /// It lies below this root.
    Below(Cid),
}

/// Both versions of a CID are one pin.
fn key_of(cid: &Cid) -> Vec<u8> {
    to_v1(cid).to_bytes()
}

impl Session {
    /// Commits, and pins roots, all of them or none; one that is pinned in this way already
    /// stays so, and takes the new name if one is given.
    ///
    /// Everything that the pins keep must be here, or be taken by this session.
    pub fn commit_pins(
        &self,
        cids: &[Cid],
        kind: PinKind,
        name: Option<&str>,
        control: &Control,
    ) -> Result<(), RepoError> {
        for cid in cids {
            self.secure(cid, kind, control)?;
        }
        let now = self.now();
        self.commit_with(|transaction| {
            cids.iter().try_for_each(|cid| insert(transaction, cid, kind, name, now))
        })
    }

    /// Commits, and pins a root that this session has taken with all below it, as an import
    /// gives it: nothing is looked for again.
    pub fn commit_added(&self, cid: &Cid, name: Option<&str>) -> Result<(), RepoError> {
        let now = self.now();
        let kind = PinKind::Recursive;
        self.commit_with(|transaction| insert(transaction, cid, kind, name, now))
    }

    /// Commits, and makes one pin of another: the new root is pinned, the old one is not.
    pub fn commit_pin_update(
        &self,
        old: &Cid,
        new: &Cid,
        unpin: bool,
        control: &Control,
    ) -> Result<(), RepoError> {
        self.secure(new, PinKind::Recursive, control)?;
        let now = self.now();
        self.commit_with(|transaction| {
            let pin = find(transaction, old)?;
            let Some(Pin { kind: PinKind::Recursive, name, .. }) = pin else {
                let how = " recursively";
                return Err(RepoError::NotPinned { cid: Box::new(*old), how });
            };
            if unpin && key_of(old) != key_of(new) {
                delete(transaction, old)?;
            }
            let kind = PinKind::Recursive;
            insert(transaction, new, kind, name.as_deref(), now)
        })
    }

    /// Makes sure of what a pin keeps, from now to the commit.
    fn secure(
        &self,
        cid: &Cid,
        kind: PinKind,
        control: &Control,
    ) -> Result<(), RepoError> {
        match kind {
            PinKind::Recursive => {
                self.lock().note_roots(std::iter::once(cid))?;
                match first_missing(self, cid, control)? {
                    Some(missing) => Err(RepoError::missing(&missing)),
                    None => Ok(()),
                }
            }
            PinKind::Direct => {
                self.lock().note_block(cid)?;
                if self.has(cid)? { Ok(()) } else { Err(RepoError::missing(cid)) }
            }
        }
    }
}

impl Repository {
    /// Pins a root whose blocks are here.
    pub fn pin(
        &self,
        cid: &Cid,
        kind: PinKind,
        name: Option<&str>,
        control: &Control,
    ) -> Result<(), RepoError> {
        self.session()?.commit_pins(std::slice::from_ref(cid), kind, name, control)
    }

    /// Removes a pin; its blocks stay until they are collected.
    pub fn unpin(&self, cid: &Cid, kind: PinKind) -> Result<(), RepoError> {
        let shared = self.shared()?;
        let remove = |transaction: &Transaction<'_>| match find(transaction, cid)? {
            // As in Kubo, removing a recursive pin removes a direct one as well.
            Some(pin) if pin.kind == kind || kind == PinKind::Recursive => {
                delete(transaction, cid)
            }
            Some(_) => {
                let how = "is pinned recursively: remove that pin";
                Err(RepoError::PinConflict { cid: Box::new(*cid), how })
            }
            None => Err(RepoError::NotPinned { cid: Box::new(*cid), how: "" }),
        };
        with_room(&shared.folder, || shared.writable()?.write(remove))
    }

    /// The pin of this very CID.
    pub fn find_pin(&self, cid: &Cid) -> Result<Option<Pin>, RepoError> {
        let shared = self.shared()?;
        let Some(catalogue) = &shared.catalogue else { return Ok(None) };
        catalogue.read(|transaction| find(transaction, cid))
    }

    /// How a block is pinned, by itself or below which root; `None` if it is not.
    ///
    /// Reads DAGs from their roots until it comes upon the block.
    pub fn pinned(
        &self,
        cid: &Cid,
        control: &Control,
    ) -> Result<Option<Pinned>, RepoError> {
        if let Some(pin) = self.find_pin(cid)? {
            return Ok(Some(Pinned::By(pin)));
        }
        let key = crate::key::Key::of(cid.hash());
        let mut marks = Marks::default();
        for root in self.kept_roots(true)? {
            self.follow(&mut marks, &root, control)?;
            if marks.contains(&key) {
                return Ok(Some(Pinned::Below(root)));
            }
        }
        Ok(None)
    }

    /// Pins in the order of their keys, at most `limit` of them behind a given one.
    pub fn pins(&self, after: Option<&Cid>, limit: usize) -> Result<Vec<Pin>, RepoError> {
        let shared = self.shared()?;
        let Some(catalogue) = &shared.catalogue else { return Ok(Vec::new()) };
        let after = after.map_or_else(Vec::new, key_of);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        catalogue.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT cid, recursive, name FROM pin WHERE key > ?1 ORDER BY key LIMIT ?2",
            )?;
            let rows = statement.query_map((after, limit), pin_of)?;
            let pins: Result<Vec<_>, _> = rows.collect();
            Ok(pins?.into_iter().flatten().collect())
        })
    }

    /// Blocks that are pinned only because they lie below a recursive pin, each once.
    pub fn indirect_pins(
        &self,
        control: &Control,
        mut each: impl FnMut(Cid) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let roots = self.kept_roots(false)?;
        let pinned: HashSet<Vec<u8>> = {
            let shared = self.shared()?;
            let Some(catalogue) = &shared.catalogue else { return Ok(()) };
            catalogue.read(|transaction| {
                let all = [kept_pins(transaction)?, crate::roots::direct(transaction)?];
                Ok(all.concat().iter().map(key_of).collect())
            })?
        };
        let mut seen = HashSet::new();
        let mut ahead: Vec<Cid> = roots;
        ahead.reverse();
        while let Some(cid) = ahead.pop() {
            if control.is_cancelled() {
                return Err(RepoError::Cancelled);
            }
            if !seen.insert(key_of(&cid)) {
                continue;
            }
            if !pinned.contains(&key_of(&cid)) {
                each(cid)?;
            }
            if cid.codec() != ipfs_kit_cid::codec::RAW {
                let data = self.get(&cid)?.ok_or_else(|| RepoError::missing(&cid))?;
                ahead.extend(ipfs_kit_dag::links(&cid, &data)?.into_iter().rev());
            }
        }
        Ok(())
    }

    /// The first block below a root that is missing; every block that is read is verified.
    pub fn first_missing(
        &self,
        root: &Cid,
        control: &Control,
    ) -> Result<Option<Cid>, RepoError> {
        first_missing(self, root, control)
    }

    /// Roots that are kept whole, the mutable files' among them if asked for.
    fn kept_roots(&self, with_named: bool) -> Result<Vec<Cid>, RepoError> {
        let shared = self.shared()?;
        let Some(catalogue) = &shared.catalogue else { return Ok(Vec::new()) };
        catalogue.read(if with_named { kept } else { kept_pins })
    }

    fn follow(
        &self,
        marks: &mut Marks,
        root: &Cid,
        control: &Control,
    ) -> Result<(), RepoError> {
        let shared = self.shared()?;
        marks.follow(root, Missing::Pass, control, |cid| read::get(&shared, cid))
    }
}

fn kept_pins(transaction: &Transaction<'_>) -> Result<Vec<Cid>, RepoError> {
    let all = "SELECT cid FROM pin WHERE recursive = 1";
    let mut statement = transaction.prepare_cached(all)?;
    let rows = statement.query_map((), |row| row.get::<_, Vec<u8>>(0))?;
    let cids: Result<Vec<_>, _> = rows.collect();
    Ok(cids?.iter().filter_map(|cid| cid_of(cid)).collect())
}

fn pin_of(row: &Row<'_>) -> rusqlite::Result<Option<Pin>> {
    let (cid, recursive, name): (Vec<u8>, bool, _) =
        (row.get(0)?, row.get(1)?, row.get(2)?);
    let kind = if recursive { PinKind::Recursive } else { PinKind::Direct };
    Ok(cid_of(&cid).map(|cid| Pin { cid, kind, name }))
}

fn find(transaction: &Transaction<'_>, cid: &Cid) -> Result<Option<Pin>, RepoError> {
    let mut statement = transaction
        .prepare_cached("SELECT cid, recursive, name FROM pin WHERE key = ?1")?;
    Ok(statement.query_row([key_of(cid)], pin_of).optional()?.flatten())
}

fn insert(
    transaction: &Transaction<'_>,
    cid: &Cid,
    kind: PinKind,
    name: Option<&str>,
    time: i64,
) -> Result<(), RepoError> {
    let known = find(transaction, cid)?;
    if kind == PinKind::Direct && known.as_ref().is_some_and(|pin| pin.kind != kind) {
        let how = "is already pinned recursively: remove that pin first";
        return Err(RepoError::PinConflict { cid: Box::new(*cid), how });
    }
    let name = name.map(str::to_owned).or(known.and_then(|pin| pin.name));
    let recursive = kind == PinKind::Recursive;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO pin VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((key_of(cid), cid.to_bytes(), recursive, name, time))?;
    Ok(())
}

fn delete(transaction: &Transaction<'_>, cid: &Cid) -> Result<(), RepoError> {
    transaction
        .prepare_cached("DELETE FROM pin WHERE key = ?1")?
        .execute([key_of(cid)])?;
    Ok(())
}
