//! Bytes of packs in memory that belongs to its holder alone, and may be written to.
//!
//! Where the pages of a pack can be mapped once more (see [`Joining`]), they can be mapped
//! privately: who only reads them sees those of the pack, in the system's cache, and what is
//! written to goes to a copy of its page, which nobody else sees. Everything else is copied.

use std::fmt;

use memmap2::MmapMut;

use crate::joined::Joining;

/// Memory for one holder.
///
/// Nothing here reads or writes it once it is made: that is for those who have the address.
pub struct Private {
    start: *mut u8,
    bytes: usize,
    _memory: Memory,
}

/// What is to live as long as the bytes are used.
enum Memory {
    None,
    Anonymous {
        _map: MmapMut,
    },
    Lent {
        _lent: Lent,
    },
    #[cfg(target_os = "linux")]
    Pages {
        _pages: system::Pages,
    },
}

/// Takes memory back that nobody looks at any more; it may be asked to on any thread.
pub trait Back: Send + Sync {
    /// Takes it.
    fn take(&self, map: MmapMut);
}

struct Lent {
    map: Option<MmapMut>,
    back: Box<dyn Back>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(map) = self.map.take() {
            self.back.take(map);
        }
    }
}

impl Private {
    /// No bytes.
    pub fn empty() -> Self {
        Self { start: [].as_mut_ptr(), bytes: 0, _memory: Memory::None }
    }

    /// Memory that was filled already.
    pub fn of(mut map: MmapMut) -> Self {
        let (start, bytes) = (map.as_mut_ptr(), map.len());
        Self { start, bytes, _memory: Memory::Anonymous { _map: map } }
    }

    /// The first bytes of memory that was filled already; it is given back in the end.
    pub fn lent(mut map: MmapMut, bytes: usize, back: impl Back + 'static) -> Self {
        let (start, bytes) = (map.as_mut_ptr(), bytes.min(map.len()));
        let lent = Lent { map: Some(map), back: Box::new(back) };
        Self { start, bytes, _memory: Memory::Lent { _lent: lent } }
    }

    /// Where the bytes begin. They may be read and written as long as this lives.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Private").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[expect(unsafe_code, reason = "an address alone is not bound to a thread")]
mod threads {
    use super::Private;

    // SAFETY: the memory belongs to this alone, wherever it goes, and is touched by nobody but
    // those who take the address, who have to agree among themselves.
    unsafe impl Send for Private {}
    // SAFETY: as above; what is here gives the address and the length, which do not change.
    unsafe impl Sync for Private {}
}

impl Joining {
    /// Memory of its own with the bytes of all pieces; gives them back if they can only be copied.
    pub fn finish_private(mut self) -> Result<Private, Vec<bytes::Bytes>> {
        if self.bytes() == 0 {
            return Ok(Private::empty());
        }
        if !self.is_worth_maps() || !self.is_in_packs() {
            return Err(self.into_pieces());
        }
        self.map_private()
    }

    #[cfg(not(target_os = "linux"))]
    fn map_private(self) -> Result<Private, Vec<bytes::Bytes>> {
        Err(self.into_pieces())
    }

