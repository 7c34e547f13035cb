//! With weights of one, every list is the paper's after every request.
#![expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "as the paper has it")]

use std::collections::VecDeque;

use ipfs_kit_arc_cache::{ArcCache, Place};
use proptest::prelude::*;

/// The algorithm as figure 4 of the paper has it, in the plainest way. Newest at the back.
#[derive(Debug, Default)]
struct Paper {
    c: usize,
    p: f64,
    t1: VecDeque<u16>,
    t2: VecDeque<u16>,
    b1: VecDeque<u16>,
    b2: VecDeque<u16>,
}

fn take(list: &mut VecDeque<u16>, key: u16) -> bool {
    let at = list.iter().position(|&other| other == key);
    at.and_then(|at| list.remove(at)).is_some()
}

impl Paper {
    fn request(&mut self, key: u16) -> bool {
        if take(&mut self.t1, key) || take(&mut self.t2, key) {
            self.t2.push_back(key);
            return true;
        }
        let (b1, b2) = (self.b1.len() as f64, self.b2.len() as f64);
        if self.b1.contains(&key) {
            self.p = (self.p + if b1 >= b2 { 1.0 } else { b2 / b1 }).min(self.c as f64);
            self.replace(key);
            take(&mut self.b1, key);
            self.t2.push_back(key);
            return false;
        }
        if self.b2.contains(&key) {
            self.p = (self.p - if b2 >= b1 { 1.0 } else { b1 / b2 }).max(0.0);
            self.replace(key);
            take(&mut self.b2, key);
            self.t2.push_back(key);
            return false;
        }
        let first = self.t1.len() + self.b1.len();
        let all = first + self.t2.len() + self.b2.len();
        if first == self.c {
            if self.t1.len() < self.c {
                self.b1.pop_front();
                self.replace(key);
            } else {
                self.t1.pop_front();
            }
        } else if all >= self.c {
            if all == 2 * self.c {
                self.b2.pop_front();
            }
            self.replace(key);
        }
        self.t1.push_back(key);
        false
    }

    fn replace(&mut self, key: u16) {
        let t1 = self.t1.len() as f64;
        if !self.t1.is_empty()
            && (t1 > self.p || (self.b2.contains(&key) && t1 == self.p))
        {
            self.b1.extend(self.t1.pop_front());
        } else {
            self.b2.extend(self.t2.pop_front());
        }
    }
}

fn request(cache: &mut ArcCache<u16, u16>, key: u16) -> bool {
    if let Some(&value) = cache.get(&key) {
        assert_eq!(value, key);
        return true;
    }
    assert!(cache.put(key, key, 1, &mut Vec::new()));
    false
}

/// Keys that come in runs, loops and bursts, so that all four lists are in use.
fn requests() -> impl Strategy<Value = Vec<u16>> {
    let run = (0_u16..60, 1_u16..30).prop_map(|(at, n)| (at..at + n).collect::<Vec<_>>());
    let hot = prop::collection::vec(0_u16..12, 1..40);
    let any = prop::collection::vec(0_u16..90, 1..40);
    prop::collection::vec(prop_oneof![run, hot, any], 1..40).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_list_is_the_papers_after_every_request(
        c in 1_usize..40,
        requests in requests(),
    ) {
        let mut paper = Paper { c, ..Paper::default() };
        let mut cache = ArcCache::new(c as u64);
        for key in requests {
            prop_assert_eq!(request(&mut cache, key), paper.request(key));
            cache.validate();
            prop_assert!((cache.target() - paper.p).abs() < f64::EPSILON);
            let lists = [
                (Place::T1, &paper.t1),
                (Place::T2, &paper.t2),
                (Place::B1, &paper.b1),
                (Place::B2, &paper.b2),
            ];
            for (place, list) in lists {
                prop_assert!(cache.keys(place).eq(list.iter().rev()), "{:?}", place);
            }
        }
    }
}
