//! What keeps blocks from being collected: pins, named roots, and who holds a lease.

use ipfs_kit_cid::{Cid, from_bytes, read_prefix};
use rusqlite::{OptionalExtension, Transaction};

use crate::{RepoError, Repository, Session};

/// The name of the root of the mutable files.
const FILES: &str = "files";

/// Every root that must stay whole.
pub(crate) fn kept(transaction: &Transaction<'_>) -> Result<Vec<Cid>, RepoError> {
    let mut roots = Vec::new();
    for all in ["SELECT cid FROM pin WHERE recursive = 1", "SELECT cid FROM root"] {
        let mut statement = transaction.prepare_cached(all)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            roots.extend(cid_of(&row.get::<_, Vec<u8>>(0)?));
        }
    }
    Ok(roots)
}

/// Every block that is pinned by itself.
pub(crate) fn direct(transaction: &Transaction<'_>) -> Result<Vec<Cid>, RepoError> {
    let all = "SELECT cid FROM pin WHERE recursive = 0";
    let mut statement = transaction.prepare_cached(all)?;
    let rows = statement.query_map((), |row| row.get::<_, Vec<u8>>(0))?;
    let cids: Result<Vec<_>, _> = rows.collect();
    Ok(cids?.iter().filter_map(|cid| cid_of(cid)).collect())
}

/// The CIDs of a row, one behind the other.
pub(crate) fn cids(mut row: &[u8]) -> impl Iterator<Item = Cid> {
    std::iter::from_fn(move || {
        let (cid, read) = read_prefix(row).ok()?;
        row = &row[read..];
        Some(cid)
    })
}

/// We wrote them ourselves: what cannot be read is not there.
pub(crate) fn cid_of(bytes: &[u8]) -> Option<Cid> {
    from_bytes(bytes).ok()
}

impl Repository {
    /// The root of the mutable files; `None` before the first of them.
    pub fn files_root(&self) -> Result<Option<Cid>, RepoError> {
        let shared = self.shared()?;
        let Some(catalogue) = &shared.catalogue else { return Ok(None) };
        catalogue.read(files_root)
    }
}

impl Session {
    /// Commits, and makes `new` the root of the mutable files if it still is `old`.
    pub fn commit_files_root(
        &self,
        old: Option<&Cid>,
        new: &Cid,
    ) -> Result<(), RepoError> {
        self.commit_with(|transaction| {
            if files_root(transaction)?.as_ref() != old {
                return Err(RepoError::Conflict);
            }
            transaction
                .prepare_cached("INSERT OR REPLACE INTO root VALUES (?1, ?2)")?
                .execute((FILES, new.to_bytes()))?;
            Ok(())
        })
    }
}

fn files_root(transaction: &Transaction<'_>) -> Result<Option<Cid>, RepoError> {
    let find = "SELECT cid FROM root WHERE name = ?1";
    let mut statement = transaction.prepare_cached(find)?;
    let found = statement.query_row([FILES], |row| row.get::<_, Vec<u8>>(0));
    Ok(found.optional()?.and_then(|cid| cid_of(&cid)))
}
