//! Locks among processes, forked ones too.
//!
//! Apart from the other tests: a child that was just forked has the locks of every test
//! that runs at that moment.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_pack::{Claim, Folder, Pack, PackError, Writer};
use tempfile::TempDir;

/// One test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn folder() -> (TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path().join("packs")).unwrap();
    (place, folder)
}

/// Run by the test below in a process of its own.
#[test]
fn helper_that_tries_to_write() {
    let Some(path) = std::env::var_os("PACK_TEST_FOLDER") else { return };
    let folder = Folder::create(path).unwrap();
    for id in folder.packs().unwrap() {
        assert!(Claim::take(&folder, id).unwrap().is_none());
    }
}

#[test]
fn a_writer_keeps_other_processes_out() {
    let _alone = alone();
    let (_place, folder) = folder();
    let writer = Writer::create(&folder).unwrap();
    let try_elsewhere = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_that_tries_to_write"])
            .env("PACK_TEST_FOLDER", folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
    };
    assert!(try_elsewhere().success());
    drop(writer);
    assert!(!try_elsewhere().success(), "the helper must notice a free pack");
}

#[cfg(unix)]
mod fork {
    #![expect(unsafe_code, reason = "there is no other way to fork")]

    use super::*;
    use ipfs_kit_pack::inherited;

    fn block() -> (Cid, Vec<u8>) {
        let data = vec![7; 100_000];
        (Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(&data).unwrap()), data)
    }

    /// Runs something in a forked child, which must not panic nor allocate much; gives
    /// whether it said so.
    fn in_child(action: impl FnOnce() -> bool) -> bool {
        // SAFETY: the child calls what is meant for forked children, and ends at once.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let said = action();
            // SAFETY: ends the process without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!said)) }
        }
        let mut status = 0;
        // SAFETY: waits for the child of above.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(waited, child);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }

    #[test]
    fn a_child_lets_go_of_locks_and_the_parent_keeps_them() {
        let _alone = alone();
        let (_place, folder) = folder();
        let mut writer = Writer::create(&folder).unwrap();
        let id = writer.id();
        // What fails in the child poisons its writer alone.
        assert!(in_child(|| {
            inherited::close_all_in_child();
            // The number now leads to nothing that can be written.
            let (cid, data) = block();
            let failed = writer.append(&cid, &[&data]);
            let after = [writer.append(&cid, &[]).err(), writer.sync().err()];
            matches!(failed, Err(PackError::Io { .. }))
                && after
                    .iter()
                    .all(|error| matches!(error, Some(PackError::Poisoned { .. })))
        }));
        assert!(Claim::take(&folder, id).unwrap().is_none(), "the parent lost its lock");
        let (cid, data) = block();
        let offset = writer.append(&cid, &[&data]).unwrap();
        let committed = writer.sync().unwrap();
        let pack = Pack::open(&folder, id).unwrap().unwrap();
        assert_eq!(pack.read(offset, committed, cid.hash()).unwrap(), data);
    }

    #[test]
    fn what_a_child_opened_itself_it_keeps_and_a_parent_keeps_all() {
        let _alone = alone();
        let (_place, folder) = folder();
        let mut writer = Writer::create(&folder).unwrap();
        inherited::close_all_in_child();
        let (cid, data) = block();
        writer.append(&cid, &[&data]).unwrap();
        writer.sync().unwrap();
        assert!(in_child(|| {
            inherited::close_all_in_child();
            // The lists of children have the free places of their parents.
            drop(writer);
            let Ok(mut own) = Writer::create(&folder) else { return false };
            inherited::close_all_in_child();
            own.append(&cid, &[&data]).is_ok() && own.sync().is_ok()
        }));
    }

    #[test]
    fn a_lock_ends_with_the_parent_s_file_though_the_child_lives() {
        let _alone = alone();
        let (_place, folder) = folder();
        let writer = Writer::create(&folder).unwrap();
        let id = writer.id();
        let mut pipes = [[0; 2]; 2];
        for pipe in &mut pipes {
            // SAFETY: the array has place for two descriptors.
            assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
        }
        let [to_parent, to_child] = pipes;
        let say = |fd: i32| {
            // SAFETY: one byte is read from a constant.
            unsafe { libc::write(fd, b"x".as_ptr().cast(), 1) }
        };
        let hear = |fd: i32| {
            let mut byte = 0_u8;
            // SAFETY: there is place for one byte.
            unsafe { libc::read(fd, (&raw mut byte).cast(), 1) }
        };
        // SAFETY: the child calls what is meant for forked children, and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            inherited::close_all_in_child();
            say(to_parent[1]);
            hear(to_child[0]);
            // SAFETY: ends the process without running anything of the parent's.
            unsafe { libc::_exit(0) }
        }
        hear(to_parent[0]);
        drop(writer);
        let claimed = Claim::take(&folder, id).unwrap().is_some();
        say(to_child[1]);
        // SAFETY: waits for the child of above.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
        assert!(claimed, "the child still had the lock");
    }
}
