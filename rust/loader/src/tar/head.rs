//! The block that stands before each member, as ustar, GNU and V7 lay it out.

use std::ops::Range;

/// Bytes of a head. All else is filled up to a multiple of it.
pub(super) const BLOCK: u64 = 512;

const NAME: Range<usize> = 0..100;
const SIZE: Range<usize> = 124..136;
const SUM: Range<usize> = 148..156;
const KIND: usize = 156;
const PREFIX: Range<usize> = 345..500;
/// Says in a sparse member's head, and in each block behind it, that one more follows.
const GOES_ON: usize = 482;
const GOES_ON_AGAIN: usize = 504;

/// A head whose sum is right.
#[derive(Debug)]
pub(super) struct Head<'a>(&'a [u8]);

impl<'a> Head<'a> {
    /// Takes a block for a head; `None` if its sum is wrong.
    pub(super) fn new(block: &'a [u8]) -> Option<Self> {
        let said = number(block.get(SUM)?)?;
        // The sum is taken with blanks in its own place. Some old writers summed signed bytes.
        let blanks = b' ' as usize * SUM.len();
        let own = &block[SUM];
        let sum =
            |bytes: &[u8]| bytes.iter().map(|&byte| usize::from(byte)).sum::<usize>();
        let plain = (sum(block) - sum(own) + blanks) as u64;
        let is_high = |bytes: &[u8]| bytes.iter().filter(|byte| !byte.is_ascii()).count();
        let high = (is_high(block) - is_high(own)) as u64;
        let is_right = said == plain || said.checked_add(256 * high) == Some(plain);
        is_right.then_some(Self(block))
    }

    /// What the member is. V7 knew folders by their names alone.
    pub(super) fn kind(&self) -> u8 {
        match self.0[KIND] {
            0 if text(&self.0[NAME]).ends_with(b"/") => b'5',
            kind => kind,
        }
    }

    /// How long the member is; `None` if that is no number, or less than nothing.
    pub(super) fn size(&self) -> Option<u64> {
        number(&self.0[SIZE])
    }

    /// The name, where no other head gave one.
    pub(super) fn name(&self) -> Vec<u8> {
        let (name, prefix) = (text(&self.0[NAME]), text(&self.0[PREFIX]));
        // A sparse member has its map where others have a prefix.
        if prefix.is_empty() || self.kind() == b'S' {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    /// Whether a sparse member's map goes on behind its head.
    pub(super) fn goes_on(&self) -> bool {
        self.0[GOES_ON] != 0
    }
}

/// Whether a sparse member's map goes on behind one more block of it.
pub(super) fn goes_on(block: &[u8]) -> bool {
    block.get(GOES_ON_AGAIN).is_some_and(|&byte| byte != 0)
}

/// What stands before the first zero.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or(field)
}

/// Reads octal digits, or the bytes of the number itself behind a mark; nothing at all is 0.
/// What is too great for 64 bits is as great as can be: no file is so long.
fn number(field: &[u8]) -> Option<u64> {
    match field {
        [0x80, bytes @ ..] => Some(bytes.iter().fold(0, |sum: u64, &byte| {
            sum.checked_mul(256).map_or(u64::MAX, |sum| sum | u64::from(byte))
        })),
        _ => text(field).trim_ascii().iter().try_fold(0_u64, |sum, &byte| {
            let digit = char::from(byte).to_digit(8)?;
            sum.checked_mul(8)?.checked_add(u64::from(digit))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_bytes() {
        assert_eq!(number(b"00000000017\0"), Some(15));
        assert_eq!(number(b"   17 \0"), Some(15));
        assert_eq!(number(b"777777777777"), Some((1 << 36) - 1));
        assert_eq!(number(b"\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\0\x02\0\0\0\0"), Some(2 << 32));
        assert_eq!(number(b"\x80\0\0\x01\0\0\0\0\0\0\0\0"), Some(u64::MAX));
        assert_eq!(number(b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff"), Some(u64::MAX));
        assert_eq!(number(b"\xff\xff\xff\xfe"), None);
        assert_eq!(number(b"8"), None);
    }

    #[test]
    fn a_sum_of_signed_bytes_is_right_too() {
        let mut block = vec![0; 512];
        block[0] = 0xe4;
        for sum in [0xe4 + 256_u64, 0xe4] {
            block[SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
            assert!(Head::new(&block).is_some());
        }
        block[SUM].copy_from_slice(b"000001\0 ");
        assert!(Head::new(&block).is_none());
        assert!(Head::new(b"short").is_none());
    }
}
