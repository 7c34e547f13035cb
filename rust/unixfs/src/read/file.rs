//! A file open for reading at any offset, whatever its layout and codecs.

use std::ops::Range;

use bytes::Bytes;
use ipfs_kit_cid::{Cid, to_string};
use ipfs_kit_dag::BlockSource;
use std::sync::Arc;

use super::cache::Cache;
use super::load;
use super::missing::missing;
use super::part::Part;
use super::pieces::Pieces;
use crate::{Attributes, NodeKind, UnixFsError};

/// A file: its root block, and those inner ones that were read before.
///
/// It holds no source: each read names one, so that a file can be shared between threads and
/// outlive what its blocks came from. A read touches only the blocks that hold its bytes and
/// those above them.
///
/// ```
/// use ipfs_kit_dag::MemoryBlocks;
/// use ipfs_kit_unixfs::read::File;
/// use ipfs_kit_unixfs::{Control, Importer, Params, Profile};
///
/// let (params, control) = (Params::of(Profile::UnixFsV1_2025), Control::new());
/// let mut blocks = MemoryBlocks::new();
/// let bytes = vec![7; 3 << 20];
/// let importer = Importer::new(&params, 1, &control);
/// let root = importer.reader(&bytes[..], None, Some(&mut blocks))?;
///
/// let file = File::open(&blocks, &root.cid)?;
/// assert_eq!(file.size(), 3 << 20);
/// let mut some = [0; 10];
/// assert_eq!(file.read_at(&blocks, (3 << 20) - 4, &mut some)?, 4);
/// # Ok::<(), ipfs_kit_unixfs::UnixFsError>(())
/// ```
#[derive(Debug)]
pub struct File {
    pub(super) root: Arc<Part>,
    pub(super) cache: Cache,
}

impl File {
    /// Opens the file of this root, whose block must be there.
    pub fn open(source: &impl BlockSource, cid: &Cid) -> Result<Self, UnixFsError> {
        Self::of_block(cid, load(source, cid)?)
    }

    /// Opens the file whose root block is at hand.
    pub fn of_block(cid: &Cid, block: Bytes) -> Result<Self, UnixFsError> {
        Self::of_part(cid, Part::decode(cid.codec(), block)?)
    }

    pub(crate) fn of_part(cid: &Cid, root: Part) -> Result<Self, UnixFsError> {
        match root.kind {
            NodeKind::File | NodeKind::Raw => {
                Ok(Self { root: Arc::new(root), cache: Cache::default() })
            }
            NodeKind::Directory | NodeKind::HamtShard => {
                Err(UnixFsError::IsADirectory { path: to_string(cid) })
            }
            NodeKind::Symlink => Err(UnixFsError::Node {
                reason: "a symbolic link has no bytes of a file",
            }),
            NodeKind::Metadata => {
                Err(UnixFsError::Node { reason: "metadata nodes are not supported" })
            }
        }
    }

    /// Bytes it has.
    pub fn size(&self) -> u64 {
        self.root.size()
    }

    /// Mode and mtime that its root carries.
    pub fn attributes(&self) -> Attributes {
        self.root.attributes
    }

    /// Reads from `offset` on until the buffer is full or the file ends; the number of bytes
    /// is returned.
    pub fn read_at(
        &self,
        source: &impl BlockSource,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, UnixFsError> {
        let end = offset.saturating_add(buffer.len() as u64);
        let mut filled = 0;
        for piece in self.pieces(source, offset..end) {
            let piece = piece?;
            let room = buffer.get_mut(filled..filled + piece.len());
            let room =
                room.ok_or(UnixFsError::Node { reason: "more bytes than said" })?;
            room.copy_from_slice(&piece);
            filled += piece.len();
        }
        Ok(filled)
    }

    /// The bytes of a range in pieces that lie where the source has them; what is beyond the
    /// end is left out.
    pub fn read_range(
        &self,
        source: &impl BlockSource,
        range: Range<u64>,
    ) -> Result<Vec<Bytes>, UnixFsError> {
        self.pieces(source, range).collect()
    }

    /// Gives the bytes of a range to `out`, piece by piece.
    ///
    /// The source is asked for 64 blocks or 16 MiB at once, whichever is less, and never for
    /// one that has no byte of the range.
    pub fn copy_to(
        &self,
        source: &impl BlockSource,
        range: Range<u64>,
        out: &mut impl FnMut(Bytes) -> Result<(), UnixFsError>,
    ) -> Result<(), UnixFsError> {
        self.pieces(source, range).try_for_each(|piece| out(piece?))
    }

    /// Iterates over the bytes of a range, as [`copy_to`](Self::copy_to) gives them.
    pub fn pieces<'f, S: BlockSource>(
        &'f self,
        source: &'f S,
        range: Range<u64>,
    ) -> Pieces<'f, S> {
        Pieces::new(self, source, range)
    }

    /// The blocks known to be needed for a range and absent, for `max_bytes` of the file at
    /// most but one at least; none if the whole range is there.
    ///
    /// What stands below an absent block is not known: ask again when these have come.
    pub fn missing(
        &self,
        source: &impl BlockSource,
        range: Range<u64>,
        max_bytes: u64,
    ) -> Result<Vec<Cid>, UnixFsError> {
        missing(self, source, range, max_bytes)
    }
}
