//! The file system as an import sees it: kinds, metadata, reads at an offset.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::{Attributes, Mtime, Params, UnixFsError};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Other(&'static str),
}

impl Kind {
    pub(crate) fn of(file_type: fs::FileType) -> Self {
        if file_type.is_file() {
            Self::File
        } else if file_type.is_dir() {
            Self::Directory
        } else if file_type.is_symlink() {
            Self::Symlink
        } else {
            Self::Other(special(file_type))
        }
    }
}

#[cfg(unix)]
fn special(file_type: fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if file_type.is_fifo() {
        "a named pipe"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: fs::FileType) -> &'static str {
    "no regular file"
}

/// What tells whether a file stayed the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    mtime: Option<Mtime>,
    changed: i128,
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            mtime: mtime_of(metadata),
            changed: change_time(metadata),
        }
    }
}

/// The attributes that a node made of this file carries.
pub(crate) fn attributes(
    params: &Params,
    metadata: &Metadata,
    is_symlink: bool,
) -> Attributes {
    let own_mode = if params.preserve_mode { mode_of(metadata) } else { None };
    let own_mtime = if params.preserve_mtime { mtime_of(metadata) } else { None };
    let given = params.attributes;
    Attributes {
        // A link's own mode means nothing; Kubo leaves it out.
        mode: given.mode.or(own_mode).filter(|_| !is_symlink),
        mtime: given.mtime.or(own_mtime),
    }
}

fn mtime_of(metadata: &Metadata) -> Option<Mtime> {
    let modified = metadata.modified().ok()?;
    match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => Some(Mtime {
            seconds: i64::try_from(after.as_secs()).ok()?,
            nanoseconds: after.subsec_nanos(),
        }),
        Err(before) => {
            let before = before.duration();
            let (seconds, nanoseconds) = (before.as_secs(), before.subsec_nanos());
            let borrow = u64::from(nanoseconds > 0);
            Some(Mtime {
                seconds: i64::try_from(seconds + borrow).ok()?.checked_neg()?,
                nanoseconds: if borrow == 1 { 1_000_000_000 - nanoseconds } else { 0 },
            })
        }
    }
}

#[cfg(unix)]
fn mode_of(metadata: &Metadata) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.mode() & 0o7777).filter(|&mode| mode != 0)
}

#[cfg(not(unix))]
fn mode_of(_: &Metadata) -> Option<u32> {
    None
}

#[cfg(unix)]
fn change_time(metadata: &Metadata) -> i128 {
    use std::os::unix::fs::MetadataExt;
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn change_time(_: &Metadata) -> i128 {
    0
}

/// Device and inode, where there are such: what a loop of links comes back to.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
pub(crate) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

/// Device and inode, where there are such: what a loop of links comes back to.
#[cfg(not(unix))]
pub(crate) fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

/// Whether links lead to themselves, or a link stands where none may be followed.
#[cfg(unix)]
pub(crate) fn is_link_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

/// Whether links lead to themselves, or a link stands where none may be followed.
#[cfg(not(unix))]
pub(crate) fn is_link_loop(_: &io::Error) -> bool {
    false
}

/// Opens a regular file; anything else at `path` is an error that says what it is.
///
/// A link is followed only if asked for, and a pipe that took the file's place meanwhile
/// cannot block: both are opened as they are and then refused.
pub(crate) fn open_file(
    path: &Path,
    follow: bool,
) -> Result<(File, Metadata), UnixFsError> {
    let mut options = OpenOptions::new();
    options.read(true);
    open_flags(&mut options, follow);
    let file = options.open(path).map_err(|source| {
        if !follow && is_link_loop(&source) {
            let detail = "a link took its place";
            return UnixFsError::Changed { path: path.to_owned(), detail };
        }
        UnixFsError::read(path)(source)
    })?;
    let metadata = file.metadata().map_err(UnixFsError::read(path))?;
    match Kind::of(metadata.file_type()) {
        Kind::File => Ok((file, metadata)),
        Kind::Directory => {
            let source = io::Error::from(io::ErrorKind::IsADirectory);
            Err(UnixFsError::Read { path: path.to_owned(), source })
        }
        Kind::Symlink => Err(UnixFsError::Unsupported {
            path: path.to_owned(),
            kind: "a symbolic link",
        }),
        Kind::Other(kind) => {
            Err(UnixFsError::Unsupported { path: path.to_owned(), kind })
        }
    }
}

#[cfg(unix)]
fn open_flags(options: &mut OpenOptions, follow: bool) {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let no_follow = if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | no_follow;
    options.custom_flags(flags.bits().cast_signed());
}

#[cfg(not(unix))]
fn open_flags(_: &mut OpenOptions, _: bool) {}

/// Reads at an offset, as `pread` does; 0 is the end of the file.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match read_at_once(file, buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(unix)]
fn read_at_once(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at_once(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

/// The target of a link, as bytes.
#[cfg(unix)]
pub(crate) fn link_target(path: &Path) -> io::Result<Vec<u8>> {
    use std::os::unix::ffi::OsStringExt;
    Ok(fs::read_link(path)?.into_os_string().into_vec())
}

/// The target of a link, as bytes, with the slashes that `UnixFS` has.
#[cfg(not(unix))]
pub(crate) fn link_target(path: &Path) -> io::Result<Vec<u8>> {
    Ok(fs::read_link(path)?.to_string_lossy().replace('\\', "/").into_bytes())
}

/// Waits up to 50 ms for a pipe to have bytes or an end.
#[cfg(unix)]
pub(crate) fn wait_readable(file: &File) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    let timeout = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    match poll(&mut fds, Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits for nothing: reads block here.
#[cfg(not(unix))]
pub(crate) fn wait_readable(_: &File) -> io::Result<bool> {
    Ok(true)
}

/// Opens something that is read from front to end, without waiting for a writer.
pub(crate) fn open_stream(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    open_flags(&mut options, true);
    options.open(path)
}
