//! Finds files, folders and links, one at a time, in memory that does not grow with the tree.

use std::fs::{self, ReadDir};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::tree::{Folder, Place};
use crate::os::{self, Kind};
use crate::{Params, UnixFsError};

/// What a walk comes upon.
#[derive(Debug)]
pub(crate) enum Step {
    /// A file, to be followed to if it is a link.
    File { path: PathBuf, place: Place, follow: bool },
    /// A symbolic link to be kept.
    Symlink { path: PathBuf, place: Place },
    /// A folder all of whose entries have been found.
    Listed(Arc<Folder>),
    /// Something that cannot be taken.
    Failed { root: usize, error: UnixFsError },
}

/// A folder that is known and not yet listed. Its parent holds the path, so that a million of
/// them fit in memory.
#[derive(Debug)]
struct Ahead {
    path: PathBuf,
    place: Place,
}

/// The walk: a list of things to visit, and the folder being listed.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    params: &'a Params,
    /// Whether entries come in the order of their names, so that a sink sees one order on
    /// every machine. Costs the memory of one folder's names.
    sorted: bool,
    given: std::vec::IntoIter<Step>,
    ahead: Vec<Ahead>,
    open: Option<(Arc<Folder>, Listing)>,
}

#[derive(Debug)]
enum Listing {
    Stream(ReadDir),
    Sorted(std::vec::IntoIter<fs::DirEntry>),
}

impl<'a> Walk<'a> {
    /// A walk over files that are each a result of their own.
    pub(crate) fn files(params: &'a Params, paths: Vec<PathBuf>) -> Self {
        let steps = paths.into_iter().enumerate().map(|(root, path)| Step::File {
            path,
            place: Place::Root(root),
            follow: true,
        });
        Self::new(params, steps.collect(), Vec::new())
    }

    /// A walk over one file that is an entry of a folder.
    pub(crate) fn wrapped_file(params: &'a Params, path: PathBuf, place: Place) -> Self {
        Self::new(params, vec![Step::File { path, place, follow: true }], Vec::new())
    }

    /// A walk over a folder and all below.
    pub(crate) fn folder(params: &'a Params, path: PathBuf, place: Place) -> Self {
        Self::new(params, Vec::new(), vec![Ahead { path, place }])
    }

    fn new(params: &'a Params, given: Vec<Step>, ahead: Vec<Ahead>) -> Self {
        Self { params, sorted: false, given: given.into_iter(), ahead, open: None }
    }

    /// The same walk with entries in the order of their names.
    pub(crate) fn sorted(self) -> Self {
        Self { sorted: true, ..self }
    }

    fn list(&mut self, ahead: Ahead) -> Result<(), UnixFsError> {
        let Ahead { path, place } = ahead;
        let read = UnixFsError::read;
        let metadata = fs::metadata(&path).map_err(read(&path))?;
        let attributes = os::attributes(self.params, &metadata, false);
        let follows = self.params.dereference_symlinks;
        let identity = if follows { os::identity(&metadata) } else { None };
        if identity.is_some() && leads_back(&place, identity) {
            return Err(UnixFsError::SymlinkLoop { path });
        }
        let stream = fs::read_dir(&path).map_err(read(&path))?;
        let listing = if self.sorted {
            let entries: Result<Vec<_>, _> = stream.collect();
            let mut entries = entries.map_err(read(&path))?;
            entries.sort_by_cached_key(fs::DirEntry::file_name);
            Listing::Sorted(entries.into_iter())
        } else {
            Listing::Stream(stream)
        };
        let keep_if_empty = self.params.empty_dirs || matches!(place, Place::Root(_));
        let folder = Folder::new(place, path, attributes, identity, keep_if_empty);
        self.open = Some((folder, listing));
        Ok(())
    }

    /// Turns a directory entry into a step; `None` for folders, which come later, and for
    /// what is left out.
    fn visit(
        &mut self,
        folder: &Arc<Folder>,
        entry: &fs::DirEntry,
    ) -> Result<Option<Step>, UnixFsError> {
        let name = entry.file_name();
        if !self.params.hidden && name.as_encoded_bytes().starts_with(b".") {
            return Ok(None);
        }
        let path = entry.path();
        let Ok(name) = name.into_string() else {
            return Err(UnixFsError::NotUtf8 { path });
        };
        let mut kind = Kind::of(entry.file_type().map_err(UnixFsError::read(&path))?);
        let follow = kind == Kind::Symlink && self.params.dereference_symlinks;
        if follow {
            kind = Kind::of(
                fs::metadata(&path).map_err(UnixFsError::read(&path))?.file_type(),
            );
        }
        let place = Place::In { folder: Arc::clone(folder), name };
        let step = match kind {
            Kind::File => Some(Step::File { path, place, follow }),
            Kind::Symlink => Some(Step::Symlink { path, place }),
            Kind::Directory => {
                self.ahead.push(Ahead { path, place });
                None
            }
            Kind::Other(kind) => return Err(UnixFsError::Unsupported { path, kind }),
        };
        folder.expect_entry();
        Ok(step)
    }

    fn next_entry(&mut self) -> Option<Step> {
        let (folder, mut listing) = self.open.take()?;
        loop {
            let entry = match &mut listing {
                Listing::Stream(entries) => entries.next(),
                Listing::Sorted(entries) => entries.next().map(Ok),
            };
            let step = match entry {
                None => return Some(Step::Listed(folder)),
                Some(Ok(entry)) => self.visit(&folder, &entry),
                Some(Err(source)) => Err(UnixFsError::read(&folder.path)(source)),
            };
            let step = match step {
                Ok(None) => continue,
                Ok(Some(step)) => step,
                Err(error) => Step::Failed { root: folder.place.root(), error },
            };
            self.open = Some((folder, listing));
            return Some(step);
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        if let Some(step) = self.given.next() {
            return Some(step);
        }
        loop {
            if let Some(step) = self.next_entry() {
                return Some(step);
            }
            let ahead = self.ahead.pop()?;
            let root = ahead.place.root();
            if let Err(error) = self.list(ahead) {
                return Some(Step::Failed { root, error });
            }
        }
    }
}

/// Whether a folder is one of those it stands in.
fn leads_back(place: &Place, identity: Option<(u64, u64)>) -> bool {
    let mut place = place;
    while let Place::In { folder, .. } = place {
        if folder.identity == identity {
            return true;
        }
        place = &folder.place;
    }
    false
}

/// The name a path ends in, which a wrapping directory gives it.
pub(crate) fn base_name(path: &Path) -> Result<String, UnixFsError> {
    let name = if let Some(name) = path.file_name() {
        name.to_owned()
    } else {
        let whole = fs::canonicalize(path).map_err(UnixFsError::read(path))?;
        whole.file_name().unwrap_or_default().to_owned()
    };
    match name.to_str() {
        Some("") => Err(UnixFsError::Unsupported {
            path: path.to_owned(),
            kind: "a path without a name",
        }),
        Some(name) => Ok(name.to_owned()),
        None => Err(UnixFsError::NotUtf8 { path: path.to_owned() }),
    }
}
