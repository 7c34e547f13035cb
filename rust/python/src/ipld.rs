//! IPLD values as Python objects, and their codecs.

use ipfs_kit_cid::{Cid, codec, from_bytes};
use ipfs_kit_dag::pb::{PbLink, PbNode};
use ipfs_kit_dag::{DagError, Ipld, cbor, json};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::buffers::{Held, to_vec};
use crate::cid::CID;
use crate::errors::{Failure, Outcome};
use crate::text::text;

/// Values one in another: more than any codec here lets through.
const MAX_DEPTH: usize = 1024;

/// Encode a value: `None`, bool, int, float, str, bytes, list, dict, CID.
#[pyfunction]
pub(crate) fn ipld_encode<'py>(
    py: Python<'py>,
    value: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = text)] codec: &str,
) -> Outcome<Bound<'py, PyBytes>> {
    let value = from_python(value, 0)?;
    let data = match codec::from_name(codec)? {
        codec::DAG_CBOR => cbor::encode(&value)?,
        codec::DAG_JSON => json::encode(&value)?,
        codec::DAG_PB => to_node(value)?.encode(),
        codec::RAW => match value {
            Ipld::Bytes(data) => data,
            _ => return Err(encode("raw blocks hold bytes alone")),
        },
        other => return Err(DagError::UnknownCodec(other).into()),
    };
    Ok(PyBytes::new(py, &data))
}

/// Decode a block's bytes into a value.
#[pyfunction]
pub(crate) fn ipld_decode<'py>(
    py: Python<'py>,
    data: &Bound<'py, PyAny>,
    #[pyo3(from_py_with = text)] codec: &str,
) -> Outcome<Bound<'py, PyAny>> {
    let data = to_vec(data)?;
    let value = match codec::from_name(codec)? {
        codec::DAG_CBOR => cbor::decode(&data)?,
        codec::DAG_JSON => json::decode(&data)?,
        codec::DAG_PB => of_node(PbNode::decode(&data)?)?,
        codec::RAW => Ipld::Bytes(data),
        other => return Err(DagError::UnknownCodec(other).into()),
    };
    Ok(to_python(py, value)?)
}

fn encode(message: impl Into<String>) -> Failure {
    DagError::Encode(message.into()).into()
}

fn from_python(value: &Bound<'_, PyAny>, depth: usize) -> Outcome<Ipld> {
    if depth > MAX_DEPTH {
        return Err(encode(format!("more than {MAX_DEPTH} values one in another")));
    }
    if value.is_none() {
        return Ok(Ipld::Null);
    }
    // `True` is an int as well.
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Ipld::Bool(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        let number = value.extract::<i128>();
        return number.map(Ipld::Integer).map_err(|_| encode("the int is too large"));
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Ipld::Float(number.value()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        let text = text.to_cow().map_err(|_| encode("the str is not valid Unicode"))?;
        return Ok(Ipld::String(text.into_owned()));
    }
    if let Ok(cid) = value.cast::<CID>() {
        return to_link_value(&cid.get().0);
    }
    if let Ok(map) = value.cast::<PyDict>() {
        let entry = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
            let Ok(key) = key.cast::<PyString>() else {
                return Err(encode("keys are str"));
            };
            let key = key.to_cow().map_err(|_| encode("a key is not valid Unicode"))?;
            Ok((key.into_owned(), from_python(&value, depth + 1)?))
        };
        return Ok(Ipld::Map(map.iter().map(entry).collect::<Outcome<_>>()?));
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let items = value.try_iter()?.map(|item| from_python(&item?, depth + 1));
        return Ok(Ipld::List(items.collect::<Outcome<_>>()?));
    }
    if let Ok(held) = Held::new(value) {
        return Ok(Ipld::Bytes(held.bytes(value.py()).to_vec()));
    }
    let name = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("{name} has no form in IPLD")).into())
}

