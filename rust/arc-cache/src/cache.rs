//! The policy.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::{Equivalent, HashTable};

use crate::nodes::{Nodes, Place};

/// So many ghosts are kept at least, however few values there are.
pub const LEAST_GHOSTS: usize = 4096;

/// What happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Values that made room for others.
    pub evictions: u64,
    /// Values that were asked for a second time.
    pub promotions: u64,
    /// Puts of keys evicted from T1.
    pub ghost_hits_b1: u64,
    /// Puts of keys evicted from T2.
    pub ghost_hits_b2: u64,
    /// Values that were too large to be taken.
    pub refusals: u64,
}

/// See the crate's page.
#[derive(Debug)]
pub struct ArcCache<K, V, S = RandomState> {
    capacity: u64,
    max_item: u64,
    /// How large T1 should be.
    target: f64,
    nodes: Nodes<K, V>,
    table: HashTable<u32>,
    hasher: S,
    counters: Counters,
}

impl<K: Hash + Eq, V> ArcCache<K, V> {
    /// An empty cache of so many bytes.
    pub fn new(capacity: u64) -> Self {
        Self::with_hasher(capacity, RandomState::default())
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> ArcCache<K, V, S> {
    /// An empty cache of so many bytes that hashes its keys in another way.
    pub fn with_hasher(capacity: u64, hasher: S) -> Self {
        Self {
            capacity,
            max_item: capacity,
            target: 0.0,
            nodes: Nodes::new(),
            table: HashTable::new(),
            hasher,
            counters: Counters::default(),
        }
    }

    /// The same cache, taking items of up to so many bytes.
    #[must_use]
    pub fn with_max_item(mut self, bytes: u64) -> Self {
        self.max_item = bytes.min(self.capacity);
        self
    }

    /// Most bytes of all values together.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> u64 {
        self.held() + self.nodes.bytes(Place::Pinned)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        let places = Place::ALL.into_iter().filter(|place| place.is_resident());
        places.map(|place| self.len_of(place)).sum()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries in one list.
    pub fn len_of(&self, place: Place) -> usize {
        self.nodes.list(place).len
    }

    /// Bytes that the entries of one list have, or had.
    pub fn bytes_of(&self, place: Place) -> u64 {
        self.nodes.bytes(place)
    }

    /// The size that T1 is meant to have, from 0 to the capacity.
    pub fn target(&self) -> f64 {
        self.target
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The keys of one list, the most recent first.
    pub fn keys(&self, place: Place) -> impl Iterator<Item = &K> {
        self.nodes.iter(place).map(|node| &node.key)
    }

    /// Which list a key is in, ghosts included. Changes nothing.
    pub fn place<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Place> {
        let node = self.nodes.get(self.find(key)?)?;
        Some(node.place)
    }

    /// Gives a value without saying that it was asked for: for scans, and for looking.
    pub fn peek<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<&V> {
        self.nodes.get(self.find(key)?)?.value.as_ref()
    }

    /// Gives a value, which becomes the most recent of those asked for again.
    ///
    /// A miss changes nothing: the [`put`](Self::put) that follows it does.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<&V> {
        let at = self.find(key)?;
        match self.nodes.get(at)?.place {
            Place::T1 => {
                self.counters.promotions += 1;
                self.nodes.move_to(at, Place::T2);
                self.nodes.get(at)?.value.as_ref()
            }
            Place::T2 => self.nodes.renew(at)?.value.as_ref(),
            Place::Pinned => self.nodes.get(at)?.value.as_ref(),
            Place::B1 | Place::B2 => None,
        }
    }

    /// Keeps a value of `size` bytes (0 counts as 1); those that make room go to `evicted`,
    /// as does the one that had this key.
    ///
    /// A new key: as long as T1, B1 and the item are more than the capacity C, the oldest of
    /// B1 is forgotten, or dropped from T1 if B1 is empty; as long as everything is more than
    /// 2 C, the oldest of B2 is forgotten; then T1 and T2 give way. A ghost first moves the
    /// target by the item's size times how much larger the other ghost list is, if it is.
    ///
    /// False if the item is too large to be taken: nothing is evicted for it, and a value
    /// that had its key is dropped.
    pub fn put(
        &mut self,
        key: K,
        value: V,
        size: u64,
        evicted: &mut impl Extend<V>,
    ) -> bool {
        let size = size.max(1);
        let hash = self.hasher.hash_one(&key);
        let found = self.find_hashed(hash, &key);
        if size > self.max_item.min(self.free_capacity(found)) {
            self.counters.refusals += 1;
            if let Some(at) = found.filter(|&at| self.is_resident(at)) {
                evicted.extend(self.forget(at));
            }
            return false;
        }
        let known = found.and_then(|at| Some((at, self.nodes.get(at)?.place)));
        match known {
            None => self.make_room_for_new(size, evicted),
            Some((at, place)) => {
                if place == Place::B1 || place == Place::B2 {
                    self.adapt(place, size);
                }
                self.nodes.unlink(at);
                self.make_room_for_known(size, place == Place::B2, evicted);
            }
        }
        match known {
            Some((at, place)) => {
                let to = if place == Place::Pinned { place } else { Place::T2 };
                if let Some(node) = self.nodes.get_mut(at) {
                    node.size = size;
                    evicted.extend(node.value.replace(value));
                }
                self.nodes.move_to(at, to);
                self.counters.promotions += u64::from(place == Place::T1);
                self.fit_to_capacity();
            }
            None => self.insert(hash, key, value, size),
        }
        self.bound_ghosts();
        true
    }

    /// Keeps a value if there is room that nobody uses, as the next to go: what a scan reads
    /// pushes nothing out, and no ghost is touched. Tells whether it was taken.
    pub fn put_scanned(&mut self, key: K, value: V, size: u64) -> bool {
        let size = size.max(1);
        let hash = self.hasher.hash_one(&key);
        let ghosts = self.nodes.bytes(Place::B1);
        let fits = self.held() + size <= self.adaptive_capacity()
            && self.nodes.bytes(Place::T1) + ghosts + size <= self.adaptive_capacity()
            && self.total() + size <= 2 * self.adaptive_capacity();
        if size > self.max_item || !fits || self.find_hashed(hash, &key).is_some() {
            return false;
        }
        self.insert(hash, key, value, size);
        let newest = self.nodes.list(Place::T1).newest;
        self.nodes.move_to_oldest(newest, Place::T1);
        true
    }

    /// Keeps a value from being evicted, until [`unpin`](Self::unpin). False if it is not
    /// there.
    pub fn pin<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> bool {
        let Some(at) = self.find(key).filter(|&at| self.is_resident(at)) else {
            return false;
        };
        self.nodes.move_to(at, Place::Pinned);
        self.fit_to_capacity();
        true
    }

    /// Lets a pinned value be evicted again. False if it is not pinned.
    pub fn unpin<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> bool {
        if self.place(key) != Some(Place::Pinned) {
            return false;
        }
        let Some(at) = self.find(key) else { return false };
        self.nodes.move_to(at, Place::T2);
        true
    }

    /// Takes a value out; its key is forgotten too, ghost or not.
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, key: &Q) -> Option<V> {
        let at = self.find(key)?;
        self.forget(at)
    }

    /// Evicts what is next to go, for who needs the memory. Pinned values stay.
    pub fn evict(&mut self) -> Option<V> {
        if self.held() == 0 {
            return None;
        }
        let mut evicted = Vec::new();
        self.replace(false, &mut evicted);
        self.bound_ghosts();
        evicted.pop()
    }

    /// Forgets everything, and gives the values.
    pub fn clear(&mut self) -> Vec<V> {
        let mut values = Vec::with_capacity(self.len());
        for place in Place::ALL {
            while let Some(node) = self.nodes.remove(self.nodes.list(place).oldest) {
                values.extend(node.value);
            }
        }
        self.table.clear();
        self.nodes = Nodes::new();
        self.target = 0.0;
        values
    }

    /// What the adaptive lists may hold: all but what is pinned.
    fn adaptive_capacity(&self) -> u64 {
        self.capacity - self.nodes.bytes(Place::Pinned)
    }

    /// What an item may be at most, which takes the place of the one `at` if that is pinned.
    fn free_capacity(&self, at: Option<u32>) -> u64 {
        let node = at.and_then(|at| self.nodes.get(at));
        let own = node.filter(|node| node.place == Place::Pinned).map_or(0, |n| n.size);
        self.adaptive_capacity() + own
    }

    /// Bytes in T1 and T2.
    fn held(&self) -> u64 {
        self.nodes.bytes(Place::T1) + self.nodes.bytes(Place::T2)
    }

    /// Bytes in all four lists.
    fn total(&self) -> u64 {
        self.held() + self.nodes.bytes(Place::B1) + self.nodes.bytes(Place::B2)
    }

    fn find<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<u32> {
        self.find_hashed(self.hasher.hash_one(key), key)
    }

    fn find_hashed<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<u32> {
        let is_it =
            |at: &u32| self.nodes.get(*at).is_some_and(|n| key.equivalent(&n.key));
        self.table.find(hash, is_it).copied()
    }

    fn is_resident(&self, at: u32) -> bool {
        self.nodes.get(at).is_some_and(|node| node.place.is_resident())
    }

    fn insert(&mut self, hash: u64, key: K, value: V, size: u64) {
        let Some(at) = self.nodes.insert(key, value, size, Place::T1) else { return };
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        let hash_of = |at: &u32| nodes.get(*at).map_or(0, |n| hasher.hash_one(&n.key));
        self.table.insert_unique(hash, at, hash_of);
    }

    /// Removes an entry of any list.
    fn forget(&mut self, at: u32) -> Option<V> {
        let node = self.nodes.remove(at)?;
        let hash = self.hasher.hash_one(&node.key);
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == at) {
            entry.remove();
        }
        node.value
    }

