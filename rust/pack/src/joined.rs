//! Views of several blocks as one, without copying them.
//!
//! Where each block begins at a page and ends with one, the pages that hold it can be mapped once
//! more, behind those of the block before. So a large file is one piece of memory, of the very
//! pages that the packs have in the system's cache. Only the end of a file, where its last block
//! is too short to begin at a page, is copied.

use bytes::Bytes;

use crate::regions;

/// The most blocks of one view. Each takes a map of its own.
const MOST_PIECES: usize = 8192;
/// Shorter views are copied: that is faster than to map them, and a process has only so many maps.
const LEAST_BYTES: usize = 64 << 10;
/// The longest end that is copied: longer blocks begin at a page.
const MOST_TAIL_BYTES: usize = 64 << 10;

/// Pieces that come one after the other and may become one view.
///
/// ```
/// use bytes::Bytes;
/// use ipfs_kit_pack::Joining;
///
/// let mut joining = Joining::new();
/// assert!(joining.push(Bytes::from_static(b"one")).is_ok());
/// // What lies in no pack can only be copied.
/// assert!(joining.push(Bytes::from_static(b"two")).is_err());
/// assert_eq!(joining.into_pieces(), ["one"]);
/// ```
#[derive(Debug, Default)]
pub struct Joining {
    pieces: Vec<Bytes>,
    /// What comes behind them and is copied: nothing can stand behind it.
    tail: Option<Bytes>,
    /// One piece of each region, with its slot: they keep what counts on the regions.
    regions: Vec<(usize, Bytes)>,
    bytes: usize,
}

impl Joining {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece; gives it back if it cannot stand behind the others.
    pub fn push(&mut self, piece: Bytes) -> Result<(), Bytes> {
        let Some(bytes) = self.bytes.checked_add(piece.len()) else { return Err(piece) };
        match self.place_of(&piece) {
            Place::None => return Err(piece),
            Place::Next => self.pieces.push(piece),
            Place::Tail => self.tail = Some(piece),
        }
        self.bytes = bytes;
        Ok(())
    }

    fn place_of(&mut self, piece: &Bytes) -> Place {
        let Some(last) = self.pieces.last().cloned() else { return Place::Next };
        let is_full = self.tail.is_some() || self.pieces.len() >= MOST_PIECES;
        if is_full || !system::ends_a_page(&last) {
            return Place::None;
        }
        // Of the first one nobody has asked before.
        if self.regions.is_empty() && !self.enter(&last) {
            return Place::None;
        }
        if system::begins_a_page(piece) && self.enter(piece) {
            Place::Next
        } else if piece.len() < MOST_TAIL_BYTES {
            Place::Tail
        } else {
            Place::None
        }
    }

    /// Notes in which region a piece lies; `false` if in none.
    fn enter(&mut self, piece: &Bytes) -> bool {
        let near = self.regions.last().map_or(0, |(slot, _)| *slot);
        let Some(slot) = regions::slot_of(piece, near) else { return false };
        let at = self.regions.iter().position(|(known, _)| *known == slot);
        let region = at.map(|at| self.regions.remove(at));
        // The last one is looked at first.
        self.regions.push(region.unwrap_or_else(|| (slot, piece.clone())));
        true
    }

    /// What stands in pages of packs, and what comes behind it.
    #[cfg(target_os = "linux")]
    pub(crate) fn parts(&self) -> (&[Bytes], &[u8]) {
        (&self.pieces, self.tail.as_deref().unwrap_or_default())
    }

    /// Whether all of it lies in packs, but for the end.
    pub(crate) fn is_in_packs(&mut self) -> bool {
        // Of a single piece nobody has asked.
        let first = self.pieces.first().cloned();
        !self.regions.is_empty() || first.is_some_and(|piece| self.enter(&piece))
    }

    /// Whether it is long enough that maps take less time than a copy.
    pub(crate) fn is_worth_maps(&self) -> bool {
        self.bytes >= LEAST_BYTES
    }

    /// Bytes of all pieces.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The pieces as they were given.
    pub fn into_pieces(self) -> Vec<Bytes> {
        let mut pieces = self.pieces;
        pieces.extend(self.tail);
        pieces
    }

