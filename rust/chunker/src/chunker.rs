//! The chunker: minimum, maximum and end of stream around a search for the next cut.

use std::ops::Range;

use crate::rabin::Rabin;
use crate::{ChunkerError, Kernel, Lengths, Spec, buzhash};

/// Finds cut points in a stream that it is shown as a growing window.
///
/// ```
/// use ipfs_kit_chunker::Spec;
///
/// let mut chunker = "size-4".parse::<Spec>()?.chunker();
/// assert_eq!(chunker.next_cut(b"abc", false), None); // too little so far
/// assert_eq!(chunker.next_cut(b"abcdef", false), Some(4));
/// assert_eq!(chunker.next_cut(b"ef", true), Some(2)); // the window moved on by 4
/// assert_eq!(chunker.next_cut(b"", true), None);
/// # Ok::<(), ipfs_kit_chunker::ChunkerError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chunker {
    search: Search,
    kernel: Kernel,
    min_bytes: usize,
    max_bytes: usize,
    /// No chunk of this length or shorter ends at a cut: those were looked at.
    scanned_bytes: usize,
}

#[derive(Clone, Debug)]
enum Search {
    Nothing,
    Rabin(Rabin),
    Buzhash,
    /// The lengths, and the number of the next chunk.
    Told(Lengths, usize),
}

impl Chunker {
    /// A chunker at the start of a stream, with the fastest kernel of this processor.
    pub fn new(spec: &Spec) -> Self {
        Self::build(spec, Kernel::detect())
    }

    /// The same with a given kernel; an error where this processor cannot run it.
    pub fn with_kernel(spec: &Spec, kernel: Kernel) -> Result<Self, ChunkerError> {
        Ok(Self::build(spec, kernel.checked()?))
    }

    /// The same with the kernel that [`Kernel::from_env`] gives; an error if that is
    /// unknown or cannot run here.
    pub fn from_env(spec: &Spec) -> Result<Self, ChunkerError> {
        Ok(Self::build(spec, Kernel::from_env()?))
    }

    fn build(spec: &Spec, kernel: Kernel) -> Self {
        let (search, min_bytes) = match spec {
            Spec::Size(size) => (Search::Nothing, size.get() as usize),
            Spec::Rabin(bounds) => {
                (Search::Rabin(Rabin::new(bounds.mask())), bounds.min_bytes())
            }
            Spec::Buzhash => (Search::Buzhash, buzhash::MIN_BYTES),
            // From one byte on it may be long enough.
            Spec::Lengths(lengths) => (Search::Told(lengths.clone(), 0), 1),
        };
        let max_bytes = spec.max_chunk_bytes();
        Self { search, kernel, min_bytes, max_bytes, scanned_bytes: min_bytes - 1 }
    }

    /// The kernel that looks for cuts.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The length of the chunk that `window` starts with, or `None` if more bytes are
    /// needed to tell.
    ///
    /// `window` starts at the last cut and holds the bytes read since; `end` says that no
    /// more will come. After `None` the next window must begin with the same bytes: what
    /// was searched is not searched again. At the end, `None` means an empty window.
    pub fn next_cut(&mut self, window: &[u8], end: bool) -> Option<usize> {
        let reach = window.len().min(self.max_bytes);
        let found = if self.scanned_bytes < reach {
            self.find(window, self.scanned_bytes + 1, reach)
        } else {
            None
        };
        let cut = found
            .or((reach == self.max_bytes).then_some(reach))
            .or((end && reach > 0).then_some(reach));
        self.scanned_bytes = match cut {
            Some(_) => {
                self.count();
                self.min_bytes - 1
            }
            None => self.scanned_bytes.max(reach),
        };
        cut
    }

    /// The ranges of all chunks of `data`, taken as a whole stream.
    ///
    /// Forgets what an earlier window held.
    pub fn cuts<'a>(
        &'a mut self,
        data: &'a [u8],
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        self.scanned_bytes = self.min_bytes - 1;
        if let Search::Told(_, number) = &mut self.search {
            *number = 0;
        }
        let mut start = 0;
        std::iter::from_fn(move || {
            let length = self.next_cut(&data[start..], true)?;
            start += length;
            Some(start - length..start)
        })
    }

    /// The least length in `first..=last` at which the content says to cut.
    fn find(&self, window: &[u8], first: usize, last: usize) -> Option<usize> {
        match &self.search {
            Search::Nothing => None,
            Search::Rabin(rabin) => rabin.find(self.kernel, window, first, last),
            Search::Buzhash => buzhash::find(self.kernel, window, first, last),
            Search::Told(lengths, number) => Some(lengths.get(*number))
                .filter(|length| (first..=last).contains(length)),
        }
    }

    /// Goes on to the next of the lengths that it was told.
    fn count(&mut self) {
        if let Search::Told(_, number) = &mut self.search {
            *number = number.saturating_add(1);
        }
    }
}
