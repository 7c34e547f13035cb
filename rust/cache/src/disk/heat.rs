//! What was asked for lately, how often, and where it was.
//!
//! It decides what is carried over when a segment is evicted, and it is the short way to what
//! is asked for again: a look-up in one table instead of one in each segment.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use foldhash::fast::RandomState;
use ipfs_kit_pack::PackId;

use super::name::Short;

/// The most items remembered.
const MOST: usize = 1 << 16;

#[derive(Debug, Default)]
pub(super) struct Heat {
    items: HashMap<Short, Warm, RandomState>,
}

/// An item that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warm {
    pub(super) segment: PackId,
    pub(super) offset: u64,
    /// Whether it was hashed there in this process.
    pub(super) verified: bool,
    /// Of a record, the epoch in which it was the newest of its key.
    pub(super) epoch: u64,
    uses: u32,
    /// When it was asked for last, in nanoseconds since 1970.
    pub(super) last: u64,
}

impl Heat {
    pub(super) fn get(&self, short: Short) -> Option<Warm> {
        self.items.get(&short).copied()
    }

    /// Notes that a block was asked for and found whole at a place.
    pub(super) fn touch(&mut self, short: Short, segment: PackId, offset: u64) {
        self.touch_record(short, segment, offset, 0);
    }

    /// Notes that a record was, which was the newest in an epoch.
    pub(super) fn touch_record(
        &mut self,
        short: Short,
        segment: PackId,
        offset: u64,
        epoch: u64,
    ) {
        let last = now();
        let new = Warm { segment, offset, verified: true, epoch, uses: 0, last };
        let warm = self.items.entry(short).or_insert(new);
        let uses = warm.uses.saturating_add(1);
        *warm = Warm { uses, ..new };
        if self.items.len() > MOST {
            self.cool();
        }
    }

    /// Notes that an item is elsewhere now, which costs it half of its uses: who was asked for
    /// often once must be asked for again to stay.
    pub(super) fn moved(&mut self, short: Short, segment: PackId, offset: u64) {
        if let Some(warm) = self.items.get_mut(&short) {
            *warm = Warm { segment, offset, uses: warm.uses / 2, ..*warm };
        }
    }

    pub(super) fn forget(&mut self, short: Short) {
        self.items.remove(&short);
    }

    pub(super) fn clear(&mut self) {
        self.items.clear();
    }

    /// The items of a segment that were used since they were put or carried over, the hottest
    /// first.
    pub(super) fn hottest(&self, segment: PackId) -> Vec<(Short, Warm)> {
        let hot = |warm: &Warm| warm.segment == segment && warm.uses > 0;
        let items = self.items.iter().filter(|(_, warm)| hot(warm));
        let mut items: Vec<_> = items.map(|(short, warm)| (*short, *warm)).collect();
        items.sort_unstable_by_key(|(_, warm)| std::cmp::Reverse((warm.uses, warm.last)));
        items
    }

    /// Halves all uses and keeps the better half: the most used, and of equals the latest.
    fn cool(&mut self) {
        let mut items: Vec<_> = self.items.drain().collect();
        let rank = |(_, warm): &(Short, Warm)| std::cmp::Reverse((warm.uses, warm.last));
        items.select_nth_unstable_by_key(MOST / 4, rank);
        // A quarter for what is used often, a quarter for what was used lately.
        items[MOST / 4..].select_nth_unstable_by_key(MOST / 4, |(_, warm)| {
            std::cmp::Reverse(warm.last)
        });
        items.truncate(MOST / 2);
        let halved = |(short, warm): (Short, Warm)| {
            (short, Warm { uses: warm.uses.div_ceil(2), ..warm })
        };
        self.items.extend(items.into_iter().map(halved));
    }
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: PackId = PackId::from_u64(1);

    #[test]
    fn it_never_grows_over_its_bound_and_keeps_the_often_used_and_the_latest() {
        let mut heat = Heat::default();
        for _ in 0..20 {
            heat.touch(0, SEGMENT, 0);
        }
        for short in 1..=MOST as u64 {
            heat.touch(short, SEGMENT, short);
        }
        assert!(heat.items.len() <= MOST);
        assert!(heat.get(0).is_some() && heat.get(MOST as u64).is_some());
    }

    #[test]
    fn the_hottest_come_first_and_what_was_carried_over_unused_does_not() {
        let mut heat = Heat::default();
        heat.touch(1, SEGMENT, 10);
        for _ in 0..3 {
            heat.touch(2, SEGMENT, 20);
        }
        heat.touch(3, PackId::from_u64(2), 30);
        let order: Vec<_> =
            heat.hottest(SEGMENT).iter().map(|(short, _)| *short).collect();
        assert_eq!(order, [2, 1]);
        heat.moved(1, SEGMENT, 5);
        let order: Vec<_> =
            heat.hottest(SEGMENT).iter().map(|(short, _)| *short).collect();
        assert_eq!(order, [2]);
    }
}
