//! What holds for every key, name and record, and for bytes that are none.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::cmp::Ordering;

use ipfs_kit_ipns::{
    Content, IpnsError, MAX_RECORD_BYTES, Name, PrivateKey, PublicKey, Record, Timestamp,
};
use proptest::prelude::*;

fn key() -> impl Strategy<Value = PrivateKey> {
    any::<[u8; 32]>().prop_map(|secret| PrivateKey::from_secret(&secret))
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200..253_402_300_800_i64, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds).unwrap())
}

fn content() -> impl Strategy<Value = Content> {
    let value = prop_oneof!["/ip[fn]s/[a-zé/]{0,80}", Just(String::new())];
    (value, 0..=i64::MAX as u64, time(), 0..=i64::MAX as u64).prop_map(
        |(value, sequence, until, ttl)| Content {
            value: value.into_bytes(),
            sequence,
            until,
            ttl,
        },
    )
}

proptest! {
    #[test]
    fn keys_come_back_from_both_forms(key in key()) {
        let name = key.public().name();
        let read = PrivateKey::from_protobuf(&key.to_protobuf()).unwrap();
        prop_assert_eq!(read.public().name(), name);
        let read = PrivateKey::from_pem(&key.to_pem().unwrap()).unwrap();
        prop_assert_eq!(read.public().name(), name);
        prop_assert_eq!(name.public_key().unwrap().unwrap(), key.public());
    }

    #[test]
    fn names_come_back_from_every_spelling(key in key()) {
        let name = key.public().name();
        prop_assert_eq!(Name::parse(&name.to_string()), Ok(name));
        prop_assert_eq!(Name::parse(&name.peer_id()), Ok(name));
        prop_assert_eq!(Name::from_bytes(&name.to_bytes()), Ok(name));
        prop_assert!(name.to_string().starts_with("k51"));
        prop_assert!(name.peer_id().starts_with("12D3KooW"));
    }

    #[test]
    fn times_come_back_and_keep_their_order(a in time(), b in time()) {
        prop_assert_eq!(Timestamp::parse(&a.to_string()), Ok(a));
        let key = |time: Timestamp| (time.seconds(), time.nanoseconds());
        prop_assert_eq!(a.cmp(&b), key(a).cmp(&key(b)));
    }

    #[test]
    fn records_say_what_was_signed(key in key(), content in content(), legacy: bool) {
        let name = key.public().name();
        let record = Record::sign(&key, content.clone(), legacy).unwrap();
        let read = Record::decode(record.bytes()).unwrap();
        prop_assert_eq!(&read, &record);
        read.verify(&name).unwrap();
        prop_assert_eq!(read.sequence(), content.sequence);
        prop_assert_eq!(read.until(), content.until);
        prop_assert_eq!(read.ttl(), Some(content.ttl));
        prop_assert_eq!(read.has_legacy(), legacy);
        if !content.value.is_empty() {
            prop_assert_eq!(read.value().unwrap().into_bytes(), content.value);
        }
        let other = PrivateKey::from_secret(&[9; 32]).public().name();
        prop_assert_eq!(read.verify(&other), Err(IpnsError::Signature));
    }

    #[test]
    fn a_changed_byte_is_never_taken_for_the_owners(
        key in key(), content in content(), at: prop::sample::Index, with in 1..=255_u8,
    ) {
        let record = Record::sign(&key, content, false).unwrap();
        let mut bytes = record.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let seen = Record::decode(&bytes).and_then(|it| it.verify(&key.public().name()));
        prop_assert!(seen.is_err());
    }

    #[test]
    fn records_are_in_one_order(key in key(), all in prop::collection::vec(content(), 3)) {
        let sign = |content| Record::sign(&key, content, true).unwrap();
        let [a, b, c] = all.into_iter().map(sign).collect::<Vec<_>>().try_into().unwrap();
        prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
        if a.compare(&b) == b.compare(&c) {
            prop_assert_eq!(a.compare(&c), a.compare(&b));
        }
        prop_assert_eq!(a.compare(&b) == Ordering::Equal, a.bytes() == b.bytes());
        if a.sequence() != b.sequence() {
            prop_assert_eq!(a.compare(&b), a.sequence().cmp(&b.sequence()));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let name = PrivateKey::from_secret(&[9; 32]).public().name();
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert!(record.verify(&name).is_err());
        }
        let _ = PrivateKey::from_protobuf(&bytes);
        let _ = PublicKey::from_protobuf(&bytes);
        let _ = Name::from_bytes(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = PrivateKey::from_pem(&text);
        let _ = Name::parse(&text);
        let _ = Timestamp::parse(&text);
    }

    #[test]
    fn any_cut_of_a_record_is_refused(key in key(), content in content(), legacy: bool) {
        let record = Record::sign(&key, content, legacy).unwrap();
        let whole = record.bytes();
        for end in 0..whole.len() {
            let cut = Record::decode(&whole[..end]);
            let seen = cut.and_then(|record| record.verify(&key.public().name()));
            prop_assert!(seen.is_err(), "{end} of {}", whole.len());
        }
    }
}

#[test]
fn a_record_of_more_than_ten_kib_is_neither_made_nor_read() {
    let key = PrivateKey::from_secret(&[9; 32]);
    let until = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
    let value = vec![b'/'; 11_000];
    let content = Content { value, sequence: 0, until, ttl: 0 };
    let made = Record::sign(&key, content, false);
    assert!(matches!(made, Err(IpnsError::TooLarge { limit: MAX_RECORD_BYTES, .. })));
    let read = Record::decode(&vec![0; MAX_RECORD_BYTES + 1]);
    assert!(matches!(read, Err(IpnsError::TooLarge { .. })));
}

#[test]
fn numbers_that_others_would_take_for_negative_are_not_signed() {
    let key = PrivateKey::from_secret(&[9; 32]);
    let until = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
    let content = |sequence, ttl| Content { value: b"/".to_vec(), sequence, until, ttl };
    for content in [content(1 << 63, 0), content(0, 1 << 63)] {
        let made = Record::sign(&key, content, true);
        assert!(matches!(made, Err(IpnsError::Unsignable(_))));
    }
}

#[test]
fn a_nested_document_is_refused() {
    let mut bytes = vec![0x4a, 0xd0, 0x46];
    bytes.extend_from_slice(&[0x81; 9040]);
    assert!(matches!(Record::decode(&bytes), Err(IpnsError::Malformed(_))));
}
