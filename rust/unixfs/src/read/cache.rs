//! The inner parts of a file that were read before, up to a bound.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::part::Part;
use crate::sync::lock;

/// Memory of the parts kept: enough for the links of half a terabyte in chunks of 1 MiB.
const MAX_BYTES: usize = 32 << 20;

/// Where a part begins and how deep it stands: no two parts that have bytes share both.
pub(crate) type Position = (u64, usize);

/// Parts by position; the ones that came first go first.
#[derive(Debug, Default)]
pub(crate) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    parts: HashMap<Position, Arc<Part>>,
    order: VecDeque<Position>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn get(&self, at: Position) -> Option<Arc<Part>> {
        lock(&self.0).parts.get(&at).map(Arc::clone)
    }

    pub(crate) fn put(&self, at: Position, part: &Arc<Part>) {
        let mut kept = lock(&self.0);
        if kept.parts.insert(at, Arc::clone(part)).is_some() {
            return;
        }
        kept.order.push_back(at);
        kept.bytes += part.weight();
        while kept.bytes > MAX_BYTES {
            let Some(first) = kept.order.pop_front() else { break };
            if let Some(gone) = kept.parts.remove(&first) {
                kept.bytes = kept.bytes.saturating_sub(gone.weight());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ipfs_kit_cid::codec;

    #[test]
    fn what_came_first_goes_when_the_bound_is_reached() {
        let cache = Cache::default();
        let block = Bytes::from(vec![0; 1 << 20]);
        for start in 0..100 {
            let part = Arc::new(Part::decode(codec::RAW, block.clone()).unwrap());
            cache.put((start, 0), &part);
            cache.put((start, 0), &part);
        }
        let kept: Vec<_> = (0..100).filter(|at| cache.get((*at, 0)).is_some()).collect();
        assert_eq!(kept, (69..100).collect::<Vec<_>>());
        assert!(lock(&cache.0).bytes <= MAX_BYTES);
    }
}
