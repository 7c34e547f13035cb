//! What holds for any node and any bytes.

use ipfs_kit_cid::{Cid, arb, codec};
use ipfs_kit_dag::pb::{PbLink, PbNode};
use ipfs_kit_dag::{Ipld, cbor, json, links};
use proptest::prelude::*;

fn node() -> impl Strategy<Value = PbNode> {
    let link = (
        arb::cid(),
        proptest::option::of("\\PC{0,20}"),
        proptest::option::of(0_u64..1 << 62),
    )
        .prop_map(|(cid, name, tsize)| PbLink { cid, name, tsize });
    let data = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300));
    (proptest::collection::vec(link, 0..8), data)
        .prop_map(|(links, data)| PbNode { links, data })
}

fn value() -> impl Strategy<Value = Ipld> {
    let leaf = prop_oneof![
        Just(Ipld::Null),
        any::<bool>().prop_map(Ipld::Bool),
        any::<i64>().prop_map(|i| Ipld::Integer(i.into())),
        any::<f64>().prop_filter("no NaN", |f| f.is_finite()).prop_map(Ipld::Float),
        "\\PC{0,10}".prop_map(Ipld::String),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Ipld::Bytes),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Ipld::List),
            proptest::collection::btree_map("[a-z]{0,5}", inner, 0..6)
                .prop_map(Ipld::Map),
        ]
    })
}

proptest! {
    #[test]
    fn encoding_then_decoding_a_pb_node_sorts_it_and_no_more(node in node()) {
        let mut sorted = node.clone();
        sorted.links.sort_by(|a, b| a.name.cmp(&b.name));
        prop_assert_eq!(PbNode::decode(&node.encode()).unwrap(), sorted);
    }

    #[test]
    fn cbor_and_json_round_trip(value in value()) {
        prop_assert_eq!(&cbor::decode(&cbor::encode(&value).unwrap()).unwrap(), &value);
        prop_assert_eq!(&json::decode(&json::encode(&value).unwrap()).unwrap(), &value);
    }

    #[test]
    fn any_bytes_decode_or_err(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = PbNode::decode(&bytes);
        let _ = cbor::decode(&bytes);
        let _ = json::decode(&bytes);
    }

    #[test]
    fn a_changed_byte_never_panics(node in node(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = node.encode();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = PbNode::decode(&bytes);
    }

    #[test]
    fn links_are_those_of_the_node(node in node()) {
        let expected: Vec<Cid> = {
            let mut links = node.links.clone();
            links.sort_by(|a, b| a.name.cmp(&b.name));
            links.into_iter().map(|link| link.cid).collect()
        };
        let cid = Cid::new_v1(codec::DAG_PB, *expected.first().map_or(
            &ipfs_kit_hash::Hasher::new(ipfs_kit_hash::Code::Sha2_256).hash(b"").unwrap(),
            |cid| cid.hash(),
        ));
        prop_assert_eq!(links(&cid, &node.encode()).unwrap(), expected);
    }
}
