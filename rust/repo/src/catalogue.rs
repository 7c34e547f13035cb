//! The SQLite file behind a repository: opening it, and transactions that survive forks.
//!
//! One connection a handle, opened when it is needed and closed before every fork. Nothing
//! holds a transaction open beyond one call, so that the write-ahead log stays short.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior,
};

use crate::frozen::{self, Beside};
use crate::{RepoError, fork};

/// The newest format known here.
pub(crate) const FORMAT: i64 = 1;
/// How long others may keep us from writing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one look waits, with forks kept away meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// How a catalogue is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reading and writing a file that is made if it is not there, or has no tables.
    Create,
    /// Reading and writing.
    Write,
    /// Reading, without changing anything in the folder.
    Frozen,
}

/// What a connection has seen of the commits of others.
pub(crate) type Version = (u64, i64);

/// The connection to the index file.
#[derive(Debug)]
pub(crate) struct Catalogue {
    root: PathBuf,
    path: PathBuf,
    access: Access,
    connection: Mutex<Option<Connected>>,
    opened: AtomicU64,
}

/// A connection, and the file it has open.
#[derive(Debug)]
struct Connected {
    connection: Connection,
    file: Option<FileNumber>,
    /// What lay beside the file, if it is only read.
    beside: Option<Beside>,
    /// How many there were before it.
    number: u64,
}

impl Catalogue {
    /// Opens the file once, to see that it can be.
    pub(crate) fn open(
        root: &Path,
        path: &Path,
        access: Access,
    ) -> Result<Self, RepoError> {
        let (root, path) = (root.to_owned(), path.to_owned());
        let catalogue = Self {
            root,
            path,
            access,
            connection: Mutex::default(),
            opened: AtomicU64::new(0),
        };
        catalogue.read(|_| Ok(()))?;
        Ok(catalogue)
    }

    /// Closes the connection; the next call opens another. For forks: the gate is held.
    pub(crate) fn close(&self) {
        self.lock().take();
    }

