//! What was read of a batch.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use ipfs_kit_dag::BlockSource;
use ipfs_kit_pack::{Back, Private};
use ipfs_kit_unixfs::{Control, UnixFsError};
use memmap2::MmapMut;

use crate::samples::{OpenFiles, Samples};

/// Memory that is kept for the next batches, at most.
const SPARE_BUFFERS: usize = 8;
/// Memory is made in multiples of this, so that it is likely to do for the next batch.
const STEP_BYTES: usize = 256 << 10;

/// The bytes of samples.
#[derive(Debug)]
pub enum Data {
    /// Each where it lies.
    Views(Vec<Bytes>),
    /// All of them one behind the other, in memory of the taker's own, and where each ends.
    Packed(Private, Vec<u64>),
}

/// Samples that were read together.
#[derive(Debug)]
pub struct Batch {
    /// The bytes; nothing where a sample could not be read.
    pub data: Data,
    /// Which could not be read, and why; one that is [`SameAgain`](crate::SameAgain) has the
    /// trouble of the last before it that is not.
    pub errors: Vec<(usize, UnixFsError)>,
}

impl Batch {
    /// Makes a batch of what was read of each sample.
    pub(crate) fn of(
        found: Vec<Result<Bytes, UnixFsError>>,
        packed: bool,
        spare: &Spare,
    ) -> Self {
        let mut errors = Vec::new();
        let views = found.into_iter().enumerate().map(|(at, found)| {
            found.unwrap_or_else(|error| {
                errors.push((at, error));
                Bytes::new()
            })
        });
        let views: Vec<Bytes> = views.collect();
        if !packed {
            return Self { data: Data::Views(views), errors };
        }
        let (memory, ends) = spare.pack(&views).unwrap_or_else(|_| {
            let bytes = views.iter().map(Bytes::len).sum::<usize>() as u64;
            let full = || UnixFsError::Memory { bytes };
            errors = (0..views.len()).map(|at| (at, full())).collect();
            (Private::empty(), vec![0; views.len()])
        });
        Self { data: Data::Packed(memory, ends), errors }
    }

    /// Reads a batch on the calling thread.
    pub fn read(
        samples: &Samples,
        source: &impl BlockSource,
        wanted: &[u64],
        packed: bool,
        control: &Control,
    ) -> Self {
        let found = samples.read(source, &OpenFiles::default(), wanted, control);
        Self::of(found, packed, &Spare::default())
    }

    /// Bytes of all samples.
    pub fn bytes(&self) -> usize {
        match &self.data {
            Data::Views(views) => views.iter().map(Bytes::len).sum(),
            Data::Packed(memory, _) => memory.len(),
        }
    }
}

/// Memory of batches that nobody looks at any more. New memory costs more than to fill it: the
/// system makes each of its pages and writes zeros first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spare(Arc<Mutex<Vec<MmapMut>>>);

impl Spare {
    /// Copies samples one behind the other.
    pub(crate) fn pack(&self, views: &[Bytes]) -> io::Result<(Private, Vec<u64>)> {
        let bytes = views.iter().map(Bytes::len).sum::<usize>();
        if bytes == 0 {
            return Ok((Private::empty(), vec![0; views.len()]));
        }
        let mut map = self.room(bytes)?;
        let mut rest = &mut map[..];
        let mut end = 0;
        let ends = views.iter().map(|view| {
            let (place, behind) = std::mem::take(&mut rest).split_at_mut(view.len());
            place.copy_from_slice(view);
            rest = behind;
            end += view.len() as u64;
            end
        });
        let ends = ends.collect();
        Ok((Private::lent(map, bytes, self.clone()), ends))
    }

    fn room(&self, bytes: usize) -> io::Result<MmapMut> {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = spare.iter().position(|map| map.len() >= bytes);
        if let Some(at) = found {
            return Ok(spare.swap_remove(at));
        }
        // What is too small now is likely to be so again.
        spare.pop();
        drop(spare);
        MmapMut::map_anon(bytes.next_multiple_of(STEP_BYTES))
    }
}

impl Back for Spare {
    fn take(&self, map: MmapMut) {
        // Waits for nobody: this may run where a lock must not be waited for, and what is not
        // kept is only made again.
        if let Ok(mut spare) = self.0.try_lock()
            && spare.len() < SPARE_BUFFERS
        {
            spare.push(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_once_nobody_looks_at_it() {
        let spare = Spare::default();
        let pack = |views: &[&'static [u8]]| {
            let views: Vec<_> =
                views.iter().map(|view| Bytes::from_static(view)).collect();
            spare.pack(&views).unwrap()
        };
        let (first, ends) = pack(&[b"abc", b""]);
        assert_eq!((first.len(), &ends[..]), (3, &[3, 3][..]));
        let place = first.start();
        let (second, _) = pack(&[b"xyz"]);
        assert_ne!(second.start(), place);
        drop(first);
        let (third, _) = pack(&[b"12"]);
        assert_eq!((third.start(), third.len()), (place, 2));
        assert!(pack(&[b"", b""]).0.is_empty());
    }
}
