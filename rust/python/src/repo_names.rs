//! Keys of a repository, IPNS names and their records.

use std::time::Duration;

use ipfs_kit_ipns::{Content, Name, PrivateKey, Record, Timestamp};
use ipfs_kit_repo::{NamedKey, Publication};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::buffers::to_vec;
use crate::errors::{Failure, Outcome};
use crate::repo::Repository;
use crate::repo_path::{Root, Source, parse_name, take};
use crate::running;

/// Key name and IPNS name.
type Key = (String, String);
/// What a record says: value, sequence, end in seconds and nanoseconds, ttl in nanoseconds.
type Says = (String, u64, (i64, u32), Option<u64>);

fn key(found: NamedKey) -> Key {
    (found.name, found.id.to_string())
}

fn says(record: &Record) -> Outcome<Says> {
    let until = record.until();
    let until = (until.seconds(), until.nanoseconds());
    Ok((record.value()?, record.sequence(), until, record.ttl()))
}

/// The node's own key: (peer ID, IPNS name, public key).
#[pyfunction]
pub(crate) fn repo_identity(
    py: Python<'_>,
    repository: &Repository,
) -> Outcome<(String, String, Vec<u8>)> {
    let handle = repository.handle()?;
    let key = running::run_here(py, |_| Ok(handle.identity()?.public()))?;
    let name = key.name();
    Ok((name.peer_id(), name.to_string(), key.to_protobuf()))
}

/// Make a key; the result is its IPNS name.
#[pyfunction]
pub(crate) fn repo_key_gen(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
) -> Outcome<Key> {
    let handle = repository.handle()?;
    running::run_here(py, |_| Ok(key(handle.generate_key(name)?)))
}

/// List keys, the node's own first, which is made if there is none.
#[pyfunction]
pub(crate) fn repo_key_ls(py: Python<'_>, repository: &Repository) -> Outcome<Vec<Key>> {
    let handle = repository.handle()?;
    running::run_here(py, |_| Ok(handle.keys()?.into_iter().map(key).collect()))
}

/// Give a key another name; the result tells too whether another key lost it.
#[pyfunction]
#[pyo3(signature = (repository, old, new, *, force = false))]
pub(crate) fn repo_key_rename(
    py: Python<'_>,
    repository: &Repository,
    old: &str,
    new: &str,
    force: bool,
) -> Outcome<(Key, bool)> {
    let handle = repository.handle()?;
    running::run_here(py, |_| {
        let (found, overwritten) = handle.rename_key(old, new, force)?;
        Ok((key(found), overwritten))
    })
}

/// Remove a key.
#[pyfunction]
pub(crate) fn repo_key_rm(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
) -> Outcome<Key> {
    let handle = repository.handle()?;
    running::run_here(py, |_| Ok(key(handle.remove_key(name)?)))
}

/// Take a key that was made elsewhere.
#[pyfunction]
pub(crate) fn repo_key_import(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
    data: &Bound<'_, PyAny>,
    format: &str,
) -> Outcome<Key> {
    let (handle, bytes) = (repository.handle()?, to_vec(data)?);
    let given = match Format::of(format)? {
        Format::Protobuf => PrivateKey::from_protobuf(&bytes)?,
        Format::Pem => {
            let text = str::from_utf8(&bytes);
            PrivateKey::from_pem(
                text.map_err(|_| Failure::key("no PEM: it is no text"))?,
            )?
        }
    };
    running::run_here(py, |_| Ok(key(handle.import_key(name, &given)?)))
}

/// Give the bytes of a private key.
#[pyfunction]
pub(crate) fn repo_key_export<'py>(
    py: Python<'py>,
    repository: &Repository,
    name: &str,
    format: &str,
) -> Outcome<Bound<'py, PyBytes>> {
    let (handle, format) = (repository.handle()?, Format::of(format)?);
    let found = running::run_here(py, |_| Ok(handle.export_key(name)?))?;
    Ok(match format {
        Format::Protobuf => PyBytes::new(py, &found.to_protobuf()),
        Format::Pem => PyBytes::new(py, found.to_pem()?.as_bytes()),
    })
}

/// How private keys are written, by Kubo's names.
#[derive(Clone, Copy)]
enum Format {
    Protobuf,
    Pem,
}

impl Format {
    fn of(name: &str) -> Outcome<Self> {
        match name {
            "libp2p-protobuf-cleartext" => Ok(Self::Protobuf),
            "pem-pkcs8-cleartext" => Ok(Self::Pem),
            other => Err(Failure::parameter(format!(
                "format {other:?} is not one of libp2p-protobuf-cleartext and \
                 pem-pkcs8-cleartext"
            ))),
        }
    }
}

/// Read a name in any spelling: (peer ID, IPNS name, public key if the name holds it).
#[pyfunction]
pub(crate) fn ipns_name(text: &str) -> Outcome<(String, String, Option<Vec<u8>>)> {
    let name = Name::parse(&parse_name(text)?.0)?;
    let public = name.public_key()?.map(|key| key.to_protobuf());
    Ok((name.peer_id(), name.to_string(), public))
}

