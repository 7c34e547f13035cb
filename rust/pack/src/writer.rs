//! Appending blocks to a pack.

use std::fs::File;
use std::io::{self, IoSlice, Seek, SeekFrom, Write};

use ipfs_kit_car::{CarError, section};
use ipfs_kit_cid::{Cid, varint};
use ipfs_kit_hash::Multihash;

use crate::error::At;
use crate::{
    Claim, Folder, HEADER, HEADER_BYTES, MAX_BLOCK_BYTES, PackError, PackId, padding,
    reserve, seal, writeback,
};

/// The one that appends to an unsealed pack.
///
/// Blocks are written as they are given, duplicates included, and are not hashed. A writer
/// that is dropped gives the pack free for others, and what it did not sync may be lost.
///
/// ```
/// use ipfs_kit_cid::{Cid, codec};
/// use ipfs_kit_hash::{Code, Hasher};
/// use ipfs_kit_pack::{Folder, Writer};
///
/// let place = tempfile::tempdir()?;
/// let mut writer = Writer::create(&Folder::create(place.path())?)?;
/// let data = vec![7; 5000];
/// let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(&data)?);
/// let offset = writer.append(&cid, &[&data])?;
/// assert!(offset < writer.end());
/// assert_eq!(writer.sync()? - data.len() as u64, 128); // aligned
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer {
    claim: Claim,
    durability: Durability,
    /// What was appended and is not yet in the file.
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    written: u64,
    /// Where what is known to be on disk ends.
    synced: u64,
    /// Where what is on its way to the disk ends.
    started: u64,
    poisoned: bool,
}

/// Whether what is written is made to survive a power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The pack, its index and their names are synced when they are made and sealed.
    Synced,
    /// The system writes when it likes: for what can be had again, as in a cache. What it was
    /// given survives the process all the same.
    Cached,
}

/// Small blocks are gathered up to this much.
const BUFFER_BYTES: usize = 512 << 10;

/// Blocks of this length and more go to the file without being copied.
const DIRECT_BYTES: usize = 64 << 10;

/// Written so much, the disk is asked to begin.
const WRITEBACK_BYTES: u64 = 8 << 20;

impl Writer {
    /// Makes a new pack, durably.
    pub fn create(folder: &Folder) -> Result<Self, PackError> {
        let claim = Claim::create(folder)?;
        let path = claim.path().to_owned();
        claim.file().write_all(HEADER).at("write", &path)?;
        claim.file().sync_all().at("sync", &path)?;
        folder.sync()?;
        Ok(Self::new(claim, HEADER_BYTES, Durability::Synced))
    }

    /// Makes a new pack of this name that is never synced, with `reserved_bytes` of the disk
    /// set aside for it where the file system can do that; `None` if there is one already.
    ///
    /// So a full disk shows here and not in the midst of a block, and the file takes no more
    /// of it than this, whatever the file system sets aside for files that grow.
    pub fn create_cached(
        folder: &Folder,
        id: PackId,
        reserved_bytes: u64,
    ) -> Result<Option<Self>, PackError> {
        let Some(claim) = Claim::create_as(folder, id)? else { return Ok(None) };
        let path = claim.path().to_owned();
        let mut file = claim.file();
        let made = reserve::ahead(file, reserved_bytes)
            .and_then(|()| file.write_all(HEADER))
            .at("write", &path);
        if let Err(error) = made {
            // A file without a header is of no use to anyone.
            std::fs::remove_file(&path).ok();
            return Err(error);
        }
        Ok(Some(Self::new(claim, HEADER_BYTES, Durability::Cached)))
    }

    /// Goes on with a pack; `None` if it is gone, sealed, or held by another.
    ///
    /// What lies above `committed` is cut off. So it must not be out of date: if others may
    /// commit to this pack between the moment it was read and this call, use
    /// [`Claim::take`], read it then, and [`Claim::resume`].
    pub fn reopen(
        folder: &Folder,
        id: PackId,
        committed: u64,
    ) -> Result<Option<Self>, PackError> {
        Claim::take(folder, id)?.map(|claim| claim.resume(committed)).transpose()
    }

    pub(crate) fn resume(
        claim: Claim,
        end: u64,
        durability: Durability,
    ) -> Result<Self, PackError> {
        claim.file().seek(SeekFrom::Start(end)).at("seek in", claim.path())?;
        Ok(Self::new(claim, end, durability))
    }

    fn new(claim: Claim, end: u64, durability: Durability) -> Self {
        let (buffer, poisoned) = (Vec::new(), false);
        let (written, synced, started) = (end, end, end);
        Self { claim, durability, buffer, written, synced, started, poisoned }
    }

    /// Which pack.
    pub fn id(&self) -> PackId {
        self.claim.id()
    }

