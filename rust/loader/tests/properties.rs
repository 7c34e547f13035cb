//! Orders: each sample once, from any place on, as if the epoch had been followed to there.
#![expect(clippy::unwrap_used, reason = "a test")]

use ipfs_kit_loader::{Blocks, Order};
use proptest::prelude::*;

fn orders() -> impl Strategy<Value = Order> {
    let key = prop::array::uniform4(any::<u64>());
    let blocks = prop_oneof![
        (0_u64..600, 1_u64..50).prop_map(|(length, size)| (length, Blocks::Even(size))),
        prop::collection::vec(0_u64..30, 0..40).prop_map(|sizes| {
            let ends = sizes.iter().scan(0, |end, size| {
                *end += size;
                Some(*end)
            });
            let ends: Vec<u64> = ends.collect();
            (ends.last().copied().unwrap_or(0), Blocks::Ends(ends))
        }),
    ];
    (key, blocks, 1_u64..20, 0..3).prop_map(|(key, (length, blocks), width, kind)| {
        match kind {
            0 => Order::as_they_lie(length),
            1 => Order::shuffled(length, &key),
            _ => Order::in_windows(length, &key, blocks, width).unwrap(),
        }
    })
}

proptest! {
    #[test]
    fn each_sample_comes_once(order in orders()) {
        let mut all = vec![0; usize::try_from(order.length()).unwrap()];
        prop_assert_eq!(order.fill(0, &mut all), all.len());
        all.sort_unstable();
        prop_assert!(all.into_iter().eq(0..order.length()));
    }

    #[test]
    fn any_place_is_looked_up(order in orders(), from in 0_u64..700, count in 0_usize..99) {
        let mut all = vec![0; usize::try_from(order.length()).unwrap()];
        order.fill(0, &mut all);
        let mut some = vec![u64::MAX; count];
        let filled = order.fill(from, &mut some);
        let rest = all.iter().skip(usize::try_from(from).unwrap());
        prop_assert!(rest.take(count).eq(&some[..filled]));
    }
}