    fn lock(&self) -> MutexGuard<'_, Option<Connected>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs some reading of one moment.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        let _gate = fork::gate();
        let mut slot = self.lock();
        let connected = self.connected(&mut slot)?;
        let transaction =
            connected.connection.transaction().map_err(self.error("read"))?;
        work(&transaction).map_err(|error| self.place("read", error))
    }

    /// Tells whether others have committed since a number that it gave before.
    pub(crate) fn version(&self) -> Result<Version, RepoError> {
        let _gate = fork::gate();
        let mut slot = self.lock();
        let connected = self.connected(&mut slot)?;
        // What one connection counts says nothing about another's.
        let number = connected.number;
        let mut statement = connected
            .connection
            .prepare_cached("PRAGMA data_version")
            .map_err(self.error("read"))?;
        let version = statement.query_row((), |row| row.get(0));
        Ok((number, version.map_err(self.error("read"))?))
    }

    /// Runs a transaction that no other can be beside; it is durable when this returns.
    ///
    /// `work` gives its result and whether to keep the changes.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RepoError>,
    ) -> Result<T, RepoError> {
        self.write_then(work, || ())
    }

    /// The same; `then` is done when it is durable, before anyone of this handle can read
    /// it. Our own connection does not count as others do: nobody would find the change.
    pub(crate) fn write_then<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RepoError>,
        then: impl FnOnce(),
    ) -> Result<T, RepoError> {
        if self.access == Access::Frozen {
            return Err(RepoError::ReadOnly { path: self.root.clone() });
        }
        let start = Instant::now();
        loop {
            let gate = fork::gate();
            let mut slot = self.lock();
            let connected = self.connected(&mut slot)?;
            match connected
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
            {
                Ok(transaction) => {
                    let done =
                        work(&transaction).map_err(|error| self.place("write", error))?;
                    transaction.commit().map_err(self.error("write"))?;
                    then();
                    return Ok(done);
                }
                Err(error) if is_busy(&error) => {}
                Err(error) => return Err(self.error("write")(error)),
            }
            drop(slot);
            drop(gate);
            if start.elapsed() > PATIENCE {
                let what = "has been writing to its index for a minute";
                return Err(RepoError::Busy { path: self.root.clone(), what });
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Moves the log into the file.
    pub(crate) fn checkpoint(&self) -> Result<(), RepoError> {
        let _gate = fork::gate();
        let mut slot = self.lock();
        let connected = self.connected(&mut slot)?;
        let all = "PRAGMA wal_checkpoint(TRUNCATE)";
        connected.connection.query_row(all, (), |_| Ok(())).map_err(self.error("write"))
    }

    fn connected<'a>(
        &self,
        slot: &'a mut Option<Connected>,
    ) -> Result<&'a mut Connected, RepoError> {
        let file = file_number(&self.path);
        // Whoever opens the repository to write makes a log, which is to be read then.
        let is_frozen = self.access == Access::Frozen;
        let beside = is_frozen.then(|| Beside::of(&self.path));
        let connected = match slot.take() {
            // A rebuild puts another file in its place: what is written to the old one is
            // lost.
            Some(connected) if connected.file == file && connected.beside == beside => {
                connected
            }
            old => {
                drop(old);
                let readers = fork::registered();
                let _closed = self.close_readers(&readers, file);
                let connection = self.connect()?;
                let number = self.opened.fetch_add(1, Ordering::Relaxed);
                Connected { connection, file: file_number(&self.path), beside, number }
            }
        };
        Ok(slot.insert(connected))
    }

    /// Closes the connections of this process that only read the file, for who connects to
    /// write it; they stay closed while the locks are held.
    ///
    /// SQLite keeps one memory of a log for all of a process, which could not be written if
    /// a reader had opened it; and who closes a file without locks loses those of others.
    fn close_readers<'a>(
        &self,
        others: &'a [Arc<Self>],
        file: Option<FileNumber>,
    ) -> Vec<MutexGuard<'a, Option<Connected>>> {
        if self.access == Access::Frozen {
            return Vec::new();
        }
        let reads = |other: &&Arc<Self>| {
            other.access == Access::Frozen && file_number(&other.path) == file
        };
        let close = |other: &'a Arc<Self>| {
            let mut slot = other.lock();
            slot.take();
            slot
        };
        others.iter().filter(reads).map(close).collect()
    }

    /// Whether this is the first connection to a file that may be new.
    fn may_make(&self) -> bool {
        self.access == Access::Create && self.opened.load(Ordering::Relaxed) == 0
    }

    fn connect(&self) -> Result<Connection, RepoError> {
        let error = || self.error("open");
        // Our own locks keep threads apart.
        let base = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = match self.access {
            Access::Create | Access::Write => {
                let mut flags = base | OpenFlags::SQLITE_OPEN_READ_WRITE;
                flags.set(OpenFlags::SQLITE_OPEN_CREATE, self.may_make());
                Connection::open_with_flags(&self.path, flags).map_err(error())?
            }
            Access::Frozen => {
                let flags = base | OpenFlags::SQLITE_OPEN_READ_ONLY;
                frozen::connect(&self.path, flags).map_err(error())?
            }
        };
        connection.busy_timeout(LOOK).map_err(error())?;
        connection.set_prepared_statement_cache_capacity(64);
        if self.access != Access::Frozen {
            self.prepare(&connection)?;
        }
        let found = format(&connection).map_err(error())?;
        match found {
            Some(found) if found > FORMAT => {
                Err(RepoError::Newer { path: self.root.clone(), found, known: FORMAT })
            }
            Some(_) => Ok(connection),
            None => Err(RepoError::IndexDamaged {
                path: self.path.clone(),
                reason: "is empty".to_owned(),
            }),
        }
    }

    /// Sets what a connection needs, and makes the tables of a new file.
    fn prepare(&self, connection: &Connection) -> Result<(), RepoError> {
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
            PRAGMA temp_store = MEMORY;";
        self.patiently(|| connection.execute_batch(pragmas))?;
        let found = self.patiently(|| format(connection))?;
        // An index that lost its tables is not a new one: to it all packs would be garbage.
        if found.is_some() || !self.may_make() {
            return Ok(());
        }
        self.patiently(|| {
            // Two may find the file new at once: all statements leave what is there.
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {}
                 INSERT OR IGNORE INTO meta VALUES ('format', {FORMAT}), ('commits', 0),
                     ('removals', 0), ('layout', 0);
                 COMMIT;",
                include_str!("schema.sql")
            ))
        })
    }

    fn patiently<T>(
        &self,
        mut work: impl FnMut() -> rusqlite::Result<T>,
    ) -> Result<T, RepoError> {
        let start = Instant::now();
        loop {
            match work() {
                Err(error) if is_busy(&error) && start.elapsed() < PATIENCE => {
                    thread::sleep(LOOK);
                }
                result => return result.map_err(self.error("open")),
            }
        }
    }

    /// Says on which file a statement failed.
    fn place(&self, action: &'static str, error: RepoError) -> RepoError {
        match error {
            RepoError::Statement(source) => self.error(action)(source),
            error => error,
        }
    }

    /// For `map_err`: tells damage from everything else.
    fn error(&self, action: &'static str) -> impl FnOnce(rusqlite::Error) -> RepoError {
        let path = self.path.clone();
        move |source| {
            let damaged = matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            );
            if damaged {
                let reason = format!("is damaged ({source})");
                return RepoError::IndexDamaged { path, reason };
            }
            RepoError::Index { action, path, source }
        }
    }
}

/// What tells a file from another that took its place.
type FileNumber = (u64, u64);

#[cfg(unix)]
fn file_number(path: &Path) -> Option<FileNumber> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// An open file cannot be replaced on this system.
#[cfg(not(unix))]
fn file_number(_: &Path) -> Option<FileNumber> {
    None
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// The format that a file was made with; `None` if it has no tables yet.
fn format(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'meta'";
    if connection.query_row(tables, (), |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let format = "SELECT value FROM meta WHERE key = 'format'";
    connection.query_row(format, (), |row| row.get(0)).optional()
}

/// Reads a number that the program keeps.
pub(crate) fn number(
    transaction: &Transaction<'_>,
    key: &'static str,
) -> rusqlite::Result<i64> {
    let mut statement =
        transaction.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    statement.query_row([key], |row| row.get(0))
}

/// Counts one up; gives the new number.
pub(crate) fn count_up(
    transaction: &Transaction<'_>,
    key: &'static str,
) -> rusqlite::Result<i64> {
    let mut statement = transaction.prepare_cached(
        "UPDATE meta SET value = value + 1 WHERE key = ?1 RETURNING value",
    )?;
    statement.query_row([key], |row| row.get(0))
}
