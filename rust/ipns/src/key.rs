//! Keys in the forms that libp2p and OpenSSL give them.

use std::fmt;

use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, KeypairBytes, spki};
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey, pkcs8};
use zeroize::{Zeroize, Zeroizing};

use crate::wire::{Fields, put_bytes, put_number};
use crate::{IpnsError, Name};

const TYPE: u8 = 1;
const DATA: u8 = 2;
const SECRET_BYTES: usize = 32;
const PUBLIC_BYTES: usize = 32;
/// The longest key that is looked at: an RSA key of 16384 bits has half as many bytes.
const MAX_KEY_BYTES: usize = 32 << 10;

/// What kind of key it is, by libp2p's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// What Kubo made before 2020.
    Rsa,
    /// What is made here, and by Kubo.
    Ed25519,
    /// Bitcoin's.
    Secp256k1,
    /// On any of the NIST curves.
    Ecdsa,
    /// Of a number that is not known.
    Unknown(u64),
}

impl KeyType {
    fn of(number: u64) -> Self {
        match number {
            0 => Self::Rsa,
            1 => Self::Ed25519,
            2 => Self::Secp256k1,
            3 => Self::Ecdsa,
            other => Self::Unknown(other),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Rsa => 0,
            Self::Ed25519 => 1,
            Self::Secp256k1 => 2,
            Self::Ecdsa => 3,
            Self::Unknown(number) => number,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa => f.write_str("RSA"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Secp256k1 => f.write_str("secp256k1"),
            Self::Ecdsa => f.write_str("ECDSA"),
            Self::Unknown(number) => write!(f, "{number}"),
        }
    }
}

/// A public key of any kind, as libp2p writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: KeyType,
    data: Vec<u8>,
}

impl PublicKey {
    /// Reads libp2p's protobuf form.
    pub fn from_protobuf(bytes: &[u8]) -> Result<Self, IpnsError> {
        let (kind, data) = read(bytes, "public")?;
        if kind == KeyType::Ed25519 && data.len() != PUBLIC_BYTES {
            return Err(wrong("public", "Ed25519 keys have 32 bytes"));
        }
        Ok(Self { kind, data: data.to_vec() })
    }

    /// Writes libp2p's protobuf form.
    pub fn to_protobuf(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.data.len() + 8);
        put_number(TYPE, self.kind.number(), &mut out);
        put_bytes(DATA, &self.data, &mut out);
        out
    }

    /// What kind it is.
    pub fn kind(&self) -> KeyType {
        self.kind
    }

    /// What it is known by.
    pub fn name(&self) -> Name {
        Name::of_key(&self.to_protobuf())
    }

    /// Checks a signature, as everyone else on the network does.
    pub(crate) fn verify(&self, message: &[u8], bytes: &[u8]) -> Result<(), IpnsError> {
        if self.kind != KeyType::Ed25519 {
            return Err(IpnsError::Uncheckable(self.kind));
        }
        let key = <&[u8; PUBLIC_BYTES]>::try_from(&*self.data).ok();
        let key = key.and_then(|data| VerifyingKey::from_bytes(data).ok());
        let signature = Signature::from_slice(bytes).ok();
        let (Some(key), Some(signature)) = (key, signature) else {
            return Err(IpnsError::Signature);
        };
        key.verify(message, &signature).map_err(|_| IpnsError::Signature)
    }
}

/// An Ed25519 key; what it was made from is wiped when it goes.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("name", &self.public().name()).finish()
    }
}

