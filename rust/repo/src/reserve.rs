//! Room kept back for the day when the disk is full: what gives space back needs some first.
//!
//! A file of real bytes beside the index. Who removes something and finds the disk full
//! empties it, tries once more, and fills it again as far as there is room. Who takes room
//! begins only when it is whole, so that an import never uses up what a removal left free.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};

use ipfs_kit_pack::inherited::{self, Registered};

use crate::folder::Folder;
use crate::{RepoError, Repository};

/// Enough for the log of a collection of a few thousand packs.
const BYTES: u64 = 1 << 20;
/// Bytes written at once: what is too little for one more piece stays free.
const PIECE_BYTES: usize = 16 << 10;

/// Makes sure of the reserve, for who is about to take room.
///
/// Only a full disk is an error: whatever else is wrong with the file is no reason not to
/// write.
pub(crate) fn ensure(folder: &Folder) -> Result<(), RepoError> {
    let path = folder.reserve();
    if fs::metadata(&path).is_ok_and(|found| found.len() >= BYTES) {
        return Ok(());
    }
    let opened = OpenOptions::new().create(true).append(true).open(&path);
    let filled = opened.and_then(|file| match Held::take(file)? {
        Some(mut held) => held.fill(),
        // Somebody is making room just now.
        None => Ok(()),
    });
    match filled.map_err(RepoError::io("keep some room in", &path)) {
        Err(error) if error.is_disk_full() => Err(error),
        _ => Ok(()),
    }
}

impl Repository {
    /// Runs what leads to blocks being given back; on a full disk, as the error tells, once
    /// more with room that is kept for it. Collections and the removal of pins and blocks
    /// see to that themselves.
    pub fn with_room<T, E>(
        &self,
        is_full: impl Fn(&E) -> bool,
        work: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        again_with_room(&Folder::new(self.path()), is_full, work)
    }
}

/// Runs what gives space back; on a full disk once more, with the room of the reserve.
pub(crate) fn with_room<T>(
    folder: &Folder,
    work: impl FnMut() -> Result<T, RepoError>,
) -> Result<T, RepoError> {
    again_with_room(folder, RepoError::is_disk_full, work)
}

fn again_with_room<T, E>(
    folder: &Folder,
    is_full: impl Fn(&E) -> bool,
    mut work: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    match work() {
        Err(error) if is_full(&error) => {
            let Ok(mut spent) = spend(folder) else { return Err(error) };
            let done = work();
            if let Some(held) = &mut spent {
                // What does not fit again now is tried by the next who takes room.
                held.fill().ok();
            }
            done
        }
        done => done,
    }
}

/// Empties the reserve; `None` if somebody else has just done so.
fn spend(folder: &Folder) -> io::Result<Option<Held>> {
    let file = OpenOptions::new().append(true).open(folder.reserve())?;
    let Some(held) = Held::take(file)? else { return Ok(None) };
    held.file.set_len(0)?;
    // Some file systems give blocks back only with their journal.
    held.file.sync_all()?;
    Ok(Some(held))
}

/// The reserve, locked: nobody fills it while its room is being used.
#[derive(Debug)]
struct Held {
    _registered: Registered,
    file: File,
}

impl Held {
    /// `None` if another has it.
    fn take(file: File) -> io::Result<Option<Self>> {
        let registered = inherited::register(&file);
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _registered: registered, file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Writes what is missing. Numbers at random, that no file system can store as less.
    fn fill(&mut self) -> io::Result<()> {
        let mut left = BYTES.saturating_sub(self.file.metadata()?.len());
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut piece = vec![0; PIECE_BYTES];
        while left > 0 {
            for bytes in piece.chunks_exact_mut(8) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                bytes.copy_from_slice(&state.to_le_bytes());
            }
            let count = usize::try_from(left).map_or(PIECE_BYTES, |n| n.min(PIECE_BYTES));
            self.file.write_all(&piece[..count])?;
            left -= count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path());
        folder.create().unwrap();
        (place, folder)
    }

    fn full() -> RepoError {
        let source = io::ErrorKind::StorageFull.into();
        RepoError::Io { action: "write", path: "x".into(), source }
    }

    fn length(folder: &Folder) -> u64 {
        fs::metadata(folder.reserve()).unwrap().len()
    }

    #[test]
    fn work_on_a_full_disk_is_done_again_with_the_room_of_the_reserve() {
        let (_place, folder) = folder();
        ensure(&folder).unwrap();
        assert_eq!(length(&folder), BYTES);
        let mut lengths = Vec::new();
        let done = with_room(&folder, || {
            lengths.push(length(&folder));
            // Whoever wants to write now must not take the room away.
            ensure(&folder)?;
            if length(&folder) > 0 { Err(full()) } else { Ok("done") }
        });
        assert_eq!((done.unwrap(), lengths), ("done", vec![BYTES, 0]));
        assert_eq!(length(&folder), BYTES);
    }

    #[test]
    fn without_a_reserve_a_full_disk_is_the_error_it_was() {
        let (_place, folder) = folder();
        let mut tries = 0;
        let failed = with_room(&folder, || -> Result<(), _> {
            tries += 1;
            Err(full())
        });
        assert!(failed.unwrap_err().is_disk_full());
        assert_eq!(tries, 1);
        assert!(!folder.reserve().exists());
    }

    #[test]
    fn a_reserve_that_was_cut_is_made_whole() {
        let (_place, folder) = folder();
        fs::write(folder.reserve(), [1; 100]).unwrap();
        ensure(&folder).unwrap();
        assert_eq!(length(&folder), BYTES);
    }
}
