//! SHA2-256 of one stream, and of many independent messages side by side.
//!
//! One stream is a chain: each block waits for the one before, and most of a core stands
//! idle. Independent messages fill it: a [`Kernel`] moves as many of them on by a block as it
//! has lanes. [`digest_many`] and [`digest_rows`] hash messages that lie in memory;
//! [`Engine`] those that arrive in pieces.
//!
//! ```
//! use ipfs_kit_hash::{Message, sha256};
//!
//! let messages = [&b"one"[..], b"two", b"three"].map(Message::from);
//! let mut digests = [sha256::Digest::default(); 3];
//! sha256::digest_many(sha256::Kernel::best(), &messages, &mut digests);
//! assert_eq!(digests[1], sha256::digest(b"two"));
//! ```
//!
//! `schedule` keeps the lanes busy, `messages` and `engine` feed it, `equal` is the short way
//! for equal lengths, `single` is one stream; one file for each instruction set holds the
//! kernels, and all the unsafe code.

mod constants;
mod engine;
mod equal;
mod fetch;
mod kernel;
mod lanes;
mod messages;
mod padding;
mod portable;
mod rounds;
mod schedule;
mod single;

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod shani;
#[cfg(target_arch = "x86_64")]
mod single_x86;

pub(crate) use constants::INITIAL;
pub use engine::{Engine, Feed, Filled};
pub use kernel::{KERNEL_VARIABLE, Kernel, KernelError};
pub use messages::{digest_many, digest_rows};
pub use single::{digest, digest_parts, digest_pieces};

/// The 32 bytes of a SHA2-256.
pub type Digest = [u8; 32];

/// Bytes that one step of the function takes.
const BLOCK_BYTES: usize = 64;
