//! IPNS: keys, the peer IDs and names that they give, and the records that they sign. No IO,
//! no network, no Python.
//!
//! - [`PrivateKey`] is an Ed25519 key, in libp2p's form or as PEM; [`PublicKey`] any key.
//! - [`Name`] is what a key is known by: a peer ID, or the same as an IPNS name.
//! - [`Record`] says for how long which path a name stands for.
//! - [`Timestamp`] is a point in time, as records write it down.
//!
//! ```
//! use ipfs_kit_ipns::{Content, PrivateKey, Record, Timestamp};
//!
//! let key = PrivateKey::generate()?;
//! let until = Timestamp::parse("2030-01-01T00:00:00Z")?;
//! let value = b"/ipfs/bafkqaaa".to_vec();
//! let content = Content { value, sequence: 0, until, ttl: 300_000_000_000 };
//! let record = Record::sign(&key, content, true)?;
//! let name = key.public().name();
//! Record::decode(record.bytes())?.verify(&name)?;
//! assert!(name.to_string().starts_with("k51qzi5uqu5d"));
//! # Ok::<(), ipfs_kit_ipns::IpnsError>(())
//! ```
//!
//! Sources: the IPNS record specification, and libp2p's of peer IDs and keys.

mod error;
mod key;
mod name;
mod record;
mod time;
mod verify;
mod wire;

pub use error::IpnsError;
pub use key::{KeyType, PrivateKey, PublicKey};
pub use name::Name;
pub use record::{Content, MAX_RECORD_BYTES, Record};
pub use time::Timestamp;
