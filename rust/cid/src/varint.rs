//! Unsigned varints as multiformats limits them: at most 9 bytes, shortest form only.
//!
//! Source: the multiformats unsigned-varint specification.

/// The longest form: 63 bits.
pub const MAX_BYTES: usize = 9;

/// Why a varint was refused.
pub const OVERLONG: &str = "not in its shortest form";
/// Why a varint was refused.
pub const TOO_BIG: &str = "over 63 bits";
/// Why a varint was refused.
pub const CUT: &str = "cut short";

/// Reads one varint; returns it with the bytes it took.
pub fn decode(bytes: &[u8]) -> Result<(u64, usize), &'static str> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().take(MAX_BYTES).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return if byte == 0 && i > 0 { Err(OVERLONG) } else { Ok((value, i + 1)) };
        }
    }
    Err(if bytes.len() < MAX_BYTES { CUT } else { TOO_BIG })
}

/// Appends `value` in its shortest form.
///
/// Values of 2^63 and more take ten bytes, which [`decode`] refuses: dag-pb needs them for
/// nothing that exists, but protobuf allows them.
pub fn encode(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Bytes that [`encode`] takes for `value`.
pub const fn len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_round_trip() {
        for value in [0, 1, 127, 128, 16383, 16384, u64::MAX >> 1] {
            let mut out = Vec::new();
            encode(value, &mut out);
            assert_eq!(out.len(), len(value));
            assert_eq!(decode(&out), Ok((value, out.len())));
        }
        assert_eq!(len(u64::MAX), 10);
    }

    #[test]
    fn overlong_cut_and_huge_are_refused() {
        assert_eq!(decode(&[0x80, 0x00]), Err(OVERLONG));
        assert_eq!(decode(&[0x80]), Err(CUT));
        assert_eq!(decode(&[]), Err(CUT));
        assert_eq!(decode(&[0xff; 10]), Err(TOO_BIG));
    }
}
