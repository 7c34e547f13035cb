//! Import parameters from Python keywords, under Kubo's flag names.

use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::{Mtime, Overrides, Params, Profile, SizeEstimation};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::{Failure, Outcome};

/// Settles a profile and the keywords given over it. `None` leaves a parameter to the profile.
pub(crate) fn settle(
    profile: &str,
    given: Option<&Bound<'_, PyDict>>,
) -> Outcome<Params> {
    let mut over = Overrides::default();
    let mut nanoseconds = None;
    for (key, value) in given.into_iter().flatten() {
        if value.is_none() {
            continue;
        }
        let key: String = key.extract()?;
        match key.as_str() {
            "cid_version" => over.cid_version = number(&key, &value)?,
            "raw_leaves" => over.raw_leaves = flag(&key, &value)?,
            "hash" => {
                over.hash = Some(Hasher::new(Code::from_name(&text(&key, &value)?)?));
            }
            "chunker" => over.chunker = Some(text(&key, &value)?.parse()?),
            "trickle" => over.trickle = flag(&key, &value)?,
            "inline" => over.inline = flag(&key, &value)?,
            "inline_limit" => over.inline_limit = number(&key, &value)?,
            "max_file_links" => over.max_file_links = number(&key, &value)?,
            "max_directory_links" => over.max_directory_links = number(&key, &value)?,
            "max_hamt_fanout" => over.max_hamt_fanout = number(&key, &value)?,
            "hamt_threshold" => over.hamt_threshold = number(&key, &value)?,
            "hamt_size_estimation" => {
                over.hamt_size_estimation =
                    Some(SizeEstimation::from_name(&text(&key, &value)?)?);
            }
            "hidden" => over.hidden = flag(&key, &value)?,
            "empty_dirs" => over.empty_dirs = flag(&key, &value)?,
            "dereference_symlinks" => over.dereference_symlinks = flag(&key, &value)?,
            "preserve_mode" => over.preserve_mode = flag(&key, &value)?,
            "preserve_mtime" => over.preserve_mtime = flag(&key, &value)?,
            "mode" => over.mode = number(&key, &value)?,
            "mtime" => {
                let seconds = number(&key, &value)?.unwrap_or_default();
                over.mtime = Some(Mtime { seconds, nanoseconds: 0 });
            }
            "mtime_nsecs" => nanoseconds = number(&key, &value)?,
            "wrap_with_directory" => over.wrap_with_directory = flag(&key, &value)?,
            other => return Err(unknown(other).into()),
        }
    }
    match (&mut over.mtime, nanoseconds) {
        (Some(mtime), Some(nanoseconds)) => mtime.nanoseconds = nanoseconds,
        (None, Some(_)) => {
            return Err(Failure::parameter("mtime_nsecs needs mtime as well"));
        }
        (_, None) => {}
    }
    Ok(Params::resolve(Profile::from_name(profile)?, &over)?)
}

fn flag(key: &str, value: &Bound<'_, PyAny>) -> Outcome<Option<bool>> {
    value.extract().map(Some).map_err(|_| wrong_type(key, "bool", value).into())
}

fn text(key: &str, value: &Bound<'_, PyAny>) -> Outcome<String> {
    if !value.is_instance_of::<PyString>() {
        return Err(wrong_type(key, "str", value).into());
    }
    Ok(crate::text::text(value)?.to_owned())
}

/// An integer in the range of its parameter; `True` is none.
pub(crate) fn number<'py, T>(key: &str, value: &Bound<'py, PyAny>) -> Outcome<Option<T>>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    let is_int = value.is_instance_of::<pyo3::types::PyInt>()
        && !value.is_instance_of::<pyo3::types::PyBool>();
    if !is_int {
        return Err(wrong_type(key, "int", value).into());
    }
    let out_of_range = || Failure::parameter(format!("{key} {value} is out of range"));
    value.extract().map(Some).map_err(|_| out_of_range())
}

fn wrong_type(key: &str, wanted: &str, value: &Bound<'_, PyAny>) -> PyErr {
    let got =
        value.get_type().name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{key} must be {wanted}, not {got}"))
}

const NAMES: [&str; 21] = [
    "cid_version",
    "raw_leaves",
    "hash",
    "chunker",
    "trickle",
    "inline",
    "inline_limit",
    "max_file_links",
    "max_directory_links",
    "max_hamt_fanout",
    "hamt_threshold",
    "hamt_size_estimation",
    "hidden",
    "empty_dirs",
    "dereference_symlinks",
    "preserve_mode",
    "preserve_mtime",
    "mode",
    "mtime",
    "mtime_nsecs",
    "wrap_with_directory",
];

fn unknown(name: &str) -> PyErr {
    PyTypeError::new_err(format!(
        "unknown parameter {name:?} (known: {})",
        NAMES.join(", ")
    ))
}
