//! Hit ratios by cache size: LRU, ARC, our `Plan` and Belady's optimum.
//!
//! ```text
//! zstd -dc OLTP.lis.zst | cargo run --release --example hit_ratio -- trace 250 1000 > oltp.csv
//! cargo run --release --example hit_ratio -- epochs 10 25 50 75 > epochs.csv
//! ```
//!
//! `trace` reads lines of `first_block blocks ...` and asks for each block in turn; sizes are
//! blocks. `epochs` reads 10,000 items in a new order in each of five epochs; sizes are per
//! cent of them, and the first epoch, which everyone misses, is not counted. The optimum is
//! computed here from the order alone and shares no code with the plan. LRU is counted for all
//! sizes in one pass, by how many other blocks were asked for since (Mattson et al., IBM
//! Systems Journal 1970).
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

use std::collections::{BinaryHeap, HashMap};
use std::io::BufRead;

use ipfs_kit_cache::{Memory, Plan};

const ITEMS: u32 = 10_000;
const EPOCHS: usize = 5;
const NEVER: usize = usize::MAX;

fn main() {
    let mut words = std::env::args().skip(1);
    let kind = words.next().unwrap_or_default();
    let sizes: Vec<usize> = words.map(|size| size.parse().unwrap()).collect();
    let (order, cold, unit) = match kind.as_str() {
        "trace" => (trace(std::io::stdin().lock()), 0, 1.0),
        "epochs" => (epochs(), ITEMS as usize, f64::from(ITEMS) / 100.0),
        _ => {
            println!("hit_ratio trace SIZE... < blocks, or hit_ratio epochs PER_CENT...");
            return;
        }
    };
    println!("policy,size,hits,requests");
    let distances = distances(&order);
    let next = next_readings(&order);
    for size in sizes {
        let room = in_items(size, unit);
        let found = std::thread::scope(|scope| {
            let plan = scope.spawn(|| plan(&order, cold, room));
            [
                ("LRU", count(cold, distances.iter().map(|distance| *distance < room))),
                ("ARC", arc(&order, cold, room)),
                ("optimum", optimum(&order, &next, cold, room)),
                ("plan", plan.join().unwrap()),
            ]
        });
        for (policy, hits) in found {
            println!("{policy},{size},{hits},{}", order.len() - cold);
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are small and positive"
)]
fn in_items(size: usize, unit: f64) -> usize {
    (size as f64 * unit).round() as usize
}

fn trace(lines: impl BufRead) -> Vec<u32> {
    let runs = lines.lines().map(|line| {
        let line = line.unwrap();
        let mut numbers =
            line.split_whitespace().map(|word| word.parse::<u32>().unwrap());
        let (first, blocks) = (numbers.next().unwrap(), numbers.next().unwrap());
        first..first + blocks
    });
    runs.flatten().collect()
}

/// Each epoch in an order of its own, the same in every run.
fn epochs() -> Vec<u32> {
    let mut state = 7_u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let mut order = Vec::new();
    for _ in 0..EPOCHS {
        let mut epoch: Vec<u32> = (0..ITEMS).collect();
        for at in (1..epoch.len()).rev() {
            epoch.swap(at, below(at + 1));
        }
        order.extend(epoch);
    }
    order
}

fn count(cold: usize, hits: impl Iterator<Item = bool>) -> usize {
    hits.skip(cold).filter(|hit| *hit).count()
}

fn arc(order: &[u32], cold: usize, room: usize) -> usize {
    let cache = Memory::new(room as u64, 1);
    let mut evicted = Vec::new();
    let hits = order.iter().map(|key| {
        let hit = cache.get(key).is_some();
        if !hit {
            cache.put(*key, (), 1, &mut evicted);
        }
        hit
    });
    count(cold, hits)
}

fn plan(order: &[u32], cold: usize, room: usize) -> usize {
    let mut plan = Plan::new(order.iter().copied(), room as u64);
    let mut evicted = Vec::new();
    let hits = order.iter().map(|key| {
        let hit = plan.get(key).is_some();
        if !hit {
            plan.put(*key, (), 1, &mut evicted);
        }
        hit
    });
    count(cold, hits)
}

/// For each reading, when its key is read next.
fn next_readings(order: &[u32]) -> Vec<usize> {
    let mut soonest = HashMap::new();
    let later = order.iter().enumerate().rev();
    let mut next: Vec<usize> =
        later.map(|(at, key)| soonest.insert(*key, at).unwrap_or(NEVER)).collect();
    next.reverse();
    next
}

/// Belady's: of those held and the one that is read, the last needed goes.
fn optimum(order: &[u32], next: &[usize], cold: usize, room: usize) -> usize {
    let mut held: HashMap<u32, usize> = HashMap::new();
    let mut by_need = BinaryHeap::new();
    let hits = order.iter().zip(next).map(|(key, need)| {
        let hit = held.insert(*key, *need).is_some();
        by_need.push((*need, *key));
        while held.len() > room {
            let (need, key) = by_need.pop().unwrap();
            // What was read again since stands in the heap a second time.
            if held.get(&key) == Some(&need) {
                held.remove(&key);
            }
        }
        hit
    });
    count(cold, hits)
}

/// For each reading, how many other keys were read since its own was; `NEVER` at first.
fn distances(order: &[u32]) -> Vec<usize> {
    let mut latest: HashMap<u32, usize> = HashMap::new();
    // A Fenwick tree over the order, with a one where a key was read last.
    let mut ones = vec![0_usize; order.len() + 1];
    let mut total = 0;
    let mut found = Vec::with_capacity(order.len());
    for (at, key) in order.iter().enumerate() {
        let before = latest.insert(*key, at);
        found.push(before.map_or(NEVER, |before| total - sum(&ones, before + 1)));
        match before {
            Some(before) => add(&mut ones, before + 1, false),
            None => total += 1,
        }
        add(&mut ones, at + 1, true);
    }
    found
}

fn sum(ones: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += ones[at];
        at &= at - 1;
    }
    sum
}

fn add(ones: &mut [usize], mut at: usize, up: bool) {
    while at < ones.len() {
        if up {
            ones[at] += 1;
        } else {
            ones[at] -= 1;
        }
        at += at & at.wrapping_neg();
    }
}
