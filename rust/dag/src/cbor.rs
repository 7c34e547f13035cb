//! dag-cbor, in its one canonical form.
//!
//! The `serde_ipld_dagcbor` crate decodes; that the bytes are what it would encode again is
//! checked on top, which refuses unsorted maps, long integers and short floats alike.
//!
//! Source: the DAG-CBOR specification of IPLD.

use ipld_core::ipld::Ipld;

use crate::{DagError, links::check_depth};

/// Encodes a value.
pub fn encode(value: &Ipld) -> Result<Vec<u8>, DagError> {
    serde_ipld_dagcbor::to_vec(value).map_err(|e| DagError::Encode(e.to_string()))
}

/// Decodes a value from exactly these bytes.
pub fn decode(bytes: &[u8]) -> Result<Ipld, DagError> {
    let value: Ipld = serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|e| DagError::Cbor(e.to_string()))?;
    check_depth(&value)?;
    if encode(&value)? != bytes {
        return Err(DagError::Cbor("not in canonical form".to_owned()));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_integers_and_unsorted_maps_are_refused() {
        for bytes in [&[0x18, 0x01][..], &[0xa2, 0x61, b'b', 1, 0x61, b'a', 2]] {
            assert!(matches!(decode(bytes), Err(DagError::Cbor(_))), "{bytes:02x?}");
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(decode(&[0x01, 0x01]).is_err());
    }

    #[test]
    fn ten_thousand_nested_lists_are_an_error() {
        assert!(decode(&[0x81; 10_000]).is_err());
    }
}
