//! Setting disk space aside for a file before it is written.

use std::fs::File;
use std::io;

/// Sets aside the first `bytes` of the file's place on the disk; its length stays.
///
/// File systems that cannot do it give the space as it is written.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library does not offer this call")]
pub(crate) fn ahead(file: &File, bytes: u64) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    if bytes == 0 {
        return Ok(());
    }
    let bytes =
        i64::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    loop {
        // SAFETY: the descriptor is open as long as the file is borrowed; no memory is passed.
        let result = unsafe {
            libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, 0, bytes)
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => return Ok(()),
            _ => return Err(error),
        }
    }
}

/// Other systems have no call for it that keeps the length.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ahead(_file: &File, _bytes: u64) -> io::Result<()> {
    Ok(())
}

/// Gives back what is set aside behind the end of the file, which stays where it is.
pub(crate) fn trim(file: &File) -> io::Result<()> {
    // Cutting a file at its own length frees just that.
    file.set_len(file.metadata()?.len())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn space_is_set_aside_and_given_back_without_a_change_of_length() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"data").unwrap();
        ahead(&file, 1 << 20).unwrap();
        let reserved = file.metadata().unwrap();
        assert_eq!(reserved.len(), 4);
        trim(&file).unwrap();
        let trimmed = file.metadata().unwrap();
        assert_eq!(trimmed.len(), 4);
        // Where the file system takes no reservations there is nothing to compare.
        assert!(reserved.blocks() < 2048 || trimmed.blocks() < 32);
    }
}
