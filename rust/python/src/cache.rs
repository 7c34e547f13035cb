//! The class `ARCache`: Python objects in the memory tier.
//!
//! A cache keeps the caller's own object and gives it back, so that a hit costs no copy. What
//! is evicted is let go of outside of all locks, on a thread that is attached. No code written
//! in Python runs under a lock: references are counted there, and keys compared and let go,
//! which are plain `str` and `bytes`.

use ipfs_kit_cache::{Memory, Place};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::block::Block;
use crate::buffers::to_vec;
use crate::cache_key::{AsItIs, Key, plain};
use crate::errors::{Failure, Outcome};

/// How a list is numbered in `ARCache.keys` and `ARCache.place`.
const PLACES: [(&str, Place); 5] = [
    ("T1", Place::T1),
    ("T2", Place::T2),
    ("pinned", Place::Pinned),
    ("B1", Place::B1),
    ("B2", Place::B2),
];

/// What is kept of a value, and its size: the object itself if nobody can change it.
pub(crate) fn value_of(value: &Bound<'_, PyAny>) -> PyResult<(Py<PyAny>, u64)> {
    if let Ok(bytes) = value.cast_exact::<PyBytes>() {
        return Ok((value.clone().unbind(), bytes.as_bytes().len() as u64));
    }
    if value.cast::<Block>().is_ok() {
        return Ok((value.clone().unbind(), value.len()? as u64));
    }
    let copy = PyBytes::new(value.py(), &to_vec(value)?);
    let size = copy.as_bytes().len() as u64;
    Ok((copy.into_any().unbind(), size))
}

fn place_named(name: &str) -> Outcome<Place> {
    let found = PLACES.into_iter().find(|(known, _)| *known == name);
    let none = || Failure::parameter(format!("there is no list {name:?}"));
    found.map(|(_, place)| place).ok_or_else(none)
}

/// The memory tier under the contract's name.
#[pyclass(frozen, subclass, module = "ipfs_kit_py._native")]
pub(crate) struct ARCache {
    memory: Memory<Key, Py<PyAny>, AsItIs>,
    max_item: u64,
}

/// Values that made room, until the lock is given up. Mostly there is one, which needs no
/// memory of its own.
struct Evicted {
    one: Option<Py<PyAny>>,
    more: Vec<Py<PyAny>>,
}

impl Extend<Py<PyAny>> for Evicted {
    fn extend<I: IntoIterator<Item = Py<PyAny>>>(&mut self, values: I) {
        for value in values {
            if self.one.is_none() {
                self.one = Some(value);
            } else {
                self.more.push(value);
            }
        }
    }
}

/// What `ARCache.numbers` gives: entries and bytes by list, the target, hits and misses,
/// evictions, promotions, ghost hits of B1 and B2, refusals.
type Numbers = ([usize; 5], [u64; 5], f64, (u64, u64), (u64, u64, u64, u64, u64));

#[pymethods]
impl ARCache {
    #[new]
    #[pyo3(signature = (maxsize, *, shards = 1, max_item = None))]
    fn new(maxsize: u64, shards: usize, max_item: Option<u64>) -> Outcome<Self> {
        if !(1..=1024).contains(&shards) {
            let message = format!("shards {shards} is not between 1 and 1024");
            return Err(Failure::parameter(message));
        }
        let max_item = max_item.unwrap_or(maxsize);
        let memory = Memory::with_hasher(maxsize, shards, max_item, AsItIs::default());
        Ok(Self { memory, max_item })
    }

    #[getter]
    fn maxsize(&self) -> u64 {
        self.memory.capacity()
    }

    #[getter]
    fn max_item(&self) -> u64 {
        self.max_item
    }

    #[getter]
    fn shards(&self) -> usize {
        self.memory.shards()
    }

    #[getter]
    fn current_size(&self) -> u64 {
        self.memory.bytes()
    }

    #[pyo3(signature = (key, default = None, *, scan = false))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        scan: bool,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, key) = (key.py(), plain(key)?);
        let (key, look) = (key.wanted()?, |value: &Py<PyAny>| value.clone_ref(py));
        let found = if scan {
            self.memory.scan_with(&key, look)
        } else {
            self.memory.get_with(&key, look)
        };
        match found {
            Some(value) => Ok(Some(value.into_bound(py))),
            None => key.check().map(|()| default),
        }
    }

    fn peek<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, key) = (key.py(), plain(key)?);
        let look = |value: &Py<PyAny>| value.clone_ref(py);
        let found = self.memory.peek_with(&key.wanted()?, look);
        Ok(found.map(|value| value.into_bound(py)))
    }

    #[pyo3(signature = (key, value, *, scan = false))]
    fn put(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        scan: bool,
    ) -> PyResult<bool> {
        let (py, key) = (key.py(), plain(key)?.into_key()?);
        let (value, size) = value_of(value)?;
        if scan {
            return Ok(self.memory.put_scanned(key, value, size));
        }
        let mut evicted = Evicted { one: None, more: Vec::new() };
        let taken = self.memory.put(key, value, size, &mut evicted);
        // That this thread is attached is known here, and need not be found out.
        drop(evicted.one.map(|value| value.into_bound(py)));
        Ok(taken)
    }

    fn pin(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.memory.pin(&plain(key)?.wanted()?))
    }

    fn unpin(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.memory.unpin(&plain(key)?.wanted()?))
    }

    fn remove(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.memory.remove(&plain(key)?.wanted()?).is_some())
    }

    fn contains(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.memory.peek_with(&plain(key)?.wanted()?, |_| ()).is_some())
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.contains(key)
    }

    fn __len__(&self) -> usize {
        self.memory.len()
    }

    /// Evicts until so many bytes are free; gives how many items went.
    fn evict(&self, bytes: u64) -> usize {
        self.memory.evict(bytes).len()
    }

    fn clear(&self) {
        self.memory.clear();
    }

    /// Which list a key is in.
    fn place(&self, key: &Bound<'_, PyAny>) -> PyResult<Option<&'static str>> {
        let place = self.memory.place(&plain(key)?.wanted()?);
        let name = |place| PLACES.iter().find(|(_, known)| *known == place);
        Ok(place.and_then(name).map(|(name, _)| *name))
    }

    /// The keys of a list, the most recent first.
    fn keys(&self, py: Python<'_>, place: &str) -> PyResult<Vec<Py<PyAny>>> {
        let place = place_named(place)?;
        self.memory.keys_with(place, |key| key.object(py)).into_iter().collect()
    }

    fn numbers(&self) -> Numbers {
        let (lists, counters) = (self.memory.lists(), self.memory.counters());
        let counted = (
            counters.evictions,
            counters.promotions,
            counters.ghost_hits_b1,
            counters.ghost_hits_b2,
            counters.refusals,
        );
        let hits = self.memory.hits_and_misses();
        (lists.entries, lists.bytes, lists.target, hits, counted)
    }
}
