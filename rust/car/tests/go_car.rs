//! Files of go-car, in `tests/vectors/car`, and what it saw in them.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ipfs_kit_car::{
    CarError, IndexCodec, IndexedReader, ReadOptions, Reader, V2_DATA_OFFSET, Verify,
};
use ipfs_kit_cid::{Cid, parse};
use ipfs_kit_hash::Code;
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/car")
}

fn listing() -> Vec<Value> {
    let text = fs::read_to_string(folder().join("listing.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn path(entry: &Value) -> PathBuf {
    folder().join(entry["file"].as_str().unwrap())
}

fn options(entry: &Value) -> ReadOptions {
    let padded = entry["file"] == "v1-zero-padded.car";
    ReadOptions::new().with_zero_padding(padded)
}

fn sections(entry: &Value) -> Vec<(Cid, u64, u64)> {
    let blocks = entry["blocks"].as_array().unwrap().iter();
    let section = |block: &Value| {
        let number = |key: &str| block[key].as_u64().unwrap();
        (
            parse(block["cid"].as_str().unwrap()).unwrap(),
            number("offset"),
            number("data_bytes"),
        )
    };
    blocks.map(section).collect()
}

#[test]
fn every_file_streams_as_go_car_saw_it() {
    for entry in listing() {
        let file = File::open(path(&entry)).unwrap();
        let reader = Reader::with_options(file, options(&entry)).unwrap();
        let roots: Vec<String> =
            reader.roots().iter().map(ipfs_kit_cid::to_string).collect();
        assert_eq!(Value::from(roots), entry["roots"]);
        let version = if reader.v2_header().is_some() { 2 } else { 1 };
        assert_eq!(entry["version"], version);
        let blocks: Vec<_> = reader
            .map(|block| block.unwrap())
            .map(|block| (block.cid, block.offset, block.data.len() as u64))
            .collect();
        assert_eq!(blocks, sections(&entry), "{}", entry["file"]);
    }
}

#[test]
fn every_block_is_found_by_index_and_by_scan() {
    for entry in listing() {
        let open = || File::open(path(&entry)).unwrap();
        let readers = [
            IndexedReader::with_options(open(), options(&entry)).unwrap(),
            IndexedReader::with_scan(open(), options(&entry)).unwrap(),
        ];
        for reader in readers {
            for (cid, _, bytes) in sections(&entry) {
                let data = reader.get(&cid).unwrap().unwrap();
                assert_eq!(data.len() as u64, bytes);
                assert!(reader.contains(&cid));
            }
            let absent = parse("bafkqaaa").unwrap();
            assert_eq!(
                reader.get(&absent).unwrap().unwrap(),
                "",
                "identity needs no file"
            );
            let absent = "bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
            assert_eq!(reader.get(&parse(absent).unwrap()).unwrap(), None);
        }
    }
}

#[test]
fn both_kinds_of_index_are_read_and_name_sections_alone() {
    for entry in listing() {
        let reader = IndexedReader::with_options(
            File::open(path(&entry)).unwrap(),
            options(&entry),
        )
        .unwrap();
        let codec = match entry["index"].as_str().unwrap() {
            "car-index-sorted" => IndexCodec::Sorted,
            _ => IndexCodec::MultihashSorted,
        };
        assert_eq!(reader.index().codec(), codec);
        let start = reader.v2_header().map_or(0, |v2| v2.data_offset);
        let sections = sections(&entry);
        for found in reader.index().entries() {
            let (cid, ..) = sections
                .iter()
                .find(|(_, offset, _)| *offset == start + found.offset)
                .unwrap();
            assert_eq!(cid.hash().digest(), found.digest);
            assert!(found.code.is_none_or(|code| code == cid.hash().code()));
        }
    }
}

#[test]
fn our_index_of_their_data_is_the_index_that_they_wrote() {
    for (name, codec) in [
        ("v2-multihash-index.car", IndexCodec::MultihashSorted),
        ("v2-sorted-index.car", IndexCodec::Sorted),
    ] {
        let bytes = fs::read(folder().join(name)).unwrap();
        let reader = Reader::new(&bytes[..]).unwrap();
        let v2 = *reader.v2_header().unwrap();
        let mut builder = ipfs_kit_car::IndexBuilder::new();
        for block in reader {
            let block = block.unwrap();
            if block.cid.hash().code() != Code::Identity.code() {
                builder.insert(block.cid.hash(), block.offset - v2.data_offset);
            }
        }
        let start = usize::try_from(v2.index_offset.unwrap()).unwrap();
        assert_eq!(builder.encode(codec), bytes[start..]);
    }
}

#[test]
fn padding_is_refused_unless_it_is_asked_for() {
    let bytes = fs::read(folder().join("v1-zero-padded.car")).unwrap();
    let last = Reader::new(&bytes[..]).unwrap().last().unwrap();
    assert!(matches!(last, Err(CarError::EmptySection { offset: 770 })));
    let scanned = IndexedReader::open(bytes).unwrap_err();
    assert!(matches!(scanned, CarError::EmptySection { offset: 770 }));
}

#[test]
fn flags_and_padding_of_version_2_are_read() {
    let v2 = |name: &str| {
        let file = File::open(folder().join(name)).unwrap();
        *Reader::new(file).unwrap().v2_header().unwrap()
    };
    assert!(v2("v2-fully-indexed.car").characteristics.is_fully_indexed());
    assert!(!v2("v2-multihash-index.car").characteristics.is_fully_indexed());
    let padded = v2("v2-padded.car");
    assert_eq!(padded.data_offset, V2_DATA_OFFSET + 77);
    assert_eq!(padded.index_offset, Some(padded.data_end() + 13));
    assert_eq!(v2("v2-no-index.car").index_offset, None);
}

#[test]
fn a_changed_byte_of_a_block_is_found_unless_nobody_looks() {
    let mut bytes = fs::read(folder().join("v1.car")).unwrap();
    let first = sections(&listing()[4])[0];
    let at = bytes.windows(11).position(|bytes| bytes == b"first block").unwrap();
    bytes[at] ^= 1;
    let found = Reader::new(&bytes[..]).unwrap().next_block().unwrap_err();
    assert!(matches!(
        found,
        CarError::Mismatch { offset, ref cid } if offset == first.1 && **cid == first.0
    ));
    let reader = IndexedReader::open(bytes.clone()).unwrap();
    assert!(matches!(reader.get(&first.0), Err(CarError::Mismatch { .. })));
    let trusting = ReadOptions::new().with_verify(Verify::Never);
    let block = Reader::with_options(&bytes[..], trusting).unwrap().next_block().unwrap();
    assert_eq!(block.unwrap().data, "girst block");
}

#[test]
fn every_cut_of_a_file_is_an_error_or_ends_between_blocks() {
    let bytes = fs::read(folder().join("v1.car")).unwrap();
    let ends: Vec<u64> =
        sections(&listing()[4]).iter().map(|(_, offset, _)| *offset).collect();
    for end in 0..bytes.len() {
        let outcome =
            Reader::new(&bytes[..end]).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        assert_eq!(outcome.is_ok(), ends.contains(&(end as u64)), "{end}");
        let opened = IndexedReader::open(bytes[..end].to_vec());
        assert_eq!(opened.is_ok(), ends.contains(&(end as u64)), "{end}");
    }
    let bytes = fs::read(folder().join("v2-multihash-index.car")).unwrap();
    for end in 0..bytes.len() {
        assert!(IndexedReader::open(bytes[..end].to_vec()).is_err(), "{end}");
    }
}