impl PrivateKey {
    /// Makes a new one.
    pub fn generate() -> Result<Self, IpnsError> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        let made = getrandom::fill(&mut *secret);
        made.map_err(|error| IpnsError::Random(error.to_string()))?;
        Ok(Self::from_secret(&secret))
    }

    /// The key that 32 bytes stand for.
    pub fn from_secret(secret: &[u8; SECRET_BYTES]) -> Self {
        Self { key: SigningKey::from_bytes(secret) }
    }

    /// Reads libp2p's protobuf form, which is Kubo's `libp2p-protobuf-cleartext`.
    pub fn from_protobuf(bytes: &[u8]) -> Result<Self, IpnsError> {
        let (kind, data) = read(bytes, "private")?;
        if kind != KeyType::Ed25519 {
            return Err(IpnsError::KeyType(kind));
        }
        // Both halves; old ones have the public key once more.
        let [secret, public, more @ ..] = data.as_chunks::<SECRET_BYTES>().0 else {
            return Err(wrong("private", "Ed25519 keys have 64 bytes"));
        };
        let key = Self::from_secret(secret);
        let fits = |half: &[u8; PUBLIC_BYTES]| key.key.verifying_key().as_bytes() == half;
        if data.len() % SECRET_BYTES != 0 || more.len() > 1 {
            return Err(wrong("private", "Ed25519 keys have 64 bytes"));
        }
        if !fits(public) || !more.iter().all(fits) {
            return Err(wrong("private", "its public half belongs to another key"));
        }
        Ok(key)
    }

    /// Writes libp2p's protobuf form.
    pub fn to_protobuf(&self) -> Zeroizing<Vec<u8>> {
        let mut data = self.key.to_keypair_bytes();
        let mut out = Vec::with_capacity(data.len() + 4);
        put_number(TYPE, KeyType::Ed25519.number(), &mut out);
        put_bytes(DATA, &data, &mut out);
        data.zeroize();
        Zeroizing::new(out)
    }

    /// Reads PKCS #8 in PEM, which is Kubo's `pem-pkcs8-cleartext`, and OpenSSL's.
    pub fn from_pem(text: &str) -> Result<Self, IpnsError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(wrong("private", "it is too long"));
        }
        let key =
            SigningKey::from_pkcs8_pem(text.trim()).map_err(|error| match error {
                pkcs8::Error::PublicKey(spki::Error::OidUnknown { .. }) => wrong(
                    "private",
                    "it is not an Ed25519 key, the only kind that is used here",
                ),
                error => wrong("private", &error.to_string()),
            })?;
        Ok(Self { key })
    }

    /// Writes PKCS #8 in PEM as OpenSSL does, without the public key.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, IpnsError> {
        let secret_key = self.key.to_bytes();
        let mut pair = KeypairBytes { secret_key, public_key: None };
        let text = pair.to_pkcs8_pem(spki::der::pem::LineEnding::LF);
        pair.secret_key.zeroize();
        text.map_err(|error| wrong("private", &error.to_string()))
    }

    /// Its other half.
    pub fn public(&self) -> PublicKey {
        let data = self.key.verifying_key().as_bytes().to_vec();
        PublicKey { kind: KeyType::Ed25519, data }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; Signature::BYTE_SIZE] {
        self.key.sign(message).to_bytes()
    }
}

/// The kind and the bytes of a key.
fn read<'a>(
    bytes: &'a [u8],
    what: &'static str,
) -> Result<(KeyType, &'a [u8]), IpnsError> {
    let (mut kind, mut data) = (None, None);
    if bytes.len() > MAX_KEY_BYTES {
        return Err(wrong(what, "it is too long"));
    }
    if bytes.starts_with(b"-----BEGIN") {
        return Err(wrong(what, "it is PEM, the format pem-pkcs8-cleartext"));
    }
    let inside = |error: IpnsError| match error {
        IpnsError::Malformed(reason) => wrong(what, &reason),
        error => error,
    };
    for field in Fields::of(bytes) {
        match field.map_err(inside)? {
            (1, value) => kind = Some(value.number().map_err(inside)?),
            (2, value) => data = Some(value.bytes().map_err(inside)?),
            _ => {}
        }
    }
    match (kind, data) {
        (Some(kind), Some(data)) => Ok((KeyType::of(kind), data)),
        _ => Err(wrong(what, "it has no type, or no data")),
    }
}

fn wrong(what: &'static str, reason: &str) -> IpnsError {
    IpnsError::Key { what, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_form_of_a_private_key_does_not_tell_it() {
        let key = PrivateKey::from_secret(&[7; 32]);
        assert!(!format!("{key:?}").contains("7, 7"));
    }

    #[test]
    fn a_public_half_of_another_key_is_refused() {
        let mut bytes = PrivateKey::from_secret(&[7; 32]).to_protobuf();
        let other = PrivateKey::from_secret(&[8; 32]).to_protobuf();
        bytes[36..].copy_from_slice(&other[36..]);
        let error = PrivateKey::from_protobuf(&bytes).unwrap_err();
        assert!(error.to_string().contains("another key"), "{error}");
    }

    #[test]
    fn keys_with_their_public_half_twice_are_read() {
        let key = PrivateKey::from_secret(&[7; 32]);
        let new = key.to_protobuf();
        let mut old = vec![0x08, 0x01, 0x12, 0x60];
        old.extend_from_slice(&new[4..]);
        old.extend_from_slice(&new[36..]);
        let read = PrivateKey::from_protobuf(&old).unwrap();
        assert_eq!(read.to_protobuf(), new);
        *old.last_mut().unwrap() ^= 1;
        assert!(PrivateKey::from_protobuf(&old).is_err());
    }

    #[test]
    fn a_key_of_another_kind_is_named() {
        let rsa = [0x08, 0x00, 0x12, 0x02, 0x30, 0x00];
        assert_eq!(
            PrivateKey::from_protobuf(&rsa).unwrap_err(),
            IpnsError::KeyType(KeyType::Rsa)
        );
        assert_eq!(PublicKey::from_protobuf(&rsa).unwrap().kind(), KeyType::Rsa);
    }

    #[test]
    fn pem_where_protobuf_is_expected_is_said_to_be_so() {
        let pem = PrivateKey::from_secret(&[7; 32]).to_pem().unwrap();
        let error = PrivateKey::from_protobuf(pem.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("pem-pkcs8-cleartext"), "{error}");
    }
}
