//! A range of a file as one piece of memory: where its blocks lie, if that can be, else a copy.

use std::ops::Range;
use std::thread;

use bytes::Bytes;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_pack::{Joining, Private};
use ipfs_kit_unixfs::read::{File, Pieces};
use ipfs_kit_unixfs::{Control, UnixFsError};
use memmap2::MmapMut;

/// Bytes copied before the next are asked for.
const BATCH_BYTES: usize = 64 << 20;
/// From so many bytes on memory is asked of the system itself.
const LARGE_BYTES: usize = 4 << 20;
/// Bytes worth copying on a thread of their own.
const THREAD_BYTES: usize = 4 << 20;

const TOO_LONG: UnixFsError =
    UnixFsError::Node { reason: "a file has more bytes than it says" };
const TOO_SHORT: UnixFsError =
    UnixFsError::Node { reason: "a file has fewer bytes than it says" };

/// Reads a range of a file as one view; what is beyond the end is left out.
///
/// It is not copied if it lies inside one block; nor if it has 64 KiB and more, all its blocks
/// lie in packs, and each begins and ends at a page there, but for the start of the first and the
/// end of the last: as in files that were added in raw blocks of 64 KiB or more, in any multiple
/// of 4 KiB. (A last block that is shorter is copied alone.) That is on Linux; and of more than
/// eight thousand blocks, or where the process has many such views already, it is copied.
pub fn whole(
    file: &File,
    source: &impl BlockSource,
    range: Range<u64>,
    threads: usize,
    control: &Control,
) -> Result<Bytes, UnixFsError> {
    match gather(file, source, range, threads, control, LARGE_BYTES)? {
        Gathered::Pieces(joining) => joining
            .finish()
            .or_else(|known| copy_of(known, threads, LARGE_BYTES).map(Room::into_bytes)),
        Gathered::Copied(room) => Ok(room.into_bytes()),
    }
}

/// The same as memory of the caller's own, which may be written to: nobody else sees that.
///
/// Where [`whole`] would not copy, only those pages are that are written to.
pub fn private(
    file: &File,
    source: &impl BlockSource,
    range: Range<u64>,
    threads: usize,
    control: &Control,
) -> Result<Private, UnixFsError> {
    match gather(file, source, range, threads, control, 1)? {
        Gathered::Pieces(joining) => joining
            .finish_private()
            .or_else(|known| copy_of(known, threads, 1).map(Room::into_private)),
        Gathered::Copied(room) => Ok(room.into_private()),
    }
}

/// What was read of a range.
enum Gathered {
    /// All of it where it lies.
    Pieces(Joining),
    /// A copy.
    Copied(Room),
}

/// Reads a range; a copy of so many bytes is memory of the system's own.
fn gather(
    file: &File,
    source: &impl BlockSource,
    range: Range<u64>,
    threads: usize,
    control: &Control,
    large_bytes: usize,
) -> Result<Gathered, UnixFsError> {
    let range = range.start.min(file.size())..range.end.min(file.size());
    let length = range.end.saturating_sub(range.start);
    let mut pieces =
        Counted { left: length, pieces: file.pieces(source, range), control };
    let mut joining = Joining::new();
    while let Some(piece) = pieces.next()? {
        if let Err(piece) = joining.push(piece) {
            let mut copy = Copy::new(length, threads, large_bytes)?;
            joining
                .into_pieces()
                .into_iter()
                .chain([piece])
                .for_each(|piece| copy.push(piece));
            return copy.finish(pieces).map(Gathered::Copied);
        }
        if joining.bytes() as u64 == length {
            break;
        }
        // What was joined is in packs, and the rest is likely to be.
        pieces.pieces.widen(threads);
    }
    pieces.end()?;
    Ok(Gathered::Pieces(joining))
}

/// Copies pieces that are there.
fn copy_of(
    known: Vec<Bytes>,
    threads: usize,
    large_bytes: usize,
) -> Result<Room, UnixFsError> {
    let bytes = known.iter().map(Bytes::len).sum::<usize>();
    let mut copy = Copy::new(bytes as u64, threads, large_bytes)?;
    for piece in known {
        copy.push(piece);
    }
    copy.copy();
    Ok(copy.out)
}

/// The pieces of a range, which must have as many bytes as the file says.
struct Counted<'f, S> {
    left: u64,
    pieces: Pieces<'f, S>,
    control: &'f Control,
}

