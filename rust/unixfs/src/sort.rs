//! Records sorted by key in bounded memory: beyond 16 MiB they go to sorted runs on disk.
//!
//! A directory of a million entries is about 80 MiB of records; five runs merged again take
//! less than a second.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

/// Bytes of records, keys and lengths kept in memory.
const MEMORY_BYTES: usize = 16 << 20;
/// Read buffer a run: a hundred runs are 8 GB of records and 6 MiB of buffers.
const RUN_BUFFER_BYTES: usize = 64 << 10;

/// A key and what belongs to it.
pub(crate) type Record = (Vec<u8>, Vec<u8>);

/// Collects records in any order, and gives them back sorted by key.
#[derive(Debug)]
pub(crate) struct Sorter {
    memory_bytes: usize,
    arena: Vec<u8>,
    records: Vec<Span>,
    runs: Vec<File>,
}

/// Where a record stands in the arena.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    key_len: u32,
    value_len: u32,
}

impl Default for Sorter {
    fn default() -> Self {
        Self::with_memory(MEMORY_BYTES)
    }
}

impl Sorter {
    fn with_memory(memory_bytes: usize) -> Self {
        Self { memory_bytes, arena: Vec::new(), records: Vec::new(), runs: Vec::new() }
    }

    /// Takes a record whose key and value are in two parts each.
    pub(crate) fn push(&mut self, key: [&[u8]; 2], value: [&[u8]; 2]) -> io::Result<()> {
        let key_len = key[0].len() + key[1].len();
        let value_len = value[0].len() + value[1].len();
        let bytes = key_len + value_len;
        let used = self.arena.len() + self.records.len() * size_of::<Span>();
        if used + bytes > self.memory_bytes && !self.records.is_empty() {
            self.spill()?;
        }
        self.records.push(Span {
            start: length(self.arena.len())?,
            key_len: length(key_len)?,
            value_len: length(value_len)?,
        });
        for part in [key[0], key[1], value[0], value[1]] {
            self.arena.extend_from_slice(part);
        }
        Ok(())
    }

    fn key(arena: &[u8], span: Span) -> &[u8] {
        &arena[span.start as usize..][..span.key_len as usize]
    }

    fn record(&self, span: Span) -> (&[u8], &[u8]) {
        let bytes = &self.arena[span.start as usize..];
        let (key, rest) = bytes.split_at(span.key_len as usize);
        (key, &rest[..span.value_len as usize])
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        self.records
            .sort_unstable_by(|a, b| Self::key(arena, *a).cmp(Self::key(arena, *b)));
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let mut run = BufWriter::new(tempfile::tempfile()?);
        for &span in &self.records {
            let (key, value) = self.record(span);
            run.write_all(&span.key_len.to_le_bytes())?;
            run.write_all(&span.value_len.to_le_bytes())?;
            run.write_all(key)?;
            run.write_all(value)?;
        }
        let mut run = run.into_inner().map_err(io::IntoInnerError::into_error)?;
        run.seek(SeekFrom::Start(0))?;
        self.runs.push(run);
        self.arena.clear();
        self.records.clear();
        Ok(())
    }

    /// Gives the records back, sorted.
    pub(crate) fn finish(mut self) -> io::Result<Sorted> {
        if self.runs.is_empty() {
            self.sort();
            self.records.reverse();
            return Ok(Sorted::Memory(self));
        }
        self.spill()?;
        let mut merge = Merge { runs: Vec::new(), heads: BinaryHeap::new() };
        for file in self.runs {
            merge.runs.push(BufReader::with_capacity(RUN_BUFFER_BYTES, file));
            merge.refill(merge.runs.len() - 1)?;
        }
        Ok(Sorted::Runs(merge))
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
}

/// Sorted records, from memory or from disk.
#[derive(Debug)]
pub(crate) enum Sorted {
    /// Spans in reverse order.
    Memory(Sorter),
    Runs(Merge),
}

impl Iterator for Sorted {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Memory(sorter) => {
                let span = sorter.records.pop()?;
                let (key, value) = sorter.record(span);
                Some(Ok((key.to_vec(), value.to_vec())))
            }
            Self::Runs(merge) => merge.next(),
        }
    }
}

/// The next record of a run, and the run's number.
type Head = (Vec<u8>, Vec<u8>, usize);

/// The heads of all runs in a heap.
#[derive(Debug)]
pub(crate) struct Merge {
    runs: Vec<BufReader<File>>,
    heads: BinaryHeap<Reverse<Head>>,
}

impl Merge {
    fn next(&mut self) -> Option<io::Result<Record>> {
        let Reverse((key, value, run)) = self.heads.pop()?;
        Some(self.refill(run).map(|()| (key, value)))
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        let reader = &mut self.runs[run];
        let mut lengths = [[0; 4]; 2];
        match reader.read_exact(lengths.as_flattened_mut()) {
            Err(end) if end.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let [key_len, value_len] = lengths;
        let mut key = vec![0; u32::from_le_bytes(key_len) as usize];
        let mut value = vec![0; u32::from_le_bytes(value_len) as usize];
        reader.read_exact(&mut key)?;
        reader.read_exact(&mut value)?;
        self.heads.push(Reverse((key, value, run)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_sorted_from_memory_and_from_disk() {
        for memory_bytes in [MEMORY_BYTES, 2000] {
            let mut sorter = Sorter::with_memory(memory_bytes);
            for i in 0..1000_u32 {
                let key = (i * 7919 % 1000).to_be_bytes();
                sorter.push([&key[..2], &key[2..]], [&i.to_be_bytes(), b""]).unwrap();
            }
            assert_eq!(sorter.runs.is_empty(), memory_bytes == MEMORY_BYTES);
            let keys: Vec<_> = sorter.finish().unwrap().map(|r| r.unwrap().0).collect();
            let expected: Vec<_> =
                (0..1000_u32).map(|i| i.to_be_bytes().to_vec()).collect();
            assert_eq!(keys, expected);
        }
    }
}
