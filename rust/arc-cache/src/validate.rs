//! Walks everything and compares it with what the counters say: for tests and fuzzing.

use std::hash::{BuildHasher, Hash};

use crate::cache::{ArcCache, LEAST_GHOSTS};
use crate::nodes::Place;

impl<K: Hash + Eq, V, S: BuildHasher> ArcCache<K, V, S> {
    /// Checks every invariant from scratch.
    ///
    /// # Panics
    ///
    /// If one is broken.
    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    pub fn validate(&self) {
        let (nodes, table) = self.inside();
        let mut entries = 0;
        for place in Place::ALL {
            let (mut bytes, mut len) = (0, 0);
            for node in nodes.iter(place) {
                assert!(
                    node.place == place,
                    "an entry of {place:?} says {:?}",
                    node.place
                );
                let has_value = node.value.is_some();
                assert!(has_value == place.is_resident(), "{place:?}: value {has_value}");
                assert!(self.place(&node.key) == Some(place), "a key is not found");
                bytes += node.size;
                len += 1;
            }
            let list = nodes.list(place);
            assert!((bytes, len) == (list.bytes, list.len), "the sums of {place:?}");
            entries += len;
        }
        assert!(table.len() == entries, "{} keys, {entries} entries", table.len());
        let pinned = self.bytes_of(Place::Pinned);
        let capacity = self.capacity() - pinned;
        let [t1, t2, b1, b2] = [Place::T1, Place::T2, Place::B1, Place::B2]
            .map(|place| self.bytes_of(place));
        assert!(t1 + t2 <= capacity, "T1 {t1} + T2 {t2} > {capacity}");
        let target = self.target();
        assert!((0.0..=capacity as f64).contains(&target), "target {target}");
        assert!(t1 + b1 <= capacity, "T1 {t1} + B1 {b1} > {capacity}");
        assert!(t1 + t2 + b1 + b2 <= 2 * capacity, "in all {}", t1 + t2 + b1 + b2);
        let ghosts = self.len_of(Place::B1) + self.len_of(Place::B2);
        assert!(ghosts <= (2 * self.len()).max(LEAST_GHOSTS), "{ghosts} ghosts");
    }
}
