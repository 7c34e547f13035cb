//! Locks in forked children.
//!
//! A lock belongs to what both processes share after a fork: while the child has the
//! descriptor, the parent's lock outlives the parent, and an unlock in the child would take
//! the lock from the parent. So descriptors that hold locks are listed here, and the child
//! lets go of them all without unlocking.
//!
//! The list is a fixed array of atomics, because a forked child must not wait for locks nor
//! allocate: whoever held them at the fork does not run in it.

pub use imp::{Registered, close_all_in_child, register};

#[cfg(unix)]
mod imp {
    #![expect(unsafe_code, reason = "descriptors are replaced by number in a child")]

    use std::os::fd::{AsRawFd, RawFd};
    use std::sync::atomic::{AtomicI32, Ordering};

    /// Descriptors that hold locks, plus one; 0 is a free slot.
    static SLOTS: [AtomicI32; SLOT_COUNT] = [const { AtomicI32::new(0) }; SLOT_COUNT];
    const SLOT_COUNT: usize = 4096;

    /// A descriptor in the list, until this is dropped; drop it before the file.
    ///
    /// Of more than four thousand at once the rest are not listed: their locks then last
    /// until the forked children of that time end too.
    #[derive(Debug)]
    #[must_use]
    pub struct Registered {
        slot: Option<&'static AtomicI32>,
    }

    /// Lists the descriptor of a file that holds a lock or will.
    pub fn register(file: &impl AsRawFd) -> Registered {
        let entry = file.as_raw_fd() + 1;
        let take = |slot: &&AtomicI32| {
            slot.compare_exchange(0, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        Registered { slot: SLOTS.iter().find(take) }
    }

    impl Drop for Registered {
        fn drop(&mut self) {
            if let Some(slot) = self.slot {
                slot.store(0, Ordering::Release);
            }
        }
    }

    /// Lets go of every listed descriptor without unlocking. To be called in a child that
    /// was just forked, before anything of this crate is used in it.
    ///
    /// The numbers stay taken, by a descriptor that cannot be written to: so files that are
    /// left over from the parent may still be dropped, and writers fail. Takes no locks and
    /// does not allocate.
    pub fn close_all_in_child() {
        let void = open_void();
        for slot in &SLOTS {
            let entry = slot.swap(0, Ordering::AcqRel);
            if entry > 0 {
                let_go(entry - 1, void);
            }
        }
        if let Some(void) = void {
            // SAFETY: it was opened above, and nobody else knows it.
            unsafe { libc::close(void) };
        }
    }

    fn open_void() -> Option<RawFd> {
        // SAFETY: the path is a C string, and no mode is needed where nothing is made.
        let void = unsafe {
            libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC)
        };
        (void >= 0).then_some(void)
    }

    fn let_go(fd: RawFd, void: Option<RawFd>) {
        // SAFETY: the number belongs to a file of the parent that was listed by its owner,
        // who takes it off the list before closing it. The owner's value stays valid: its
        // number leads to another open file.
        let replaced = void.is_some_and(|void| unsafe { libc::dup2(void, fd) } >= 0);
        if replaced {
            // SAFETY: as above; this only keeps it from programs that are started later.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        } else {
            // SAFETY: as above, except that the owner must never use it again, which a
            // child that runs with inherited state does not do anyway.
            unsafe { libc::close(fd) };
        }
    }
}

#[cfg(not(unix))]
mod imp {
    /// Nothing: there is no fork here.
    #[derive(Debug)]
    #[must_use]
    pub struct Registered;

    /// Does nothing: there is no fork here.
    pub fn register<F>(_file: &F) -> Registered {
        Registered
    }

    /// Does nothing: there is no fork here.
    pub fn close_all_in_child() {}
}
