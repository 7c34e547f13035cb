//! Trees that did not change since they were added: their files are not read again.
//!
//! A row holds the files of one folder as they stood when they were imported with one set of
//! parameters, and how many removals there had been. After another removal it is a hint:
//! whatever it names is looked for before it counts.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ipfs_kit_cid::{Cid, from_bytes};
use ipfs_kit_dag::DagError;
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::{FileId, Memory, Params, Remembered};
use rusqlite::{OptionalExtension, Transaction};

use crate::catalogue::number;
use crate::{RepoError, Session};

/// What a session remembers of files that are imported with certain parameters.
#[derive(Debug)]
pub struct Unchanged {
    session: Session,
    params: Vec<u8>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Up to how many removals a file's blocks are known to be there, by inode; only where
    /// that is not the present number.
    doubtful: HashSet<u64>,
}

/// Rows that wait for the commit.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    rows: HashMap<(Vec<u8>, FileId), Vec<u8>>,
    /// Rows whose files have all been looked for.
    checked: HashSet<(Vec<u8>, FileId)>,
}

impl Unchanged {
    /// Remembers for one session.
    pub fn new(session: &Session, params: &Params) -> Result<Self, RepoError> {
        let digest = Hasher::new(Code::Sha2_256).hash(&params.digest_input())?;
        let params = digest.digest()[..16].to_vec();
        Ok(Self { session: session.clone(), params, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, folder: FileId) -> Result<Vec<Remembered>, RepoError> {
        let mut inner = self.session.lock();
        let key = (&self.params, folder.device.cast_signed(), folder.inode.cast_signed());
        let found = inner.shared.writable()?.read(|transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT removals, files FROM unchanged
                 WHERE params = ?1 AND device = ?2 AND inode = ?3",
            )?;
            let row = statement.query_row(key, |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
            });
            Ok(row.optional()?)
        })?;
        let Some((removals, row)) = found else { return Ok(Vec::new()) };
        let files: Vec<_> = files(&row).collect();
        // Noted at once for all files: one lock and one write.
        let now = inner.note_roots(files.iter().map(|file| &file.cid))?;
        if now != removals {
            self.state().doubtful.extend(files.iter().map(|file| file.inode));
            inner.unchanged.checked.insert((self.params.clone(), folder));
        }
        Ok(files)
    }
}

impl Memory for Unchanged {
    fn recall(&self, folder: FileId) -> Result<Vec<Remembered>, DagError> {
        Ok(self.find(folder)?)
    }

    fn keep(&self, file: &Remembered) -> Result<bool, DagError> {
        let is_doubtful = self.state().doubtful.contains(&file.inode);
        Ok(self.session.lock().keep_noted(&file.cid, is_doubtful)?)
    }

    fn remember(&self, folder: FileId, files: Vec<Remembered>) -> Result<(), DagError> {
        let mut row = Vec::with_capacity(files.len() * 120);
        for file in &files {
            push(file, &mut row);
        }
        let mut inner = self.session.lock();
        let key = (self.params.clone(), folder);
        inner.unchanged.checked.remove(&key);
        inner.unchanged.rows.insert(key, row);
        Ok(())
    }

    fn now_ns(&self) -> i128 {
        let inner = self.session.lock();
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let offset = i128::from(inner.shared.options.clock_offset) * 1_000_000_000;
        i128::try_from(since.as_nanos()).unwrap_or(i128::MAX) + offset
    }
}

impl Pending {
    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.checked.clear();
    }

    /// Writes rows down whose blocks this very transaction commits, or has found.
    pub(crate) fn insert(&self, transaction: &Transaction<'_>) -> Result<(), RepoError> {
        if self.rows.is_empty() && self.checked.is_empty() {
            return Ok(());
        }
        let removals = number(transaction, "removals")?;
        let mut add = transaction.prepare_cached(
            "INSERT OR REPLACE INTO unchanged VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for ((params, folder), row) in &self.rows {
            let (device, inode) =
                (folder.device.cast_signed(), folder.inode.cast_signed());
            add.execute((params, device, inode, removals, row))?;
        }
        let mut renew = transaction.prepare_cached(
            "UPDATE unchanged SET removals = ?4
             WHERE params = ?1 AND device = ?2 AND inode = ?3",
        )?;
        for (params, folder) in &self.checked {
            let (device, inode) =
                (folder.device.cast_signed(), folder.inode.cast_signed());
            renew.execute((params, device, inode, removals))?;
        }
        Ok(())
    }
}

fn push(file: &Remembered, row: &mut Vec<u8>) {
    let cid = file.cid.to_bytes();
    for text in [file.name.as_bytes(), &cid] {
        // Names have at most 255 bytes, CIDs fewer.
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        row.extend_from_slice(&length.to_le_bytes());
        row.extend_from_slice(text);
    }
    for number in [file.inode, file.size, file.tsize] {
        row.extend_from_slice(&number.to_le_bytes());
    }
    for number in [file.mtime_ns, file.ctime_ns] {
        row.extend_from_slice(&number.to_le_bytes());
    }
}

/// The files of a row; ends where it makes no sense.
fn files(mut row: &[u8]) -> impl Iterator<Item = Remembered> {
    std::iter::from_fn(move || {
        let name = String::from_utf8(take_text(&mut row)?.to_vec()).ok()?;
        let cid: Cid = from_bytes(take_text(&mut row)?).ok()?;
        let mut word = || take(&mut row).map(u64::from_le_bytes);
        let (inode, size, tsize) = (word()?, word()?, word()?);
        let mut time = || take(&mut row).map(i128::from_le_bytes);
        let (mtime_ns, ctime_ns) = (time()?, time()?);
        Some(Remembered { name, inode, size, mtime_ns, ctime_ns, cid, tsize })
    })
}

fn take_text<'a>(row: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take(row).map(u16::from_le_bytes)?;
    let (text, rest) = row.split_at_checked(usize::from(length))?;
    *row = rest;
    Some(text)
}

fn take<const N: usize>(row: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = row.split_first_chunk()?;
    *row = rest;
    Some(*bytes)
}
