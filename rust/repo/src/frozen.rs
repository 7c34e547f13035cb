//! Repositories that cannot be written: a read-only folder, or one opened to be read.
//!
//! Whoever closes a repository last moves the index's log into its file. Where that did not
//! happen, the log is read with the file, so that the newest commit counts. Where there is no
//! index that can be read, the folder's sealed packs count, and blocks of others are not seen.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::catalogue::{Access, Catalogue};
use crate::folder::Folder;
use crate::shared::Shared;
use crate::view::{Entry, Slot, View};
use crate::{RepoError, fork};

/// SQLite's way to files without locks.
#[cfg(unix)]
const LOCKLESS: &str = "vfs=unix-none";
#[cfg(windows)]
const LOCKLESS: &str = "vfs=win32-none";

/// The catalogue, if its file can be relied on.
pub(crate) fn catalogue(folder: &Folder) -> Result<Option<Arc<Catalogue>>, RepoError> {
    let index = folder.index();
    if !index.exists() {
        return Ok(None);
    }
    match Catalogue::open(&folder.root, &index, Access::Frozen) {
        Ok(catalogue) => {
            let catalogue = Arc::new(catalogue);
            fork::register(Arc::downgrade(&catalogue));
            Ok(Some(catalogue))
        }
        Err(error @ RepoError::Newer { .. }) => Err(error),
        Err(RepoError::IndexDamaged { .. }) => Ok(None),
        // The packs alone are older than what is in the log, and nobody would be told.
        Err(error) if Beside::of(&index) != Beside::Nothing => Err(error),
        Err(_) => Ok(None),
    }
}

/// What lies beside an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// No commit that is not in the file.
    Nothing,
    /// A log that nobody has open.
    Log,
    /// A log that others may be writing, and the memory that they share.
    SharedLog,
}

impl Beside {
    pub(crate) fn of(index: &Path) -> Self {
        let bytes = |extension| {
            fs::metadata(index.with_extension(extension)).map(|found| found.len())
        };
        match (bytes("db-wal"), bytes("db-shm")) {
            (Ok(_), Ok(_)) => Self::SharedLog,
            (Ok(1..), Err(_)) => Self::Log,
            _ => Self::Nothing,
        }
    }

    /// How SQLite is to read all of it and write nothing.
    fn parameters(self) -> &'static str {
        match self {
            // SQLite would want to make a log.
            Self::Nothing => "immutable=1",
            // SQLite reads it in concert with whoever writes. Where nobody does, it trusts
            // the log alone.
            Self::SharedLog => "readonly_shm=1",
            Self::Log => LOCKLESS,
        }
    }

    fn open(self, index: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let uri = uri(index, self.parameters());
        let connection = Connection::open_with_flags(uri, flags)?;
        // A folder that may not be written is not always one that cannot.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if self == Self::Log {
            // Then SQLite needs no shared memory, which it cannot make here.
            let alone = "PRAGMA locking_mode = EXCLUSIVE";
            connection.query_row(alone, (), |_| Ok(()))?;
        }
        // The files are opened by the first who reads.
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))?;
        Ok(connection)
    }
}

/// Opens an index, with its log if there is one, and leaves both as they are.
pub(crate) fn connect(index: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    loop {
        let beside = Beside::of(index);
        match beside.open(index, flags) {
            // Another one has closed the repository, or opened it, since the look.
            Err(_) if Beside::of(index) != beside => {}
            result => return result,
        }
    }
}

/// A path as SQLite takes it with parameters.
fn uri(path: &Path, parameters: &str) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'%' | b'?' | b'#' | 0x80.. => write!(uri, "%{byte:02X}").unwrap_or_default(),
            byte => uri.push(char::from(*byte)),
        }
    }
    uri + "?" + parameters
}