fn to_python(py: Python<'_>, value: Ipld) -> PyResult<Bound<'_, PyAny>> {
    Ok(match value {
        Ipld::Null => py.None().into_bound(py),
        Ipld::Bool(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        Ipld::Integer(number) => number.into_pyobject(py)?.into_any(),
        Ipld::Float(number) => number.into_pyobject(py)?.into_any(),
        Ipld::String(text) => text.into_pyobject(py)?.into_any(),
        Ipld::Bytes(data) => PyBytes::new(py, &data).into_any(),
        Ipld::Link(cid) => {
            let cid = from_bytes(&cid.to_bytes()).map_err(Failure::from)?;
            CID(cid).into_pyobject(py)?.into_any()
        }
        Ipld::List(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Ipld::Map(entries) => {
            let map = PyDict::new(py);
            for (key, value) in entries {
                map.set_item(key, to_python(py, value)?)?;
            }
            map.into_any()
        }
    })
}

/// The codecs' own type of links holds shorter digests than ours.
fn to_link_value(cid: &Cid) -> Outcome<Ipld> {
    let link = TryFrom::try_from(&cid.to_bytes()[..]);
    link.map(Ipld::Link).map_err(|_| encode("a CID of over 64 bytes cannot be a link"))
}

/// A dag-pb node as the data model has it.
fn of_node(node: PbNode) -> Outcome<Ipld> {
    let link = |link: PbLink| {
        let mut map = vec![("Hash".to_owned(), to_link_value(&link.cid)?)];
        map.extend(link.name.map(|name| ("Name".to_owned(), Ipld::String(name))));
        let tsize = link.tsize.map(|tsize| Ipld::Integer(i128::from(tsize)));
        map.extend(tsize.map(|tsize| ("Tsize".to_owned(), tsize)));
        Ok(Ipld::Map(map.into_iter().collect()))
    };
    let links = node.links.into_iter().map(link).collect::<Outcome<_>>()?;
    let mut map = vec![("Links".to_owned(), Ipld::List(links))];
    map.extend(node.data.map(|data| ("Data".to_owned(), Ipld::Bytes(data))));
    Ok(Ipld::Map(map.into_iter().collect()))
}

fn to_node(value: Ipld) -> Outcome<PbNode> {
    let Ipld::Map(mut map) = value else {
        return Err(encode("a dag-pb node is a map of Links and Data"));
    };
    let mut links = match map.remove("Links") {
        Some(Ipld::List(links)) => {
            links.into_iter().map(to_link).collect::<Outcome<Vec<_>>>()?
        }
        _ => return Err(encode("a dag-pb node has a list Links")),
    };
    let data = match map.remove("Data") {
        Some(Ipld::Bytes(data)) => Some(data),
        None => None,
        Some(_) => return Err(encode("Data of a dag-pb node is bytes")),
    };
    if let Some(key) = map.keys().next() {
        return Err(encode(format!("a dag-pb node has no {key:?}")));
    }
    // The canonical order, which keeps links of one name as they stand.
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(PbNode { links, data })
}

fn to_link(value: Ipld) -> Outcome<PbLink> {
    let Ipld::Map(mut map) = value else { return Err(encode("a link is a map")) };
    let cid: Cid = match map.remove("Hash") {
        Some(Ipld::Link(cid)) => from_bytes(&cid.to_bytes())?,
        _ => return Err(encode("a link of a dag-pb node has a CID as its Hash")),
    };
    let name = match map.remove("Name") {
        Some(Ipld::String(name)) => Some(name),
        None => None,
        Some(_) => return Err(encode("Name of a link is a string")),
    };
    let tsize = match map.remove("Tsize") {
        Some(Ipld::Integer(tsize)) => {
            let tsize = u64::try_from(tsize);
            Some(tsize.map_err(|_| encode("Tsize of a link is out of range"))?)
        }
        None => None,
        Some(_) => return Err(encode("Tsize of a link is an integer")),
    };
    if let Some(key) = map.keys().next() {
        return Err(encode(format!("a link of a dag-pb node has no {key:?}")));
    }
    Ok(PbLink { cid, name, tsize })
}