impl<S: BlockSource> Counted<'_, S> {
    fn next(&mut self) -> Result<Option<Bytes>, UnixFsError> {
        if self.control.is_cancelled() {
            return Err(UnixFsError::Cancelled);
        }
        let Some(piece) = self.pieces.next().transpose()? else { return Ok(None) };
        self.left = self.left.checked_sub(piece.len() as u64).ok_or(TOO_LONG)?;
        self.control.add_bytes(piece.len());
        Ok(Some(piece))
    }

    fn end(&self) -> Result<(), UnixFsError> {
        if self.left > 0 { Err(TOO_SHORT) } else { Ok(()) }
    }
}

/// New memory, all of it zeros.
enum Room {
    Small(Vec<u8>),
    Large(MmapMut),
}

impl Room {
    /// `None` if the system does not have so much.
    fn new(bytes: usize, large_bytes: usize) -> Option<Self> {
        if bytes < large_bytes {
            return Some(Self::Small(vec![0; bytes]));
        }
        let map = MmapMut::map_anon(bytes).ok()?;
        // Fewer pages to be made, if the system likes.
        #[cfg(target_os = "linux")]
        map.advise(memmap2::Advice::HugePage).ok();
        Some(Self::Large(map))
    }

    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large(map) => map,
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Small(bytes) => Bytes::from(bytes),
            Self::Large(map) => Bytes::from_owner(map),
        }
    }

    fn into_private(self) -> Private {
        match self {
            // Nothing at all: of one byte there is a map.
            Self::Small(_) => Private::empty(),
            Self::Large(map) => Private::of(map),
        }
    }
}

/// New memory that pieces are copied to, one behind the other.
struct Copy {
    out: Room,
    filled: usize,
    /// Those that are copied next, all at once.
    batch: Vec<Bytes>,
    batch_bytes: usize,
    threads: usize,
}

impl Copy {
    fn new(length: u64, threads: usize, large_bytes: usize) -> Result<Self, UnixFsError> {
        let room = |bytes| Room::new(bytes, large_bytes);
        let Some(out) = usize::try_from(length).ok().and_then(room) else {
            return Err(UnixFsError::Memory { bytes: length });
        };
        let (batch, batch_bytes) = (Vec::new(), 0);
        Ok(Self { out, filled: 0, batch, batch_bytes, threads })
    }

    fn push(&mut self, piece: Bytes) {
        self.batch_bytes += piece.len();
        self.batch.push(piece);
        if self.batch_bytes >= BATCH_BYTES {
            self.copy();
        }
    }

    /// Copies what is still to come, too.
    fn finish<S: BlockSource>(
        mut self,
        mut rest: Counted<'_, S>,
    ) -> Result<Room, UnixFsError> {
        while let Some(piece) = rest.next()? {
            self.push(piece);
        }
        rest.end()?;
        self.copy();
        Ok(self.out)
    }

    /// Empties the batch, each thread with about as many bytes of it.
    fn copy(&mut self) {
        let end = self.filled + self.batch_bytes;
        let mut room = self.out.bytes().get_mut(self.filled..end).unwrap_or_default();
        let threads = self.threads.min(self.batch_bytes / THREAD_BYTES).max(1);
        let share = self.batch_bytes.div_ceil(threads);
        let mut pieces = &self.batch[..];
        thread::scope(|scope| {
            while !pieces.is_empty() {
                let (now, later) = pieces.split_at(first_of(pieces, share));
                let bytes = now.iter().map(Bytes::len).sum();
                let Some((place, behind)) =
                    std::mem::take(&mut room).split_at_mut_checked(bytes)
                else {
                    return;
                };
                (pieces, room) = (later, behind);
                if pieces.is_empty() {
                    copy_to(place, now);
                } else {
                    scope.spawn(|| copy_to(place, now));
                }
            }
        });
        self.filled = end;
        self.batch_bytes = 0;
        self.batch.clear();
    }
}

/// How many of the pieces have so many bytes, or all.
fn first_of(pieces: &[Bytes], bytes: usize) -> usize {
    let mut sum = 0;
    let enough = pieces.iter().position(|piece| {
        sum += piece.len();
        sum >= bytes
    });
    enough.map_or(pieces.len(), |at| at + 1)
}

fn copy_to(mut place: &mut [u8], pieces: &[Bytes]) {
    for piece in pieces {
        let (now, behind) = place.split_at_mut(piece.len());
        now.copy_from_slice(piece);
        place = behind;
    }
}
