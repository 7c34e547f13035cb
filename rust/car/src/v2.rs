//! The fixed parts of version 2: the pragma and the header behind it.

use crate::CarError;

/// What a CARv2 begins with: a header of version 2, in the framing of version 1.
pub const PRAGMA: [u8; 11] = *b"\x0a\xa1\x67version\x02";

/// Bytes of the header behind the pragma.
pub(crate) const V2_HEADER_BYTES: usize = 40;

/// The least offset that the data can have.
pub const V2_DATA_OFFSET: u64 = (PRAGMA.len() + V2_HEADER_BYTES) as u64;

/// The bit of the first byte that says that identity CIDs are in the index too.
const FULLY_INDEXED: u8 = 0x80;

/// Sixteen bytes of flags, of which one bit has a meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Characteristics(pub [u8; 16]);

impl Characteristics {
    /// Whether the index names every section, those with identity CIDs too.
    pub fn is_fully_indexed(&self) -> bool {
        self.0[0] & FULLY_INDEXED != 0
    }

    /// The same with that bit set.
    #[must_use]
    pub fn with_fully_indexed(mut self) -> Self {
        self.0[0] |= FULLY_INDEXED;
        self
    }
}

/// The header of version 2: where in the file its parts lie.
///
/// ```
/// use ipfs_kit_car::{V2_DATA_OFFSET, V2Header};
///
/// let header = V2Header { data_bytes: 100, ..V2Header::default() };
/// assert_eq!(header.data_offset, V2_DATA_OFFSET);
/// assert_eq!(V2Header::decode(&header.encode())?, header);
/// # Ok::<(), ipfs_kit_car::CarError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct V2Header {
    /// Flags.
    pub characteristics: Characteristics,
    /// Where the CARv1 within begins.
    pub data_offset: u64,
    /// Its length.
    pub data_bytes: u64,
    /// Where the index begins, which reaches to the end of the file; `None` without one.
    pub index_offset: Option<u64>,
}

impl Default for V2Header {
    fn default() -> Self {
        Self {
            characteristics: Characteristics::default(),
            data_offset: V2_DATA_OFFSET,
            data_bytes: 0,
            index_offset: None,
        }
    }
}

impl V2Header {
    /// The 40 bytes behind the pragma.
    pub fn encode(&self) -> [u8; V2_HEADER_BYTES] {
        let mut out = [0; V2_HEADER_BYTES];
        out[..16].copy_from_slice(&self.characteristics.0);
        out[16..24].copy_from_slice(&self.data_offset.to_le_bytes());
        out[24..32].copy_from_slice(&self.data_bytes.to_le_bytes());
        out[32..].copy_from_slice(&self.index_offset.unwrap_or(0).to_le_bytes());
        out
    }

    /// Decodes them. Parts that overlap or reach behind 2^63 are refused.
    pub fn decode(bytes: &[u8; V2_HEADER_BYTES]) -> Result<Self, CarError> {
        let mut characteristics = Characteristics::default();
        characteristics.0.copy_from_slice(&bytes[..16]);
        let numbers = bytes[16..].as_chunks::<8>().0;
        let [data_offset, data_bytes, index_offset] =
            [0, 1, 2].map(|at| u64::from_le_bytes(numbers[at]));
        let refuse =
            |field, value, reason| Err(CarError::V2Header { field, value, reason });
        if data_offset < V2_DATA_OFFSET {
            return refuse("data offset", data_offset, "within the header");
        }
        if data_bytes == 0 {
            return refuse("data size", data_bytes, "too small for a CARv1");
        }
        let Some(data_end) =
            data_offset.checked_add(data_bytes).filter(|&end| i64::try_from(end).is_ok())
        else {
            return refuse("data size", data_bytes, "behind any file's end");
        };
        if index_offset != 0 && index_offset < data_end {
            return refuse("index offset", index_offset, "before the data's end");
        }
        let index_offset = (index_offset != 0).then_some(index_offset);
        Ok(Self { characteristics, data_offset, data_bytes, index_offset })
    }

    /// Where the data ends.
    pub fn data_end(&self) -> u64 {
        self.data_offset.saturating_add(self.data_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_the_first_bit() {
        let flags = Characteristics::default().with_fully_indexed();
        assert!(flags.is_fully_indexed());
        let header = V2Header { characteristics: flags, ..V2Header::default() };
        assert_eq!(header.encode()[0], 0x80);
    }

    #[test]
    fn numbers_that_contradict_each_other_are_refused() {
        let header = |data_offset, data_bytes, index_offset| {
            let characteristics = Characteristics::default();
            let index_offset = Some(index_offset);
            let header =
                V2Header { characteristics, data_offset, data_bytes, index_offset };
            V2Header::decode(&header.encode())
        };
        assert!(header(51, 20, 71).is_ok());
        assert!(header(51, 20, 0).is_ok());
        for (data_offset, data_bytes, index_offset) in [
            (50, 20, 0),
            (51, 0, 0),
            (51, 20, 70),
            (51, u64::MAX, 0),
            (u64::MAX, 1, 0),
            (51, 1 << 63, 0),
            (1 << 63, 1, 0),
        ] {
            let refused = header(data_offset, data_bytes, index_offset);
            assert!(matches!(refused, Err(CarError::V2Header { .. })));
        }
    }
}
