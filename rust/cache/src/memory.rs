//! The memory tier: ARC in shards.
//!
//! One shard is exactly the paper's ARC. More let threads work side by side, each on its own
//! share of the bytes, and cost a little in hits: four shards lose at most 0.1 points on the
//! traces that the tests replay, sixteen up to one where a shard has room for 16 items.

use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use ipfs_kit_arc_cache::{ArcCache, Counters, Equivalent, Place};

/// Entries and bytes of the four lists and of what is pinned, over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lists {
    /// In the order T1, T2, pinned, B1, B2.
    pub entries: [usize; 5],
    /// In the same order; of ghosts, what they had.
    pub bytes: [u64; 5],
    /// The target size of T1.
    pub target: f64,
}

/// 2^64 over the golden ratio, odd: each bit of a product's high end is made of all of its bits.
const MIXER: u64 = 0x9e37_79b9_7f4a_7c15;
const PLACES: [Place; 5] = [Place::T1, Place::T2, Place::Pinned, Place::B1, Place::B2];

/// A cache for many threads, bounded in bytes.
///
/// Values that make room are handed to the caller, who drops them outside of all locks.
///
/// ```
/// use ipfs_kit_cache::Memory;
///
/// let cache = Memory::new(1000, 4);
/// let mut evicted = Vec::new();
/// assert!(cache.put("key", vec![1, 2, 3], 3, &mut evicted));
/// assert_eq!(cache.get("key"), Some(vec![1, 2, 3]));
/// ```
#[derive(Debug)]
pub struct Memory<K, V, S = RandomState> {
    shards: Box<[Mutex<Shard<K, V, S>>]>,
    hasher: S,
    capacity: u64,
}

/// Counting under the lock that is held anyway costs less than a shared counter.
#[derive(Debug)]
struct Shard<K, V, S> {
    cache: ArcCache<K, V, S>,
    hits: u64,
    misses: u64,
}

impl<K, V, S> Shard<K, V, S> {
    fn count(&mut self, is_hit: bool) {
        let counter = if is_hit { &mut self.hits } else { &mut self.misses };
        *counter += 1;
    }
}

impl<K: Hash + Eq, V> Memory<K, V> {
    /// An empty cache of so many bytes, in so many shards of equal size.
    pub fn new(capacity: u64, shards: usize) -> Self {
        Self::with_max_item(capacity, shards, capacity)
    }

    /// The same, which takes items of up to so many bytes, and never more than a shard has.
    pub fn with_max_item(capacity: u64, shards: usize, max_item: u64) -> Self {
        Self::with_hasher(capacity, shards, max_item, RandomState::default())
    }
}

impl<K: Hash + Eq, V, S: BuildHasher + Clone> Memory<K, V, S> {
    /// The same, which hashes its keys in another way.
    pub fn with_hasher(capacity: u64, shards: usize, max_item: u64, hasher: S) -> Self {
        let count = shards.max(1) as u64;
        let shard = |number: u64| {
            let bytes = capacity / count + u64::from(number < capacity % count);
            let cache = ArcCache::with_hasher(bytes, hasher.clone());
            Mutex::new(Shard { cache: cache.with_max_item(max_item), hits: 0, misses: 0 })
        };
        Self { shards: (0..count).map(shard).collect(), hasher, capacity }
    }

