//! What can go wrong with keys, names and records.

use crate::{KeyType, Timestamp};

/// A key, name or record that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IpnsError {
    /// Bytes that are no key.
    #[error("no {what} key: {reason}")]
    Key {
        /// Private or public.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// A key of a kind that is not used here.
    #[error("a key of type {0}: only Ed25519 keys can be used here")]
    KeyType(KeyType),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// Text that is no name.
    #[error("{text:?} is no IPNS name: {reason}")]
    Name {
        /// What was given.
        text: String,
        /// Why not.
        reason: String,
    },
    /// Text that is no time.
    #[error("{0:?} is no time in the form 2030-12-31T23:59:59.5Z")]
    Time(String),
    /// A record of more bytes than are allowed.
    #[error("an IPNS record of {length} bytes: at most {limit} are allowed")]
    TooLarge {
        /// Its length.
        length: usize,
        /// The most.
        limit: usize,
    },
    /// Bytes that are no record.
    #[error("no IPNS record: {0}")]
    Malformed(String),
    /// A record whose name does not hold its key, and which does not carry it either.
    #[error("the IPNS record does not carry the public key of its name")]
    NoPublicKey,
    /// A record of a key that cannot be checked here.
    #[error(
        "the IPNS record is signed by a key of type {0}: only Ed25519 names can be checked \
         here"
    )]
    Uncheckable(KeyType),
    /// A record that carries the key of another name.
    #[error("the IPNS record carries the public key of another name")]
    WrongKey,
    /// A signature that is none.
    #[error("the signature of the IPNS record is not that of its name")]
    Signature,
    /// A record that says one thing where it is signed, and another where it is not.
    #[error("the IPNS record gives two values for {0}, of which one is not signed")]
    TwoValues(&'static str),
    /// A record whose time is over.
    #[error("the IPNS record was valid until {0}: it has to be published again")]
    Expired(Timestamp),
    /// Something to be signed that no record can hold.
    #[error("no IPNS record can have this {0}")]
    Unsignable(&'static str),
}
