//! Caches in memory: ours beside `quick_cache` and `moka`, with what they find.
//!
//! `cargo bench -p ipfs-kit-benches --bench cache`. Requests are the same in every run: keys of
//! a Zipf-like distribution (half of the requests go to a fiftieth of the keys) and, every so
//! often, a scan of keys that never come again. Keys are numbers, so what is timed is the
//! policy, its table and its lock. The hit ratios are printed first: a cache that is slower
//! may find more. ARC moves an entry at each hit, which others that only mark it need not.
//!
//! - `get`: keys that are there.
//! - `put`: new keys into a full cache; each pushes one out.
//! - `requests`: get, and put if it was not there.
//!
//! `foyer` is left out: its memory tier brings a runtime of its own and metrics: fifty crates.
#![expect(clippy::print_stdout, reason = "hit ratios are not criterion's")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ipfs_kit_arc_cache::ArcCache;
use ipfs_kit_cache::Memory;

const ROOM: u64 = 10_000;
const KEYS: u64 = 50_000;
const REQUESTS: usize = 200_000;
/// Requests from one scan to the next, and the keys of a scan.
const SCAN_EVERY: usize = 20_000;
const SCAN: usize = 5000;

/// What all of them can do.
trait Cache {
    fn get(&mut self, key: u64) -> bool;
    fn put(&mut self, key: u64);
}

struct Alone(ArcCache<u64, u64>, Vec<u64>);
struct Shared(Memory<u64, u64>, Vec<u64>);
struct Quick(quick_cache::sync::Cache<u64, u64>);
struct QuickAlone(quick_cache::unsync::Cache<u64, u64>);
struct Moka(moka::sync::Cache<u64, u64>);

impl Cache for Alone {
    fn get(&mut self, key: u64) -> bool {
        black_box(self.0.get(&key)).is_some()
    }

    fn put(&mut self, key: u64) {
        self.0.put(key, key, 1, &mut self.1);
        self.1.clear();
    }
}

impl Cache for Shared {
    fn get(&mut self, key: u64) -> bool {
        black_box(self.0.get(&key)).is_some()
    }

    fn put(&mut self, key: u64) {
        self.0.put(key, key, 1, &mut self.1);
        self.1.clear();
    }
}

impl Cache for Quick {
    fn get(&mut self, key: u64) -> bool {
        black_box(self.0.get(&key)).is_some()
    }

    fn put(&mut self, key: u64) {
        self.0.insert(key, key);
    }
}

impl Cache for QuickAlone {
    fn get(&mut self, key: u64) -> bool {
        black_box(self.0.get(&key)).is_some()
    }

    fn put(&mut self, key: u64) {
        self.0.insert(key, key);
    }
}

impl Cache for Moka {
    fn get(&mut self, key: u64) -> bool {
        black_box(self.0.get(&key)).is_some()
    }

    fn put(&mut self, key: u64) {
        self.0.insert(key, key);
    }
}

/// Each with room for [`ROOM`] values.
fn contenders() -> Vec<(&'static str, Box<dyn Cache>)> {
    let room = usize::try_from(ROOM).unwrap_or(0);
    vec![
        ("ArcCache, no lock", Box::new(Alone(ArcCache::new(ROOM), Vec::new()))),
        ("Memory, 1 shard", Box::new(Shared(Memory::new(ROOM, 1), Vec::new()))),
        ("Memory, 4 shards", Box::new(Shared(Memory::new(ROOM, 4), Vec::new()))),
        ("quick_cache, no lock", {
            Box::new(QuickAlone(quick_cache::unsync::Cache::new(room)))
        }),
        ("quick_cache", Box::new(Quick(quick_cache::sync::Cache::new(room)))),
        ("moka", Box::new(Moka(moka::sync::Cache::new(ROOM)))),
    ]
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

fn requests() -> Vec<u64> {
    let mut random = Random(88_172_645_463_325_252);
    let mut order = Vec::with_capacity(REQUESTS);
    let mut scanned = KEYS;
    while order.len() < REQUESTS {
        if order.len() % SCAN_EVERY == SCAN_EVERY - SCAN {
            order.extend(scanned..scanned + SCAN as u64);
            scanned += SCAN as u64;
        } else {
            let many = random.below(2) == 0;
            order.push(random.below(if many { KEYS / 50 } else { KEYS }));
        }
    }
    order
}

fn ask(cache: &mut dyn Cache, order: &[u64]) -> usize {
    let mut hits = 0;
    for key in order {
        if cache.get(*key) {
            hits += 1;
        } else {
            cache.put(*key);
        }
    }
    hits
}

fn get(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("get");
    let mut random = Random(1);
    let order: Vec<u64> = (0..20_000).map(|_| random.below(ROOM / 2)).collect();
    group.throughput(Throughput::Elements(order.len() as u64));
    for (name, mut cache) in contenders() {
        for key in 0..ROOM / 2 {
            cache.put(key);
        }
        group.bench_function(name, |bench| {
            bench.iter(|| order.iter().filter(|key| cache.get(**key)).count());
        });
    }
}

fn put(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("put");
    group.throughput(Throughput::Elements(ROOM));
    for (name, mut cache) in contenders() {
        let mut first = 0;
        group.bench_function(name, |bench| {
            bench.iter(|| {
                (first..first + ROOM).for_each(|key| cache.put(key));
                first += ROOM;
            });
        });
    }
}

fn mixed(criterion: &mut Criterion) {
    let order = requests();
    for (name, mut cache) in contenders() {
        let (hits, all) = (ask(&mut *cache, &order), order.len());
        println!("{name}: {:.2} % hits", 100.0 * f64_of(hits) / f64_of(all));
    }
    let mut group = criterion.benchmark_group("requests");
    group.throughput(Throughput::Elements(order.len() as u64));
    group.sample_size(20);
    for (name, mut cache) in contenders() {
        group.bench_function(name, |bench| bench.iter(|| ask(&mut *cache, &order)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "what is printed is rounded anyway")]
fn f64_of(number: usize) -> f64 {
    number as f64
}

criterion_group!(benches, mixed, get, put);
criterion_main!(benches);