/// Adds the sealed packs of the folder, where no catalogue names them.
pub(crate) fn refresh(shared: &Shared, view: &mut View) -> Result<bool, RepoError> {
    if shared.catalogue.is_some() {
        return Ok(false);
    }
    let mut is_new = false;
    for id in shared.packs.packs()? {
        let known = view.packs.iter().any(|entry| entry.slot.id == id);
        if !known && shared.packs.has_index(id) {
            let bytes = fs::metadata(shared.packs.pack_path(id)).map_or(0, |at| at.len());
            view.packs.push(Entry { slot: Slot::new(id, true, bytes), dead: None });
            is_new = true;
        }
    }
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::catalogue::{count_up, number};

    /// A repository's index that a process left behind: no checkpoint, no close. What is
    /// copied while it is open is what a kill leaves.
    struct Left {
        place: tempfile::TempDir,
        folder: Folder,
        _writer: Catalogue,
    }

    fn left(commits: i64) -> Left {
        let place = tempfile::TempDir::new().unwrap();
        let own = |name: &str| Folder::new(&place.path().join(name));
        let (open, folder) = (own("open"), own("left ?#%ä"));
        for folder in [&open, &folder] {
            folder.create().unwrap();
        }
        let writer = Catalogue::open(&open.root, &open.index(), Access::Create).unwrap();
        for _ in 0..commits {
            commit(&writer);
        }
        for name in ["index.db", "index.db-wal", "index.db-shm"] {
            fs::copy(open.own().join(name), folder.own().join(name)).unwrap();
        }
        Left { place, folder, _writer: writer }
    }

    fn commit(catalogue: &Catalogue) {
        let one = catalogue.write(|found| count_up(found, "commits").map_err(Into::into));
        one.unwrap();
    }

    fn commits(catalogue: &Catalogue) -> i64 {
        catalogue.read(|found| number(found, "commits").map_err(Into::into)).unwrap()
    }

    /// What the index says when nothing may be written; checks that nothing is.
    fn read(folder: &Folder) -> Option<i64> {
        let before = files(folder);
        let catalogue = catalogue(folder).unwrap();
        let found = catalogue.as_deref().map(commits);
        assert_eq!(files(folder), before);
        drop(catalogue);
        assert_eq!(files(folder), before);
        found
    }

    fn files(folder: &Folder) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(folder.own()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths
            .filter(|at| at.is_file())
            .map(|at| (at.clone(), fs::read(at).unwrap()))
            .collect()
    }

    fn file(folder: &Folder, name: &str) -> PathBuf {
        folder.own().join(name)
    }

    #[test]
    fn what_was_not_closed_is_read_as_it_was_left() {
        let left = left(3);
        assert_eq!(Beside::of(&left.folder.index()), Beside::SharedLog);
        assert_eq!(read(&left.folder), Some(3));
    }

    #[test]
    fn a_log_without_its_memory_is_read() {
        let left = left(3);
        fs::remove_file(file(&left.folder, "index.db-shm")).unwrap();
        assert_eq!(Beside::of(&left.folder.index()), Beside::Log);
        assert_eq!(read(&left.folder), Some(3));
    }

    #[test]
    fn memory_of_another_moment_is_not_believed() {
        let left = left(3);
        for bytes in [vec![], vec![0; 32768], vec![0xFF; 32768]] {
            fs::write(file(&left.folder, "index.db-shm"), bytes).unwrap();
            assert_eq!(read(&left.folder), Some(3));
        }
    }

    /// A kill in the middle of a write: the commits before it count, and it alone does not.
    #[test]
    fn a_torn_log_is_read_as_who_writes_would() {
        let left = left(3);
        let log = file(&left.folder, "index.db-wal");
        let whole = fs::read(&log).unwrap();
        let mut seen = Vec::new();
        for cut in (0..whole.len()).rev().step_by(1000) {
            for has_memory in [true, false] {
                let place = tempfile::TempDir::new_in(left.place.path()).unwrap();
                let folder = Folder::new(place.path());
                folder.create().unwrap();
                for (path, bytes) in files(&left.folder) {
                    fs::write(folder.own().join(path.file_name().unwrap()), bytes)
                        .unwrap();
                }
                if !has_memory {
                    fs::remove_file(file(&folder, "index.db-shm")).unwrap();
                }
                fs::write(file(&folder, "index.db-wal"), &whole[..cut]).unwrap();
                let found = read(&folder);
                let writer =
                    Catalogue::open(&folder.root, &folder.index(), Access::Write);
                assert_eq!(found, writer.ok().as_ref().map(commits), "{cut}");
                seen.push(found);
            }
        }
        // The cuts met all states.
        for state in [None, Some(0), Some(1), Some(2)] {
            assert!(seen.contains(&state), "{state:?} of {seen:?}");
        }
    }

    #[test]
    fn an_index_whose_log_is_empty_or_gone_is_read_alone() {
        let left = left(3);
        let index = left.folder.index();
        drop(Catalogue::open(&left.folder.root, &index, Access::Write).unwrap());
        assert_eq!(Beside::of(&index), Beside::Nothing);
        assert_eq!(read(&left.folder), Some(3));
        fs::write(file(&left.folder, "index.db-wal"), b"").unwrap();
        assert_eq!(Beside::of(&index), Beside::Nothing);
        assert_eq!(read(&left.folder), Some(3));
        fs::write(file(&left.folder, "index.db-shm"), b"").unwrap();
        assert_eq!(Beside::of(&index), Beside::SharedLog);
        assert_eq!(read(&left.folder), Some(3));
    }

    #[test]
    fn who_reads_is_not_in_the_way_of_who_writes() {
        for has_memory in [true, false] {
            let left = left(3);
            if !has_memory {
                fs::remove_file(file(&left.folder, "index.db-shm")).unwrap();
            }
            let reader = catalogue(&left.folder).unwrap().unwrap();
            assert_eq!(commits(&reader), 3);
            let (root, index) = (&left.folder.root, left.folder.index());
            let writer = Catalogue::open(root, &index, Access::Write).unwrap();
            for number in 4..7 {
                commit(&writer);
                assert_eq!(commits(&reader), number);
            }
            // After a fork, the reader may be the first to come back.
            fork::before_fork();
            fork::after_fork_in_parent();
            writer.close();
            assert_eq!(commits(&reader), 6);
            commit(&writer);
            assert_eq!(commits(&reader), 7);
        }
    }

    #[test]
    fn a_log_that_cannot_be_read_is_an_error() {
        let left = left(3);
        for name in ["index.db-wal", "index.db-shm"] {
            fs::remove_file(file(&left.folder, name)).unwrap();
        }
        fs::create_dir(file(&left.folder, "index.db-wal")).unwrap();
        let error = catalogue(&left.folder).unwrap_err();
        assert!(matches!(error, RepoError::Index { action: "open", .. }), "{error}");
    }
}
