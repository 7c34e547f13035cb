//! Reading a pack.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use ipfs_kit_car::section::Section;
use ipfs_kit_car::{CarError, Index, ReadOptions};
use ipfs_kit_cid::Cid;
use ipfs_kit_hash::Multihash;

use crate::error::{At, if_there};
use crate::filter::{Filter, Probe};
use crate::map::{Map, Mapping};
use crate::scan::Sections;
use crate::{
    Damage, Folder, HEADER_BYTES, Key, PackError, PackId, Verified, read_options,
};

/// A pack, opened to be read; to be shared by all threads.
///
/// Blocks are handed out as views of the mapped file. They outlive this value, and the pack
/// itself if it is discarded. Whether they are what their CIDs name is for the caller to
/// check; [`Verified`] remembers it.
#[derive(Debug)]
pub struct Pack {
    id: PackId,
    options: ReadOptions,
    data: Data,
    index: Option<Index<Bytes>>,
    filter: Filter,
    verified: Verified,
    file: Option<FileId>,
}

/// What tells files apart, where the system has such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    fn of(file: &File) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        file.metadata().ok().map(|found| Self(found.dev(), found.ino()))
    }

    #[cfg(not(unix))]
    fn of(_file: &File) -> Option<Self> {
        None
    }
}

/// The blocks of a pack.
#[derive(Debug)]
enum Data {
    /// All of a file that does not change.
    Sealed(Map),
    /// What is committed of one that may grow.
    Growing(Growing),
}

#[derive(Debug)]
struct Growing {
    file: File,
    path: PathBuf,
    /// As much as was committed when something behind it was last asked for, or as much as
    /// the file will ever have.
    map: RwLock<Map>,
    /// How much is mapped at least, though the file may not have it yet.
    ahead: u64,
}

/// Where an index says that a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The number of its entry.
    pub ordinal: u32,
    /// Where its section begins.
    pub offset: u64,
}

impl Pack {
    /// Opens a pack; `None` if it is gone. Changes nothing.
    ///
    /// Of the index of a sealed one only the heads are read, so that it opens at once.
    pub fn open(folder: &Folder, id: PackId) -> Result<Option<Self>, PackError> {
        let path = folder.index_path(id);
        let Some(file) = if_there(File::open(&path)).at("open", &path)? else {
            return Self::open_without_index(folder, id);
        };
        let bytes = file.metadata().at("look at", &path)?.len();
        let map = Map::new(&file, bytes).at("map", &path)?;
        let index = Index::parse(map.bytes().clone());
        let index = index.map_err(|source| PackError::Index { id, source })?;
        let path = folder.pack_path(id);
        let Some(file) = if_there(File::open(&path)).at("open", &path)? else {
            return Ok(None);
        };
        let bytes = file.metadata().at("look at", &path)?.len();
        let id_of_file = FileId::of(&file);
        let data = Data::Sealed(Map::new(&file, bytes).at("map", &path)?);
        let verified = Verified::new(index.len());
        let filter = Filter::new(index.len());
        let options = read_options()?;
        let (index, file) = (Some(index), id_of_file);
        Ok(Some(Self { id, options, data, index, filter, verified, file }))
    }

    /// Opens a pack as if it had no index.
    pub fn open_without_index(
        folder: &Folder,
        id: PackId,
    ) -> Result<Option<Self>, PackError> {
        Self::open_ahead(folder, id, 0)
    }

    /// The same for a pack that will grow up to `most_bytes` while it is read: they are mapped
    /// once for all, where the system maps more than a file has.
    pub fn open_ahead(
        folder: &Folder,
        id: PackId,
        most_bytes: u64,
    ) -> Result<Option<Self>, PackError> {
        let path = folder.pack_path(id);
        let Some(file) = if_there(File::open(&path)).at("open", &path)? else {
            return Ok(None);
        };
        let map = RwLock::new(Map::empty());
        let ahead = if cfg!(unix) { most_bytes } else { 0 };
        let id_of_file = FileId::of(&file);
        let data = Data::Growing(Growing { file, path, map, ahead });
        let (filter, verified) = (Filter::new(0), Verified::new(0));
        let options = read_options()?;
        let (index, file) = (None, id_of_file);
        Ok(Some(Self { id, options, data, index, filter, verified, file }))
    }

