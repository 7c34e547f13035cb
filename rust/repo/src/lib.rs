//! The embedded repository: blocks in packs, their index, pins, leases, garbage collection.
//! No network, no Python.
//!
//! - [`Repository`] is the handle: reading, pins, collection, checks.
//! - [`Session`] writes: blocks count when it commits, all of them or none.
//! - [`Unchanged`] remembers imported files, so that they are not read again.
//! - [`Publication`] is what a key of the repository says its name stands for.
//! - [`whole`] gives a file as one piece of memory, without copying it where it can.
//! - [`PackSharing`] makes blocks part of other files without writing them, where it can.
//! - [`Store`] is what any store of blocks does; [`MemoryStore`] is one without a disk.
//! - [`before_fork`] and its fellows make handles safe to have across a fork.
//!
//! What is acknowledged is durable: packs are synced before the index names their blocks, and
//! the index is synced before a call returns. Any number of processes may read and write at
//! once.
//!
//! ```
//! use ipfs_kit_cid::{Cid, codec};
//! use ipfs_kit_hash::{Code, Hasher};
//! use ipfs_kit_repo::{Options, Repository};
//!
//! let place = tempfile::tempdir()?;
//! let repository = Repository::open(place.path(), Options::default())?;
//! let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(b"hello")?);
//! let session = repository.session()?;
//! session.put(&cid, b"hello")?;
//! session.commit()?;
//! assert_eq!(repository.get(&cid)?.as_deref(), Some(&b"hello"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
mod compact;
mod error;
mod folder;
mod fork;
mod frozen;
mod gc;
mod key;
mod keystore;
mod lease;
mod mark;
mod names;
mod pins;
mod read;
mod rebuild;
mod references;
mod repository;
mod reserve;
mod roots;
mod session;
mod shared;
mod sharing;
mod stat;
mod store;
mod unchanged;
mod verify;
mod view;
mod whole;

pub use error::{RepoError, is_disk_full};
pub use fork::{after_fork_in_child, after_fork_in_parent, before_fork};
pub use gc::{Collected, USERS};
pub use keystore::NamedKey;
pub use names::Publication;
pub use pins::{Pin, PinKind, Pinned};
pub use read::hash_all;
pub use rebuild::Rebuilt;
pub use repository::{Options, Repository, VerifyReads, Writing};
pub use session::{Hook, Session, Taken};
pub use sharing::PackSharing;
pub use stat::RepoStat;
pub use store::{MemoryStore, Store};
pub use unchanged::Unchanged;
pub use verify::{Bad, Verified};
pub use whole::{private, whole};
