//! How fast cut points are found, for each chunker, input and kernel.
//!
//! One buffer of 8 MiB is cut from start to end; throughput counts all its bytes, also
//! those under a chunk's minimum, which no kernel looks at. Compare kernels within a group:
//! `scalar` is our own form of one byte at a time. Differences under 5 % are noise.
//!
//! - `rabin` (256 KiB): the filter's speed, with one exact check in 256 positions;
//! - `rabin-4096`: what starting a search anew costs;
//! - `buzhash`: table look-ups;
//! - inputs: `random` cuts at the average; `zeros` cuts at each minimum, the worst case of
//!   setting up; `text` has few distinct bytes.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ipfs_kit_chunker::{Chunker, Kernel, Spec};

const BYTES: usize = 8 << 20;

fn random() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::from_fn(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state.to_le_bytes())
    });
    words.flatten().take(BYTES).collect()
}

fn text() -> Vec<u8> {
    random().iter().map(|byte| b"etaoin shrdlucmf"[usize::from(byte & 15)]).collect()
}

fn cuts(criterion: &mut Criterion) {
    let inputs = [("random", random()), ("text", text()), ("zeros", vec![0; BYTES])];
    for name in ["rabin", "rabin-4096", "buzhash"] {
        let Ok(spec) = name.parse::<Spec>() else { continue };
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(BYTES as u64));
        for (input, data) in &inputs {
            for kernel in Kernel::ALL {
                let Ok(mut chunker) = Chunker::with_kernel(&spec, kernel) else {
                    continue;
                };
                let id = BenchmarkId::new(kernel.name(), input);
                group.bench_function(id, |bencher| {
                    bencher.iter(|| chunker.cuts(black_box(data)).count());
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, cuts);
criterion_main!(benches);
