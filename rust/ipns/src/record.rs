//! Records: what they say, and the bytes that say it.
//!
//! What is signed is a dag-cbor map in field 9. Writers repeat it in fields 1 to 6, with a
//! signature of its own, for readers from before 2021; Kubo does still, and so do we unless
//! told otherwise.

use std::collections::BTreeMap;

use ipfs_kit_cid::{from_bytes, to_string};
use ipfs_kit_dag::cbor;
use ipld_core::ipld::Ipld;

use crate::wire::{Fields, malformed, put_bytes, put_number};
use crate::{IpnsError, PrivateKey, Timestamp};

/// The longest record.
pub const MAX_RECORD_BYTES: usize = 10 << 10;
/// What a record without a value stands for: no bytes at all.
const NOTHING: &str = "/ipfs/bafkqaaa";
/// What stands before that which is signed.
const CONTEXT: &[u8] = b"ipns-signature:";
/// The one kind of validity there is: until a time.
const UNTIL: u64 = 0;

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The path that the name stands for.
    pub value: Vec<u8>,
    /// Grows with every change.
    pub sequence: u64,
    /// When it is over.
    pub until: Timestamp,
    /// For how many nanoseconds readers need not ask again.
    pub ttl: u64,
}

/// The same in the fields of old, which nobody has to sign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Legacy {
    pub(crate) value: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) validity_type: u64,
    pub(crate) validity: Vec<u8>,
    pub(crate) sequence: u64,
    pub(crate) ttl: u64,
}

impl Legacy {
    /// Whether a reader from before 2021 would find something.
    pub(crate) fn is_used(&self) -> bool {
        !self.signature.is_empty() || !self.value.is_empty()
    }
}

