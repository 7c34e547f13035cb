//! Finds files, folders and links, one at a time, in memory that does not grow with the tree;
//! with a memory of earlier imports, also which files are as they were.

use std::cell::OnceCell;
use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::fs::{self, ReadDir};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::memory::{Memory, Notes, Remembered, check};
use super::tree::{Folder, Place};
use crate::os::{self, Identified, Kind};
use crate::{Params, UnixFsError};

/// What a walk comes upon.
#[derive(Debug)]
pub(crate) enum Step {
    /// A file, to be followed to if it is a link; one given by itself is alone.
    ///
    /// The size is what the listing showed, where it was asked for.
    File { path: PathBuf, place: Place, follow: bool, lone: bool, size: Option<u64> },
    /// A file that is as it was when it was last imported.
    Unchanged { folder: Arc<Folder>, file: Box<Remembered> },
    /// A folder all of whose entries are files that are as they were.
    WholeUnchanged { place: Place, whole: Box<Remembered> },
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
    /// Whether files come with their sizes.
    sized: bool,
    memory: Option<&'a dyn Memory>,
    /// Whether a folder that did not change at all may be one step.
    whole_folders: bool,
    /// The device looked at last, and whether its times can be relied on.
    device: Option<(u64, bool)>,
    given: std::vec::IntoIter<Step>,
    ahead: Vec<Ahead>,
    open: Option<Open>,
}

/// The folder being listed.
#[derive(Debug)]
struct Open {
    folder: Arc<Folder>,
    listing: Listing,
    /// Its files as they were, in the order of their names.
    known: std::vec::IntoIter<Remembered>,
}

#[derive(Debug)]
enum Listing {
    Stream(ReadDir),
    Sorted(std::vec::IntoIter<(OsString, fs::DirEntry)>),
}

impl<'a> Walk<'a> {
    /// A walk over files that are each a result of their own.
    pub(crate) fn files(params: &'a Params, paths: Vec<PathBuf>) -> Self {
        let steps = paths.into_iter().enumerate().map(|(root, path)| Step::File {
            path,
            place: Place::Root(root),
            follow: true,
            lone: true,
            size: None,
        });
        Self::new(params, steps.collect(), Vec::new())
    }

    /// A walk over one file that is an entry of a folder.
    pub(crate) fn wrapped_file(params: &'a Params, path: PathBuf, place: Place) -> Self {
        let step = Step::File { path, place, follow: true, lone: true, size: None };
        Self::new(params, vec![step], Vec::new())
    }

    /// A walk over a folder and all below.
    pub(crate) fn folder(params: &'a Params, path: PathBuf, place: Place) -> Self {
        Self::new(params, Vec::new(), vec![Ahead { path, place }])
    }

    fn new(params: &'a Params, given: Vec<Step>, ahead: Vec<Ahead>) -> Self {
        let given = given.into_iter();
        Self {
            params,
            sorted: false,
            sized: false,
            memory: None,
            whole_folders: false,
            device: None,
            given,
            ahead,
            open: None,
        }
    }

    /// The same walk with entries in the order of their names, and told what is known of
    /// them.
    ///
    /// With `whole_folders`, entries of folders that did not change are not given one by one.
    pub(crate) fn sorted(
        self,
        memory: Option<&'a dyn Memory>,
        whole_folders: bool,
    ) -> Self {
        Self { sorted: true, memory, whole_folders, ..self }
    }

    /// The same walk with the sizes of the files it lists, at the cost of a look at each.
    pub(crate) fn sized(self) -> Self {
        Self { sized: true, ..self }
    }

