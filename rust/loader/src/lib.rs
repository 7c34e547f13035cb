//! Samples of datasets in the order of an epoch, read ahead by threads.
//!
//! - [`Permutation`] and [`Order`] say which sample comes at which place of an epoch: a pure
//!   function of a key, looked up at any place without what comes before it, so that a run goes
//!   on where it stopped whatever the number of processes.
//! - [`Samples`] says where the bytes of each sample lie: a file of its own, or a range of one.
//! - [`Tar`] says where the members of an archive lie, which are samples or parts of them.
//! - [`Feed`] reads batches of them ahead of who trains, bounded by bytes.
//!
//! What a sample means, and what becomes of it, is left to others.

mod batch;
mod cids;
mod feed;
mod folder;
mod known;
mod order;
mod permutation;
mod samples;
mod tar;

pub use batch::{Batch, Data};
pub use cids::Cids;
pub use feed::{Errands, Feed, Turn};
pub use folder::{Folder, Names};
pub use known::SameAgain;
pub use order::{Blocks, Order, OrderError};
pub use permutation::{Key, Permutation};
pub use samples::{Ranges, Samples};
pub use tar::{Member, Stretch, Tar, TarError};
