//! The file `lock`: who changes which segments there are, and how often that happened.
//!
//! It holds two numbers: the count of changes, which every process looks at before it trusts
//! its list of segments, and the name of the last segment, so that none is used twice. After a
//! power loss they may be lost; then nobody is left who saw the old ones, and names go on with
//! the clock.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ipfs_kit_pack::inherited::{self, Registered};
use ipfs_kit_pack::{PackError, PackId};

use super::fault::io_error;
use super::os;

const NAME: &str = "lock";
/// How long a put waits for others that start segments. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// In nanoseconds.
const A_YEAR: u64 = 365 * 24 * 3600 * 1_000_000_000;
const LONGEST_NAP: Duration = Duration::from_millis(2);

/// See above; this one only looks.
#[derive(Debug)]
pub(super) struct Gate {
    path: PathBuf,
    /// Never locked, so a child may go on with it.
    file: File,
}

impl Gate {
    pub(super) fn open(folder: &Path) -> Result<Self, PackError> {
        let path = folder.join(NAME);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let file = opened.map_err(io_error("open", &path))?;
        Ok(Self { path, file })
    }

    pub(super) fn open_read_only(folder: &Path) -> Option<Self> {
        let path = folder.join(NAME);
        let file = File::open(&path).ok()?;
        Some(Self { path, file })
    }

    /// How often the segments changed.
    pub(super) fn changes(&self) -> u64 {
        read(&self.file)[0]
    }

    /// Waits until nobody else changes the segments; `None` if that takes too long.
    pub(super) fn enter(&self) -> Result<Option<Inside>, PackError> {
        let error = |action| io_error(action, &self.path);
        let start = Instant::now();
        let mut nap = Duration::from_micros(50);
        loop {
            let opened = OpenOptions::new().read(true).write(true).open(&self.path);
            let file = opened.map_err(error("open"))?;
            let registered = inherited::register(&file);
            match file.try_lock() {
                Ok(()) => {
                    // It may have been removed while it was opened.
                    let held = file.metadata().map_err(error("look at"))?;
                    let there = self.path.metadata().map_err(error("look at"))?;
                    if os::same_file(&held, &there) {
                        let numbers = read(&file);
                        let path = self.path.clone();
                        return Ok(Some(Inside { path, numbers, registered, file }));
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(error("lock")(source)),
            }
            if start.elapsed() > PATIENCE {
                return Ok(None);
            }
            thread::sleep(nap);
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }
}

/// The right to change which segments there are, until it is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    path: PathBuf,
    numbers: [u64; 2],
    registered: Registered,
    file: File,
}

impl Drop for Inside {
    /// A child that was forked after the file was opened and before it was listed has it as
    /// well, and does not know: the lock would last as long as the child.
    fn drop(&mut self) {
        if self.registered.is_ours() {
            self.file.unlock().ok();
        }
    }
}

impl Inside {
    /// A name for a segment that is later than all others.
    pub(super) fn next_id(
        &mut self,
        newest: Option<PackId>,
    ) -> Result<PackId, PackError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_nanos()).unwrap_or(0);
        let newest = newest.map_or(0, PackId::as_u64);
        // What a damaged file says must not use the numbers up.
        let last =
            Some(self.numbers[1]).filter(|last| *last < now.saturating_add(A_YEAR));
        self.numbers[1] = now.max(newest.max(last.unwrap_or(0)).saturating_add(1));
        self.write()?;
        Ok(PackId::from_u64(self.numbers[1]))
    }

    /// Tells all processes that the segments changed.
    pub(super) fn announce(&mut self) -> Result<(), PackError> {
        self.numbers[0] = self.numbers[0].wrapping_add(1);
        self.write()
    }

    fn write(&self) -> Result<(), PackError> {
        let bytes = self.numbers.map(u64::to_le_bytes);
        let written = os::write_at(&self.file, bytes.as_flattened(), 0);
        written.map_err(io_error("write", &self.path))
    }
}

/// Zeros stand for what is not there.
fn read(file: &File) -> [u64; 2] {
    let mut bytes = [[0; 8]; 2];
    os::read_at(file, bytes.as_flattened_mut(), 0).ok();
    bytes.map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_inside_at_a_time_and_all_see_that_something_changed() {
        let place = tempfile::tempdir().unwrap();
        let (a, b) =
            (Gate::open(place.path()).unwrap(), Gate::open(place.path()).unwrap());
        let mut inside = a.enter().unwrap().unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| b.enter().unwrap().unwrap().numbers);
            thread::sleep(Duration::from_millis(5));
            let before = b.changes();
            inside.announce().unwrap();
            assert_eq!(b.changes(), before + 1);
            drop(inside);
            assert_eq!(waiting.join().unwrap()[0], before + 1);
        });
    }

    #[test]
    fn names_only_grow_even_when_the_file_is_lost_or_damaged() {
        let place = tempfile::tempdir().unwrap();
        let gate = Gate::open(place.path()).unwrap();
        let first = gate.enter().unwrap().unwrap().next_id(None).unwrap();
        let second = gate.enter().unwrap().unwrap().next_id(None).unwrap();
        assert!(first < second);
        std::fs::write(place.path().join(NAME), [0xff; 16]).unwrap();
        let third = gate.enter().unwrap().unwrap().next_id(Some(second)).unwrap();
        assert!(second < third);
        std::fs::write(place.path().join(NAME), []).unwrap();
        let fourth = gate.enter().unwrap().unwrap().next_id(Some(third)).unwrap();
        assert!(third < fourth);
    }
}
