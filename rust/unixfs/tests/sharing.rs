//! Files whose bytes come to them without being written, as far as somebody can do that.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::num::NonZeroU32;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use ipfs_kit_chunker::Spec;
use ipfs_kit_dag::MemoryBlocks;
use ipfs_kit_unixfs::{
    Control, ExtractLimits, Extractor, Importer, Params, Profile, Shared, Sharing,
    Symlinks,
};

/// Puts bytes in place itself, all but some of them, up to a number of times.
#[derive(Debug)]
struct Placing {
    left_out: usize,
    times: usize,
    asked: AtomicUsize,
}

impl Sharing for Placing {
    fn share(&self, bytes: &Bytes, file: &File, at: u64) -> Shared {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        if asked >= self.times {
            return Shared::Never;
        }
        if asked % 3 == 2 {
            return Shared::Nothing;
        }
        let count = bytes.len() - self.left_out;
        file.write_all_at(&bytes[..count], at).unwrap();
        Shared::Bytes(count)
    }
}

#[test]
fn what_is_not_shared_is_written_where_it_belongs() {
    for (chunk_bytes, left_out, times) in
        [(65_536, 0, 100), (65_536, 100, 100), (70_000, 70_000, 100), (100_000, 5, 4)]
    {
        let data: Vec<u8> =
            (0_u32..250_000).flat_map(|i| (i % 65_521).to_le_bytes()).collect();
        let chunker = Spec::Size(NonZeroU32::new(chunk_bytes).unwrap());
        let params = Params { chunker, ..Params::of(Profile::UnixFsV1_2025) };
        let (control, mut blocks) = (Control::new(), MemoryBlocks::new());
        let importer = Importer::new(&params, 1, &control);
        let root = importer.reader(&data[..], None, Some(&mut blocks)).unwrap().cid;
        let place = tempfile::tempdir().unwrap();
        let output = place.path().join("output");
        let placing = Placing { left_out, times, asked: AtomicUsize::new(0) };
        let extractor = Extractor {
            source: &blocks,
            limits: ExtractLimits { max_bytes: 1 << 30, max_entries: 10 },
            symlinks: Symlinks::Inside,
            sharing: Some(&placing),
            control: &control,
        };
        extractor.extract(&root, &output).unwrap();
        assert!(fs::read(&output).unwrap() == data);
        let chunks = data.len() / usize::try_from(chunk_bytes).unwrap();
        assert!(placing.asked.into_inner() <= (times + 1).min(chunks + 1));
    }
}