/// A record, verified or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    bytes: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// The time as it is written.
    pub(crate) validity: Vec<u8>,
    until: Timestamp,
    sequence: u64,
    pub(crate) ttl: Option<u64>,
    pub(crate) legacy: Legacy,
    pub(crate) public_key: Option<Vec<u8>>,
    pub(crate) signature: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl Record {
    /// Makes a record; with `legacy`, readers from before 2021 understand it as well.
    pub fn sign(
        key: &PrivateKey,
        content: Content,
        legacy: bool,
    ) -> Result<Self, IpnsError> {
        let Content { value, sequence, until, ttl } = content;
        let validity = until.to_string().into_bytes();
        // Others keep these as signed numbers.
        let fits = |number: u64| i64::try_from(number).is_ok();
        if !fits(sequence) {
            return Err(IpnsError::Unsignable("sequence"));
        }
        if !fits(ttl) {
            return Err(IpnsError::Unsignable("ttl"));
        }
        let number = |number: u64| Ipld::Integer(i128::from(number));
        let map = BTreeMap::from([
            ("Value".to_owned(), Ipld::Bytes(value.clone())),
            ("Validity".to_owned(), Ipld::Bytes(validity.clone())),
            ("ValidityType".to_owned(), number(UNTIL)),
            ("Sequence".to_owned(), number(sequence)),
            ("TTL".to_owned(), number(ttl)),
        ]);
        let data = cbor::encode(&Ipld::Map(map));
        let data = data.map_err(|error| malformed(&error.to_string()))?;
        let mut bytes = Vec::new();
        if legacy {
            let signature = key.sign(&[&value[..], &validity[..], b"EOL"].concat());
            put_bytes(1, &value, &mut bytes);
            put_bytes(2, &signature, &mut bytes);
            put_number(3, UNTIL, &mut bytes);
            put_bytes(4, &validity, &mut bytes);
            put_number(5, sequence, &mut bytes);
            put_number(6, ttl, &mut bytes);
        }
        // The name of such a key holds it: field 7 is for those that are too long.
        put_bytes(8, &key.sign(&signed(&data)), &mut bytes);
        put_bytes(9, &data, &mut bytes);
        Self::decode(&bytes)
    }

    /// Reads a record. It is not verified: see [`Record::verify`].
    pub fn decode(bytes: &[u8]) -> Result<Self, IpnsError> {
        if bytes.len() > MAX_RECORD_BYTES {
            let (length, limit) = (bytes.len(), MAX_RECORD_BYTES);
            return Err(IpnsError::TooLarge { length, limit });
        }
        let mut legacy = Legacy::default();
        let (mut public_key, mut signature, mut data) = (None, Vec::new(), Vec::new());
        for field in Fields::of(bytes) {
            match field? {
                (1, value) => legacy.value = value.bytes()?.to_vec(),
                (2, value) => legacy.signature = value.bytes()?.to_vec(),
                (3, value) => legacy.validity_type = value.number()?,
                (4, value) => legacy.validity = value.bytes()?.to_vec(),
                (5, value) => legacy.sequence = value.number()?,
                (6, value) => legacy.ttl = value.number()?,
                (7, value) => public_key = Some(value.bytes()?.to_vec()),
                (8, value) => signature = value.bytes()?.to_vec(),
                (9, value) => data = value.bytes()?.to_vec(),
                _ => {}
            }
        }
        if data.is_empty() {
            return Err(malformed("it has no signed data"));
        }
        let public_key = public_key.filter(|key| !key.is_empty());
        let map = match cbor::decode(&data) {
            Ok(Ipld::Map(map)) => map,
            Ok(_) => return Err(malformed("its signed data is no map")),
            Err(error) => return Err(malformed(&format!("its signed data: {error}"))),
        };
        if number_in(&map, "ValidityType")? != Some(UNTIL) {
            return Err(malformed("its validity is of an unknown type"));
        }
        let validity = bytes_in(&map, "Validity")?;
        let text = std::str::from_utf8(&validity).ok();
        let until = text.and_then(|text| Timestamp::parse(text).ok());
        let until = until.ok_or_else(|| malformed("its validity is no time"))?;
        let sequence = number_in(&map, "Sequence")?;
        Ok(Self {
            bytes: bytes.to_vec(),
            value: bytes_in(&map, "Value")?,
            validity,
            until,
            sequence: sequence.ok_or_else(|| malformed("it has no Sequence"))?,
            ttl: number_in(&map, "TTL")?,
            legacy,
            public_key,
            signature,
            data,
        })
    }

    /// The record as it was read or is to be given to others.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The path that the name stands for: `/ipfs/...`, `/ipns/...`.
    pub fn value(&self) -> Result<String, IpnsError> {
        match &*self.value {
            [] => Ok(NOTHING.to_owned()),
            [b'/', ..] => {
                let text = String::from_utf8(self.value.clone());
                text.map_err(|_| malformed("its value is no path"))
            }
            // Some write the bytes of a CID.
            bytes => {
                let cid = from_bytes(bytes);
                let cid = cid.map_err(|_| malformed("its value is no path"))?;
                Ok(format!("/ipfs/{}", to_string(&cid)))
            }
        }
    }

    /// When it is over.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Grows with every change.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// For how many nanoseconds readers need not ask again.
    pub fn ttl(&self) -> Option<u64> {
        self.ttl
    }

    /// Whether readers from before 2021 understand it.
    pub fn has_legacy(&self) -> bool {
        self.legacy.is_used()
    }

    /// The public key that it carries, in libp2p's protobuf form.
    pub fn carried_key(&self) -> Option<&[u8]> {
        self.public_key.as_deref()
    }
}

/// What the signature is of.
pub(crate) fn signed(data: &[u8]) -> Vec<u8> {
    [CONTEXT, data].concat()
}

fn bytes_in(map: &BTreeMap<String, Ipld>, key: &str) -> Result<Vec<u8>, IpnsError> {
    match map.get(key) {
        Some(Ipld::Bytes(bytes)) => Ok(bytes.clone()),
        _ => Err(malformed(&format!("it has no {key}"))),
    }
}

fn number_in(map: &BTreeMap<String, Ipld>, key: &str) -> Result<Option<u64>, IpnsError> {
    let wrong = || malformed(&format!("its {key} is out of range"));
    match map.get(key) {
        None => Ok(None),
        Some(Ipld::Integer(number)) => {
            // What is larger is a negative number to others.
            let fits = i64::try_from(*number).ok().and_then(|it| u64::try_from(it).ok());
            fits.map(Some).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}
