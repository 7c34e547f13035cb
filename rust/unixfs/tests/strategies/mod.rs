//! Any parameters, so small that small inputs give deep trees.

use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_unixfs::{Overrides, Params, Profile};
use proptest::prelude::*;

pub(crate) fn params() -> impl Strategy<Value = Params> {
    let chunker = prop_oneof![
        (1_u32..200).prop_map(|n| format!("size-{n}")),
        Just("rabin-16-32-64".to_owned()),
        Just("buzhash".to_owned()),
        Just("size-262144".to_owned()),
    ];
    let hash = proptest::sample::select(vec![
        Code::Sha2_256,
        Code::Blake3,
        Code::Sha3_256,
        Code::Sha2_512,
    ]);
    let flags =
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (chunker, hash, flags, 2_usize..6, proptest::option::of(0_u64..400)).prop_map(
        |(
            chunker,
            hash,
            (v1, raw, trickle, inline, metadata),
            max_file_links,
            threshold,
        )| {
            let given = Overrides {
                chunker: Some(chunker.parse().unwrap()),
                hash: Some(Hasher::new(hash)),
                raw_leaves: Some(raw && !metadata),
                trickle: Some(trickle),
                inline: Some(inline),
                preserve_mode: Some(metadata),
                preserve_mtime: Some(metadata),
                max_file_links: Some(max_file_links),
                max_hamt_fanout: Some(8),
                hamt_threshold: threshold,
                ..Overrides::default()
            };
            let profile =
                if v1 { Profile::UnixFsV1_2025 } else { Profile::UnixFsV0_2015 };
            Params::resolve(profile, &given).unwrap()
        },
    )
}
