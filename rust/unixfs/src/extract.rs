//! From blocks to files: a DAG written below one output path, and never anywhere else.
//!
//! All is written into a fresh folder beside the output and renamed when it is whole, so a
//! failure leaves nothing behind. Each name is checked, each file and folder must be new, and
//! no link is ever followed: so nothing in a DAG can choose where its bytes go.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ipfs_kit_cid::{Cid, to_string};
use ipfs_kit_dag::BlockSource;

use crate::measure::measure;
use crate::read::{self, Child, Node, Part, children, load, part};
use crate::sharing::{Shared, Sharing};
use crate::staging::Staging;
use crate::{Attributes, Control, FsNode, NodeKind, UnixFsError};

/// Fewer bytes are faster written than shared.
const SHARED_FROM_BYTES: usize = 64 << 10;

/// What becomes of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// Made if they lead to somewhere below the output, an error otherwise.
    #[default]
    Inside,
    /// Made as they are.
    Any,
    /// Left out.
    Skip,
}

/// How much an extraction may write before it is taken for hostile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtractLimits {
    /// Bytes of all files.
    pub max_bytes: u64,
    /// Files, folders and links.
    pub max_entries: u64,
}

impl ExtractLimits {
    pub(crate) fn check(&self, entries: u64, bytes: u64) -> Result<(), UnixFsError> {
        if entries > self.max_entries {
            let limit = self.max_entries;
            return Err(UnixFsError::Limit { what: "number of entries", limit });
        }
        if bytes > self.max_bytes {
            let limit = self.max_bytes;
            return Err(UnixFsError::Limit { what: "size of all files", limit });
        }
        Ok(())
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extracted {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, folders and links.
    pub entries: u64,
}

/// Writes the DAGs of roots to files.
#[derive(Debug)]
pub struct Extractor<'a, S> {
    /// Where blocks come from.
    pub source: &'a S,
    /// How much is too much.
    pub limits: ExtractLimits,
    /// What becomes of symbolic links.
    pub symlinks: Symlinks,
    /// Who can make bytes part of a file without writing them, where the file system can.
    pub sharing: Option<&'a dyn Sharing>,
    /// Where to look for a stop, and to count.
    pub control: &'a Control,
}

impl<S: BlockSource> Extractor<'_, S> {
    /// Writes a root to `output`, which must not exist: a file becomes a file, a directory a
    /// folder of that name.
    pub fn extract(&self, root: &Cid, output: &Path) -> Result<Extracted, UnixFsError> {
        self.staged(&[*root], output, |run, whole| {
            run.root(root, whole)?;
            if whole.symlink_metadata().is_err() {
                let reason = "the root is a link, and links were to be left out";
                return Err(UnixFsError::Node { reason });
            }
            Ok(())
        })
    }

    /// Writes several roots to a folder `output`, which must not exist, each under its CID.
    pub fn extract_all(
        &self,
        roots: &[Cid],
        output: &Path,
    ) -> Result<Extracted, UnixFsError> {
        self.staged(roots, output, |run, whole| {
            fs::create_dir(whole).map_err(UnixFsError::write(whole))?;
            roots.iter().try_for_each(|root| run.root(root, &whole.join(to_string(root))))
        })
    }

    /// Has something made in a folder of its own, then moves it to `output`.
    fn staged(
        &self,
        roots: &[Cid],
        output: &Path,
        make: impl FnOnce(&mut Run<'_, '_, S>, &Path) -> Result<(), UnixFsError>,
    ) -> Result<Extracted, UnixFsError> {
        if output.symlink_metadata().is_ok() {
            let source = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(UnixFsError::Write { path: output.to_owned(), source });
        }
        measure(self.source, roots, &self.limits, self.control)?;
        let parent = match output.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let staging = Staging::new(parent).map_err(UnixFsError::write(parent))?;
        let whole = staging.path().join("root");
        let done = Extracted::default();
        let mut run =
            Run { extractor: self, done, top: whole.clone(), closed: Vec::new() };
        make(&mut run, &whole)?;
        let (done, closed) = (run.done, run.closed);
        fs::rename(&whole, output).map_err(UnixFsError::write(output))?;
        for (path, attributes) in closed {
            let below = path.strip_prefix(&whole).unwrap_or(&path);
            apply(&output.join(below), &attributes)?;
        }
        Ok(done)
    }
}

/// One extraction under way.
struct Run<'a, 's, S> {
    extractor: &'a Extractor<'s, S>,
    done: Extracted,
    top: PathBuf,
    /// Folders that their owner may not write to or enter, and so neither move nor remove:
    /// they get their modes last.
    closed: Vec<(PathBuf, Attributes)>,
}

/// A folder, or a part of one, some of whose entries are still to be made.
struct Open {
    path: PathBuf,
    depth: usize,
    children: std::vec::IntoIter<Child>,
    /// What the folder gets when it is whole; a part of a trie has none.
    attributes: Option<Attributes>,
}

