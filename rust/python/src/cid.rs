//! The class `CID`: immutable, hashable, ordered, picklable.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use ipfs_kit_cid::{Cid, Version, codec};
use ipfs_kit_hash::{Code, Multihash};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyType};

use crate::buffers::to_vec;
use crate::errors::Outcome;
use crate::text::{maybe_text, text};

/// A content identifier, from its text, its bytes, or another one.
///
/// Two CIDs are equal if their bytes are: version, codec, hash and digest. They are ordered by
/// their bytes.
#[expect(clippy::upper_case_acronyms, reason = "the name that Python sees")]
#[pyclass(frozen, module = "ipfs_kit_py")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct CID(pub(crate) Cid);

#[pymethods]
#[expect(clippy::wrong_self_convention, reason = "Python's objects are borrowed")]
impl CID {
    #[new]
    fn new(value: &Bound<'_, PyAny>) -> Outcome<Self> {
        if let Ok(text) = value.cast::<PyString>() {
            // What is no Unicode becomes a character that no base has.
            return Ok(Self(ipfs_kit_cid::parse(&text.to_string_lossy())?));
        }
        if let Ok(cid) = value.cast::<Self>() {
            return Ok(*cid.get());
        }
        let Ok(bytes) = to_vec(value) else {
            let name = value.get_type().name()?;
            let message = format!("a CID is made of str, bytes or CID, not {name}");
            return Err(PyTypeError::new_err(message).into());
        };
        Ok(Self(ipfs_kit_cid::from_bytes(&bytes)?))
    }

    /// Build a CID from its parts.
    #[classmethod]
    #[pyo3(signature = (multihash, *, version = 1, codec = "raw"))]
    fn from_multihash(
        _class: &Bound<'_, PyType>,
        multihash: &Bound<'_, PyAny>,
        version: u64,
        #[pyo3(from_py_with = text)] codec: &str,
    ) -> Outcome<Self> {
        let multihash = ipfs_kit_cid::multihash_from_bytes(&to_vec(multihash)?)?;
        let cid = Cid::new_v1(codec::from_name(codec)?, multihash);
        match version {
            0 => Ok(Self(ipfs_kit_cid::to_v0(&cid)?)),
            1 => Ok(Self(cid)),
            other => Err(ipfs_kit_cid::CidError::Version(other).into()),
        }
    }

    #[getter]
    fn version(&self) -> u8 {
        match self.0.version() {
            Version::V0 => 0,
            Version::V1 => 1,
        }
    }

    /// Name of the codec, or its code as `0x...` if it has none here.
    #[getter]
    fn codec(&self) -> String {
        named(codec::name(self.0.codec()), self.0.codec())
    }

    #[getter]
    fn codec_code(&self) -> u64 {
        self.0.codec()
    }

    /// Name of the hash function, or its code as `0x...` if it has none here.
    #[getter]
    fn hash_name(&self) -> String {
        let code = self.0.hash().code();
        named(Code::from_code(code).ok().map(Code::name), code)
    }

    #[getter]
    fn hash_code(&self) -> u64 {
        self.0.hash().code()
    }

    #[getter]
    fn multihash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &multihash_bytes(self.0.hash()))
    }

    #[getter]
    fn digest<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.hash().digest())
    }

    fn to_v0(&self) -> Outcome<Self> {
        Ok(Self(ipfs_kit_cid::to_v0(&self.0)?))
    }

    fn to_v1(&self) -> Self {
        Self(ipfs_kit_cid::to_v1(&self.0))
    }

    #[pyo3(signature = (base = None))]
    fn encode(
        &self,
        #[pyo3(from_py_with = maybe_text)] base: Option<&str>,
    ) -> Outcome<String> {
        match base {
            None => Ok(ipfs_kit_cid::to_string(&self.0)),
            Some(base) => {
                Ok(ipfs_kit_cid::encode(&self.0, ipfs_kit_cid::base_from_name(base)?)?)
            }
        }
    }

    /// Whether this CID names exactly these bytes.
    fn verify(&self, data: &Bound<'_, PyAny>) -> Outcome<bool> {
        crate::buffers::with_bytes(data, |bytes| {
            Ok(ipfs_kit_hash::Hasher::verify(self.0.hash(), bytes)?)
        })
    }

    fn __str__(&self) -> String {
        ipfs_kit_cid::to_string(&self.0)
    }

    fn __repr__(&self) -> String {
        format!("CID('{}')", ipfs_kit_cid::to_string(&self.0))
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.to_bytes())
    }

    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(&self.0, &mut hasher);
        hasher.finish()
    }

    fn __richcmp__(&self, other: &Self, op: pyo3::basic::CompareOp) -> bool {
        op.matches(self.0.to_bytes().cmp(&other.0.to_bytes()))
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> (Bound<'py, PyAny>, (Bound<'py, PyBytes>,)) {
        let class = py.get_type::<Self>().into_any();
        (class, (self.__bytes__(py),))
    }
}

fn named(name: Option<&str>, code: u64) -> String {
    name.map_or_else(|| format!("0x{code:x}"), str::to_owned)
}

pub(crate) fn multihash_bytes(hash: &Multihash) -> Vec<u8> {
    hash.to_bytes()
}
