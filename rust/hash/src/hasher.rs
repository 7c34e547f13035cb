//! Hash functions with their digest length, applied to one message or to many.

use blake2::digest::consts::U32;
use blake2::{Blake2b, Blake2s256};
use sha2::Digest;
use sha2::digest::Output;

use crate::{Code, HashError, MAX_DIGEST_BYTES, Message, Multihash, blake3_many, sha256};

/// Shortest digest accepted: shorter ones can be forged.
const MIN_DIGEST_BYTES: usize = 20;

/// A hash function with its output length.
///
/// blake3 takes any length from 20 to 128 bytes (32 if not said), the others only their own.
///
/// ```
/// use ipfs_kit_hash::{Code, HashError, Hasher};
///
/// let hasher = Hasher::with_length(Code::Blake3, 64)?;
/// assert_eq!(hasher.hash(b"hello")?.size(), 64);
/// # Ok::<(), HashError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hasher {
    code: Code,
    digest_bytes: usize,
}

impl Hasher {
    /// The function with its default digest length.
    pub const fn new(code: Code) -> Self {
        Self { code, digest_bytes: code.digest_bytes() }
    }

    /// The function with a digest length of choice, where it has one.
    pub fn with_length(code: Code, digest_bytes: usize) -> Result<Self, HashError> {
        let fits = match code {
            Code::Blake3 => (MIN_DIGEST_BYTES..=MAX_DIGEST_BYTES).contains(&digest_bytes),
            _ => digest_bytes == code.digest_bytes(),
        };
        if fits {
            Ok(Self { code, digest_bytes })
        } else {
            Err(HashError::DigestLength { code, length: digest_bytes })
        }
    }

    /// The function.
    pub const fn code(self) -> Code {
        self.code
    }

    /// Length of its digests; 0 for identity, whose digest is as long as the payload.
    pub const fn digest_bytes(self) -> usize {
        self.digest_bytes
    }

    /// Hash one message.
    ///
    /// The one failure is an identity payload over [`MAX_DIGEST_BYTES`].
    pub fn hash(self, data: &[u8]) -> Result<Multihash, HashError> {
        self.hash_parts(&[data])
    }

    /// Hash the concatenation of `parts`; fails as [`hash`](Self::hash) does.
    pub fn hash_parts(self, parts: &[&[u8]]) -> Result<Multihash, HashError> {
        match parts {
            [part] if self.code == Code::Sha2_256 => Ok(self.wrap(&sha256::digest(part))),
            parts => self.hash_pieces(parts.iter().copied()),
        }
    }

    /// Hash the concatenation of pieces that come one by one; fails as [`hash`](Self::hash)
    /// does.
    ///
    /// Whoever may want to stop a long message lets the pieces end early, and drops the digest.
    pub fn hash_pieces<'a>(
        self,
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Multihash, HashError> {
        Ok(match self.code {
            Code::Identity => return identity(parts),
            Code::Sha1 => self.wrap(&digest::<sha1::Sha1>(parts)),
            Code::Sha2_256 => self.wrap(&sha256::digest_pieces(parts)),
            Code::Sha2_512 => self.wrap(&digest::<sha2::Sha512>(parts)),
            Code::Sha3_224 => self.wrap(&digest::<sha3::Sha3_224>(parts)),
            Code::Sha3_256 => self.wrap(&digest::<sha3::Sha3_256>(parts)),
            Code::Sha3_384 => self.wrap(&digest::<sha3::Sha3_384>(parts)),
            Code::Sha3_512 => self.wrap(&digest::<sha3::Sha3_512>(parts)),
            Code::Keccak256 => self.wrap(&digest::<sha3::Keccak256>(parts)),
            Code::Blake2b256 => self.wrap(&digest::<Blake2b<U32>>(parts)),
            Code::Blake2s256 => self.wrap(&digest::<Blake2s256>(parts)),
            Code::Blake3 => self.wrap(&blake3(parts)[..self.digest_bytes]),
            Code::DblSha2_256 => {
                self.wrap(&sha256::digest(&sha256::digest_pieces(parts)))
            }
        })
    }

