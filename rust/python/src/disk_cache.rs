//! The class `DiskCache`: the disk tier, with text, bytes and CIDs for keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ipfs_kit_cache::disk;
use ipfs_kit_cache::disk::{DiskOptions, DiskState, EntryName, Trust, VerifyReads};
use ipfs_kit_cid::{Cid, codec};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::block::Block;
use crate::buffers::Held;
use crate::cache_key::no_key;
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::repo_path::take_cid;

/// The disk tier under the contract's name.
#[pyclass(frozen, subclass, module = "ipfs_kit_py._native")]
pub(crate) struct DiskCache {
    disk: Arc<disk::DiskCache>,
}

impl DiskCache {
    pub(crate) fn share(&self) -> Arc<disk::DiskCache> {
        Arc::clone(&self.disk)
    }
}

/// What an item is found by, its bytes, the file it lies in, when it was last used.
type Item = (Py<PyAny>, u64, String, f64);

/// A key as bytes: text as it is, bytes behind one that no text begins with.
pub(crate) fn key_of<'a>(key: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, [u8]>> {
    if let Ok(text) = key.cast::<PyString>() {
        return Ok(Cow::Borrowed(text.to_str()?.as_bytes()));
    }
    if let Ok(cid) = key.cast::<CID>() {
        return Ok(Cow::Owned(cid.get().0.to_string().into_bytes()));
    }
    if let Ok(bytes) = key.cast::<PyBytes>() {
        return Ok(Cow::Owned([&[0xff], bytes.as_bytes()].concat()));
    }
    Err(no_key(key)?)
}

/// The other way round; CIDs come back as text.
pub(crate) fn object_of(py: Python<'_>, key: &[u8]) -> Py<PyAny> {
    match key.split_first() {
        Some((0xff, bytes)) => PyBytes::new(py, bytes).into_any().unbind(),
        _ => PyString::new(py, &String::from_utf8_lossy(key)).into_any().unbind(),
    }
}

fn verify_named(name: &str) -> Outcome<VerifyReads> {
    match name {
        "first" => Ok(VerifyReads::First),
        "always" => Ok(VerifyReads::Always),
        "never" => Ok(VerifyReads::Never),
        _ => {
            let message = format!("verify {name:?} is not first, always or never");
            Err(Failure::parameter(message))
        }
    }
}

#[pymethods]
impl DiskCache {
    #[new]
    #[pyo3(signature = (directory, size_limit, *, verify = "first"))]
    fn new(
        py: Python<'_>,
        directory: PathBuf,
        size_limit: u64,
        verify: &str,
    ) -> Outcome<Self> {
        let options = DiskOptions::new().with_verify(verify_named(verify)?);
        let opened = py.detach(|| disk::DiskCache::open(&directory, size_limit, options));
        Ok(Self { disk: Arc::new(opened.map_err(Failure::parameter)?) })
    }

    /// The value of a key, where it lies.
    fn get_view(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Block>> {
        let (py, key) = (key.py(), key_of(key)?);
        Ok(py.detach(|| self.disk.get_key(&key)).map(Block::new))
    }

    /// Puts a value with what is known of it.
    fn put_value(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        metadata: Vec<u8>,
    ) -> PyResult<bool> {
        let (py, key) = (key.py(), key_of(key)?);
        let held = Held::new(value)?;
        let bytes = held.bytes(py);
        Ok(py.detach(|| self.disk.put_key(&key, bytes, &metadata)))
    }

    fn metadata_bytes(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
        let (py, key) = (key.py(), key_of(key)?);
        Ok(py.detach(|| self.disk.metadata(&key)))
    }

    fn contains(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, key) = (key.py(), key_of(key)?);
        Ok(py.detach(|| self.disk.contains_key(&key)))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.contains(key)
    }

    fn remove(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (py, key) = (key.py(), key_of(key)?);
        Ok(py.detach(|| self.disk.remove_key(&key)))
    }

    /// A block, where it lies.
    fn get_block(&self, cid: &Bound<'_, PyAny>) -> Outcome<Option<Block>> {
        let (py, cid) = (cid.py(), take_cid(cid)?);
        Ok(py.detach(|| self.disk.get(cid.hash())).map(Block::new))
    }

    /// Puts a block; it is hashed unless the caller has done so.
    #[pyo3(signature = (cid, data, *, verified = false))]
    fn put_block(
        &self,
        cid: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        verified: bool,
    ) -> Outcome<bool> {
        let (py, cid) = (cid.py(), take_cid(cid)?);
        let held = Held::new(data)?;
        let bytes = held.bytes(py);
        let trust = if verified { Trust::Verified } else { Trust::Unverified };
        Ok(py.detach(|| self.disk.put(&cid, bytes, trust)))
    }

    fn clear(&self, py: Python<'_>) -> bool {
        py.detach(|| self.disk.clear())
    }

    /// All items: blocks under their raw CIDs, values under their keys.
    fn items(&self, py: Python<'_>) -> PyResult<Vec<Item>> {
        let entries = py.detach(|| self.disk.entries());
        let shown = entries.into_iter().map(|entry| {
            let name = match entry.name {
                EntryName::Block(hash) => {
                    let cid = CID(Cid::new_v1(codec::RAW, hash));
                    Bound::new(py, cid)?.into_any().unbind()
                }
                EntryName::Key(key) => object_of(py, &key),
            };
            let used = entry.last_used.duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok((name, entry.bytes, entry.file_name, used.as_secs_f64()))
        });
        shown.collect()
    }

    fn numbers(&self, py: Python<'_>) -> BTreeMap<&'static str, u64> {
        let stats = py.detach(|| self.disk.stats());
        BTreeMap::from([
            ("limit_bytes", stats.limit_bytes),
            ("allocated_bytes", stats.allocated_bytes),
            ("live_bytes", stats.live_bytes),
            ("unlinked_mapped_bytes", stats.unlinked_mapped_bytes),
            ("segments", stats.segments as u64),
            ("items", stats.items),
            ("hits", stats.hits),
            ("misses", stats.misses),
            ("puts", stats.puts),
            ("refusals", stats.refusals),
            ("evicted_segments", stats.evicted_segments),
            ("evicted_items", stats.evicted_items),
            ("carried_items", stats.carried_items),
            ("damaged_items", stats.damaged_items),
        ])
    }

    /// `on`, `read-only` or `off`, and why.
    #[getter]
    fn state(&self) -> (&'static str, Option<String>) {
        let state = self.disk.state();
        let name = match &state {
            DiskState::On => "on",
            DiskState::ReadOnly(_) => "read-only",
            DiskState::Off(_) => "off",
        };
        (name, state.fault().map(described))
    }

    #[getter]
    fn max_item(&self) -> u64 {
        self.disk.most_block_bytes()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.disk.close());
    }
}

/// A fault with what caused it.
fn described(fault: &disk::DiskFault) -> String {
    match std::error::Error::source(fault) {
        Some(source) => format!("{fault}: {source}"),
        None => fault.to_string(),
    }
}
