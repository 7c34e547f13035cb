//! What holds for any blocks, and for any bytes at all.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Cursor, Seek, SeekFrom, Write};

use ipfs_kit_car::{
    Block, CarError, FileWriter, Format, Header, Index, IndexBuilder, IndexCodec,
    IndexedReader, ReadOptions, Reader, Roots, Writer,
};
use ipfs_kit_cid::{Cid, arb};
use ipfs_kit_hash::{Code, Hasher, Multihash};
use proptest::prelude::*;

fn block() -> impl Strategy<Value = (Cid, Vec<u8>)> {
    let codes =
        [Code::Identity, Code::Sha2_256, Code::Sha2_256, Code::Sha2_512, Code::Blake3];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..120),
        prop::collection::vec(any::<u8>(), 4000..9000),
    ];
    (bytes, 0..1_u64 << 30, prop::sample::select(codes.to_vec())).prop_map(
        |(data, codec, code)| {
            let code = if data.len() > 120 { Code::Sha2_256 } else { code };
            (Cid::new_v1(codec, Hasher::new(code).hash(&data).unwrap()), data)
        },
    )
}

fn blocks() -> impl Strategy<Value = Vec<(Cid, Vec<u8>)>> {
    prop::collection::vec(block(), 0..12)
}

fn format() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![
        Format::V1,
        Format::V2(None),
        Format::V2(Some(IndexCodec::Sorted)),
        Format::V2(Some(IndexCodec::MultihashSorted)),
    ])
}

/// Writes into a file that has something before its start.
fn write(
    format: Format,
    open: Option<usize>,
    roots: &[Cid],
    blocks: &[(Cid, Vec<u8>)],
) -> Vec<u8> {
    const BEFORE: &[u8] = b"before";
    let mut file = Cursor::new(Vec::new());
    file.write_all(BEFORE).unwrap();
    let start = match open {
        Some(cid_bytes) => Roots::Open { cid_bytes },
        None => Roots::Known(roots.to_vec()),
    };
    let mut writer = FileWriter::new(file, format, start).unwrap();
    for (cid, data) in blocks {
        writer.put(cid, data).unwrap();
    }
    let mut file = match open {
        Some(_) => writer.finish_with_roots(roots).unwrap(),
        None => writer.finish().unwrap(),
    };
    assert_eq!(file.stream_position().unwrap(), file.seek(SeekFrom::End(0)).unwrap());
    let bytes = file.into_inner();
    assert!(bytes.starts_with(BEFORE));
    bytes[BEFORE.len()..].to_vec()
}

fn read(bytes: &[u8]) -> Result<Vec<Block>, CarError> {
    Reader::new(bytes)?.collect()
}

/// Whatever these bytes are, reading them ends, and what is read is what its CID names.
fn read_anyhow(bytes: &[u8]) {
    for padding in [false, true] {
        let options = ReadOptions::new().with_zero_padding(padding);
        if let Ok(reader) = Reader::with_options(bytes, options) {
            for block in reader.flatten() {
                assert!(Hasher::verify(block.cid.hash(), &block.data).unwrap());
            }
        }
        for reader in [
            IndexedReader::with_options(bytes.to_vec(), options),
            IndexedReader::with_scan(bytes.to_vec(), options),
        ]
        .into_iter()
        .flatten()
        {
            let hashes: Vec<Multihash> = reader
                .index()
                .entries()
                .filter_map(|entry| {
                    Multihash::wrap(entry.code.unwrap_or(0x12), entry.digest).ok()
                })
                .collect();
            for hash in hashes {
                let cid = Cid::new_v1(0x55, hash);
                if let Ok(Some(data)) = reader.get(&cid) {
                    assert!(Hasher::verify(&hash, &data).unwrap());
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        format in format(),
        open in prop::option::of(0..200_usize),
        roots in prop::collection::vec(arb::cid(), 0..4),
        blocks in blocks(),
    ) {
        let bytes = write(format, open, &roots, &blocks);
        let named = Reader::new(&bytes[..]).unwrap().roots().to_vec();
        prop_assert_eq!(named, roots);
        let read: Vec<_> = read(&bytes)
            .unwrap()
            .into_iter()
            .map(|block| (block.cid, block.data.to_vec()))
            .collect();
        prop_assert_eq!(&read, &blocks);
        let readers = [
            IndexedReader::open(bytes.clone()).unwrap(),
            IndexedReader::with_scan(bytes.clone(), ReadOptions::new()).unwrap(),
        ];
        for reader in readers {
            for (cid, data) in &blocks {
                let found = reader.get(cid).unwrap().unwrap();
                prop_assert_eq!(&found[..], &data[..]);
            }
        }
    }

    #[test]
    fn open_roots_give_the_bytes_of_known_roots(
        format in format(),
        cid_bytes in 0..200_usize,
        roots in prop::collection::vec(arb::cid(), 0..4),
        blocks in blocks(),
    ) {
        let known = write(format, None, &roots, &blocks);
        prop_assert_eq!(write(format, Some(cid_bytes), &roots, &blocks), known);
    }

    #[test]
    fn both_writers_write_the_same(roots in prop::collection::vec(arb::cid(), 0..4), blocks in blocks()) {
        let mut writer = Writer::new(Vec::new(), &roots).unwrap();
        let mut offsets = Vec::new();
        for (cid, data) in &blocks {
            offsets.push(writer.put(cid, data).unwrap());
        }
        let bytes = writer.finish().unwrap();
        prop_assert_eq!(&bytes, &write(Format::V1, None, &roots, &blocks));
        let read: Vec<_> = read(&bytes).unwrap().iter().map(|block| block.offset).collect();
        prop_assert_eq!(read, offsets);
    }

    #[test]
    fn headers_round_trip(roots in prop::collection::vec(arb::cid(), 0..30)) {
        let header = Header { roots };
        prop_assert_eq!(Header::decode(&header.encode()).unwrap(), header);
    }

    #[test]
    fn an_index_finds_what_was_put_in_and_nothing_else(
        entries in prop::collection::vec((arb::multihash(), any::<u64>()), 0..50),
        absent in arb::multihash(),
    ) {
        let mut builder = IndexBuilder::new();
        for (hash, offset) in &entries {
            builder.insert(hash, *offset);
        }
        for codec in [IndexCodec::Sorted, IndexCodec::MultihashSorted] {
            let index = Index::parse(builder.encode(codec)).unwrap();
            index.check_order().unwrap();
            prop_assert_eq!((index.codec(), index.len()), (codec, entries.len()));
            for hash in entries.iter().map(|(hash, _)| hash).chain([&absent]) {
                let mut expected: Vec<u64> = entries
                    .iter()
                    .filter(|(other, _)| match codec {
                        IndexCodec::Sorted => other.digest() == hash.digest(),
                        IndexCodec::MultihashSorted => other == hash,
                    })
                    .map(|(_, offset)| *offset)
                    .collect();
                expected.sort_unstable();
                prop_assert_eq!(index.offsets(hash).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_anyhow(&bytes);
        read_anyhow(&[Header::default().encode_frame(), bytes.clone()].concat());
        let _ = Header::decode(&bytes);
        let _ = Index::parse(&bytes);
        let _ = Index::parse([&[0x81, 0x08, 1, 0, 0, 0][..], &bytes].concat());
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        format in format(),
        blocks in blocks(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = write(format, None, &[], &blocks);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        read_anyhow(&bytes);
        bytes.truncate(end.index(bytes.len()));
        read_anyhow(&bytes);
    }
}