    /// Where the pack ends, with what is not yet written out.
    pub fn end(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Appends a block whose bytes are `parts` together; gives where its section begins.
    ///
    /// Data of 4 KiB and more begins at a multiple of 64 bytes in the file, and of 64 KiB and
    /// more at a multiple of 4096.
    pub fn append(&mut self, cid: &Cid, parts: &[&[u8]]) -> Result<u64, PackError> {
        self.check()?;
        let data_bytes = parts.iter().map(|part| part.len()).sum();
        if data_bytes > MAX_BLOCK_BYTES {
            let (offset, bytes) = (self.end(), data_bytes as u64);
            let limit = MAX_BLOCK_BYTES;
            return Err(CarError::SectionTooLarge { offset, bytes, limit }.into());
        }
        let body_bytes = cid.encoded_len() + data_bytes;
        let head_bytes = varint::len(body_bytes as u64) + cid.encoded_len();
        let direct = data_bytes >= DIRECT_BYTES;
        let copied = head_bytes + if direct { 0 } else { data_bytes };
        let padding_bytes = padding::bytes_before(self.end(), head_bytes, data_bytes);
        if self.buffer.len() + padding_bytes + copied > BUFFER_BYTES {
            self.flush()?;
        }
        padding::push(padding_bytes, &mut self.buffer);
        let offset = self.end();
        section::encode_head(cid, data_bytes, &mut self.buffer);
        if direct {
            self.write(parts)?;
        } else {
            for part in parts {
                self.buffer.extend_from_slice(part);
            }
        }
        Ok(offset)
    }

    /// Gives everything to the operating system.
    pub fn flush(&mut self) -> Result<(), PackError> {
        self.check()?;
        if self.buffer.is_empty() { Ok(()) } else { self.write(&[]) }
    }

    /// Makes everything durable; gives where the pack ends, for the caller to commit.
    ///
    /// After a failure every further call fails: the system may have dropped what it could
    /// not write, and would report success the next time.
    pub fn sync(&mut self) -> Result<u64, PackError> {
        self.flush()?;
        if self.synced < self.written {
            let synced = self.claim.file().sync_data();
            self.poisoned = synced.is_err();
            synced.at("sync", self.claim.path())?;
            self.synced = self.written;
            self.started = self.written;
        }
        Ok(self.written)
    }

    /// Whether the pack is still where it was made, and not discarded by another.
    pub fn is_in_place(&self) -> Result<bool, PackError> {
        self.claim.is_in_place()
    }

    /// Sets aside `bytes` of the disk for the pack, where the file system can do that.
    pub fn reserve(&self, bytes: u64) -> Result<(), PackError> {
        reserve::ahead(self.claim.file(), bytes).at("write", self.claim.path())
    }

    /// Gives back what of the disk was set aside and not written.
    pub fn trim(&mut self) -> Result<(), PackError> {
        self.flush()?;
        reserve::trim(self.claim.file()).at("trim", self.claim.path())
    }

    /// Makes everything durable, and the index too: the pack will never change again.
    /// One that is [cached](Durability::Cached) is trimmed and not synced.
    ///
    /// `entries` are all blocks to be found in it, in any order; of several places of one
    /// block the first is kept. If it fails, the pack can be claimed and sealed again, unless
    /// it is sealed already and only the folder could not be synced.
    pub fn seal(
        mut self,
        entries: impl IntoIterator<Item = (Multihash, u64)>,
    ) -> Result<(), PackError> {
        match self.durability {
            Durability::Synced => drop(self.sync()?),
            Durability::Cached => self.trim()?,
        }
        seal::write_index(self.claim.folder(), self.id(), entries, self.durability)
    }

    fn check(&self) -> Result<(), PackError> {
        if self.poisoned {
            return Err(PackError::Poisoned { id: self.id() });
        }
        Ok(())
    }

    /// Writes the buffer and what comes behind it.
    fn write(&mut self, parts: &[&[u8]]) -> Result<(), PackError> {
        let mut slices = Vec::with_capacity(1 + parts.len());
        slices.push(IoSlice::new(&self.buffer));
        slices.extend(parts.iter().map(|part| IoSlice::new(part)));
        let bytes: usize = slices.iter().map(|slice| slice.len()).sum();
        let result = write_all(self.claim.file(), &mut slices);
        self.poisoned = result.is_err();
        result.at("write", self.claim.path())?;
        self.buffer.clear();
        self.written += bytes as u64;
        let synced = self.durability == Durability::Synced;
        if synced && self.written - self.started >= WRITEBACK_BYTES {
            writeback::start(self.claim.file(), self.started, self.written);
            self.started = self.written;
        }
        Ok(())
    }
}

fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0); // drops those that are empty
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => IoSlice::advance_slices(&mut slices, bytes),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
