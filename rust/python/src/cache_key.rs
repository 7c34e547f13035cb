//! Keys of the memory tier: the caller's own text or bytes, with the hash that Python keeps.
//!
//! A `str` carries its hash from its first use as a key on, and is mostly the same object at
//! each look: so a hit reads none of its text. Keys are compared and let go under a lock, so
//! subclasses, which may bring code of their own, are copied to plain objects first.

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
pub(crate) struct Wanted<'a, 'py> {
    hash: isize,
    object: &'a Bound<'py, PyAny>,
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

impl<'py> Plain<'_, 'py> {
    /// What looks for it.
    pub(crate) fn wanted(&self) -> PyResult<Wanted<'_, 'py>> {
        Ok(Wanted { hash: self.0.hash()?, object: &self.0 })
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
}

impl Name {
    /// Whether it is this very object.
    fn is(&self, object: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Text(text) => text.as_py_str().is(object),
            Self::Bytes(bytes) => {
                object.cast_exact().is_ok_and(|other: &Bound<'_, PyBytes>| {
                    std::ptr::eq(other.as_bytes(), &raw const **bytes)
                })
            }
        }
    }

    /// Whether an object says the same.
    fn equals(&self, object: &Bound<'_, PyAny>) -> bool {
        match self {
            Self::Text(text) => object
                .cast_exact::<PyString>()
                .is_ok_and(|other| other.to_str().is_ok_and(|other| other == &**text)),
            Self::Bytes(bytes) => object
                .cast_exact::<PyBytes>()
                .is_ok_and(|other| other.as_bytes() == &**bytes),
        }
    }
}

impl Wanted<'_, '_> {
    /// Fails for text that is no Unicode, which no kept key is.
    pub(crate) fn check(&self) -> PyResult<()> {
        if let Ok(text) = self.object.cast_exact::<PyString>() {
            text.to_str()?;
        }
        Ok(())
    }
}

impl Equivalent<Key> for Wanted<'_, '_> {
    fn equivalent(&self, key: &Key) -> bool {
        // One object is mostly all there is.
        key.name.is(self.object)
            || (self.hash == key.hash && key.name.equals(self.object))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.name, &other.name) {
            (Name::Text(one), Name::Text(other)) => **one == **other,
            (Name::Bytes(one), Name::Bytes(other)) => **one == **other,
            (Name::Text(_), Name::Bytes(_)) | (Name::Bytes(_), Name::Text(_)) => false,
        };
        same && self.hash == other.hash
    }
}

impl Eq for Key {}

impl Hash for Wanted<'_, '_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_isize(self.hash);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_isize(self.hash);
    }
}

/// Takes the one number that a key hashes to as it is: Python's hash of text and bytes is keyed,
/// and good in all of its bits.
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
