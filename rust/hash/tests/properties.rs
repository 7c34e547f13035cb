//! What holds for all messages and all ways to cut them.

use ipfs_kit_hash::sha256::{self, Kernel};
use ipfs_kit_hash::{Code, Hasher, Message};
use proptest::collection::vec;
use proptest::prelude::*;

fn code() -> impl Strategy<Value = Code> {
    proptest::sample::select(Code::ALL.as_slice())
}

fn kernel() -> impl Strategy<Value = Kernel> {
    proptest::sample::select(Kernel::available())
}

/// Header, data and trailer of a message.
fn pieces() -> impl Strategy<Value = [Vec<u8>; 3]> {
    let piece = |longest| vec(any::<u8>(), 0..longest);
    (piece(70), piece(700), piece(70)).prop_map(Into::into)
}

fn message([header, data, trailer]: &[Vec<u8>; 3]) -> Message<'_> {
    Message { header, data, trailer }
}

proptest! {
    #[test]
    fn lanes_equal_one_stream(kernel in kernel(), pieces in vec(pieces(), 0..80)) {
        let messages: Vec<_> = pieces.iter().map(message).collect();
        let mut digests = vec![sha256::Digest::default(); messages.len()];
        sha256::digest_many(kernel, &messages, &mut digests);
        for (pieces, digest) in pieces.iter().zip(digests) {
            prop_assert_eq!(digest, sha256::digest(&pieces.concat()));
        }
    }

    #[test]
    fn cuts_do_not_matter(code in code(), pieces in pieces()) {
        let hasher = Hasher::new(code);
        let whole = pieces.concat();
        let parts = message(&pieces).parts();
        prop_assert_eq!(hasher.hash_parts(&parts), hasher.hash(&whole));
    }

    #[test]
    fn many_equal_one_by_one(code in code(), pieces in vec(pieces(), 0..40)) {
        let hasher = Hasher::new(code);
        let messages: Vec<_> = pieces.iter().map(message).collect();
        let mut many = Vec::new();
        let result = hasher.hash_many(&messages, &mut many);
        let one_by_one: Result<Vec<_>, _> =
            pieces.iter().map(|pieces| hasher.hash(&pieces.concat())).collect();
        prop_assert_eq!(result.map(|()| many), one_by_one);
    }

    #[test]
    fn only_the_same_bytes_verify(code in code(), data in vec(any::<u8>(), 1..120), at: usize) {
        let multihash = Hasher::new(code).hash(&data).unwrap();
        prop_assert_eq!(Hasher::verify(&multihash, &data), Ok(true));
        let mut other = data.clone();
        other[at % data.len()] ^= 1;
        prop_assert_eq!(Hasher::verify(&multihash, &other), Ok(false));
    }
}