/// Publish a path under a key's name: (name, what the record says).
#[pyfunction]
#[pyo3(signature = (repository, path, key, *, lifetime_ns, ttl_ns, sequence = None, v1compat = true, resolve = true))]
#[expect(clippy::too_many_arguments, reason = "the stub gives them names")]
pub(crate) fn repo_name_publish(
    py: Python<'_>,
    repository: &Repository,
    path: &Bound<'_, PyAny>,
    key: &str,
    lifetime_ns: u64,
    ttl_ns: u64,
    sequence: Option<u64>,
    v1compat: bool,
    resolve: bool,
) -> Outcome<(String, Says)> {
    let (handle, at) = (repository.handle()?, take(path)?);
    running::run(py, None, |_| {
        let key = handle.find_key(key)?;
        let session = handle.session()?;
        let mut value = match &at.root {
            Root::Cid(cid) => {
                session.keep(cid)?;
                format!("/ipfs/{}", ipfs_kit_cid::to_string(cid))
            }
            Root::Name(name) => format!("/ipns/{}", handle.find_name(name)?),
        };
        at.names.iter().for_each(|name| value.extend(["/", name]));
        if resolve {
            let cid = at.block(&*handle)?;
            if handle.get(&cid)?.is_none() {
                return Err(Failure::missing(&cid));
            }
        }
        let lifetime = Duration::from_nanos(lifetime_ns);
        let (ttl, legacy) = (ttl_ns, v1compat);
        let new = Publication { value, lifetime, ttl, sequence, legacy };
        let record = session.commit_publication(&key, &new)?;
        Ok((key.public().name().to_string(), says(&record)?))
    })
}

/// The path that a name with more behind it leads to.
#[pyfunction]
#[pyo3(signature = (repository, name, *, recursive = true))]
pub(crate) fn repo_name_resolve(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
    recursive: bool,
) -> Outcome<String> {
    let (handle, (name, rest)) = (repository.handle()?, parse_name(name)?);
    running::run_here(py, |_| {
        if recursive {
            return handle.name_path(&name, &rest);
        }
        Ok(handle.resolve_name(&name, &rest, false)?)
    })
}

/// The record of a name that is known here, if any.
#[pyfunction]
pub(crate) fn repo_name_get(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
) -> Outcome<Option<Vec<u8>>> {
    let (handle, name) = (repository.handle()?, whole(name)?);
    running::run_here(py, |_| {
        let found = handle.record(&handle.find_name(&name)?)?;
        Ok(found.map(|record| record.bytes().to_vec()))
    })
}

/// Take a record of anyone's: (name, what it says).
#[pyfunction]
pub(crate) fn repo_name_put(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
    record: &Bound<'_, PyAny>,
) -> Outcome<(String, Says)> {
    let (handle, name, bytes) = (repository.handle()?, whole(name)?, to_vec(record)?);
    running::run(py, None, |_| {
        let name = handle.find_name(&name)?;
        let record = handle.put_record(&name, &bytes)?;
        Ok((name.to_string(), says(&record)?))
    })
}

/// Forget the record of a name; tells whether there was one.
#[pyfunction]
pub(crate) fn repo_name_rm(
    py: Python<'_>,
    repository: &Repository,
    name: &str,
) -> Outcome<bool> {
    let (handle, name) = (repository.handle()?, whole(name)?);
    running::run_here(py, |_| Ok(handle.remove_record(&handle.find_name(&name)?)?))
}

/// List the names that have a record here.
#[pyfunction]
pub(crate) fn repo_name_ls(
    py: Python<'_>,
    repository: &Repository,
) -> Outcome<Vec<(String, Says)>> {
    let handle = repository.handle()?;
    running::run_here(py, |_| {
        let all = handle.records()?;
        all.iter().map(|(name, record)| Ok((name.to_string(), says(record)?))).collect()
    })
}

/// A name that nothing stands behind.
fn whole(text: &str) -> Outcome<String> {
    match parse_name(text)? {
        (name, rest) if rest.is_empty() => Ok(name),
        _ => Err(Failure::parameter(format!("{text:?} is a path below a name"))),
    }
}

/// Make a record and keep it nowhere: of a key as libp2p writes it, a path, a number, an
/// end as text, nanoseconds for which readers need not ask again.
#[pyfunction]
#[pyo3(signature = (key, value, sequence, until, ttl, *, v1compat = true))]
pub(crate) fn ipns_sign<'py>(
    py: Python<'py>,
    key: &Bound<'py, PyAny>,
    value: &str,
    sequence: u64,
    until: &str,
    ttl: u64,
    v1compat: bool,
) -> Outcome<Bound<'py, PyBytes>> {
    let key = PrivateKey::from_protobuf(&to_vec(key)?)?;
    let until = Timestamp::parse(until)?;
    let content = Content { value: value.as_bytes().to_vec(), sequence, until, ttl };
    Ok(PyBytes::new(py, Record::sign(&key, content, v1compat)?.bytes()))
}

type Inspected = (Says, String, usize, bool, Option<Vec<u8>>, Option<String>);

/// Read a record: (what it says, its end as text, bytes, whether it has the fields of old,
/// key it carries, why it is not good for that name).
#[pyfunction]
#[pyo3(signature = (record, name = None))]
pub(crate) fn ipns_inspect(
    record: &Bound<'_, PyAny>,
    name: Option<&str>,
) -> Outcome<Inspected> {
    let record = Record::decode(&to_vec(record)?)?;
    let name =
        name.map(|name| Ok::<_, Failure>(Name::parse(&whole(name)?)?)).transpose()?;
    let wrong = name.and_then(|name| {
        record.verify(&name).and_then(|()| record.check_time(Timestamp::now())).err()
    });
    Ok((
        says(&record)?,
        record.until().to_string(),
        record.bytes().len(),
        record.has_legacy(),
        record.carried_key().map(<[u8]>::to_vec),
        wrong.map(|error| error.to_string()),
    ))
}
