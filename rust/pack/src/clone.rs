//! Having the file system share a part of one file with another.

use std::fs::File;
use std::io;

/// What file systems ask places and lengths to be multiples of, mostly.
pub const CLONE_UNIT_BYTES: u64 = 4 << 10;

/// Makes a part of a file appear in another as if it had been copied, on the same place of the
/// disk until one of them is written to.
///
/// An error where the file system cannot do it, or not with these numbers: nothing is changed
/// then.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library does not offer this call")]
pub fn clone_range(
    from: &File,
    offset: u64,
    bytes: u64,
    to: &File,
    at: u64,
) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    if bytes == 0 {
        // The system takes that for all of the file.
        return Ok(());
    }
    let range = libc::file_clone_range {
        src_fd: i64::from(from.as_raw_fd()),
        src_offset: offset,
        src_length: bytes,
        dest_offset: at,
    };
    // SAFETY: both descriptors are open as long as the files are borrowed, and the system only
    // reads the range, which is what this call wants.
    let result =
        unsafe { libc::ioctl(to.as_raw_fd(), libc::FICLONERANGE, &raw const range) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Other systems share files only as a whole.
#[cfg(not(target_os = "linux"))]
pub fn clone_range(
    _from: &File,
    _offset: u64,
    _bytes: u64,
    _to: &File,
    _at: u64,
) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
