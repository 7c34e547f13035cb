//! The chunks of an HTTP reply, taken off what they hold.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Digits of a size; no honest chunk has more.
const MOST_DIGITS: usize = 7;
const LINE_END: &[u8] = b"\r\n";

/// Join what the whole chunks from a place on hold: (content, place behind them).
///
/// It ends before whatever is not plain: a chunk that is not all here, one with an
/// extension, the last one (RFC 9112, 7.1).
#[pyfunction]
pub(crate) fn http_chunks<'py>(
    py: Python<'py>,
    buffer: &[u8],
    at: usize,
) -> PyResult<(Bound<'py, PyBytes>, usize)> {
    let (mut end, mut size) = (at, 0);
    while let Some((content, next)) = chunk(buffer, end) {
        (size, end) = (size + content.len(), next);
    }
    let joined = PyBytes::new_with(py, size, |out| {
        let (mut from, mut to) = (at, 0);
        while let Some((content, next)) = chunk(&buffer[..end], from) {
            out[to..to + content.len()].copy_from_slice(content);
            (to, from) = (to + content.len(), next);
        }
        Ok(())
    })?;
    Ok((joined, end))
}

/// What the chunk at a place holds, and where it ends.
fn chunk(buffer: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = buffer.get(at..)?;
    let digits = rest.iter().take(MOST_DIGITS + 1).position(|&byte| byte == b'\r')?;
    let mut size = 0;
    for &digit in &rest[..digits] {
        size = size << 4 | char::from(digit).to_digit(16)? as usize;
    }
    let start = digits + LINE_END.len();
    let end = start + size;
    let framed = rest.get(digits..start)? == LINE_END
        && rest.get(end..end + LINE_END.len())? == LINE_END;
    (size > 0 && framed).then(|| (&rest[start..end], at + end + LINE_END.len()))
}
