//! Starting to write to disk early, so that the last sync has little left to do.

/// Begins to write a part of the file out, without waiting. A hint: what fails here shows
/// in the sync.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the standard library does not offer this call")]
pub(crate) fn start(file: &std::fs::File, start: u64, end: u64) {
    use std::os::fd::AsRawFd;
    let (Ok(offset), Ok(bytes)) = (i64::try_from(start), i64::try_from(end - start))
    else {
        return;
    };
    // SAFETY: the descriptor is open as long as the file is borrowed; no memory is passed.
    unsafe {
        libc::sync_file_range(
            file.as_raw_fd(),
            offset,
            bytes,
            libc::SYNC_FILE_RANGE_WRITE,
        );
    }
}

/// Other systems have no such call that is worth it.
#[cfg(not(target_os = "linux"))]
pub(crate) fn start(_file: &std::fs::File, _start: u64, _end: u64) {}
