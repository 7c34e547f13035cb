//! Outputs in which what was written can be read, moved and cut off.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

/// A file, or what behaves like one.
///
/// Bytes are read back only if a header turns out to have another length than was
/// reserved; a file opened for writing alone serves until then.
pub trait Rewrite: Read + Write + Seek {
    /// Cuts off or extends to this length.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;
}

impl Rewrite for File {
    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        Self::set_len(self, bytes)
    }
}

impl Rewrite for Cursor<Vec<u8>> {
    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        self.get_mut().resize(bytes, 0);
        Ok(())
    }
}

impl<T: Rewrite + ?Sized> Rewrite for &mut T {
    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        (**self).set_len(bytes)
    }
}

const STEP: u64 = 1 << 20;

/// Moves the bytes from `from` to `end` so that they begin at `to`, and cuts off behind them.
pub(crate) fn shift(
    file: &mut impl Rewrite,
    from: u64,
    end: u64,
    to: u64,
) -> io::Result<()> {
    let mut left = end - from;
    let mut buffer = Vec::new();
    while left > 0 {
        let step = left.min(STEP);
        // Moving right begins at the end, so that nothing is written over unread.
        let done = if to > from { left - step } else { end - from - left };
        file.seek(SeekFrom::Start(from + done))?;
        buffer.clear();
        Read::by_ref(file).take(step).read_to_end(&mut buffer)?;
        if buffer.len() as u64 != step {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        file.seek(SeekFrom::Start(to + done))?;
        file.write_all(&buffer)?;
        left -= step;
    }
    file.set_len(to + (end - from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_move_both_ways_by_any_distance() {
        let bytes: Vec<u8> = (0..2_500_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        for (from, to) in [(10, 11), (10, 9), (10, 2_000_000), (2_000_000, 10), (5, 5)] {
            let mut before = vec![7; from];
            before.extend_from_slice(&bytes);
            let end = before.len() as u64;
            let mut file = Cursor::new(before);
            shift(&mut file, from as u64, end, to as u64).unwrap();
            assert_eq!(file.get_ref()[to..], bytes, "{from} to {to}");
        }
    }
}
