//! Tables of codecs, hashes and bases; multihashes; multiaddrs.

use ipfs_kit_cid::{BASES, codec, multihash_from_bytes};
use ipfs_kit_hash::{Code, Hasher, sha256};
use multiaddr::{Multiaddr, Protocol};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::buffers::{to_vec, with_bytes};
use crate::cid::multihash_bytes;
use crate::errors::{Failure, Outcome};
use crate::text::text;

/// Imports an optional package; says how to get it where it is missing.
pub(crate) fn import_extra<'py>(
    py: Python<'py>,
    name: &str,
    command: &str,
) -> PyResult<Bound<'py, PyModule>> {
    py.import(name).map_err(|error| {
        if error.is_instance_of::<PyImportError>(py) {
            PyImportError::new_err(format!("this needs {name}: {command}"))
        } else {
            error
        }
    })
}

/// List the content codecs by name and code.
#[pyfunction]
pub(crate) fn cid_codecs() -> Vec<(&'static str, u64)> {
    codec::CODECS.to_vec()
}

/// List the hash functions by name, code and digest length in bytes (0: any).
#[pyfunction]
pub(crate) fn hash_functions() -> Vec<(&'static str, u64, usize)> {
    Code::ALL.iter().map(|code| (code.name(), code.code(), code.digest_bytes())).collect()
}

/// List the multibases by name and prefix.
#[pyfunction]
pub(crate) fn multibases() -> Vec<(&'static str, char)> {
    BASES.iter().map(|(name, base)| (*name, base.code())).collect()
}

/// Name the kernel that computes sha2-256 of many messages here.
#[pyfunction]
pub(crate) fn sha256_kernel() -> Outcome<&'static str> {
    Ok(sha256::Kernel::best_checked()?.name())
}

/// Compute a multihash.
#[pyfunction]
#[pyo3(signature = (data, hash = "sha2-256", length = None))]
pub(crate) fn multihash_encode<'py>(
    data: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = text)] hash: &str,
    length: Option<usize>,
) -> Outcome<Bound<'py, PyBytes>> {
    let code = Code::from_name(hash)?;
    let hasher = match length {
        Some(length) => Hasher::with_length(code, length)?,
        None => Hasher::new(code),
    };
    let multihash = with_bytes(data, |bytes| Ok(hasher.hash(bytes)?))?;
    Ok(PyBytes::new(data.py(), &multihash_bytes(&multihash)))
}

/// Take a multihash apart: (code, digest).
#[pyfunction]
pub(crate) fn multihash_decode<'py>(
    multihash: &Bound<'py, PyAny>,
) -> Outcome<(u64, Bound<'py, PyBytes>)> {
    let hash = multihash_from_bytes(&to_vec(multihash)?)?;
    Ok((hash.code(), PyBytes::new(multihash.py(), hash.digest())))
}

/// Split a multiaddr's text into (protocol, value) pairs.
#[pyfunction]
pub(crate) fn multiaddr_parts(
    text: &Bound<'_, PyString>,
) -> Outcome<Vec<(String, Option<String>)>> {
    Ok(parse(text)?.iter().map(|protocol| part(&protocol)).collect())
}

/// Encode a multiaddr's text.
#[pyfunction]
pub(crate) fn multiaddr_to_bytes<'py>(
    text: &Bound<'py, PyString>,
) -> Outcome<Bound<'py, PyBytes>> {
    Ok(PyBytes::new(text.py(), &parse(text)?.to_vec()))
}

/// Print a binary multiaddr.
#[pyfunction]
pub(crate) fn multiaddr_from_bytes(bytes: &Bound<'_, PyAny>) -> Outcome<String> {
    let address = Multiaddr::try_from(to_vec(bytes)?).map_err(Failure::multiaddr)?;
    if address.is_empty() {
        return Err(empty());
    }
    let text = address.to_string();
    // Values that the protocol does not allow come to light when they are read back.
    match text.parse::<Multiaddr>() {
        Ok(back) if back == address => Ok(text),
        _ => Err(Failure::multiaddr(format!(
            "{text:?} is no multiaddr: a value is invalid"
        ))),
    }
}

fn parse(text: &Bound<'_, PyString>) -> Outcome<Multiaddr> {
    let text = text.to_cow().map_err(Failure::multiaddr)?;
    if text.is_empty() {
        return Err(empty());
    }
    let address: Multiaddr = text.parse().map_err(|error: multiaddr::Error| {
        Failure::multiaddr(format!("{text:?} is no multiaddr: {error}"))
    })?;
    Ok(address)
}

fn empty() -> Failure {
    Failure::multiaddr("a multiaddr cannot be empty")
}

/// A protocol's text is its name and, behind the second slash, its value.
fn part(protocol: &Protocol<'_>) -> (String, Option<String>) {
    let text = protocol.to_string();
    let body = text.strip_prefix('/').unwrap_or(&text);
    match body.split_once('/') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (body.to_owned(), None),
    }
}
