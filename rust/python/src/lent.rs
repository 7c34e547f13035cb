//! Objects of Python's that are let go of by whoever has the interpreter.

use pyo3::prelude::*;

/// An object of Python's on a thread that may not have the interpreter when it is done.
///
/// pyo3 would note such an object on a list that has a lock, and a child that is forked in
/// that moment would wait for the lock for ever. So the interpreter is waited for here; not
/// for what is dropped under a lock of our own, whose owner may be waited for in turn.
pub(crate) struct Lent<T: Send>(Option<T>);

impl<T: Send> Lent<T> {
    pub(crate) fn new(object: T) -> Self {
        Self(Some(object))
    }

    /// The object; there is one until this is dropped.
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T: Send> Drop for Lent<T> {
    fn drop(&mut self) {
        let mut object = self.0.take();
        if Python::try_attach(|_| drop(object.take())).is_none() {
            // The interpreter ends, and its objects with it.
            std::mem::forget(object);
        }
    }
}