impl<S: BlockSource> Run<'_, '_, S> {
    /// Makes a root and all below. `measure` has seen that the list stays short.
    fn root(&mut self, root: &Cid, path: &Path) -> Result<(), UnixFsError> {
        let mut open: Vec<Open> = Vec::new();
        open.extend(self.entry(root, path.to_owned(), 0)?);
        while let Some(mut folder) = open.pop() {
            let Some(child) = folder.children.next() else {
                if let Some(attributes) = folder.attributes {
                    self.folder(&folder.path, attributes)?;
                }
                continue;
            };
            let below = if let Some(name) = &child.name {
                check_name(name)?;
                self.entry(&child.cid, folder.path.join(name), folder.depth + 1)?
            } else {
                let children = part(self.extractor.source, &child)?.into_iter();
                let (path, depth) = (folder.path.clone(), folder.depth);
                Some(Open { path, depth, children, attributes: None })
            };
            open.push(folder);
            open.extend(below);
        }
        Ok(())
    }

    /// Makes one entry; a folder's own entries are still to be made.
    fn entry(
        &mut self,
        cid: &Cid,
        path: PathBuf,
        depth: usize,
    ) -> Result<Option<Open>, UnixFsError> {
        self.count_entry()?;
        let block = load(self.extractor.source, cid)?;
        let part = Part::decode(cid.codec(), block.clone())?;
        if part.is_file() {
            self.file(&read::File::of_part(cid, part)?, &path)?;
            return Ok(None);
        }
        match (part.kind, Node::decode(cid, block)?) {
            (NodeKind::Directory | NodeKind::HamtShard, Node::Pb(node, message)) => {
                DirBuilder::new().create(&path).map_err(|error| created(&path, error))?;
                let children = children(&node, &message, None)?.into_iter();
                let attributes = Some(message.attributes);
                return Ok(Some(Open { path, depth, children, attributes }));
            }
            (NodeKind::Symlink, Node::Pb(_, message)) => {
                self.symlink(&message, &path, depth)?;
            }
            _ => {
                let reason = "metadata nodes are not supported";
                return Err(UnixFsError::Node { reason });
            }
        }
        Ok(None)
    }

    fn count_entry(&mut self) -> Result<(), UnixFsError> {
        if self.extractor.control.is_cancelled() {
            return Err(UnixFsError::Cancelled);
        }
        self.done.entries += 1;
        self.extractor.limits.check(self.done.entries, self.done.bytes)?;
        self.extractor.control.add_file();
        Ok(())
    }

    fn folder(&mut self, path: &Path, attributes: Attributes) -> Result<(), UnixFsError> {
        let own = 0o700;
        let Some(mode) = attributes.mode.filter(|mode| mode & own != own) else {
            return apply(path, &attributes);
        };
        self.closed.push((path.to_owned(), attributes));
        apply(path, &Attributes { mode: Some(mode | own), ..attributes })
    }

    fn file(&mut self, file: &read::File, path: &Path) -> Result<(), UnixFsError> {
        let size = file.size();
        self.done.bytes = self.done.bytes.saturating_add(size);
        self.extractor.limits.check(self.done.entries, self.done.bytes)?;
        check_space(path, size)?;
        let new = OpenOptions::new().write(true).create_new(true).open(path);
        let new = new.map_err(|error| created(path, error))?;
        let mut out = Output::new(new, self.extractor.sharing);
        let control = self.extractor.control;
        file.copy_to(self.extractor.source, 0..size, &mut |bytes| {
            if control.is_cancelled() {
                return Err(UnixFsError::Cancelled);
            }
            control.add_bytes(bytes.len());
            out.take(&bytes).map_err(UnixFsError::write(path))
        })?;
        out.file.flush().map_err(UnixFsError::write(path))?;
        apply(path, &file.attributes())
    }

    fn symlink(
        &self,
        message: &FsNode,
        path: &Path,
        depth: usize,
    ) -> Result<(), UnixFsError> {
        let target = message.data.as_deref().unwrap_or_default();
        let target = std::str::from_utf8(target)
            .map_err(|_| UnixFsError::Node { reason: "a link's target is not UTF-8" })?;
        match self.extractor.symlinks {
            Symlinks::Skip => return Ok(()),
            Symlinks::Inside if !stays_inside(target, depth) => {
                let name =
                    path.strip_prefix(&self.top).unwrap_or(path).display().to_string();
                return Err(UnixFsError::UnsafeName {
                    name,
                    reason: "it is a link that leads out of the output",
                });
            }
            Symlinks::Inside | Symlinks::Any => {}
        }
        make_symlink(target, path).map_err(|error| created(path, error))
    }
}

/// A file that is being made.
struct Output<'a> {
    file: BufWriter<File>,
    at: u64,
    /// Gone once it is known to be of no use.
    sharing: Option<&'a dyn Sharing>,
}