    fn forget_oldest(&mut self, place: Place) -> Option<V> {
        self.forget(self.nodes.list(place).oldest)
    }

    /// Cases II and III of the paper: a ghost says which side should have been larger.
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    fn adapt(&mut self, ghost: Place, size: u64) {
        let other = if ghost == Place::B1 { Place::B2 } else { Place::B1 };
        let (mine, others) = (self.nodes.bytes(ghost), self.nodes.bytes(other));
        let step = size as f64 * (others as f64 / mine as f64).max(1.0);
        let capacity = self.adaptive_capacity() as f64;
        if ghost == Place::B1 {
            self.counters.ghost_hits_b1 += 1;
            self.target = (self.target + step).min(capacity);
        } else {
            self.counters.ghost_hits_b2 += 1;
            self.target = (self.target - step).max(0.0);
        }
    }

    /// Case IV.
    fn make_room_for_new(&mut self, size: u64, evicted: &mut impl Extend<V>) {
        let capacity = self.adaptive_capacity();
        while self.nodes.bytes(Place::T1) + self.nodes.bytes(Place::B1) + size > capacity
        {
            if self.nodes.list(Place::B1).len > 0 {
                self.forget_oldest(Place::B1);
            } else {
                self.counters.evictions += 1;
                evicted.extend(self.forget_oldest(Place::T1));
            }
        }
        while self.total() + size > 2 * capacity && self.nodes.list(Place::B2).len > 0 {
            self.forget_oldest(Place::B2);
        }
        while self.held() + size > capacity {
            self.replace(false, evicted);
        }
    }