    /// Begins to list a folder; gives it as one step if it can.
    fn list(&mut self, ahead: Ahead) -> Result<Option<Step>, UnixFsError> {
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
            let entries = entries.map_err(read(&path))?.into_iter();
            let mut named: Vec<_> = entries.map(|at| (at.file_name(), at)).collect();
            named.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
            Listing::Sorted(named.into_iter())
        } else {
            Listing::Stream(stream)
        };
        let keep_if_empty = self.params.empty_dirs || matches!(place, Place::Root(_));
        let (notes, known) = self.recall(&path, &metadata)?;
        if let (Some(notes), Listing::Sorted(named)) = (&notes, &listing)
            && attributes.is_empty()
            && let Some(whole) = self.whole(named.as_slice(), &known, notes)?
        {
            return Ok(Some(Step::WholeUnchanged { place, whole: Box::new(whole) }));
        }
        let folder = Folder::new(place, path, attributes, identity, keep_if_empty, notes);
        self.open = Some(Open { folder, listing, known: known.into_iter() });
        Ok(None)
    }

    /// What is known of a folder as a whole, if all its entries are files as they were.
    ///
    /// Costs a second look at the files of one that is not.
    fn whole(
        &self,
        named: &[(OsString, fs::DirEntry)],
        known: &[Remembered],
        notes: &Notes,
    ) -> Result<Option<Remembered>, UnixFsError> {
        let (true, Some(memory), [whole, files @ ..]) =
            (self.whole_folders, self.memory, known)
        else {
            return Ok(None);
        };
        if !whole.name.is_empty() {
            return Ok(None);
        }
        let mut files = files.iter();
        let shown = named.iter().filter(|(name, _)| {
            self.params.hidden || !name.as_encoded_bytes().starts_with(b".")
        });
        for (name, entry) in shown {
            let same = files.next().is_some_and(|file| {
                let stat = entry.metadata().ok().filter(fs::Metadata::is_file);
                let stat = stat.as_ref().and_then(Identified::of);
                name == OsStr::new(&file.name)
                    && stat.is_some_and(|stat| notes.covers(&stat) && file.is(&stat))
            });
            if !same {
                return Ok(None);
            }
        }
        let same = files.next().is_none() && memory.keep(whole)?;
        Ok(same.then(|| whole.clone()))
    }

    /// What is known of a folder's files, and where to note what becomes of them.
    fn recall(
        &mut self,
        path: &Path,
        metadata: &fs::Metadata,
    ) -> Result<(Option<Notes>, Vec<Remembered>), UnixFsError> {
        let nothing = Ok((None, Vec::new()));
        let Some(memory) = self.memory else { return nothing };
        let Some(at) = Identified::of(metadata) else { return nothing };
        let device = at.id.device;
        let local = match self.device {
            Some((same, local)) if same == device => local,
            _ => os::is_local(path),
        };
        self.device = Some((device, local));
        if !local {
            return nothing;
        }
        let mut known = memory.recall(at.id)?;
        known.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok((Some(Notes::new(at.id, &known)), known))
    }

    /// Turns a directory entry into a step; `None` for folders, which come later, and for
    /// what is left out.
    fn visit(
        &mut self,
        open: &mut Open,
        name: OsString,
        entry: &fs::DirEntry,
    ) -> Result<Option<Step>, UnixFsError> {
        if !self.params.hidden && name.as_encoded_bytes().starts_with(b".") {
            return Ok(None);
        }
        let kind = entry.file_type().map(Kind::of);
        let mut size = None;
        if matches!(kind, Ok(Kind::File)) {
            // What cannot be looked at cannot be opened either, which then says why.
            let looked = OnceCell::new();
            let look = || looked.get_or_init(|| entry.metadata().ok()).as_ref();
            if let Some(memory) = self.memory
                && let Some(step) = open.unchanged(memory, &name, look)?
            {
                return Ok(Some(step));
            }
            if self.sized {
                size = look().map(fs::Metadata::len);
            }
        }
        let path = entry.path();
        let mut kind = kind.map_err(UnixFsError::read(&path))?;
        let follow = kind == Kind::Symlink && self.params.dereference_symlinks;
        if follow {
            let metadata = fs::metadata(&path).map_err(UnixFsError::read(&path))?;
            kind = Kind::of(metadata.file_type());
            if let (Kind::File, Some(memory)) = (kind, self.memory)
                && let Some(step) = open.unchanged(memory, &name, || Some(&metadata))?
            {
                return Ok(Some(step));
            }
        }
        let Ok(name) = name.into_string() else {
            return Err(UnixFsError::NotUtf8 { path });
        };
        let folder = &open.folder;
        let place = Place::In { folder: Arc::clone(folder), name };
        let step = match kind {
            Kind::File => Some(Step::File { path, place, follow, lone: false, size }),
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
        let mut open = self.open.take()?;
        loop {
            let entry = match &mut open.listing {
                Listing::Stream(entries) => {
                    entries.next().map(|entry| entry.map(|at| (at.file_name(), at)))
                }
                Listing::Sorted(entries) => entries.next().map(Ok),
            };
            let step = match entry {
                None => return Some(Step::Listed(open.folder)),
                Some(Ok((name, entry))) => self.visit(&mut open, name, &entry),
                Some(Err(source)) => Err(UnixFsError::read(&open.folder.path)(source)),
            };
            let step = match step {
                Ok(None) => continue,
                Ok(Some(step)) => step,
                Err(error) => Step::Failed { root: open.folder.place.root(), error },
            };
            self.open = Some(open);
            return Some(step);
        }
    }
}

impl Open {
    /// The step for a file that is known and as it was; looks at it only if it is known.
    fn unchanged<'m>(
        &mut self,
        memory: &dyn Memory,
        name: &OsStr,
        look: impl FnOnce() -> Option<&'m fs::Metadata>,
    ) -> Result<Option<Step>, UnixFsError> {
        let file = loop {
            let Some(next) = self.known.as_slice().first() else { return Ok(None) };
            match OsStr::new(&next.name).cmp(name) {
                Ordering::Less => drop(self.known.next()),
                Ordering::Equal => break next,
                Ordering::Greater => return Ok(None),
            }
        };
        let stat = look().filter(|metadata| metadata.is_file());
        let Some(stat) = stat.and_then(Identified::of) else { return Ok(None) };
        let covered = self.folder.notes.as_ref().is_some_and(|at| at.covers(&stat));
        if !covered || !check(memory, file, &stat)? {
            return Ok(None);
        }
        self.folder.expect_entry();
        let folder = Arc::clone(&self.folder);
        Ok(self.known.next().map(|file| Step::Unchanged { folder, file: Box::new(file) }))
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
            match self.list(ahead) {
                Ok(None) => {}
                Ok(Some(step)) => return Some(step),
                Err(error) => return Some(Step::Failed { root, error }),
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
