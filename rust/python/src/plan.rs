//! The class `Plan`: Python objects kept by the order in which they will be read.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ipfs_kit_cache::Plan as Order;
use pyo3::prelude::*;
use smallvec::SmallVec;

use crate::cache::value_of;
use crate::disk_cache::{key_of, object_of};

/// Text of up to 64 bytes, as CIDs are, lies beside the value: one place in memory less.
type Key = SmallVec<[u8; 64]>;

/// Values kept until they were read for the last time, those needed soonest first.
#[pyclass(frozen, module = "ipfs_kit_py._native")]
pub(crate) struct Plan {
    order: Mutex<Order<Key, Py<PyAny>>>,
}

impl Plan {
    /// Nothing of Python's runs under the lock: references alone are counted there.
    fn lock(&self) -> MutexGuard<'_, Order<Key, Py<PyAny>>> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Plan {
    #[new]
    fn new(order: Vec<Bound<'_, PyAny>>, capacity: u64) -> PyResult<Self> {
        let key = |key: &Bound<'_, PyAny>| Ok(Key::from_slice(&key_of(key)?));
        let order = order.iter().map(key).collect::<PyResult<Vec<_>>>()?;
        Ok(Self { order: Mutex::new(Order::new(order, capacity)) })
    }

    /// Tells whether a key stands in the order.
    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.lock().contains(&*key_of(key)?))
    }

    fn holds(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.lock().holds(&*key_of(key)?))
    }

    /// A value, and on to the next reading of its key; a miss goes on as well.
    fn get<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, key) = (key.py(), key_of(key)?);
        let found = self.lock().get(&*key).map(|value| value.clone_ref(py));
        Ok(found.map(|value| value.into_bound(py)))
    }

    fn put(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        let key = Key::from_slice(&key_of(key)?);
        let (value, size) = value_of(value)?;
        // Let go of outside of the lock.
        let mut evicted = Vec::new();
        Ok(self.lock().put(key, value, size, &mut evicted))
    }

    /// The next keys in the order that are not held, looking so many readings ahead.
    fn upcoming(&self, py: Python<'_>, readings: usize) -> Vec<Py<PyAny>> {
        let keys = self.lock().upcoming(readings);
        keys.iter().map(|key| object_of(py, key)).collect()
    }

    /// Readings that are left, bytes held, hits, misses.
    fn numbers(&self) -> (usize, u64, u64, u64) {
        let order = self.lock();
        (order.left(), order.bytes(), order.hits(), order.misses())
    }

    /// Gives all that is held, and ends the plan.
    fn end(&self, py: Python<'_>) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        let order = std::mem::replace(&mut *self.lock(), Order::new([], 0));
        order.into_values().map(|(key, value, _)| (object_of(py, &key), value)).collect()
    }
}
