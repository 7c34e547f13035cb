//! Multihashes: the table of hash functions that content addresses may use, and the digests
//! of many messages at once.
//!
//! [`Code`] names a function, [`Hasher`] a function with its digest length. [`sha256`] holds
//! what makes adding fast: independent messages hashed side by side in SIMD lanes, chosen at
//! run time. Content identifiers themselves belong to `ipfs-kit-cid`.
//!
//! ```
//! use ipfs_kit_hash::{Code, Hasher};
//!
//! let multihash = Hasher::new(Code::Sha2_256).hash(b"hello")?;
//! assert_eq!((multihash.code(), multihash.size()), (0x12, 32));
//! assert!(Hasher::verify(&multihash, b"hello")?);
//! # Ok::<(), ipfs_kit_hash::HashError>(())
//! ```

mod blake3_many;
mod code;
mod error;
mod hasher;
mod message;
pub mod sha256;

pub use code::Code;
pub use error::HashError;
pub use hasher::Hasher;
pub use message::Message;

/// Longest digest, and longest identity payload, that a [`Multihash`] carries.
pub const MAX_DIGEST_BYTES: usize = 128;

/// The multihash of this workspace: wide enough for every function of [`Code`].
pub type Multihash = multihash::Multihash<MAX_DIGEST_BYTES>;