    #[cfg(target_os = "linux")]
    fn map_private(self) -> Result<Private, Vec<bytes::Bytes>> {
        let (pieces, tail) = self.parts();
        let Some(pages) = system::Pages::map(pieces, tail, self.bytes()) else {
            return Err(self.into_pieces());
        };
        let (start, bytes) = (pages.start(), self.bytes());
        Ok(Private { start, bytes, _memory: Memory::Pages { _pages: pages } })
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs::File;
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::fs::MetadataExt as _;

    use bytes::Bytes;

    use crate::joined::system::{Counted, Range, page_bytes};

    /// Pages of packs, mapped privately.
    #[derive(Debug)]
    pub(super) struct Pages {
        range: Range,
        lead: usize,
        _maps: Counted,
    }

    impl Pages {
        /// Maps pieces, each of which ends a page and the next of which begins one, one behind the
        /// other, and behind them a tail that is copied.
        pub(super) fn map(pieces: &[Bytes], tail: &[u8], bytes: usize) -> Option<Self> {
            let maps = Counted::take(pieces.len() + 1)?;
            let page = page_bytes();
            let lead = pieces.first()?.as_ptr().addr() % page;
            let range = Range::reserve((lead + bytes).checked_next_multiple_of(page)?)?;
            let mut sources: Vec<Source> = Vec::new();
            let mut at = 0;
            for piece in pieces {
                let from = piece.as_ptr().addr();
                if !sources.last().is_some_and(|source| source.holds(piece)) {
                    let known = sources.iter().position(|source| source.holds(piece));
                    let source = match known {
                        Some(known) => sources.remove(known),
                        None => Source::of(piece)?,
                    };
                    // The last one is looked at first.
                    sources.push(source);
                }
                let source = sources.last()?;
                let offset = (source.offset + (from - source.start) as u64)
                    .checked_sub((from % page) as u64)?;
                at += range.add_private(
                    &source.file,
                    offset,
                    from % page + piece.len(),
                    at,
                )?;
            }
            if !tail.is_empty() {
                range.write(tail, at, true)?;
            } else if at != range.bytes() {
                return None;
            }
            Some(Self { range, lead, _maps: maps })
        }

        pub(super) fn start(&self) -> *mut u8 {
            self.range.start().wrapping_add(self.lead)
        }
    }

    /// A file that is mapped, and which part of it is where.
    struct Source {
        file: File,
        start: usize,
        end: usize,
        offset: u64,
    }

    impl Source {
        /// Asks the system what is mapped where a piece lies, and opens it anew.
        ///
        /// A pack keeps no open file once it is mapped: there may be many of them.
        fn of(piece: &Bytes) -> Option<Self> {
            let at = piece.as_ptr().addr();
            // The list is in the order of the addresses, where packs come before libraries: to
            // read all of it would take as long as to map a file.
            let maps = BufReader::new(File::open("/proc/self/maps").ok()?);
            let text = maps.lines().map_while(Result::ok).find(|text| {
                Line::parse(text).is_some_and(|line| (line.start..line.end).contains(&at))
            })?;
            let line = Line::parse(&text)?;
            let file = File::open(line.path).ok()?;
            // It may have another name by now, and another file this one.
            let about = file.metadata().ok()?;
            let device = (libc::major(about.dev()), libc::minor(about.dev()));
            let same = about.ino() == line.inode && device == line.device;
            let source =
                Self { file, start: line.start, end: line.end, offset: line.offset };
            (same && source.holds(piece)).then_some(source)
        }

        fn holds(&self, piece: &[u8]) -> bool {
            let at = piece.as_ptr().addr();
            self.start <= at && at < self.end && piece.len() <= self.end - at
        }
    }

    /// A line of `/proc/self/maps`.
    struct Line<'a> {
        start: usize,
        end: usize,
        offset: u64,
        device: (u32, u32),
        inode: u64,
        path: &'a str,
    }

    impl<'a> Line<'a> {
        fn parse(line: &'a str) -> Option<Self> {
            let mut words = line.splitn(6, ' ');
            let (start, end) = words.next()?.split_once('-')?;
            let _access = words.next()?;
            let offset = words.next()?;
            let (major, minor) = words.next()?.split_once(':')?;
            let inode = words.next()?.parse().ok()?;
            Some(Self {
                start: usize::from_str_radix(start, 16).ok()?,
                end: usize::from_str_radix(end, 16).ok()?,
                offset: u64::from_str_radix(offset, 16).ok()?,
                device: (
                    u32::from_str_radix(major, 16).ok()?,
                    u32::from_str_radix(minor, 16).ok()?,
                ),
                inode,
                path: words.next()?.trim_start(),
            })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_line_says_what_lies_where() {
            let line = "7f01-7f02 r--s 00002000 fe:00 42    /a b/pack.car";
            let line = Line::parse(line).unwrap();
            assert_eq!((line.start, line.end, line.offset), (0x7f01, 0x7f02, 0x2000));
            assert_eq!((line.device, line.inode), ((0xfe, 0), 42));
            assert_eq!(line.path, "/a b/pack.car");
            assert!(Line::parse("7f01-7f02 rw-p 00000000 00:00 0").is_none());
        }
    }
}
