//! Forks: what must stand still while one happens, and what a child must not touch.
//!
//! Whoever forks calls [`before_fork`] first and [`after_fork_in_parent`] or
//! [`after_fork_in_child`] then (Python's `os.register_at_fork` does). Before the fork no
//! thread is inside SQLite and every connection is closed; in the child all handles are of an
//! older generation and are opened anew when they are used, and the descriptors that hold
//! locks are closed without unlocking them.
//!
//! A child that was forked in any other way is found by its process number and refused.

use std::cell::RefCell;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};

use crate::catalogue::Catalogue;

/// Held by everyone inside SQLite, and alone by who forks.
static GATE: RwLock<()> = RwLock::new(());
/// How often this process has been forked off its ancestors.
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Connections to be closed before a fork. Locked behind the gate alone.
static OPEN: Mutex<Vec<Weak<Catalogue>>> = Mutex::new(Vec::new());

thread_local! {
    static CLOSED: RefCell<Option<RwLockWriteGuard<'static, ()>>> =
        const { RefCell::new(None) };
}

/// Whose memory this is: the process, and its number of forks since the program began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    process: u32,
    generation: u64,
}

/// Whether something made by `owner` may be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// It is ours.
    Ours,
    /// It was a parent's: to be left as it is and made anew.
    Inherited,
    /// The fork was not announced: nothing can be relied on.
    Stolen,
}

impl Owner {
    pub(crate) fn current() -> Self {
        Self { process: process::id(), generation: GENERATION.load(Ordering::Relaxed) }
    }

    pub(crate) fn check(self) -> Ownership {
        let now = Self::current();
        if now == self {
            Ownership::Ours
        } else if now.generation == self.generation {
            Ownership::Stolen
        } else {
            Ownership::Inherited
        }
    }
}

/// Keeps forks away while it is held. Never held while waiting for Python.
pub(crate) fn gate() -> RwLockReadGuard<'static, ()> {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Makes sure that a catalogue's connection is closed before a fork.
pub(crate) fn register(catalogue: Weak<Catalogue>) {
    let _gate = gate();
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|known| known.strong_count() > 0);
    open.push(catalogue);
}

/// The catalogues whose connections are closed before a fork. For who holds the gate.
pub(crate) fn registered() -> Vec<Arc<Catalogue>> {
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.iter().filter_map(Weak::upgrade).collect()
}

/// Waits for running transactions, closes every connection and keeps others from opening.
pub fn before_fork() {
    let closed = GATE.write().unwrap_or_else(PoisonError::into_inner);
    let open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    for catalogue in open.iter().filter_map(Weak::upgrade) {
        catalogue.close();
    }
    drop(open);
    CLOSED.with_borrow_mut(|slot| *slot = Some(closed));
}

/// Lets the parent go on: connections are opened again as they are needed.
pub fn after_fork_in_parent() {
    CLOSED.with_borrow_mut(|slot| *slot = None);
}

/// Makes the child begin anew.
pub fn after_fork_in_child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    ipfs_kit_pack::inherited::close_all_in_child();
    OPEN.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|catalogue| {
        // The last reference may be dropped in the child, which would free what it leaked.
        std::mem::forget(catalogue);
    });
    CLOSED.with_borrow_mut(|slot| *slot = None);
}
