//! Locks in forked children.
//!
//! A lock belongs to what both processes share after a fork: while the child has the
//! descriptor, the parent's lock outlives the parent, and an unlock in the child would take
//! the lock from the parent. So descriptors that hold locks are listed here, and the child
//! lets go of them all without unlocking.
//!
//! Each entry names the process that made it, so a child may let go at any time, and more than
//! once: what it opened itself stays.
//!
//! The list is a fixed array of atomics, because a forked child must not wait for locks nor
//! allocate: whoever held them at the fork does not run in it.

pub use imp::{Registered, close_all_in_child, register};

#[cfg(unix)]
mod imp {
    #![expect(unsafe_code, reason = "descriptors are replaced by number in a child")]

    use std::os::fd::{AsRawFd, RawFd};
    use std::process;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Descriptors that hold locks, each with its process; 0 is a free slot.
    static SLOTS: [AtomicU64; SLOT_COUNT] = [const { AtomicU64::new(0) }; SLOT_COUNT];
    const SLOT_COUNT: usize = 4096;

    /// A descriptor in the list, until this is dropped; drop it before the file.
    ///
    /// Of more than four thousand at once the rest are not listed: their locks then last
    /// until the forked children of that time end too.
    #[derive(Debug)]
    #[must_use]
    pub struct Registered {
        slot: Option<&'static AtomicU64>,
        entry: u64,
    }

    impl Registered {
        /// Whether it was made in this process, and not in one that this was forked from.
        pub fn is_ours(&self) -> bool {
            parts(self.entry).0 == u64::from(process::id())
        }
    }

    /// Lists the descriptor of a file that holds a lock or will.
    pub fn register(file: &impl AsRawFd) -> Registered {
        let entry = entry(file.as_raw_fd());
        let take = |slot: &&AtomicU64| {
            slot.compare_exchange(0, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        Registered { slot: SLOTS.iter().find(take), entry }
    }

    /// No process has the number 0, so no entry is 0.
    fn entry(fd: RawFd) -> u64 {
        u64::from(process::id()) << 32 | u64::from(fd.cast_unsigned())
    }

    /// The process of an entry, and its descriptor.
    fn parts(entry: u64) -> (u64, RawFd) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the lower half is the number"
        )]
        (entry >> 32, (entry as u32).cast_signed())
    }

    impl Drop for Registered {
        fn drop(&mut self) {
            if let Some(slot) = self.slot {
                // In a child the slot may mean another file by now.
                let (entry, free) = (self.entry, Ordering::Relaxed);
                slot.compare_exchange(entry, 0, Ordering::Release, free).ok();
            }
        }
    }

    /// Lets go of every descriptor that a parent listed, without unlocking. To be called in a
    /// child that was forked, before it uses anything that it has from its parent; does
    /// nothing elsewhere.
    ///
    /// The numbers stay taken, by a descriptor that cannot be written to: so files that are
    /// left over from the parent may still be dropped, and writers fail. Takes no locks and
    /// does not allocate.
    pub fn close_all_in_child() {
        let ours = u64::from(process::id());
        let void = open_void();
        for slot in &SLOTS {
            let entry = slot.load(Ordering::Acquire);
            let (process, fd) = parts(entry);
            let (taken, failed) = (Ordering::AcqRel, Ordering::Relaxed);
            if entry != 0
                && process != ours
                && slot.compare_exchange(entry, 0, taken, failed).is_ok()
            {
                let_go(fd, void);
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

    impl Registered {
        /// Says yes: there is no fork here.
        pub fn is_ours(&self) -> bool {
            true
        }
    }

    /// Does nothing: there is no fork here.
    pub fn register<F>(_file: &F) -> Registered {
        Registered
    }

    /// Does nothing: there is no fork here.
    pub fn close_all_in_child() {}
}
