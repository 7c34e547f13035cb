//! The file system as an import sees it: kinds, metadata, reads at an offset.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use crate::{Attributes, FileId, Mtime, Params, UnixFsError};

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

/// What tells a file from every other, and from itself at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identified {
    pub(crate) id: FileId,
    pub(crate) size: u64,
    pub(crate) mtime_ns: i128,
    pub(crate) ctime_ns: i128,
}

impl Identified {
    /// None where the system gives a file no number, or no time that it sets itself.
    #[cfg(unix)]
    #[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * NS + i128::from(ns);
        Some(Self {
            id: FileId { device: metadata.dev(), inode: metadata.ino() },
            size: metadata.len(),
            mtime_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// None where the system gives a file no number, or no time that it sets itself.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }
}

/// Nanoseconds in a second.
#[cfg(unix)]
const NS: i128 = 1_000_000_000;

/// Whether this machine alone changes what is at a path, and sets its times.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn is_local(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|stat| {
        // The type's width differs from machine to machine; its numbers have 32 bits.
        let low = stat.f_type.to_le_bytes();
        let kind = u32::from_le_bytes([low[0], low[1], low[2], low[3]]);
        !SHARED_FILE_SYSTEMS.contains(&kind)
    })
}

/// File systems that other machines, or other programs, change behind the kernel's back.
///
/// Source: `statfs(2)` and the headers of Linux.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SHARED_FILE_SYSTEMS: [u32; 22] = [
    0x0000_6969, // NFS
    0x0000_517b, // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x0000_564c, // NCP
    0x5346_414f, // AFS
    0x6b41_4653, // AFS of the kernel
    0x7375_7245, // Coda
    0x00c3_6400, // Ceph
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x0116_1970, // GFS, GFS2
    0x7461_636f, // OCFS2
    0x0bd0_0bd0, // Lustre
    0x1983_0326, // BeeGFS
    0x4750_4653, // GPFS
    0xaad7_aaea, // PanFS
    0x2003_0528, // OrangeFS
    0x7c7c_6673, // Parallels
    0x786f_4256, // VirtualBox
    0xbacb_acbc, // VMware
    0x6163_6673, // ACFS
];

/// Whether this machine alone changes what is at a path, and sets its times.
#[cfg(target_vendor = "apple")]
pub(crate) fn is_local(path: &Path) -> bool {
    /// `MNT_LOCAL` of macOS.
    const LOCAL: u32 = 0x1000;
    rustix::fs::statfs(path).is_ok_and(|stat| stat.f_flags & LOCAL != 0)
}

/// Whether this machine alone changes what is at a path, and sets its times: unknown here.
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
pub(crate) fn is_local(_: &Path) -> bool {
    false
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

/// Why something could not be opened: sockets cannot at all.
fn not_opened(path: &Path, source: io::Error) -> UnixFsError {
    match fs::metadata(path).map(|found| Kind::of(found.file_type())) {
        Ok(Kind::Other(kind @ "a socket")) => {
            UnixFsError::Unsupported { path: path.to_owned(), kind }
        }
        _ => UnixFsError::read(path)(source),
    }
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
        not_opened(path, source)
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
pub(crate) fn open_stream(path: &Path) -> Result<File, UnixFsError> {
    let mut options = OpenOptions::new();
    options.read(true);
    open_flags(&mut options, true);
    options.open(path).map_err(|source| not_opened(path, source))
}