    /// Most bytes of all values together.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Shows a value, which counts as asked for. `look` runs under a lock: it must be short,
    /// and call nothing that comes back here.
    pub fn get_with<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        key: &Q,
        look: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        let mut shard = self.shard(key);
        let found = shard.cache.get(key).map(look);
        shard.count(found.is_some());
        found
    }

    /// Shows a value without saying that it was asked for; counts as a hit or miss all the
    /// same. For scans.
    pub fn scan_with<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        key: &Q,
        look: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        let mut shard = self.shard(key);
        let found = shard.cache.peek(key).map(look);
        shard.count(found.is_some());
        found
    }

    /// Shows a value, and changes nothing at all.
    pub fn peek_with<Q: Hash + Equivalent<K> + ?Sized, R>(
        &self,
        key: &Q,
        look: impl FnOnce(&V) -> R,
    ) -> Option<R> {
        self.shard(key).cache.peek(key).map(look)
    }

    /// Gives a copy of a value, which counts as asked for.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V>
    where
        V: Clone,
    {
        self.get_with(key, V::clone)
    }

    /// Keeps a value of so many bytes; false if it is too large. See [`ArcCache::put`].
    pub fn put(&self, key: K, value: V, size: u64, evicted: &mut impl Extend<V>) -> bool {
        self.shard(&key).cache.put(key, value, size, evicted)
    }

    /// Keeps a value if nothing has to go for it. See [`ArcCache::put_scanned`].
    pub fn put_scanned(&self, key: K, value: V, size: u64) -> bool {
        self.shard(&key).cache.put_scanned(key, value, size)
    }

    /// Keeps a value from being evicted; false if it is not there.
    pub fn pin<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.shard(key).cache.pin(key)
    }

    /// Lets a pinned value be evicted again; false if it is not pinned.
    pub fn unpin<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> bool {
        self.shard(key).cache.unpin(key)
    }

    /// Takes a value out.
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.shard(key).cache.remove(key)
    }

    /// Evicts from every shard in turn until so many bytes are free, or nothing is left but
    /// what is pinned.
    pub fn evict(&self, bytes: u64) -> Vec<V> {
        let mut evicted = Vec::new();
        let goal = self.bytes().saturating_sub(bytes);
        while self.bytes() > goal {
            let before = evicted.len();
            for shard in &self.shards {
                if self.bytes() > goal {
                    evicted.extend(lock(shard).cache.evict());
                }
            }
            if evicted.len() == before {
                break;
            }
        }
        evicted
    }

    /// Forgets everything, and gives the values.
    pub fn clear(&self) -> Vec<V> {
        self.shards.iter().flat_map(|shard| lock(shard).cache.clear()).collect()
    }

    /// Which list a key is in.
    pub fn place<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Place> {
        self.shard(key).cache.place(key)
    }

    /// Shows the keys of one list, shard by shard, the most recent of each first. `look` runs
    /// under a lock, as that of [`get_with`](Self::get_with).
    pub fn keys_with<R>(&self, place: Place, mut look: impl FnMut(&K) -> R) -> Vec<R> {
        let mut keys = Vec::new();
        for shard in &self.shards {
            keys.extend(lock(shard).cache.keys(place).map(&mut look));
        }
        keys
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).cache.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> u64 {
        self.shards.iter().map(|shard| lock(shard).cache.bytes()).sum()
    }

    /// Hits and misses so far.
    pub fn hits_and_misses(&self) -> (u64, u64) {
        self.shards
            .iter()
            .map(|shard| lock(shard))
            .fold((0, 0), |(hits, misses), shard| {
                (hits + shard.hits, misses + shard.misses)
            })
    }

    /// What happened so far, over all shards.
    pub fn counters(&self) -> Counters {
        self.shards.iter().fold(Counters::default(), |sum, shard| {
            let one = lock(shard).cache.counters();
            Counters {
                evictions: sum.evictions + one.evictions,
                promotions: sum.promotions + one.promotions,
                ghost_hits_b1: sum.ghost_hits_b1 + one.ghost_hits_b1,
                ghost_hits_b2: sum.ghost_hits_b2 + one.ghost_hits_b2,
                refusals: sum.refusals + one.refusals,
            }
        })
    }

    /// The lists, over all shards.
    pub fn lists(&self) -> Lists {
        self.shards.iter().fold(Lists::default(), |mut sum, shard| {
            let shard = &lock(shard).cache;
            for (at, place) in PLACES.into_iter().enumerate() {
                sum.entries[at] += shard.len_of(place);
                sum.bytes[at] += shard.bytes_of(place);
            }
            sum.target += shard.target();
            sum
        })
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> MutexGuard<'_, Shard<K, V, S>> {
        let count = self.shards.len();
        if count == 1 {
            return lock(&self.shards[0]);
        }
        // The shard's own table takes bits of the same hash as they are: here they are mixed.
        let hash = self.hasher.hash_one(key).wrapping_mul(MIXER);
        let at = (u128::from(hash) * count as u128) >> 64;
        lock(&self.shards[usize::try_from(at).unwrap_or(0)])
    }
}

/// What a panic left behind is whole: nothing here calls out while it holds the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
