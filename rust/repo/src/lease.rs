//! Leases: how a writer keeps what it relies on from being removed before it commits.
//!
//! A lease is a file that its process holds a lock on, and that dies with it. The writer
//! notes in it every block that it found present and every root that it needs whole. It
//! looks and notes under a shared lock of the `removals` file; who removes blocks takes that
//! lock alone, and then reads all leases. So a block that was found and noted stays.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use ipfs_kit_cid::{Cid, from_bytes};
use ipfs_kit_pack::PackId;
use ipfs_kit_pack::inherited::{self, Registered};

use crate::folder::Folder;
use crate::key::Key;
use crate::{RepoError, fork};

/// How long a removal waits for those who are looking for blocks.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of the number of removals, and of the commit a lease begins at.
const NUMBER_BYTES: usize = 8;

/// What stands before a note in a lease.
const BLOCK: u8 = 1;
const ROOT: u8 = 2;

/// A writer's lease; its end removes it.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    owner: fork::Owner,
    // Before the files, so that their numbers are never listed once they mean others.
    _registered: [Registered; 2],
    file: File,
    removals: File,
    removals_path: PathBuf,
}

impl Lease {
    /// Begins a lease at a commit: what is committed later is safe without being noted.
    pub(crate) fn begin(folder: &Folder, seq: i64) -> Result<Self, RepoError> {
        let removals_path = folder.removals();
        let open = RepoError::io("open", &removals_path);
        let removals = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&removals_path)
            .map_err(open)?;
        lock_shared(&removals, &removals_path)?;
        // Any unused name does: a pack's is one.
        let path = folder.leases().join(PackId::random().to_string());
        let error = || RepoError::io("write", &path);
        let made =
            OpenOptions::new().read(true).append(true).create_new(true).open(&path);
        let mut file = made.map_err(error())?;
        let registered = [inherited::register(&file), inherited::register(&removals)];
        file.lock().map_err(error())?;
        file.write_all(&seq.to_le_bytes()).map_err(error())?;
        unlock(&removals, &removals_path)?;
        let owner = fork::Owner::current();
        Ok(Self { path, owner, _registered: registered, file, removals, removals_path })
    }

    /// Runs a look-up that is noted if it finds something; `find` gets the number of
    /// removals there have been.
    pub(crate) fn rely<T>(
        &mut self,
        find: impl FnOnce(u64) -> Result<Option<(T, Vec<Note>)>, RepoError>,
    ) -> Result<Option<T>, RepoError> {
        lock_shared(&self.removals, &self.removals_path)?;
        let found = self.look(find);
        unlock(&self.removals, &self.removals_path)?;
        found
    }

    fn look<T>(
        &mut self,
        find: impl FnOnce(u64) -> Result<Option<(T, Vec<Note>)>, RepoError>,
    ) -> Result<Option<T>, RepoError> {
        let count = read_count(&mut self.removals, &self.removals_path)?;
        let Some((found, notes)) = find(count)? else { return Ok(None) };
        let mut bytes = Vec::with_capacity(notes.len() * 48);
        for note in &notes {
            note.push(&mut bytes);
        }
        self.file.write_all(&bytes).map_err(RepoError::io("write", &self.path))?;
        Ok(Some(found))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A forked child has it too, and must leave it to the parent.
        if self.owner.check() == fork::Ownership::Ours {
            fs::remove_file(&self.path).ok();
        }
    }
}

/// What a lease keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// This block.
    Block(Key),
    /// This block and all that it links to.
    Root(Cid),
}

impl Note {
    fn push(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let kind = match self {
            Self::Block(_) => BLOCK,
            Self::Root(_) => ROOT,
        };
        out.extend_from_slice(&[kind, 0, 0]);
        match self {
            Self::Block(key) => key.write(out),
            // It writes into memory, which takes everything.
            Self::Root(cid) => drop(cid.write_bytes(&mut *out)),
        }
        let length = u16::try_from(out.len() - start - 3).unwrap_or(u16::MAX);
        out[start + 1..start + 3].copy_from_slice(&length.to_le_bytes());
    }
}

