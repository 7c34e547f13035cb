//! The little of protobuf that keys and records are made of.

use ipfs_kit_cid::varint;

use crate::IpnsError;

const VARINT: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const BYTES: u8 = 2;
const FOUR_BYTES: u8 = 5;
/// Bytes of the longest number: 64 bits.
const MAX_VARINT_BYTES: usize = 10;

/// A field as it stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that nothing here has.
    Other,
}

impl<'a> Value<'a> {
    pub(crate) fn number(self) -> Result<u64, IpnsError> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Bytes(_) | Self::Other => Err(malformed("a field of the wrong kind")),
        }
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], IpnsError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) | Self::Other => Err(malformed("a field of the wrong kind")),
        }
    }
}

/// The fields of a message, with their numbers, in the order they stand.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn varint(&mut self) -> Result<u64, IpnsError> {
        let mut value = 0_u64;
        for (at, &byte) in self.rest.iter().take(MAX_VARINT_BYTES).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // Of the tenth byte, one bit is left.
            if at + 1 == MAX_VARINT_BYTES && bits > 1 {
                break;
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(malformed("a number that is cut short or too large"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], IpnsError> {
        let length = usize::try_from(length).ok();
        let split = length.and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(|| malformed("cut short"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), IpnsError> {
        let tag = self.varint()?;
        let kind = tag.to_le_bytes()[0] & 7;
        let value = match kind {
            VARINT => Value::Number(self.varint()?),
            BYTES => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            EIGHT_BYTES => self.take(8).map(|_| Value::Other)?,
            FOUR_BYTES => self.take(4).map(|_| Value::Other)?,
            _ => return Err(malformed("a field of an unknown kind")),
        };
        match tag >> 3 {
            0 => Err(malformed("a field without a number")),
            field => Ok((field, value)),
        }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), IpnsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// Appends a field that is a number.
pub(crate) fn put_number(field: u8, value: u64, out: &mut Vec<u8>) {
    out.push(field << 3 | VARINT);
    varint::encode(value, out);
}

/// Appends a field of bytes.
pub(crate) fn put_bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(field << 3 | BYTES);
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

pub(crate) fn malformed(reason: &str) -> IpnsError {
    IpnsError::Malformed(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_and_unknown_ones_are_passed_over() {
        let mut bytes = Vec::new();
        put_number(1, u64::MAX, &mut bytes);
        put_bytes(9, b"data", &mut bytes);
        bytes.extend_from_slice(&[2 << 3 | EIGHT_BYTES, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend_from_slice(&[3 << 3 | FOUR_BYTES, 0, 0, 0, 0]);
        let fields: Vec<_> = Fields::of(&bytes).map(Result::unwrap).collect();
        assert_eq!(fields[0], (1, Value::Number(u64::MAX)));
        assert_eq!(fields[1], (9, Value::Bytes(b"data")));
        assert_eq!(&fields[2..], [(2, Value::Other), (3, Value::Other)]);
    }

    #[test]
    fn groups_huge_numbers_and_cuts_are_refused() {
        for bytes in [
            &[0x0b][..],
            &[0x08],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0x0a, 0x02, 0x00],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x00, 0x00],
        ] {
            assert!(Fields::of(bytes).any(|field| field.is_err()), "{bytes:02x?}");
        }
    }
}
