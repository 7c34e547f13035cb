//! The order of the samples in an epoch: as they lie, shuffled, or shuffled block by block.

use crate::permutation::{Key, Permutation};

/// Why there is no such order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderError {
    /// Blocks that do not end one behind the other.
    Ends,
    /// Blocks or windows of nothing.
    Empty,
}

/// Which samples lie together, so that reading them together is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocks {
    /// So many samples lie in each but the last.
    Even(u64),
    /// Where each ends; the last ends with the last sample.
    Ends(Vec<u64>),
}

impl Blocks {
    fn count(&self, length: u64) -> u64 {
        match self {
            Self::Even(size) => length.div_ceil(*size),
            Self::Ends(ends) => ends.len() as u64,
        }
    }

    /// Where a block begins, and how many samples it has.
    fn span(&self, block: u64, length: u64) -> (u64, u64) {
        match self {
            Self::Even(size) => {
                let start = block.saturating_mul(*size).min(length);
                (start, (length - start).min(*size))
            }
            Self::Ends(ends) => {
                let at = usize::try_from(block).unwrap_or(usize::MAX);
                let before = at.checked_sub(1).and_then(|before| ends.get(before));
                let start = before.copied().unwrap_or(0);
                (start, ends.get(at).copied().unwrap_or(start).saturating_sub(start))
            }
        }
    }
}

/// Which sample comes at which place of an epoch.
#[derive(Debug, Clone)]
pub struct Order {
    length: u64,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    AsTheyLie,
    Shuffled(Permutation),
    Windows(Windows),
}

/// Blocks in a shuffled order; some at a time are mixed.
#[derive(Debug, Clone)]
struct Windows {
    key: Key,
    blocks: Blocks,
    /// Which block comes at which place.
    order: Permutation,
    /// Blocks that are mixed.
    width: u64,
    /// The place in the epoch where each window ends.
    ends: Vec<u64>,
}

impl Order {
    /// Samples as they lie.
    pub fn as_they_lie(length: u64) -> Self {
        Self { length, kind: Kind::AsTheyLie }
    }

    /// All samples shuffled.
    pub fn shuffled(length: u64, key: &Key) -> Self {
        Self { length, kind: Kind::Shuffled(Permutation::new(length, key)) }
    }

    /// Blocks shuffled, and the samples of so many blocks at a time: those are all that is
    /// read at about the same time.
    pub fn in_windows(
        length: u64,
        key: &Key,
        blocks: Blocks,
        width: u64,
    ) -> Result<Self, OrderError> {
        match &blocks {
            Blocks::Even(0) => return Err(OrderError::Empty),
            Blocks::Ends(ends)
                if !ends.is_sorted() || ends.last().copied().unwrap_or(0) != length =>
            {
                return Err(OrderError::Ends);
            }
            _ if width == 0 => return Err(OrderError::Empty),
            _ => {}
        }
        let count = blocks.count(length);
        let order = Permutation::new(count, key);
        let mut ends = Vec::new();
        let mut end = 0;
        for place in 0..count {
            end += blocks.span(order.at(place), length).1;
            if (place + 1) % width == 0 || place + 1 == count {
                ends.push(end);
            }
        }
        let windows = Windows { key: *key, blocks, order, width, ends };
        Ok(Self { length, kind: Kind::Windows(windows) })
    }

    /// How many samples an epoch has.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The samples at the places from one on, as many as there is room for; nothing is written
    /// behind the end of the epoch. The number written is returned.
    pub fn fill(&self, from: u64, room: &mut [u64]) -> usize {
        let left = usize::try_from(self.length.saturating_sub(from));
        let count = room.len().min(left.unwrap_or(usize::MAX));
        let places = from..;
        let room = room.iter_mut().take(count);
        match &self.kind {
            Kind::AsTheyLie => places.zip(room).for_each(|(at, into)| *into = at),
            Kind::Shuffled(shuffled) => {
                places.zip(room).for_each(|(at, into)| *into = shuffled.at(at));
            }
            Kind::Windows(windows) => {
                let mut window = None;
                for (place, into) in places.zip(room) {
                    let here = window.take_if(|now: &mut Window| place < now.end);
                    let now = here.unwrap_or_else(|| windows.at(place, self.length));
                    *into = now.at(place);
                    window = Some(now);
                }
            }
        }
        count
    }
}

impl Windows {
    /// The window that a place of the epoch lies in.
    fn at(&self, place: u64, length: u64) -> Window {
        let index = self.ends.partition_point(|&end| end <= place);
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let end = self.ends.get(index).copied().unwrap_or(length);
        let first = index as u64 * self.width;
        let mut blocks = Vec::new();
        let mut at = 0;
        for block in first..(first + self.width).min(self.order.length()) {
            let (begin, size) = self.blocks.span(self.order.at(block), length);
            blocks.push((at, begin));
            at += size;
        }
        // Windows of one length must not be mixed in one way.
        let [one, two, three, four] = self.key;
        let key = [one, two ^ (index as u64 + 1), three, !four];
        Window { start, end, blocks, order: Permutation::new(end - start, &key) }
    }
}

struct Window {
    /// Places of the epoch.
    start: u64,
    end: u64,
    /// The samples of each block: where they begin among those of the window, and among all.
    blocks: Vec<(u64, u64)>,
    order: Permutation,
}

impl Window {
    fn at(&self, place: u64) -> u64 {
        let at = self.order.at(place - self.start);
        let index = self.blocks.partition_point(|&(start, _)| start <= at);
        let (start, begin) = self.blocks[index.saturating_sub(1)];
        begin + (at - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = [3, 1, 4, 1];

    fn all(order: &Order) -> Vec<u64> {
        let mut room = vec![u64::MAX; usize::try_from(order.length()).unwrap() + 3];
        let count = order.fill(0, &mut room);
        room.truncate(count);
        room
    }

    #[test]
    fn windows_keep_blocks_together_and_mix_them() {
        let order = Order::in_windows(1000, &KEY, Blocks::Even(10), 4).unwrap();
        let all = all(&order);
        for window in all.chunks(40) {
            let mut blocks: Vec<u64> = window.iter().map(|at| at / 10).collect();
            assert!(!blocks.is_sorted());
            blocks.sort_unstable();
            blocks.dedup();
            assert_eq!(blocks.len(), 4);
        }
    }

    #[test]
    fn ends_that_go_back_are_refused() {
        let refused = |ends: &[u64]| {
            Order::in_windows(5, &KEY, Blocks::Ends(ends.to_vec()), 1).unwrap_err()
        };
        assert_eq!(refused(&[3, 2, 5]), OrderError::Ends);
        assert_eq!(refused(&[3, 4]), OrderError::Ends);
        assert_eq!(refused(&[]), OrderError::Ends);
        let even = |size, width| Order::in_windows(5, &KEY, Blocks::Even(size), width);
        assert_eq!(even(0, 1).unwrap_err(), OrderError::Empty);
        assert_eq!(even(1, 0).unwrap_err(), OrderError::Empty);
    }

    #[test]
    fn nothing_has_an_order() {
        let none = Order::in_windows(0, &KEY, Blocks::Even(3), 2).unwrap();
        assert!(all(&none).is_empty());
        assert!(all(&Order::shuffled(0, &KEY)).is_empty());
        assert!(all(&Order::as_they_lie(0)).is_empty());
    }
}
