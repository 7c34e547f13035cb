//! Keys, names and records as Kubo has them, from `tests/vectors/ipns.json`.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

use ipfs_kit_ipns::{
    Content, IpnsError, KeyType, Name, PrivateKey, PublicKey, Record, Timestamp,
};
use serde_json::Value;

fn vectors() -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/ipns.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let pairs = text.as_bytes().chunks(2);
    let byte =
        |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.map(byte).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The entry of a key, and the key itself if it is one of ours.
fn key_of<'a>(all: &'a Value, name: &Value) -> (&'a Value, Option<PrivateKey>) {
    let keys = all["keys"].as_array().unwrap();
    let entry = keys.iter().find(|key| key["key"] == *name).unwrap();
    let secret = entry.get("secret").map(hex);
    let key =
        secret.map(|secret| PrivateKey::from_secret(secret[..].try_into().unwrap()));
    (entry, key)
}

#[test]
fn keys_are_read_and_written_as_in_kubo() {
    let all = vectors();
    let ours =
        all["keys"].as_array().unwrap().iter().filter(|key| key["secret"] != Value::Null);
    for (count, entry) in ours.enumerate() {
        let (_, key) = key_of(&all, &entry["key"]);
        let key = key.unwrap();
        assert_eq!(*key.to_protobuf(), hex(&entry["protobuf"]));
        assert_eq!(*key.to_pem().unwrap(), text(&entry["pem"]));
        let name = key.public().name();
        assert_eq!(name.to_string(), text(&entry["name"]));
        assert_eq!(name.peer_id(), text(&entry["peer_id"]));
        for read in [
            PrivateKey::from_protobuf(&hex(&entry["protobuf"])).unwrap(),
            PrivateKey::from_pem(text(&entry["pem"])).unwrap(),
        ] {
            assert_eq!(read.public().name(), name);
        }
        assert!(count < 3);
    }
}

#[test]
fn names_are_one_in_every_spelling() {
    for entry in vectors()["keys"].as_array().unwrap() {
        let name = Name::parse(text(&entry["name"])).unwrap();
        for spelling in ["peer_id", "base32", "name"] {
            assert_eq!(Name::parse(text(&entry[spelling])), Ok(name));
        }
        assert_eq!(name.peer_id(), text(&entry["peer_id"]));
        assert_eq!(name.to_string(), text(&entry["name"]));
    }
}

#[test]
fn records_are_signed_to_the_bit_as_by_kubo() {
    let all = vectors();
    for entry in all["records"].as_array().unwrap() {
        let (_, Some(key)) = key_of(&all, &entry["key"]) else { continue };
        let content = Content {
            value: text(&entry["value"]).as_bytes().to_vec(),
            sequence: entry["sequence"].as_u64().unwrap(),
            until: Timestamp::parse(text(&entry["validity"])).unwrap(),
            ttl: entry["ttl"].as_u64().unwrap(),
        };
        let legacy = entry["signature_type"] == "V1+V2";
        let record = Record::sign(&key, content, legacy).unwrap();
        assert_eq!(record.bytes(), hex(&entry["record"]), "{entry}");
    }
}

#[test]
fn records_of_kubo_are_read_and_verified() {
    let all = vectors();
    let mut refused = Vec::new();
    for entry in all["records"].as_array().unwrap() {
        let record = Record::decode(&hex(&entry["record"])).unwrap();
        assert_eq!(record.value().unwrap(), text(&entry["value"]));
        assert_eq!(record.sequence(), entry["sequence"].as_u64().unwrap());
        assert_eq!(record.ttl(), entry["ttl"].as_u64());
        assert_eq!(record.until(), Timestamp::parse(text(&entry["validity"])).unwrap());
        assert_eq!(record.has_legacy(), entry["signature_type"] == "V1+V2");
        let (key, ours) = key_of(&all, &entry["key"]);
        let name = Name::parse(text(&key["name"])).unwrap();
        match record.verify(&name) {
            Ok(()) => assert!(ours.is_some()),
            Err(IpnsError::Uncheckable(kind)) => refused.push(kind),
            Err(error) => panic!("{entry}: {error}"),
        }
        let other = PrivateKey::from_secret(&[1; 32]).public().name();
        assert!(matches!(
            record.verify(&other),
            Err(IpnsError::Signature | IpnsError::WrongKey)
        ));
    }
    assert_eq!(refused, [KeyType::Rsa, KeyType::Secp256k1]);
}

#[test]
fn no_changed_bit_of_a_record_changes_what_it_says() {
    let all = vectors();
    let entry = &all["records"][0];
    let name = Name::parse(text(&key_of(&all, &entry["key"]).0["name"])).unwrap();
    let bytes = hex(&entry["record"]);
    let whole = Record::decode(&bytes).unwrap();
    whole.verify(&name).unwrap();
    let says = |it: &Record| (it.value().unwrap(), it.sequence(), it.until(), it.ttl());
    let mut taken = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let Ok(record) = Record::decode(&bytes) else { continue };
            if record.verify(&name).is_ok() {
                assert_eq!(says(&record), says(&whole), "bit {bit} of byte {at}");
                taken += 1;
            }
        }
    }
    // The signature of old is checked by nobody any more, nor are fields that are not known.
    assert!(taken < 8 * 66 + 32, "{taken}");
}

#[test]
fn a_record_that_is_over_says_since_when() {
    let all = vectors();
    let records = all["records"].as_array().unwrap();
    let entry =
        records.iter().find(|entry| entry["publish"][0] == "--lifetime=3s").unwrap();
    let record = Record::decode(&hex(&entry["record"])).unwrap();
    let error = record.check_time(Timestamp::now()).unwrap_err();
    assert!(error.to_string().contains(text(&entry["validity"])), "{error}");
    record.check_time(record.until()).unwrap();
}

#[test]
fn public_keys_of_other_kinds_come_back_as_they_were() {
    let all = vectors();
    let records = all["records"].as_array().unwrap();
    let entry = records.iter().find(|entry| entry["key"] == "rsa").unwrap();
    let record = Record::decode(&hex(&entry["record"])).unwrap();
    let carried = record.carried_key().unwrap();
    let key = PublicKey::from_protobuf(carried).unwrap();
    assert_eq!((key.kind(), &*key.to_protobuf()), (KeyType::Rsa, carried));
    assert_eq!(key.name().peer_id(), text(&key_of(&all, &entry["key"]).0["peer_id"]));
}