    /// One view of all; the pieces, if there are too few bytes to be worth it or the system does
    /// not give it.
    ///
    /// The view stays good whatever becomes of the packs, and so it is in forked children.
    pub fn finish(mut self) -> Result<Bytes, Vec<Bytes>> {
        if self.pieces.len() < 2 && self.tail.is_none() {
            return Ok(self.pieces.pop().unwrap_or_default());
        }
        if !self.is_worth_maps() {
            return Err(self.into_pieces());
        }
        let kept = self.regions.iter().map(|(_, piece)| piece.clone()).collect();
        let tail = self.tail.as_deref().unwrap_or_default();
        system::join(&self.pieces, tail, self.bytes, kept)
            .ok_or_else(|| self.into_pieces())
    }
}

/// Where a piece can stand.
enum Place {
    /// Behind the others.
    Next,
    /// Behind the others, copied, and nothing behind it.
    Tail,
    /// Nowhere.
    None,
}

#[cfg(target_os = "linux")]
pub(crate) mod system {
    #![expect(unsafe_code, reason = "pages are mapped a second time")]

    use std::ffi::c_void;
    use std::fs::File;
    use std::os::fd::AsRawFd as _;
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    /// Maps that all joined views of the process may take: half of what systems allow it.
    const MOST_MAPS: usize = 32 << 10;
    static MAPS: AtomicUsize = AtomicUsize::new(0);

    pub(crate) fn page_bytes() -> usize {
        // SAFETY: the call has no conditions.
        let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(bytes).unwrap_or(0).max(1)
    }

    pub(super) fn begins_a_page(piece: &[u8]) -> bool {
        piece.as_ptr().addr().is_multiple_of(page_bytes())
    }

    pub(super) fn ends_a_page(piece: &[u8]) -> bool {
        (piece.as_ptr().addr() + piece.len()).is_multiple_of(page_bytes())
    }

    /// Maps that are counted.
    #[derive(Debug)]
    pub(crate) struct Counted(usize);

    impl Counted {
        pub(crate) fn take(count: usize) -> Option<Self> {
            let counted = Self(count);
            let before = MAPS.fetch_add(count, Ordering::AcqRel);
            (before.saturating_add(count) <= MOST_MAPS).then_some(counted)
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            MAPS.fetch_sub(self.0, Ordering::AcqRel);
        }
    }

    /// An address range of our own.
    #[derive(Debug)]
    pub(crate) struct Range {
        start: *mut c_void,
        bytes: usize,
    }

    impl Range {
        pub(crate) fn reserve(bytes: usize) -> Option<Self> {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            // SAFETY: the system chooses a place where nothing is.
            let start = unsafe {
                libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0)
            };
            (start != libc::MAP_FAILED).then_some(Self { start, bytes })
        }

        /// Maps the pages of a piece once more, `at` bytes behind the start; gives the bytes.
        fn add(&self, piece: &Bytes, at: usize) -> Option<usize> {
            let page = page_bytes();
            let lead = piece.as_ptr().addr() % page;
            let bytes = (lead + piece.len()).checked_next_multiple_of(page)?;
            if at.checked_add(bytes).is_none_or(|end| end > self.bytes) {
                return None;
            }
            let from = piece.as_ptr().wrapping_sub(lead).cast_mut().cast::<c_void>();
            let to = self.start.wrapping_byte_add(at);
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
            // SAFETY: the piece lies in a shared map of a pack, which it keeps mapped; with an old
            // length of zero the map stays, and the same pages of the file appear at another place
            // too. That place is in a range of our own, as was seen above, of which nobody has a
            // reference yet. The pages are as little written to or cut off as those of the map.
            let made = unsafe { libc::mremap(from, 0, bytes, flags, to) };
            (made == to).then_some(bytes)
        }