/// A lease of a living writer, as who removes blocks sees it.
#[derive(Debug)]
pub(crate) struct Held {
    /// The commit it began at.
    pub(crate) seq: i64,
    pub(crate) notes: Vec<Note>,
}

/// The right to remove blocks; nobody else looks for any meanwhile.
#[derive(Debug)]
pub(crate) struct Removal {
    path: PathBuf,
    _registered: Registered,
    file: File,
}

impl Removal {
    pub(crate) fn begin(folder: &Folder) -> Result<Self, RepoError> {
        let path = folder.removals();
        let error = || RepoError::io("lock", &path);
        let file =
            OpenOptions::new().read(true).write(true).open(&path).map_err(error())?;
        let registered = inherited::register(&file);
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::Error(source)) => return Err(error()(source)),
                Err(fs::TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                    let what = "has been looking for blocks for half a minute";
                    return Err(RepoError::Busy { path: folder.root.clone(), what });
                }
                // Nobody holds it for more than microseconds.
                Err(fs::TryLockError::WouldBlock) => {
                    thread::sleep(Duration::from_micros(50));
                }
            }
        }
        Ok(Self { path, _registered: registered, file })
    }

    /// Makes it known that blocks are being removed; before the removal is committed.
    pub(crate) fn announce(&mut self) -> Result<u64, RepoError> {
        let count = read_count(&mut self.file, &self.path)? + 1;
        let error = || RepoError::io("write", &self.path);
        self.file.seek(SeekFrom::Start(0)).map_err(error())?;
        self.file.write_all(&count.to_le_bytes()).map_err(error())?;
        Ok(count)
    }

    /// The leases of the living; those of the dead are removed.
    #[expect(clippy::unused_self, reason = "only who may remove sees them all")]
    pub(crate) fn leases(&self, folder: &Folder) -> Result<Vec<Held>, RepoError> {
        let path = folder.leases();
        let mut held = Vec::new();
        for entry in fs::read_dir(&path).map_err(RepoError::io("list", &path))? {
            let path = entry.map_err(RepoError::io("list", &path))?.path();
            if let Some(lease) = read_lease(&path)? {
                held.push(lease);
            }
        }
        Ok(held)
    }
}

/// `None` if its writer is dead, or ends just now.
fn read_lease(path: &Path) -> Result<Option<Held>, RepoError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(RepoError::io("open", path))?,
    };
    // Held for the moment of a look; a fork in that moment does no harm.
    if file.try_lock().is_ok() {
        fs::remove_file(path).ok();
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(RepoError::io("read", path))?;
    let Some((seq, mut rest)) = bytes.split_first_chunk::<NUMBER_BYTES>() else {
        // It has begun and looked for nothing yet.
        return Ok(Some(Held { seq: 0, notes: Vec::new() }));
    };
    let mut notes = Vec::new();
    while let Some(([kind, low, high], tail)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*low, *high]));
        let Some((note, tail)) = tail.split_at_checked(length) else { break };
        rest = tail;
        let note = match *kind {
            BLOCK => Key::read(note).map(|(key, _)| Note::Block(key)),
            ROOT => from_bytes(note).ok().map(Note::Root),
            _ => None,
        };
        notes.extend(note);
    }
    Ok(Some(Held { seq: i64::from_le_bytes(*seq), notes }))
}

fn read_count(file: &mut File, path: &Path) -> Result<u64, RepoError> {
    let mut bytes = [0; NUMBER_BYTES];
    file.seek(SeekFrom::Start(0)).map_err(RepoError::io("read", path))?;
    let mut have = 0;
    while have < bytes.len() {
        match file.read(&mut bytes[have..]) {
            // A new file has no number yet, which is none.
            Ok(0) => break,
            Ok(read) => have += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(RepoError::io("read", path)(error)),
        }
    }
    Ok(u64::from_le_bytes(bytes))
}

fn lock_shared(file: &File, path: &Path) -> Result<(), RepoError> {
    loop {
        match file.lock_shared() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            locked => return locked.map_err(RepoError::io("lock", path)),
        }
    }
}

fn unlock(file: &File, path: &Path) -> Result<(), RepoError> {
    file.unlock().map_err(RepoError::io("unlock", path))
}