    /// Which pack.
    pub fn id(&self) -> PackId {
        self.id
    }

    /// Whether it had an index when it was opened.
    pub fn is_sealed(&self) -> bool {
        self.index.is_some()
    }

    /// Entries of the index; 0 without one.
    pub fn len(&self) -> usize {
        self.index.as_ref().map_or(0, Index::len)
    }

    /// Whether the index names nothing, or there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the file: of a sealed pack when it was opened, of another one now, with
    /// what is not committed.
    pub fn file_bytes(&self) -> u64 {
        match &self.data {
            Data::Sealed(map) => map.len(),
            Data::Growing(growing) => {
                growing.file.metadata().map_or(0, |meta| meta.len())
            }
        }
    }

    /// What tells whether the file is still mapped, once this value and views of it are gone.
    pub fn mapping(&self) -> Mapping {
        match &self.data {
            Data::Sealed(map) => map.mapping(),
            Data::Growing(growing) => {
                growing.map.read().unwrap_or_else(PoisonError::into_inner).mapping()
            }
        }
    }

    /// Looks a block up in the index; always `None` without one.
    pub fn find(&self, hash: &Multihash) -> Option<Found> {
        self.find_with(hash, Probe::new(hash.digest()))
    }

    /// The same for who looks in many packs; `probe` is that of the hash.
    pub fn find_with(&self, hash: &Multihash, probe: Probe) -> Option<Found> {
        let index = self.index.as_ref()?;
        if self.filter.excludes(probe) {
            return None;
        }
        let Some((ordinal, offset)) = index.positions(hash).next() else {
            let digests = index.entries().map(|entry| entry.digest);
            self.filter.missed(index.len(), digests);
            return None;
        };
        Some(Found { ordinal: u32::try_from(ordinal).unwrap_or(u32::MAX), offset })
    }

