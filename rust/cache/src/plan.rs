//! Keeping by plan: the order of the readings is known, as that of a training epoch is.
//!
//! Belady's optimum (A study of replacement algorithms, IBM Systems Journal 1966): what goes
//! is what is needed last, and what is needed later than everything that is held is not
//! taken at all. With items of one size it is the optimum; with others a good bound of it.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// Values that are kept by when they are needed next.
///
/// Readings may come a little out of order, as those of several workers do: each takes the
/// next place that its key has in the order.
///
/// ```
/// use ipfs_kit_cache::Plan;
///
/// let mut plan = Plan::new(["a", "b", "c", "a"], 2);
/// let mut evicted = Vec::new();
/// for key in ["a", "b", "c", "a"] {
///     if plan.get(key).is_none() {
///         plan.put(key, key.to_uppercase(), 1, &mut evicted);
///     }
/// }
/// assert_eq!(plan.hits(), 1); // the second "a"
/// ```
#[derive(Debug)]
pub struct Plan<K, V> {
    capacity: u64,
    bytes: u64,
    /// Where each key stands in the order and was not read yet, nearest first.
    places: HashMap<K, VecDeque<usize>>,
    order: Vec<K>,
    /// The first place in the order that was not read.
    at: usize,
    read: Vec<bool>,
    held: HashMap<K, Held<V>>,
    /// What is held by when it is needed; each key that is not needed again stands at a
    /// place of its own behind the order.
    by_need: BTreeMap<usize, K>,
    behind: usize,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct Held<V> {
    value: V,
    size: u64,
    need: usize,
}

impl<K: Hash + Eq + Clone, V> Plan<K, V> {
    /// A plan for readings in this order, with room for so many bytes.
    pub fn new(order: impl IntoIterator<Item = K>, capacity: u64) -> Self {
        let order: Vec<K> = order.into_iter().collect();
        let mut places: HashMap<K, VecDeque<usize>> = HashMap::new();
        for (at, key) in order.iter().enumerate() {
            places.entry(key.clone()).or_default().push_back(at);
        }
        let (behind, read) = (order.len(), vec![false; order.len()]);
        Self {
            capacity,
            bytes: 0,
            places,
            order,
            at: 0,
            read,
            held: HashMap::new(),
            by_need: BTreeMap::new(),
            behind,
            hits: 0,
            misses: 0,
        }
    }

    /// Whether a key stands in the order.
    pub fn contains<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.places.contains_key(key)
    }

    /// Whether a value is held.
    pub fn holds<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.held.contains_key(key)
    }

    /// Gives a value, and goes on to the next reading of its key; a miss goes on as well.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let need = self.read_next(key);
        let Some(held) = self.held.get_mut(key) else {
            self.misses += 1;
            return None;
        };
        self.hits += 1;
        if let Some(key) = self.by_need.remove(&held.need) {
            held.need = need;
            self.by_need.insert(need, key);
        }
        Some(&held.value)
    }

    /// Keeps a value until it was read for the last time, if nothing that is held is needed
    /// sooner and would have to go; those that go are given to `evicted`. Tells whether it
    /// was taken.
    pub fn put(&mut self, key: K, value: V, size: u64, evicted: &mut Vec<V>) -> bool {
        let size = size.max(1);
        let known = self.places.get(&key).and_then(|places| places.front().copied());
        let need = known.unwrap_or_else(|| self.place_behind());
        if let Some(old) = self.take(&key) {
            evicted.push(old);
        }
        if size > self.capacity {
            return false;
        }
        // What would have to go, the last needed first.
        let mut room = self.capacity - self.bytes;
        let mut going = Vec::new();
        for (&later, key) in self.by_need.iter().rev() {
            if room >= size {
                break;
            }
            if later < need {
                return false;
            }
            room += self.held[key].size;
            going.push(key.clone());
        }
        for key in going {
            evicted.extend(self.take(&key));
        }
        self.bytes += size;
        self.by_need.insert(need, key.clone());
        self.held.insert(key, Held { value, size, need });
        true
    }

    /// The next keys in the order that are not held, nearest first: what to fetch ahead. A
    /// key is given only as long as all before it, held or not, are at most `keys` away.
    pub fn upcoming(&self, keys: usize) -> Vec<K> {
        let ahead = (self.at..self.order.len()).filter(|&at| !self.read[at]).take(keys);
        let mut given = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for at in ahead {
            let key = &self.order[at];
            if !self.held.contains_key(key) && seen.insert(key) {
                given.push(key.clone());
            }
        }
        given
    }

    /// Readings that are left.
    pub fn left(&self) -> usize {
        self.places.values().map(VecDeque::len).sum()
    }

    /// Bytes of all values.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many values are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Readings that found their value.
    pub fn hits(&self) -> u64 {
        self.hits
    }

    /// Readings that did not.
    pub fn misses(&self) -> u64 {
        self.misses
    }

    /// Gives all that is held, by key, and ends the plan.
    pub fn into_values(self) -> impl Iterator<Item = (K, V, u64)> {
        self.held.into_iter().map(|(key, held)| (key, held.value, held.size))
    }

    /// Notes that a key is read; gives when it is needed again.
    fn read_next<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> usize
    where
        K: Borrow<Q>,
    {
        let Some(places) = self.places.get_mut(key) else { return self.place_behind() };
        if let Some(place) = places.pop_front() {
            self.read[place] = true;
        }
        let need = places.front().copied();
        while self.read.get(self.at) == Some(&true) {
            self.at += 1;
        }
        need.unwrap_or_else(|| self.place_behind())
    }

    fn place_behind(&mut self) -> usize {
        self.behind += 1;
        self.behind
    }

    fn take(&mut self, key: &K) -> Option<V> {
        let held = self.held.remove(key)?;
        self.by_need.remove(&held.need);
        self.bytes -= held.size;
        Some(held.value)
    }
}
