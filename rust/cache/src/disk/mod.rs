//! The disk tier: blocks and values in a folder that never grows over its limit.
//!
//! [`DiskCache`] is the handle. What it holds lies in *segments*, pack files (see
//! `ipfs-kit-pack`) of a sixteenth of the limit, 64 MiB at most. Every process that puts has
//! one active segment, an unsealed pack that it alone appends to. A full one is sealed with
//! its index; whole segments are evicted, the oldest first, and what was asked for lately and
//! often is carried over into the new one, up to a quarter of it.
//!
//! # The bound
//!
//! It counts what the file system allocated for all that lies in the folder, and holds at
//! every moment. An active segment counts in full from its first byte: its lock is the slot
//! that the reservation belongs to, and dies with its process. On Linux the space is really
//! set aside (`fallocate`), so that a full disk shows before anything is written. One short
//! exclusive lock (`lock`) serialises the start of a segment: seal one's own, take over what
//! dead writers left, add up the folder, evict, reserve. One segment's worth stays free: who
//! adds up the folder while one segment goes and another comes may count both. Processes that
//! share a folder should name the same limit; each keeps to its own when it starts a segment.
//! What was evicted while views of it are in use still takes disk space, and is reported as
//! [`DiskStats::unlinked_mapped_bytes`].
//!
//! # Segments of others
//!
//! The lock file holds a count of changes to the folder, which every call looks at (a read of
//! eight bytes); when it moved, the folder is listed anew. The frames of unsealed segments are
//! walked as they grow, whoever writes them, so what another process put is found at the next
//! look-up that would miss. No file is ever cut below its length: who takes a dead writer's
//! segment over goes on behind its last frame if that is whole, and else seals it as it is.
//! That needs no hashing, since every block is hashed before it is first given out in a
//! process.
//!
//! # Keys
//!
//! A value under a key is a block named by its blake3. A *record* beside it maps key and
//! metadata to it; it is a frame like any other whose name is made of the key (see
//! `record.rs`), so eviction, restart and crashes need no second mechanism. Of several records
//! of a key the newest counts.
//!
//! # Removing
//!
//! A block or record is removed, and a damaged one dropped, by zeros over the digest in its
//! frame: no hash gives that, so it is found no more, in any process, whatever the index says.
//! The block's bytes stay for those who view them. Marks elsewhere would have to be carried
//! over and evicted in the right order, and would let a removed key come back.
//!
//! # Memory
//!
//! Sealed segments are searched in their mapped index, behind a filter of two bytes a block
//! (see `ipfs_kit_pack`); an unsealed one takes 16 to 32 bytes a block, the warm table 56 to
//! 112 bytes for each of the last used 65,536.

mod active;
mod cache;
mod census;
mod clear;
mod counters;
mod entries;
mod evict;
mod fault;
mod gate;
mod heat;
mod keyed;
mod name;
mod options;
mod os;
mod record;
mod segment;
mod shelf;
mod tier;

pub use cache::DiskCache;
pub use counters::DiskStats;
pub use entries::{Entry, EntryName};
pub use fault::{DiskFault, DiskState};
pub use options::{DiskOptions, LEAST_LIMIT_BYTES, OptionsError, Trust, VerifyReads};
