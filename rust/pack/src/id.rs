//! Names of packs.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::PackError;

/// The name of a pack, never used twice.
///
/// ```
/// use ipfs_kit_pack::PackId;
///
/// let id = PackId::from_u64(0xbeef);
/// assert_eq!(id.to_string(), "000000000000beef");
/// assert_eq!("000000000000beef".parse::<PackId>()?, id);
/// # Ok::<(), ipfs_kit_pack::PackError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackId(u64);

impl PackId {
    /// The pack with this number.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// A new name; its number fits the signed integers of databases.
    ///
    /// Processes that were forked share the random state of the standard library, so the
    /// process, the time and a count take part.
    pub fn random() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut state = RandomState::new().build_hasher();
        std::process::id().hash(&mut state);
        SystemTime::now().hash(&mut state);
        COUNT.fetch_add(1, Ordering::Relaxed).hash(&mut state);
        Self(state.finish() >> 1)
    }
}

impl fmt::Display for PackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for PackId {
    type Err = PackError;

    fn from_str(text: &str) -> Result<Self, PackError> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let whole = text.len() == 16 && text.bytes().all(digit);
        let number = u64::from_str_radix(text, 16).ok().filter(|_| whole);
        number.map(Self).ok_or_else(|| PackError::Id { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_printed_form_is_parsed() {
        for id in [PackId(0), PackId(u64::MAX), PackId::random()] {
            assert_eq!(id.to_string().parse::<PackId>().unwrap(), id);
        }
        for text in
            ["", "beef", "000000000000BEEF", "+00000000000beef", "000000000000beef0"]
        {
            assert!(
                matches!(text.parse::<PackId>(), Err(PackError::Id { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn random_names_differ_and_fit_signed_integers() {
        let (a, b) = (PackId::random(), PackId::random());
        assert_ne!(a, b);
        assert!(i64::try_from(a.as_u64()).is_ok() && i64::try_from(b.as_u64()).is_ok());
    }
}
