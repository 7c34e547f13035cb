//! Walking through a pack from its start.

use std::fs::File;

use bytes::Bytes;
use ipfs_kit_car::section::{self, Section};
use ipfs_kit_car::{CarError, ReadOptions, Reader};
use ipfs_kit_cid::Cid;
use ipfs_kit_hash::Code;

use crate::error::{At, if_there};
use crate::{Damage, Folder, HEADER, HEADER_BYTES, PackError, PackId, read_options};

/// The blocks of a pack with the places of their sections, in the order of the file.
///
/// Blocks with identity CIDs are left out: they are padding, or say what their CID says.
/// Blocks are not hashed. The first section that is none is an error, and the end.
#[derive(Debug)]
pub struct Sections {
    id: PackId,
    options: ReadOptions,
    bytes: Bytes,
    /// Where it should end; [`u64::MAX`] if nobody knows.
    committed: u64,
    offset: u64,
    failed: Option<PackError>,
}

impl Sections {
    pub(crate) fn new(
        id: PackId,
        options: ReadOptions,
        committed: u64,
        bytes: Result<Bytes, PackError>,
    ) -> Self {
        let (bytes, failed) = match bytes {
            Ok(bytes) if bytes.is_empty() || bytes.starts_with(HEADER) => (bytes, None),
            Ok(bytes) => {
                let reason = Damage::Header;
                (bytes, Some(PackError::Damaged { id, offset: 0, reason }))
            }
            Err(error) => (Bytes::new(), Some(error)),
        };
        Self { id, options, bytes, committed, offset: HEADER_BYTES, failed }
    }

    pub(crate) fn starting_at(self, offset: u64) -> Self {
        Self { offset: offset.max(HEADER_BYTES), ..self }
    }

    /// Where the next section begins, padding included; where the walk ended after its end.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    fn fail(&mut self, error: PackError) -> PackError {
        self.bytes = Bytes::new();
        self.committed = 0;
        error
    }
}

impl Iterator for Sections {
    type Item = Result<(u64, Cid, Bytes), PackError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            return Some(Err(self.fail(error)));
        }
        while self.offset < self.bytes.len() as u64 {
            let offset = self.offset;
            match Section::read(&self.bytes, offset, &self.options) {
                Ok(section) => {
                    self.offset = section.data.end as u64;
                    if section.cid.hash().code() != Code::Identity.code() {
                        let data = self.bytes.slice(section.data);
                        return Some(Ok((offset, section.cid, data)));
                    }
                }
                Err(error) => {
                    let (id, reason) = (self.id, Damage::Frame(error));
                    let error = PackError::Damaged { id, offset, reason };
                    return Some(Err(self.fail(error)));
                }
            }
        }
        let (id, expected, actual) = (self.id, self.committed, self.offset);
        if expected == u64::MAX || actual >= expected || expected <= HEADER_BYTES {
            return None;
        }
        Some(Err(self.fail(PackError::Short { id, expected, actual })))
    }
}

/// Finds where a pack ends of which nobody knows how much is committed: behind the last
/// block that is whole and matches its CID, every one before it being whole too. `None` if
/// the pack is gone.
///
/// Reads the whole file, without mapping it, so it may even be cut off meanwhile. Blocks
/// whose hash function is not known count if a block follows that matches.
pub fn scan_end(folder: &Folder, id: PackId) -> Result<Option<u64>, PackError> {
    let path = folder.pack_path(id);
    let Some(file) = if_there(File::open(&path)).at("open", &path)? else {
        return Ok(None);
    };
    let scanned = matching_end(file, read_options()?).at("read", &path)?;
    let header = PackError::Damaged { id, offset: 0, reason: Damage::Header };
    scanned.map(Some).ok_or(header)
}

/// `None` if the file begins with no header.
fn matching_end(file: File, options: ReadOptions) -> std::io::Result<Option<u64>> {
    let mut reader = match Reader::with_options(file, options) {
        Ok(reader) => reader,
        Err(CarError::Io(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    if reader.offset() != HEADER_BYTES {
        return Ok(None);
    }
    let mut end = reader.offset();
    loop {
        match reader.next_block() {
            Ok(Some(block)) => {
                match section::verify(&block.cid, &block.data, block.offset) {
                    Ok(()) => end = reader.offset(),
                    Err(CarError::Unverifiable { .. }) => {}
                    Err(_) => return Ok(Some(end)),
                }
            }
            Err(CarError::Io(error)) => return Err(error),
            Ok(None) | Err(_) => return Ok(Some(end)),
        }
    }
}