    /// Hash many messages, and append their multihashes to `out` in the same order.
    ///
    /// sha2-256 and dbl-sha2-256 go side by side through the lanes of
    /// [`Kernel::best`](sha256::Kernel::best), blake3 of many short messages through that
    /// crate's own lanes, the others one by one. After a failure `out` is as it was.
    ///
    /// # Panics
    ///
    /// As [`Kernel::best`](sha256::Kernel::best) does, for the two sha2-256 functions.
    pub fn hash_many(
        self,
        messages: &[Message<'_>],
        out: &mut Vec<Multihash>,
    ) -> Result<(), HashError> {
        match self.code {
            Code::Sha2_256 => {
                let digests = sha256_many(messages);
                out.extend(digests.iter().map(|digest| self.wrap(digest)));
            }
            Code::DblSha2_256 => {
                let inner = sha256_many(messages);
                let mut outer = vec![sha256::Digest::default(); inner.len()];
                let kernel = sha256::Kernel::best();
                sha256::digest_rows(kernel, inner.as_flattened(), 32, &mut outer);
                out.extend(outer.iter().map(|digest| self.wrap(digest)));
            }
            Code::Blake3 if self.digest_bytes <= blake3::OUT_LEN => {
                out.reserve(messages.len());
                blake3_many::hash(messages, |digest| {
                    out.push(self.wrap(&digest[..self.digest_bytes]));
                });
            }
            _ => {
                let start = out.len();
                out.reserve(messages.len());
                for message in messages {
                    match self.hash_parts(&message.parts()) {
                        Ok(multihash) => out.push(multihash),
                        Err(error) => {
                            out.truncate(start);
                            return Err(error);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Tell whether `data` has this multihash.
    ///
    /// A function that is unknown or unsafe, or a digest length that it does not give, is an
    /// error: nothing can be said of the data then.
    pub fn verify(multihash: &Multihash, data: &[u8]) -> Result<bool, HashError> {
        let code = Code::from_code(multihash.code())?;
        if code == Code::Identity {
            return Ok(multihash.digest() == data);
        }
        let hasher = Self::with_length(code, multihash.size().into())?;
        Ok(hasher.hash(data)? == *multihash)
    }

    /// The multihash of a digest that this hasher made.
    #[inline]
    fn wrap(self, digest: &[u8]) -> Multihash {
        wrap(self.code, digest)
    }
}

/// The multihash of a digest known to fit.
#[inline]
#[expect(clippy::expect_used, reason = "callers bound the length by MAX_DIGEST_BYTES")]
fn wrap(code: Code, digest: &[u8]) -> Multihash {
    Multihash::wrap(code.code(), digest).expect("no digest is over MAX_DIGEST_BYTES")
}

fn identity<'a>(
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Multihash, HashError> {
    let (mut payload, mut length) = (Vec::new(), 0);
    for part in parts {
        length += part.len();
        if length <= MAX_DIGEST_BYTES {
            payload.extend_from_slice(part);
        }
    }
    if length > MAX_DIGEST_BYTES {
        return Err(HashError::IdentityTooLong { length });
    }
    Ok(wrap(Code::Identity, &payload))
}

/// The digest of a function that has one length.
fn digest<'a, D: Digest>(parts: impl IntoIterator<Item = &'a [u8]>) -> Output<D> {
    let mut state = D::new();
    for part in parts {
        state.update(part);
    }
    state.finalize()
}

/// The longest digest; shorter ones are its beginning.
fn blake3<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; MAX_DIGEST_BYTES] {
    let mut state = blake3::Hasher::new();
    for part in parts {
        state.update(part);
    }
    let mut digest = [0; MAX_DIGEST_BYTES];
    state.finalize_xof().fill(&mut digest);
    digest
}

fn sha256_many(messages: &[Message<'_>]) -> Vec<sha256::Digest> {
    let mut digests = vec![sha256::Digest::default(); messages.len()];
    sha256::digest_many(sha256::Kernel::best(), messages, &mut digests);
    digests
}
