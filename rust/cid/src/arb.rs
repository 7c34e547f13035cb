//! Proptest generators of CIDs.

use ipfs_kit_hash::{Code, MAX_DIGEST_BYTES, Multihash};
use proptest::prelude::*;

use crate::{Cid, codec};

/// Any multihash this crate accepts.
pub fn multihash() -> impl Strategy<Value = Multihash> {
    let code = proptest::sample::select(&Code::ALL[..]);
    code.prop_flat_map(|code| {
        let length = match code {
            Code::Identity => 0..=MAX_DIGEST_BYTES,
            Code::Blake3 => 20..=MAX_DIGEST_BYTES,
            _ => code.digest_bytes()..=code.digest_bytes(),
        };
        proptest::collection::vec(any::<u8>(), length)
            .prop_filter_map("wider than a multihash", move |digest| {
                Multihash::wrap(code.code(), &digest).ok()
            })
    })
}

/// Any CID this crate accepts, of both versions.
pub fn cid() -> impl Strategy<Value = Cid> {
    let v1 =
        (0_u64..1 << 40, multihash()).prop_map(|(codec, hash)| Cid::new_v1(codec, hash));
    let v0 = any::<[u8; 32]>().prop_filter_map("not a v0", |digest| {
        let hash = Multihash::wrap(Code::Sha2_256.code(), &digest).ok()?;
        crate::to_v0(&Cid::new_v1(codec::DAG_PB, hash)).ok()
    });
    prop_oneof![3 => v1, 1 => v0]
}