    /// Cases I to III, where the item itself is in no list just now.
    fn make_room_for_known(
        &mut self,
        size: u64,
        was_b2: bool,
        evicted: &mut impl Extend<V>,
    ) {
        let capacity = self.adaptive_capacity();
        while self.held() + size > capacity {
            self.replace(was_b2, evicted);
        }
        // Only an item that comes back larger than it went can be too much for the ghosts.
        while self.total() + size > 2 * capacity {
            let full =
                if self.nodes.list(Place::B2).len > 0 { Place::B2 } else { Place::B1 };
            self.forget_oldest(full);
        }
    }

    /// The paper's REPLACE: T1 or T2 loses its oldest, which stays as a ghost.
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    fn replace(&mut self, was_b2: bool, evicted: &mut impl Extend<V>) {
        let recent = self.nodes.list(Place::T1);
        let bytes = recent.bytes as f64;
        #[expect(clippy::float_cmp, reason = "the paper asks for equality")]
        let is_over = bytes > self.target || (was_b2 && bytes == self.target);
        let from_t2 = recent.len == 0 || (!is_over && self.nodes.list(Place::T2).len > 0);
        let (from, to) =
            if from_t2 { (Place::T2, Place::B2) } else { (Place::T1, Place::B1) };
        let at = self.nodes.list(from).oldest;
        if let Some(node) = self.nodes.get_mut(at) {
            evicted.extend(node.value.take());
            self.counters.evictions += 1;
            self.nodes.move_to(at, to);
        }
    }

    /// After something was pinned, or a pinned value grew, the rest has less room.
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    fn fit_to_capacity(&mut self) {
        let capacity = self.adaptive_capacity();
        self.target = self.target.min(capacity as f64);
        while self.nodes.bytes(Place::T1) + self.nodes.bytes(Place::B1) > capacity
            && self.nodes.list(Place::B1).len > 0
        {
            self.forget_oldest(Place::B1);
        }
        while self.total() > 2 * capacity && self.nodes.list(Place::B2).len > 0 {
            self.forget_oldest(Place::B2);
        }
    }

    /// Many small ghosts of few large values cost more memory than they are worth.
    fn bound_ghosts(&mut self) {
        loop {
            let (first, second) = (self.len_of(Place::B1), self.len_of(Place::B2));
            if first + second <= LEAST_GHOSTS || first + second <= 2 * self.len() {
                return;
            }
            let longer = if first > second { Place::B1 } else { Place::B2 };
            self.forget_oldest(longer);
        }
    }

    #[cfg(any(test, feature = "validate"))]
    pub(crate) fn inside(&self) -> (&Nodes<K, V>, &HashTable<u32>) {
        (&self.nodes, &self.table)
    }
}