    /// What the index names, in its order; nothing without one.
    pub fn entries(&self) -> impl Iterator<Item = (Multihash, u64)> + '_ {
        self.index.iter().flat_map(Index::entries).filter_map(|entry| {
            let hash = Multihash::wrap(entry.code?, entry.digest).ok()?;
            Some((hash, entry.offset))
        })
    }

    /// Reads the whole index and checks that look-ups find all of it.
    pub fn check_index(&self) -> Result<(), PackError> {
        let checked = self.index.as_ref().map_or(Ok(()), Index::check_order);
        checked.map_err(|source| PackError::Index { id: self.id, source })
    }

    /// The block whose section begins at `offset`, which must be one of this hash, as a view
    /// of the file. It is not hashed.
    ///
    /// `committed` is how much of the pack may be believed. It is not needed for a sealed
    /// pack, where [`u64::MAX`] stands for all of it.
    pub fn read(
        &self,
        offset: u64,
        committed: u64,
        hash: &Multihash,
    ) -> Result<Bytes, PackError> {
        Ok(self.read_with_cid(offset, committed, hash)?.1)
    }

    /// The same with the CID that the block was appended under.
    pub fn read_with_cid(
        &self,
        offset: u64,
        committed: u64,
        hash: &Multihash,
    ) -> Result<(Cid, Bytes), PackError> {
        if offset < HEADER_BYTES || offset >= committed {
            return Err(self.damaged(offset, Damage::Beyond { committed }));
        }
        let grown;
        let bytes = match &self.data {
            Data::Sealed(map) => map.bytes(),
            Data::Growing(growing) => {
                grown = growing.bytes_for(self.id, offset, committed)?;
                &grown
            }
        };
        let section = self.section(bytes, offset, committed)?;
        if section.cid.hash() != hash {
            let found = Box::new(section.cid);
            return Err(self.damaged(offset, Damage::OtherBlock { found }));
        }
        Ok((section.cid, bytes.slice(section.data)))
    }

    /// Where in the file bytes lie that were read from it; `None` for others, and for those of a
    /// growing pack that was mapped anew since.
    pub fn offset_of(&self, view: &[u8]) -> Option<u64> {
        match &self.data {
            Data::Sealed(map) => map.offset_of(view),
            Data::Growing(growing) => {
                growing.map.read().unwrap_or_else(PoisonError::into_inner).offset_of(view)
            }
        }
    }

    /// The file itself, opened once more; `None` if another is in its place, or none.
    pub fn reopen(&self, folder: &Folder) -> Option<File> {
        let file = File::open(folder.pack_path(self.id)).ok()?;
        let same = self.file.is_some() && self.file == FileId::of(&file);
        same.then_some(file)
    }

    /// All blocks of the committed bytes in the order of the file, without padding.
    ///
    /// A sealed pack is walked whole; if it is shorter than `committed`, what is there comes
    /// before the error that says so.
    pub fn scan(&self, committed: u64) -> Sections {
        let bytes = match &self.data {
            Data::Sealed(map) => Ok(map.bytes().clone()),
            Data::Growing(growing) => growing.committed(self.id, committed),
        };
        Sections::new(self.id, self.options, committed, bytes)
    }

    /// The same from a place where a section begins, as [`Sections::offset`] gave it.
    pub fn scan_from(&self, offset: u64, committed: u64) -> Sections {
        self.scan(committed).starting_at(offset)
    }

    /// Which of its blocks were found whole.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Whether a block was found whole before.
    pub fn is_verified(&self, key: impl Into<Key>) -> bool {
        self.verified.contains(key)
    }

    /// Remembers that a block was found whole.
    pub fn set_verified(&self, key: impl Into<Key>) {
        self.verified.insert(key);
    }

    fn damaged(&self, offset: u64, reason: Damage) -> PackError {
        PackError::Damaged { id: self.id, offset, reason }
    }

    fn section(
        &self,
        bytes: &Bytes,
        offset: u64,
        committed: u64,
    ) -> Result<Section, PackError> {
        let actual = bytes.len() as u64;
        let section = Section::read(bytes, offset, &self.options);
        let section = section.map_err(|error| match error {
            CarError::SectionBeyondData { .. } | CarError::Truncated { .. }
                if self.is_sealed() && actual < committed && committed < u64::MAX =>
            {
                PackError::Short { id: self.id, expected: committed, actual }
            }
            error => self.damaged(offset, Damage::Frame(error)),
        })?;
        if section.data.end as u64 > committed {
            return Err(self.damaged(offset, Damage::Beyond { committed }));
        }
        Ok(section)
    }
}

impl Growing {
    /// Bytes of the file that hold the section at `offset`.
    fn bytes_for(
        &self,
        id: PackId,
        offset: u64,
        committed: u64,
    ) -> Result<Bytes, PackError> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        // Commits end where sections end, so a map has a section whole or not at all. What is
        // mapped ahead of the file must not even be looked at.
        if offset < map.len() {
            let most = usize::try_from(committed).unwrap_or(usize::MAX);
            return Ok(map.bytes().slice(..most.min(map.bytes().len())));
        }
        drop(map);
        self.committed(id, committed)
    }

    /// All committed bytes.
    fn committed(&self, id: PackId, committed: u64) -> Result<Bytes, PackError> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if map.len() < committed {
            let actual = self.file.metadata().at("look at", &self.path)?.len();
            if actual < committed {
                return Err(PackError::Short { id, expected: committed, actual });
            }
            let bytes = committed.max(self.ahead);
            *map = Map::new(&self.file, bytes).at("map", &self.path)?;
        }
        let committed = usize::try_from(committed).unwrap_or(usize::MAX);
        Ok(map.bytes().slice(..committed))
    }
}
