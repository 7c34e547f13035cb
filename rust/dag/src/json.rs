//! dag-json: what people read and write of dag-cbor values.
//!
//! Source: the DAG-JSON specification of IPLD.

use ipld_core::ipld::Ipld;

use crate::{DagError, links::check_depth};

/// Encodes a value, keys sorted, no spaces.
pub fn encode(value: &Ipld) -> Result<Vec<u8>, DagError> {
    serde_ipld_dagjson::to_vec(value).map_err(|e| DagError::Encode(e.to_string()))
}

/// Decodes text as people write it: spaces and any order of keys are allowed.
pub fn decode(text: &[u8]) -> Result<Ipld, DagError> {
    let value: Ipld = serde_ipld_dagjson::from_slice(text)
        .map_err(|e| DagError::Json(e.to_string()))?;
    check_depth(&value)?;
    Ok(value)
}

/// Decodes a block, which must be in the form that [`encode`] writes.
pub fn decode_canonical(bytes: &[u8]) -> Result<Ipld, DagError> {
    let value = decode(bytes)?;
    if encode(&value)? != bytes {
        return Err(DagError::Json("not in canonical form".to_owned()));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_are_for_people_not_for_blocks() {
        let text = br#"{ "b": 1, "a": {"/": {"bytes": "AQI"}} }"#;
        let value = decode(text).unwrap();
        assert_eq!(encode(&value).unwrap(), br#"{"a":{"/":{"bytes":"AQI"}},"b":1}"#);
        assert!(decode_canonical(text).is_err());
    }

    #[test]
    fn deep_nesting_is_an_error() {
        assert!(decode("[".repeat(100_000).as_bytes()).is_err());
    }
}
