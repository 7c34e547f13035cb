//! Batches read ahead of who takes them, by threads, in the order they were asked for.
//!
//! What lies ready is bounded by bytes: readers wait for who trains. Blocks that are not on this
//! machine are had by others, whom the readers leave errands: so no reader ever calls into an
//! interpreter.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ipfs_kit_dag::BlockSource;
use ipfs_kit_unixfs::{Control, UnixFsError};

use crate::batch::{Batch, Spare};
use crate::samples::{OpenFiles, Samples};

/// What comes of waiting.
#[derive(Debug)]
pub enum Turn<J> {
    /// The next batch.
    Batch(Batch),
    /// Something that a reader wants done.
    Errand(J),
    /// Nothing is under way any more.
    End,
    /// The time is over.
    Waited,
}

#[derive(Debug)]
struct Order {
    ticket: u64,
    samples: Vec<u64>,
    packed: bool,
}

#[derive(Debug)]
struct State<J> {
    orders: VecDeque<Order>,
    ready: BTreeMap<u64, Batch>,
    /// Given to the next order, and that of the batch that is taken next.
    ticket: u64,
    next: u64,
    /// Bytes that lie ready or are being read; those of the usual batch.
    bytes: usize,
    usual: usize,
    errands: VecDeque<J>,
    is_over: bool,
}

#[derive(Debug)]
struct Shared<J> {
    state: Mutex<State<J>>,
    /// There is something to read, or room for it.
    work: Condvar,
    /// There is something to take.
    done: Condvar,
    control: Control,
    ahead_bytes: usize,
    spare: Spare,
    files: OpenFiles,
}

/// Reads batches of samples ahead. Dropping it stops the readers, as [`close`](Self::close) does.
#[derive(Debug)]
pub struct Feed<J: Send + 'static> {
    shared: Arc<Shared<J>>,
    readers: Mutex<Vec<JoinHandle<()>>>,
}

/// Where readers leave errands.
#[derive(Debug)]
pub struct Errands<J>(Arc<Shared<J>>);

impl<J> Clone for Errands<J> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<J> Errands<J> {
    /// Leaves one; it is dropped if nobody takes errands any more.
    pub fn leave(&self, errand: J) {
        let mut state = self.0.lock();
        if !state.is_over {
            state.errands.push_back(errand);
            self.0.done.notify_all();
        }
    }
}

impl<J> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next order once there is room for it; `None` when there is to be an end.
    ///
    /// With it come the bytes that are held back for it.
    fn take_order(&self) -> Option<(Order, usize)> {
        let mut state = self.lock();
        loop {
            if state.is_over {
                return None;
            }
            if let Some(order) = state.orders.front() {
                // Whoever waits for this very batch is not kept from it.
                let is_next = order.ticket == state.next;
                if is_next || state.bytes + state.usual <= self.ahead_bytes {
                    let reserved = state.usual;
                    state.bytes += reserved;
                    return state.orders.pop_front().map(|order| (order, reserved));
                }
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put(&self, ticket: u64, reserved: usize, batch: Batch) {
        let mut state = self.lock();
        if state.is_over {
            return;
        }
        let bytes = batch.bytes();
        state.bytes = (state.bytes + bytes).saturating_sub(reserved);
        state.usual = bytes;
        state.ready.insert(ticket, batch);
        self.done.notify_all();
    }

    fn read<S: BlockSource>(&self, samples: &Samples, open: &impl Fn() -> S) {
        while let Some((order, reserved)) = self.take_order() {
            let wanted = &order.samples[..];
            let read = || samples.read(&open(), &self.files, wanted, &self.control);
            let found = catch_unwind(AssertUnwindSafe(read));
            let found = found.unwrap_or_else(|_| {
                let panicked = || UnixFsError::Node { reason: "a reader panicked" };
                order.samples.iter().map(|_| Err(panicked())).collect()
            });
            self.put(order.ticket, reserved, Batch::of(found, order.packed, &self.spare));
        }
    }
}

impl<J: Send + 'static> Feed<J> {
    /// Starts so many readers, which hold about so many bytes at most.
    ///
    /// `open` makes a source for each batch; it is given where to leave errands.
    pub fn start<S: BlockSource>(
        samples: &Arc<Samples>,
        threads: usize,
        ahead_bytes: usize,
        open: impl Fn(&Errands<J>) -> S + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                orders: VecDeque::new(),
                ready: BTreeMap::new(),
                ticket: 0,
                next: 0,
                bytes: 0,
                usual: 0,
                errands: VecDeque::new(),
                is_over: false,
            }),
            work: Condvar::new(),
            done: Condvar::new(),
            control: Control::new(),
            ahead_bytes,
            spare: Spare::default(),
            files: OpenFiles::default(),
        });
        let open = Arc::new(open);
        let reader = |_| {
            let (shared, samples, open) =
                (Arc::clone(&shared), Arc::clone(samples), Arc::clone(&open));
            thread::spawn(move || {
                let errands = Errands(Arc::clone(&shared));
                shared.read(&samples, &|| open(&errands));
            })
        };
        let readers = (0..threads.max(1)).map(reader).collect();
        Self { shared, readers: Mutex::new(readers) }
    }

    /// Asks for a batch: its samples, and whether to copy them into one piece of memory.
    pub fn push(&self, samples: Vec<u64>, packed: bool) {
        let mut state = self.shared.lock();
        let ticket = state.ticket;
        state.ticket += 1;
        state.orders.push_back(Order { ticket, samples, packed });
        self.shared.work.notify_one();
    }

    /// How many batches were asked for and not taken.
    pub fn waiting(&self) -> u64 {
        let state = self.shared.lock();
        state.ticket - state.next
    }

    /// Bytes that lie ready or are being read.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// Waits for the next batch. Errands are not for this thread: what stops it must not be
    /// taken for the failure of one.
    pub fn next(&self, most: Duration) -> Turn<J> {
        self.turn(most, true)
    }

    /// Waits for an errand; the end is that of the feed.
    pub fn errand(&self, most: Duration) -> Turn<J> {
        self.turn(most, false)
    }

    fn turn(&self, most: Duration, wants_batch: bool) -> Turn<J> {
        let until = Instant::now() + most;
        let mut state = self.shared.lock();
        loop {
            let next = state.next;
            if wants_batch && let Some(batch) = state.ready.remove(&next) {
                state.next += 1;
                state.bytes = state.bytes.saturating_sub(batch.bytes());
                // Room for one reader, and the next batch may be another's.
                self.shared.work.notify_all();
                return Turn::Batch(batch);
            }
            if !wants_batch && let Some(errand) = state.errands.pop_front() {
                return Turn::Errand(errand);
            }
            if state.is_over || (wants_batch && state.ticket == state.next) {
                return Turn::End;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Turn::Waited;
            }
            let waited = self.shared.done.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Stops the readers, without waiting for them; errands are dropped.
    pub fn stop(&self) {
        self.shared.control.cancel();
        let mut state = self.shared.lock();
        state.is_over = true;
        state.orders.clear();
        state.ready.clear();
        let errands = std::mem::take(&mut state.errands);
        self.shared.work.notify_all();
        self.shared.done.notify_all();
        drop(state);
        // What they hold may want locks of its own.
        drop(errands);
    }

    /// Stops the readers and waits until they have stopped.
    pub fn close(&self) {
        self.stop();
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        for reader in readers.drain(..) {
            // A panic has been caught, and told of, where it was.
            reader.join().ok();
        }
    }
}

impl<J: Send + 'static> Drop for Feed<J> {
    fn drop(&mut self) {
        self.stop();
    }
}
