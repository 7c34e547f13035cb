//! Whether a record is its name's, and which of two is newer.
//!
//! The steps are those of the IPNS specification.

use std::cmp::Ordering;

use crate::record::signed;
use crate::{IpnsError, Name, PublicKey, Record, Timestamp};

impl Record {
    /// Checks that the owner of a name signed this record, whether or not it is over.
    pub fn verify(&self, name: &Name) -> Result<(), IpnsError> {
        if self.signature.is_empty() {
            return Err(IpnsError::Signature);
        }
        self.key_of(name)?.verify(&signed(&self.data), &self.signature)?;
        if self.legacy.is_used() {
            self.check_legacy()?;
        }
        Ok(())
    }

    /// Checks that a record is not over yet.
    pub fn check_time(&self, now: Timestamp) -> Result<(), IpnsError> {
        if now > self.until() {
            return Err(IpnsError::Expired(self.until()));
        }
        Ok(())
    }

    /// The key that must have signed it: carried, or else in the name itself.
    fn key_of(&self, name: &Name) -> Result<PublicKey, IpnsError> {
        let Some(carried) = &self.public_key else {
            return name.public_key()?.ok_or(IpnsError::NoPublicKey);
        };
        let key = PublicKey::from_protobuf(carried)?;
        if key.name() == *name { Ok(key) } else { Err(IpnsError::WrongKey) }
    }

    /// What is not signed must say what is.
    fn check_legacy(&self) -> Result<(), IpnsError> {
        let legacy = &self.legacy;
        let fields = [
            ("Value", legacy.value == self.value),
            ("Validity", legacy.validity == self.validity),
            ("ValidityType", legacy.validity_type == 0),
            ("Sequence", legacy.sequence == self.sequence()),
            ("TTL", Some(legacy.ttl) == self.ttl),
        ];
        match fields.into_iter().find(|(_, is_same)| !is_same) {
            Some((field, _)) => Err(IpnsError::TwoValues(field)),
            None => Ok(()),
        }
    }

    /// Compares two verified records of one name: the newer one is greater. Two that nothing
    /// else tells apart go by their bytes, so that everyone chooses the same.
    pub fn compare(&self, other: &Self) -> Ordering {
        let order = self.sequence().cmp(&other.sequence());
        let order = order.then_with(|| self.until().cmp(&other.until()));
        order.then_with(|| self.bytes().cmp(other.bytes()))
    }
}
