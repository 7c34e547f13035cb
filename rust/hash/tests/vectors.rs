//! Known multihashes of each function, and what a hasher refuses.
//!
//! The digests of `abc` are those of Python's hashlib, and for keccak-256 and blake3 those that
//! their authors publish; code and length are put before them as the multihash text says.

use ipfs_kit_hash::{Code, HashError, Hasher, MAX_DIGEST_BYTES, Message, Multihash};

const ABC: [(Code, &str); 13] = [
    (Code::Identity, "0003616263"),
    (Code::Sha1, "1114a9993e364706816aba3e25717850c26c9cd0d89d"),
    (
        Code::Sha2_256,
        "1220ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ),
    (
        Code::Sha2_512,
        "1340ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192\
        992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    (Code::Sha3_224, "171ce642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
    (
        Code::Sha3_256,
        "16203a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
    ),
    (
        Code::Sha3_384,
        "1530ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d8\
        8cea927ac7f539f1edf228376d25",
    ),
    (
        Code::Sha3_512,
        "1440b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e1\
        16e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
    ),
    (
        Code::Keccak256,
        "1b204e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    ),
    (
        Code::Blake2b256,
        "a0e40220bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
    ),
    (
        Code::Blake2s256,
        "e0e40220508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
    ),
    (
        Code::Blake3,
        "1e206437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85",
    ),
    (
        Code::DblSha2_256,
        "56204f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358",
    ),
];

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}

#[test]
fn each_function_gives_its_known_multihash() {
    assert_eq!(ABC.map(|row| row.0), Code::ALL);
    for (code, expected) in ABC {
        let multihash = Hasher::new(code).hash(b"abc").unwrap();
        assert_eq!(hex(&multihash.to_bytes()), expected, "{}", code.name());
        assert_eq!(Hasher::verify(&multihash, b"abc"), Ok(true));
        assert_eq!(Hasher::verify(&multihash, b"abd"), Ok(false));
    }
}

#[test]
fn many_messages_give_the_known_multihashes() {
    for (code, expected) in ABC {
        let messages = [Message { header: b"a", data: b"b", trailer: b"c" }; 40];
        let mut multihashes = vec![Multihash::default()];
        Hasher::new(code).hash_many(&messages, &mut multihashes).unwrap();
        assert_eq!(multihashes.len(), 41, "appended");
        let all_same =
            multihashes[1..].iter().all(|one| hex(&one.to_bytes()) == expected);
        assert!(all_same, "{}", code.name());
    }
}

#[test]
fn a_shorter_blake3_digest_is_the_beginning_of_a_longer_one() {
    let long = Hasher::with_length(Code::Blake3, 128).unwrap().hash(b"abc").unwrap();
    for length in [20, 32, 64, 127] {
        let hasher = Hasher::with_length(Code::Blake3, length).unwrap();
        let short = hasher.hash(b"abc").unwrap();
        assert_eq!(short.digest(), &long.digest()[..length]);
        assert_eq!(Hasher::verify(&short, b"abc"), Ok(true));
        let mut many = Vec::new();
        let message = Message::from(&b"abc"[..]);
        hasher.hash_many(&[message, message], &mut many).unwrap();
        assert_eq!(many, [short, short]);
    }
}

#[test]
fn lengths_that_a_function_does_not_give_are_refused() {
    for (code, length) in [
        (Code::Blake3, 19),
        (Code::Blake3, 129),
        (Code::Sha2_256, 20),
        (Code::Sha2_512, 32),
        (Code::Identity, 3),
    ] {
        let error = HashError::DigestLength { code, length };
        assert_eq!(Hasher::with_length(code, length), Err(error));
    }
    for code in Code::ALL {
        assert_eq!(Hasher::with_length(code, code.digest_bytes()), Ok(Hasher::new(code)));
    }
}

#[test]
fn identity_holds_up_to_128_bytes() {
    let hasher = Hasher::new(Code::Identity);
    assert_eq!(hasher.hash(&[7; 128]).unwrap().digest(), [7; MAX_DIGEST_BYTES]);
    let error = HashError::IdentityTooLong { length: 129 };
    assert_eq!(hasher.hash(&[7; 129]), Err(error.clone()));
    let mut multihashes = vec![Multihash::default()];
    let messages = [&[7; 128][..], &[7; 129]].map(Message::from);
    assert_eq!(hasher.hash_many(&messages, &mut multihashes), Err(error));
    assert_eq!(multihashes.len(), 1, "as before");
}

#[test]
fn verifying_refuses_unknown_unsafe_and_truncated_digests() {
    let verify = |code, digest: &[u8]| {
        Hasher::verify(&Multihash::wrap(code, digest).unwrap(), b"abc")
    };
    assert_eq!(verify(0x99_9999, &[0; 32]), Err(HashError::UnknownCode(0x99_9999)));
    assert_eq!(verify(0xd5, &[0; 16]), Err(HashError::Unsafe("md5")));
    let error = HashError::DigestLength { code: Code::Sha2_256, length: 20 };
    assert_eq!(verify(0x12, &[0; 20]), Err(error));
    assert_eq!(verify(0x00, b"abd"), Ok(false));
}
