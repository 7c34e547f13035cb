//! What holds for any bytes, however they arrive and whichever kernel looks at them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ipfs_kit_chunker::{Chunker, Kernel, Spec};
use proptest::prelude::*;

/// Small chunkers, and rabin sizes on both sides of where vectors are used.
fn spec() -> impl Strategy<Value = Spec> {
    prop_oneof![
        (1..3000_u64).prop_map(|bytes| Spec::size(bytes).unwrap()),
        (48..20_000_u64).prop_map(|avg| Spec::rabin(avg).unwrap()),
        (16..600_u64, 1..600_u64, 1..3000_u64).prop_map(|(min, more, most)| {
            Spec::rabin_bounds(min, min + more, min + more + most).unwrap()
        }),
        Just(Spec::Buzhash),
        prop::collection::vec(1..9000_u64, 1..50)
            .prop_map(|lengths| Spec::lengths(lengths).unwrap()),
    ]
}

/// Random bytes, one byte repeated, a short period, and few distinct values.
fn data(max_bytes: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..=max_bytes, any::<u64>(), 0..4_u8).prop_map(|(length, seed, kind)| {
        let random = random_bytes(seed, length);
        match kind {
            0 => random,
            1 => vec![seed.to_le_bytes()[0]; length],
            2 => random
                .iter()
                .copied()
                .take(1 + usize::from(seed.to_le_bytes()[1]) % 99)
                .collect::<Vec<_>>(),
            _ => random.iter().map(|byte| byte & 1).collect(),
        }
        .into_iter()
        .cycle()
        .take(length)
        .collect()
    })
}

fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::from_fn(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Some((word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb).to_le_bytes())
    });
    words.flatten().take(length).collect()
}

fn min_bytes(spec: &Spec) -> usize {
    match spec {
        Spec::Size(size) => size.get() as usize,
        Spec::Rabin(bounds) => bounds.min_bytes(),
        Spec::Buzhash => 128 * 1024,
        Spec::Lengths(_) => 1,
    }
}

fn kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.into_iter().filter(|kernel| kernel.is_available())
}

fn lengths(spec: &Spec, kernel: Kernel, data: &[u8]) -> Vec<usize> {
    let mut chunker = Chunker::with_kernel(spec, kernel).unwrap();
    chunker.cuts(data).map(|cut| cut.len()).collect()
}

/// The same, with windows that grow by `steps`, over and over.
fn lengths_of_stream(
    spec: &Spec,
    kernel: Kernel,
    data: &[u8],
    steps: &[usize],
) -> Vec<usize> {
    let mut chunker = Chunker::with_kernel(spec, kernel).unwrap();
    let mut steps = steps.iter().cycle();
    let (mut start, mut read, mut lengths) = (0, 0, Vec::new());
    while read < data.len() {
        read = data.len().min(read + steps.next().unwrap());
        while let Some(length) = chunker.next_cut(&data[start..read], false) {
            lengths.push(length);
            start += length;
        }
    }
    while let Some(length) = chunker.next_cut(&data[start..], true) {
        lengths.push(length);
        start += length;
    }
    lengths
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn chunks_follow_on_each_other_to_the_end(spec in spec(), data in data(700_000)) {
        let mut end = 0;
        let mut chunker = spec.chunker();
        let (min, max) = (min_bytes(&spec), spec.max_chunk_bytes());
        for cut in chunker.cuts(&data) {
            prop_assert_eq!(cut.start, end);
            prop_assert!(!cut.is_empty() && cut.len() <= max);
            prop_assert!(cut.len() >= min || cut.end == data.len());
            end = cut.end;
        }
        prop_assert_eq!(end, data.len());
    }

    #[test]
    fn chunks_have_the_lengths_that_were_told_and_then_the_last_of_them(
        told in prop::collection::vec(1..9000_u64, 1..50),
        data in data(300_000),
    ) {
        let spec = Spec::lengths(told.clone()).unwrap();
        let found = lengths(&spec, Kernel::Scalar, &data);
        let mut left = data.len();
        for (number, &length) in found.iter().enumerate() {
            let wanted = told.get(number).or(told.last()).unwrap();
            prop_assert_eq!(length, left.min(usize::try_from(*wanted).unwrap()));
            left -= length;
        }
        prop_assert_eq!(left, 0);
    }

    #[test]
    fn every_kernel_gives_the_cuts_of_the_scalar_one(
        spec in spec(),
        data in data(700_000),
    ) {
        let expected = lengths(&spec, Kernel::Scalar, &data);
        for kernel in kernels() {
            prop_assert_eq!(&lengths(&spec, kernel, &data), &expected, "{}", kernel);
        }
    }

    #[test]
    fn any_split_of_the_stream_gives_the_same_cuts(
        spec in spec(),
        data in data(300_000),
        steps in prop::collection::vec(1..5000_usize, 1..20),
    ) {
        let expected = lengths(&spec, Kernel::Scalar, &data);
        for kernel in kernels() {
            let streamed = lengths_of_stream(&spec, kernel, &data, &steps);
            prop_assert_eq!(&streamed, &expected, "{}", kernel);
        }
    }

    #[test]
    fn lengths_around_the_bounds_are_cut_alike(
        seed: u64,
        near in prop::sample::select(vec![16, 64, 256, 341, 1024, 1365, 1536, 2048]),
        more in 0..200_usize,
    ) {
        for spec in [Spec::rabin(1024).unwrap(), Spec::rabin_bounds(256, 1365, 2048).unwrap()] {
            let data = random_bytes(seed, (near + more).saturating_sub(100));
            let expected = lengths(&spec, Kernel::Scalar, &data);
            for kernel in kernels() {
                prop_assert_eq!(&lengths(&spec, kernel, &data), &expected, "{}", kernel);
            }
        }
    }
}

