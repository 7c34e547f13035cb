//! Multihashes as the index holds them: compact in memory, in rows one behind the other.

use ipfs_kit_cid::{multihash_from_bytes, read_multihash, varint};
use ipfs_kit_hash::Multihash;

/// A multihash without the room that its type keeps for the longest digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// What nearly all are.
    Usual { code: u32, digest: [u8; 32] },
    /// Any other, in binary form.
    Other(Box<[u8]>),
}

impl Key {
    pub(crate) fn of(hash: &Multihash) -> Self {
        match (u32::try_from(hash.code()), <[u8; 32]>::try_from(hash.digest())) {
            (Ok(code), Ok(digest)) => Self::Usual { code, digest },
            _ => Self::Other(hash.to_bytes().into()),
        }
    }

    /// Appends the binary multihash.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Usual { code, digest } => {
                varint::encode(u64::from(*code), out);
                varint::encode(digest.len() as u64, out);
                out.extend_from_slice(digest);
            }
            Self::Other(bytes) => out.extend_from_slice(bytes),
        }
    }

    /// Reads the key that `bytes` begin with; returns it with the bytes it took.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let (hash, read) = read_multihash(bytes, 0).ok()?;
        Some((Self::of(&hash), read))
    }

    pub(crate) fn hash(&self) -> Option<Multihash> {
        match self {
            Self::Usual { code, digest } => {
                Multihash::wrap(u64::from(*code), digest).ok()
            }
            Self::Other(bytes) => multihash_from_bytes(bytes).ok(),
        }
    }
}

/// Appends a block and where it lies to the entries of a row.
pub(crate) fn push_entry(key: &Key, offset: u64, out: &mut Vec<u8>) {
    key.write(out);
    out.extend_from_slice(&offset.to_le_bytes());
}

/// The blocks of a row and where they lie; ends where the row makes no sense.
pub(crate) fn entries(mut row: &[u8]) -> impl Iterator<Item = (Key, u64)> {
    std::iter::from_fn(move || {
        let (key, read) = Key::read(row)?;
        let (offset, rest) = row[read..].split_first_chunk()?;
        row = rest;
        Some((key, u64::from_le_bytes(*offset)))
    })
}

/// The keys of a row that holds nothing else.
pub(crate) fn keys(mut row: &[u8]) -> impl Iterator<Item = Key> {
    std::iter::from_fn(move || {
        let (key, read) = Key::read(row)?;
        row = &row[read..];
        Some(key)
    })
}

#[cfg(test)]
mod tests {
    use ipfs_kit_hash::{Code, Hasher};

    use super::*;

    #[test]
    fn keys_of_every_kind_come_back() {
        let mut row = Vec::new();
        let mut given = Vec::new();
        for (at, code) in [Code::Sha2_256, Code::Blake2b256, Code::Sha1, Code::Sha2_512]
            .into_iter()
            .enumerate()
        {
            let hash = Hasher::new(code).hash(b"x").unwrap();
            let key = Key::of(&hash);
            assert_eq!(key.hash(), Some(hash));
            push_entry(&key, at as u64, &mut row);
            given.push((key, at as u64));
        }
        assert_eq!(entries(&row).collect::<Vec<_>>(), given);
        row.pop();
        assert_eq!(entries(&row).count(), 3);
    }
}
