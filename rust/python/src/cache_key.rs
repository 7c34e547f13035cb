//! Keys of the memory tier: the caller's own text or bytes, with the hash that Python keeps.
//!
//! A `str` carries its hash from its first use as a key on, and is mostly the same object at
//! each look: so a hit reads none of its text. Nothing but C code of `str` and `bytes` runs
//! here, and under a lock not even that: subclasses are copied to plain objects first.

use std::borrow::Cow;
use std::hash::{BuildHasher, Hash, Hasher};

use ipfs_kit_cache::Equivalent;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyBytes, PyString};

use crate::cid::CID;

/// A key that is kept.
#[derive(Debug)]
pub(crate) struct Key {
    hash: isize,
    name: Name,
}

/// Text and bytes are apart, whatever they spell.
#[derive(Debug)]
enum Name {
    Text(PyBackedStr),
    Bytes(PyBackedBytes),
}

/// A key that is looked for.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    hash: isize,
    bytes: &'a [u8],
    is_text: bool,
}

/// The plain object that stands for a key.
#[derive(Debug)]
pub(crate) struct Plain<'a, 'py>(Cow<'a, Bound<'py, PyAny>>);

/// A key as a plain object; CIDs as text.
pub(crate) fn plain<'a, 'py>(key: &'a Bound<'py, PyAny>) -> PyResult<Plain<'a, 'py>> {
    if key.is_exact_instance_of::<PyString>() || key.is_exact_instance_of::<PyBytes>() {
        return Ok(Plain(Cow::Borrowed(key)));
    }
    let py = key.py();
    let plain = if let Ok(cid) = key.cast::<CID>() {
        PyString::new(py, &cid.get().0.to_string()).into_any()
    } else if let Ok(text) = key.cast::<PyString>() {
        PyString::new(py, text.to_str()?).into_any()
    } else if let Ok(bytes) = key.cast::<PyBytes>() {
        PyBytes::new(py, bytes.as_bytes()).into_any()
    } else {
        return Err(no_key(key)?);
    };
    Ok(Plain(Cow::Owned(plain)))
}

/// The error of what is no key.
pub(crate) fn no_key(object: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let kind = object.get_type().name()?;
    Ok(PyTypeError::new_err(format!("a key is a str, bytes or CID, not {kind}")))
}

impl Plain<'_, '_> {
    /// What looks for it.
    pub(crate) fn wanted(&self) -> PyResult<Wanted<'_>> {
        let hash = self.0.hash()?;
        if let Ok(text) = self.0.cast_exact::<PyString>() {
            return Ok(Wanted { hash, bytes: text.to_str()?.as_bytes(), is_text: true });
        }
        let bytes = self.0.cast_exact::<PyBytes>()?.as_bytes();
        Ok(Wanted { hash, bytes, is_text: false })
    }

    /// What is kept of it.
    pub(crate) fn into_key(self) -> PyResult<Key> {
        let (hash, object) = (self.0.hash()?, self.0.into_owned());
        let name = match object.cast_into_exact::<PyString>() {
            Ok(text) => Name::Text(text.try_into()?),
            Err(other) => {
                let bytes = other.into_inner().cast_into_exact::<PyBytes>()?;
                Name::Bytes(bytes.into())
            }
        };
        Ok(Key { hash, name })
    }
}

impl Key {
    /// The object that was kept.
    pub(crate) fn object(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &self.name {
            Name::Text(text) => Ok(text.as_py_str().clone_ref(py).into_any()),
            Name::Bytes(bytes) => Ok(bytes.into_pyobject(py)?.into_any().unbind()),
        }
    }

    fn wanted(&self) -> Wanted<'_> {
        let (bytes, is_text) = match &self.name {
            Name::Text(text) => (text.as_bytes(), true),
            Name::Bytes(bytes) => (&**bytes, false),
        };
        Wanted { hash: self.hash, bytes, is_text }
    }
}

impl Equivalent<Key> for Wanted<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let other = key.wanted();
        let same = (self.hash, self.is_text) == (other.hash, other.is_text);
        // One object is mostly all there is.
        same && (std::ptr::eq(self.bytes, other.bytes) || self.bytes == other.bytes)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.wanted().equivalent(other)
    }
}

impl Eq for Key {}

impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_isize(self.hash);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_isize(self.hash);
    }
}

/// Takes the hash as it is: Python's is keyed, and good in all of its bits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AsItIs(u64);

impl BuildHasher for AsItIs {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_isize(&mut self, hash: isize) {
        self.0 = hash.cast_unsigned() as u64;
    }
}