/// A window at whose end `spec` cuts, from a stream that is long enough to hold one.
fn cutting_window(spec: &Spec, window_bytes: usize) -> Vec<u8> {
    let data = random_bytes(7, 8 << 20);
    let mut chunker = Chunker::with_kernel(spec, Kernel::Scalar).unwrap();
    let mut cuts = chunker.cuts(&data);
    let cut = cuts.find(|cut| cut.len() < spec.max_chunk_bytes()).unwrap();
    data[cut.end - window_bytes..cut.end].to_vec()
}

#[test]
fn a_cutting_window_is_found_wherever_it_ends() {
    for spec in [Spec::rabin(262_144).unwrap(), Spec::rabin(4096).unwrap(), Spec::Buzhash]
    {
        let min = min_bytes(&spec);
        let window_bytes = if spec == Spec::Buzhash { 32 } else { 16 };
        let window = cutting_window(&spec, window_bytes);
        // A byte that cuts nowhere by itself.
        let filler = (1..=255_u8)
            .find(|&byte| {
                let data = vec![byte; spec.max_chunk_bytes() + 1];
                lengths(&spec, Kernel::Scalar, &data)[0] == spec.max_chunk_bytes()
            })
            .unwrap();
        let max = spec.max_chunk_bytes();
        let offsets = (min - 2..min + 300).chain(max - 200..=max + 2);
        for end in offsets.filter(|&end| end >= window_bytes) {
            let mut data = vec![filler; max + 100];
            data[end - window_bytes..end].copy_from_slice(&window);
            let expected = lengths(&spec, Kernel::Scalar, &data);
            if (min..max).contains(&end) {
                assert!(expected[0] <= end, "{spec}: {end}");
            }
            for kernel in kernels() {
                assert_eq!(
                    lengths(&spec, kernel, &data),
                    expected,
                    "{spec} {kernel} {end}"
                );
            }
        }
    }
}

#[test]
fn cuts_start_afresh_after_an_unfinished_window() {
    let spec = Spec::rabin(1024).unwrap();
    let data = random_bytes(3, 10_000);
    let expected = lengths(&spec, Kernel::Scalar, &data);
    let mut chunker = spec.chunker();
    assert_eq!(chunker.next_cut(&vec![1; 300], false), None);
    let cuts: Vec<usize> = chunker.cuts(&data).map(|cut| cut.len()).collect();
    assert_eq!(cuts, expected);
}
