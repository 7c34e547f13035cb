//! Text and file names from Python, which can hold what neither UTF-8 nor a file system can:
//! one half of a pair of surrogates. Each function reads one kind of parameter.

use std::path::PathBuf;

use pyo3::exceptions::PyUnicodeEncodeError;
use pyo3::prelude::*;

use crate::errors::Failure;

/// Text that has a form in UTF-8.
pub(crate) fn text<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    value.extract().map_err(|error| refused(value, error, Failure::parameter))
}

/// The same, or `None`.
pub(crate) fn maybe_text<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a str>> {
    if value.is_none() { Ok(None) } else { text(value).map(Some) }
}

/// A path of mutable files.
pub(crate) fn entry_path<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    value.extract().map_err(|error| refused(value, error, Failure::name))
}

/// The path of a file.
pub(crate) fn file_path(value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    value.extract().map_err(|error| refused(value, error, Failure::name))
}

/// The paths of files, in a list.
pub(crate) fn file_paths(value: &Bound<'_, PyAny>) -> PyResult<Vec<PathBuf>> {
    value.try_iter()?.map(|path| file_path(&path?)).collect()
}

/// Makes our error of the one that says that text has no form in UTF-8.
fn refused(
    value: &Bound<'_, PyAny>,
    error: PyErr,
    make: impl Fn(String) -> Failure,
) -> PyErr {
    if !error.is_instance_of::<PyUnicodeEncodeError>(value.py()) {
        return error;
    }
    // As an escape: nobody else could print it either.
    let builtins = value.py().import("builtins");
    let shown = builtins.and_then(|at| at.call_method1("ascii", (value,)));
    match shown.and_then(|shown| shown.extract::<String>()) {
        Ok(shown) => {
            let why = "no valid text: it holds half of a surrogate pair";
            make(format!("{shown} is {why}")).into()
        }
        Err(error) => error,
    }
}