        /// Maps bytes of a pack, whose pages begin at `offset`, so that they may be written to
        /// and the pack stays as it is; gives the bytes of the pages.
        pub(crate) fn add_private(
            &self,
            file: &File,
            offset: u64,
            bytes: usize,
            at: usize,
        ) -> Option<usize> {
            let bytes = bytes.checked_next_multiple_of(page_bytes())?;
            if at.checked_add(bytes).is_none_or(|end| end > self.bytes) {
                return None;
            }
            let to = self.start.wrapping_byte_add(at);
            let both = libc::PROT_READ | libc::PROT_WRITE;
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
            let offset = libc::off_t::try_from(offset).ok()?;
            // SAFETY: the place is in a range of our own, as was seen above, of which nobody has a
            // reference yet. The bytes of the pack were committed, so that they are neither
            // changed nor cut off; and what is written to the map does not reach the file.
            let made =
                unsafe { libc::mmap(to, bytes, both, flags, file.as_raw_fd(), offset) };
            (made == to).then_some(bytes)
        }

        pub(crate) fn start(&self) -> *mut u8 {
            self.start.cast()
        }

        pub(crate) fn bytes(&self) -> usize {
            self.bytes
        }

        /// Writes what comes `at` bytes behind the start, to the end of the range.
        pub(crate) fn write(
            &self,
            tail: &[u8],
            at: usize,
            stays_writable: bool,
        ) -> Option<()> {
            let room = self.bytes.checked_sub(at)?;
            if tail.len() > room {
                return None;
            }
            let to = self.start.wrapping_byte_add(at);
            let both = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: from `at` on the range is as it was reserved: memory of our own, to which
            // nobody has a reference. It is large enough, as was seen above.
            unsafe {
                if libc::mprotect(to, room, both) != 0 {
                    return None;
                }
                ptr::copy_nonoverlapping(tail.as_ptr(), to.cast::<u8>(), tail.len());
                let is_as_wanted =
                    stays_writable || libc::mprotect(to, room, libc::PROT_READ) == 0;
                is_as_wanted.then_some(())
            }
        }
    }

    impl Drop for Range {
        fn drop(&mut self) {
            // SAFETY: the range is ours, and whoever had a reference into it is gone.
            unsafe { libc::munmap(self.start, self.bytes) };
        }
    }

    // SAFETY: the range is memory that nobody writes to, and not bound to a thread.
    unsafe impl Send for Range {}
    // SAFETY: as above.
    unsafe impl Sync for Range {}

    /// What a joined view keeps. Before and behind its bytes are others of the same pages.
    #[derive(Debug)]
    struct Joined {
        range: Range,
        lead: usize,
        bytes: usize,
        _maps: Counted,
        _kept: Vec<Bytes>,
    }

    impl AsRef<[u8]> for Joined {
        fn as_ref(&self) -> &[u8] {
            let start = self.range.start.cast_const().cast::<u8>();
            // SAFETY: `join` has mapped so many bytes, which stay as long as the range.
            unsafe { std::slice::from_raw_parts(start.add(self.lead), self.bytes) }
        }
    }

    /// One view of pieces, each of which ends a page and the next of which begins one, all of
    /// them in packs, and of a tail that is copied; so many bytes together.
    pub(super) fn join(
        pieces: &[Bytes],
        tail: &[u8],
        bytes: usize,
        kept: Vec<Bytes>,
    ) -> Option<Bytes> {
        let maps = Counted::take(pieces.len() + 1)?;
        let page = page_bytes();
        let lead = pieces.first()?.as_ptr().addr() % page;
        let range = Range::reserve((lead + bytes).checked_next_multiple_of(page)?)?;
        let mut at = 0;
        for piece in pieces {
            at += range.add(piece, at)?;
        }
        if !tail.is_empty() {
            range.write(tail, at, false)?;
        } else if at != range.bytes {
            return None;
        }
        Some(Bytes::from_owner(Joined { range, lead, bytes, _maps: maps, _kept: kept }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_process_takes_no_more_maps_than_it_may() {
            let all = Counted::take(MOST_MAPS - 100);
            assert!(all.is_some());
            assert!(Counted::take(101).is_none());
            drop(all);
            assert!(Counted::take(101).is_some());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use bytes::Bytes;

    /// No: other systems do not map the same pages twice without the file at hand.
    pub(super) fn begins_a_page(_piece: &[u8]) -> bool {
        false
    }

    pub(super) fn ends_a_page(_piece: &[u8]) -> bool {
        false
    }

    pub(super) fn join(_: &[Bytes], _: &[u8], _: usize, _: Vec<Bytes>) -> Option<Bytes> {
        None
    }
}