impl<'a> Output<'a> {
    fn new(file: File, sharing: Option<&'a dyn Sharing>) -> Self {
        Self { file: BufWriter::new(file), at: 0, sharing }
    }

    fn take(&mut self, bytes: &Bytes) -> io::Result<()> {
        let shared = self.share(bytes)?;
        self.at += bytes.len() as u64;
        self.file.write_all(&bytes[shared..])
    }

    /// How many of the bytes are there without having been written.
    fn share(&mut self, bytes: &Bytes) -> io::Result<usize> {
        let Some(sharing) = self.sharing.filter(|_| bytes.len() >= SHARED_FROM_BYTES)
        else {
            return Ok(0);
        };
        // What comes before must be there first: a file grows from its start.
        self.file.flush()?;
        match sharing.share(bytes, self.file.get_ref(), self.at) {
            Shared::Bytes(count) => {
                let count = count.min(bytes.len());
                self.file.seek(SeekFrom::Start(self.at + count as u64))?;
                return Ok(count);
            }
            Shared::Nothing => {}
            Shared::Never => self.sharing = None,
        }
        Ok(0)
    }
}

/// Something there already is a name given twice: the folder was empty when we made it.
fn created(path: &Path, source: io::Error) -> UnixFsError {
    if source.kind() == io::ErrorKind::AlreadyExists {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return UnixFsError::DuplicateName { name };
    }
    UnixFsError::Write { path: path.to_owned(), source }
}

fn check_name(name: &str) -> Result<(), UnixFsError> {
    let reason = match name {
        "" => "it is empty",
        "." | ".." => "it names a folder above",
        _ if name.contains('/') => "it holds a slash",
        _ if name.contains('\0') => "it holds a zero byte",
        _ if cfg!(windows)
            && name.contains(['\\', ':', '<', '>', '"', '|', '?', '*']) =>
        {
            "it holds a character that Windows gives a meaning"
        }
        _ if cfg!(windows) && name.ends_with(['.', ' ']) => {
            "Windows would cut its end off"
        }
        _ => return Ok(()),
    };
    Err(UnixFsError::UnsafeName { name: name.to_owned(), reason })
}

/// Whether a link `depth` folders below the top leads to somewhere below the top.
fn stays_inside(target: &str, depth: usize) -> bool {
    // The top itself has no folder around it that is ours.
    let Some(mut level) = depth.checked_sub(1) else { return false };
    if target.starts_with('/') || (cfg!(windows) && target.contains(['\\', ':'])) {
        return false;
    }
    // Dots behind a name are refused: the name may be another link, whose parent is elsewhere.
    let mut named = false;
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." if level == 0 || named => return false,
            ".." => level -= 1,
            _ => named = true,
        }
    }
    true
}

#[cfg(unix)]
fn make_symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(not(unix))]
fn make_symlink(_: &str, _: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Gives a file or folder the mode and time its node carries, without the bits that would let
/// it run as someone else.
fn apply(path: &Path, attributes: &Attributes) -> Result<(), UnixFsError> {
    let write = |error| UnixFsError::Write { path: path.to_owned(), source: error };
    if let Some(mtime) = attributes.mtime {
        let file = File::open(path).map_err(write)?;
        if let Some(time) = time_of(mtime.seconds, mtime.nanoseconds) {
            file.set_modified(time).map_err(write)?;
        }
    }
    #[cfg(unix)]
    if let Some(mode) = attributes.mode {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::Permissions::from_mode(mode & 0o777);
        fs::set_permissions(path, permissions).map_err(write)?;
    }
    Ok(())
}

fn time_of(seconds: i64, nanoseconds: u32) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    base?.checked_add(Duration::from_nanos(u64::from(nanoseconds)))
}

/// Refuses a file that cannot fit before its first byte is written.
#[cfg(unix)]
fn check_space(path: &Path, size: u64) -> Result<(), UnixFsError> {
    let folder = path.parent().unwrap_or(path);
    match rustix::fs::statvfs(folder) {
        Ok(stat) if stat.f_bavail.saturating_mul(stat.f_frsize) < size => {
            let source = io::Error::from(io::ErrorKind::StorageFull);
            Err(UnixFsError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn check_space(_: &Path, _: u64) -> Result<(), UnixFsError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_targets_below_the_top_are_inside() {
        for (target, depth, inside) in [
            ("file", 1, true),
            ("../file", 1, false),
            ("../file", 2, true),
            ("a/../../file", 1, false),
            ("a/../b", 1, false),
            ("../../a/b", 3, true),
            ("/etc/passwd", 3, false),
            ("anything", 0, false),
        ] {
            assert_eq!(stays_inside(target, depth), inside, "{target} at {depth}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in ["", ".", "..", "a/b", "/etc", "a\0b"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name("...").is_ok());
    }
}
