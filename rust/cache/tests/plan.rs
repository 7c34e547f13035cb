//! A plan reaches Belady's optimum where items have one size, and keeps its bounds always.

use std::collections::HashMap;

use ipfs_kit_cache::Plan;
use proptest::prelude::*;

/// Hits of the optimum: of those held and the one that is read, the last needed goes.
fn optimum(order: &[u16], capacity: usize) -> u64 {
    let next = |from: usize, key: u16| {
        order[from..]
            .iter()
            .position(|&other| other == key)
            .map_or(usize::MAX, |at| from + at)
    };
    let (mut held, mut hits): (Vec<u16>, u64) = (Vec::new(), 0);
    for (at, &key) in order.iter().enumerate() {
        if held.contains(&key) {
            hits += 1;
            continue;
        }
        held.push(key);
        if held.len() > capacity {
            let last = held.iter().enumerate().max_by_key(|(_, key)| next(at + 1, **key));
            let last = last.map_or(0, |(at, _)| at);
            held.remove(last);
        }
    }
    hits
}

fn read(plan: &mut Plan<u16, u16>, key: u16, size: u64) {
    match plan.get(&key) {
        Some(&value) => assert_eq!(value, key),
        None => {
            plan.put(key, key, size, &mut Vec::new());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn with_items_of_one_size_it_is_the_optimum(
        order in prop::collection::vec(0_u16..40, 0..300),
        capacity in 1_usize..40,
    ) {
        let mut plan = Plan::new(order.iter().copied(), capacity as u64);
        for &key in &order {
            read(&mut plan, key, 1);
            prop_assert!(plan.bytes() <= capacity as u64 && plan.len() <= capacity);
        }
        prop_assert_eq!(plan.hits(), optimum(&order, capacity));
        prop_assert_eq!((plan.left(), plan.hits() + plan.misses()), (0, order.len() as u64));
    }

    #[test]
    fn its_bound_holds_and_values_are_right_in_any_order(
        order in prop::collection::vec(0_u16..40, 0..200),
        reads in prop::collection::vec(0_u16..50, 0..300),
        capacity in 1_u64..200,
    ) {
        let sizes: HashMap<u16, u64> =
            (0..50).map(|key| (key, u64::from(key) * 7 % 31)).collect();
        let mut plan = Plan::new(order, capacity);
        for key in reads {
            read(&mut plan, key, sizes[&key]);
            prop_assert!(plan.bytes() <= capacity);
            for key in plan.upcoming(10) {
                prop_assert!(!plan.holds(&key));
            }
        }
        let rest: u64 = plan.into_values().map(|(_, _, size)| size).sum();
        prop_assert!(rest <= capacity);
    }
}

#[test]
fn permuted_epochs_are_read_as_well_as_can_be() {
    let (items, epochs) = (200_u16, 6);
    let mut state = 7_u64;
    let mut order: Vec<u16> = Vec::new();
    for _ in 0..epochs {
        let mut epoch: Vec<u16> = (0..items).collect();
        for at in (1..epoch.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            epoch.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        order.extend(epoch);
    }
    for share in [10, 25, 50, 75] {
        let capacity = usize::from(items) * share / 100;
        let mut plan = Plan::new(order.iter().copied(), capacity as u64);
        for &key in &order {
            read(&mut plan, key, 1);
        }
        let best = optimum(&order, capacity);
        assert!(plan.hits() * 100 >= best * 99, "{share} %: {} of {best}", plan.hits());
    }
}
