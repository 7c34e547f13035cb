//! What a core hashes a second, in bytes.
//!
//! `cargo bench -p ipfs-kit-benches --bench hash -- --save-baseline before`, then the same with
//! `--baseline before`, compares two states of the code. Data is the same in every run. On a
//! shared machine medians move by some per cent from run to run; less is noise.
//!
//! - `one-stream`: one message of 1 MiB against the `sha2` crate; what lanes are measured by.
//! - `hot`: 64 KiB in equal messages of 64 B to 4 KiB that stay in cache: the kernels alone,
//!   without memory; `rows` has the least around them, `many` adds the putting in order.
//! - `memory`: 32 MiB in messages of 256 KiB, bare and as dag-pb leaves in their envelopes:
//!   whether fetching ahead hides the way to memory.
//! - `unequal`: lengths from 1 byte to 4 KiB, scattered: what the scheduler costs.
//! - `pieces`: the engine, fed by copying tiles from memory: a file without the file system.
//! - `multihash`: `Hasher::hash_many` of 1 KiB messages, sha2-256 and blake3.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipfs_kit_hash::sha256::{
    Digest, Engine, Feed, Filled, Kernel, digest, digest_many, digest_rows,
};
use ipfs_kit_hash::{Code, Hasher, Message};
use sha2::Digest as _;

/// Bytes without structure.
fn noise(length: usize) -> Vec<u8> {
    let mut random = Random(88_172_645_463_325_252);
    (0..length).map(|_| random.next().to_le_bytes()[0]).collect()
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next()).map_or(0, |number| number % bound)
    }
}

fn one_stream(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one-stream");
    let data = noise(1 << 20);
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function("ours", |bench| bench.iter(|| digest(black_box(&data))));
    let theirs = |data: &[u8]| sha2::Sha256::digest(data);
    group.bench_function("sha2", |bench| bench.iter(|| theirs(black_box(&data))));
}

fn hot(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hot");
    let data = noise(64 << 10);
    group.throughput(Throughput::Bytes(data.len() as u64));
    for bytes in [64, 256, 1 << 10, 4 << 10] {
        let messages: Vec<_> = data.chunks(bytes).map(Message::from).collect();
        let mut digests = vec![Digest::default(); messages.len()];
        for kernel in Kernel::available() {
            let id = |way| BenchmarkId::new(format!("{way}/{}", kernel.name()), bytes);
            group.bench_function(id("rows"), |bench| {
                bench.iter(|| digest_rows(kernel, black_box(&data), bytes, &mut digests));
            });
            group.bench_function(id("many"), |bench| {
                bench.iter(|| digest_many(kernel, black_box(&messages), &mut digests));
            });
        }
    }
}

fn memory(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("memory");
    group.sample_size(10);
    let data = noise(32 << 20);
    group.throughput(Throughput::Bytes(data.len() as u64));
    let bare: Vec<_> = data.chunks(256 << 10).map(Message::from).collect();
    let (header, trailer) = (&data[..14], &data[..4]);
    let leaf = |data| Message { header, data, trailer };
    let leaves: Vec<_> = data.chunks(256 << 10).map(leaf).collect();
    let mut digests = vec![Digest::default(); bare.len()];
    for kernel in Kernel::available() {
        for (name, messages) in [("bare", &bare), ("leaves", &leaves)] {
            group.bench_function(BenchmarkId::new(name, kernel.name()), |bench| {
                bench.iter(|| digest_many(kernel, black_box(messages), &mut digests));
            });
        }
    }
}

fn unequal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unequal");
    let data = noise(4 << 20);
    let mut random = Random(1);
    let messages: Vec<_> = (0..1000)
        .map(|_| {
            let bytes = 1 + random.below(4 << 10);
            let start = random.below(data.len() - bytes);
            Message::from(&data[start..start + bytes])
        })
        .collect();
    let bytes: usize = messages.iter().map(Message::len).sum();
    group.throughput(Throughput::Bytes(bytes as u64));
    let mut digests = vec![Digest::default(); messages.len()];
    for kernel in Kernel::available() {
        group.bench_function(kernel.name(), |bench| {
            bench.iter(|| digest_many(kernel, black_box(&messages), &mut digests));
        });
    }
}

/// Messages of 256 KiB, copied tile by tile.
struct Tiles<'a> {
    messages: std::slice::Chunks<'a, u8>,
    lanes: Vec<&'a [u8]>,
}

impl Feed for Tiles<'_> {
    fn start(&mut self, lane: usize) -> bool {
        let Some(message) = self.messages.next() else { return false };
        self.lanes[lane] = message;
        true
    }

    fn fill(&mut self, lane: usize, tile: &mut [u8]) -> Filled {
        let left = &mut self.lanes[lane];
        let (now, later) = left.split_at(left.len().min(tile.len()));
        *left = later;
        tile[..now.len()].copy_from_slice(now);
        if now.is_empty() { Filled::End } else { Filled::Bytes(now.len()) }
    }

    fn done(&mut self, _lane: usize, digest: Digest) {
        black_box(digest);
    }
}

fn pieces(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pieces");
    group.sample_size(10);
    let data = noise(32 << 20);
    group.throughput(Throughput::Bytes(data.len() as u64));
    for kernel in Kernel::available() {
        let mut engine = Engine::new(kernel);
        group.bench_function(kernel.name(), |bench| {
            bench.iter(|| {
                let lanes = vec![&[][..]; kernel.lanes()];
                engine.run(&mut Tiles { messages: data.chunks(256 << 10), lanes });
            });
        });
    }
}

fn multihash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("multihash");
    let data = noise(256 << 10);
    group.throughput(Throughput::Bytes(data.len() as u64));
    let messages: Vec<_> = data.chunks(1 << 10).map(Message::from).collect();
    let mut multihashes = Vec::new();
    for code in [Code::Sha2_256, Code::Blake3] {
        group.bench_function(code.name(), |bench| {
            bench.iter(|| {
                multihashes.clear();
                Hasher::new(code).hash_many(black_box(&messages), &mut multihashes)
            });
        });
    }
}

criterion_group!(benches, one_stream, hot, memory, unequal, pieces, multihash);
criterion_main!(benches);
