//! Files that lie about lengths, versions and places.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ipfs_kit_car::{
    CarError, FileWriter, Format, Header, Index, IndexCodec, IndexedReader, PRAGMA,
    ReadOptions, Reader, Roots, V2Header, Writer,
};
use ipfs_kit_cid::{Cid, codec, varint};
use ipfs_kit_hash::{Code, Hasher};

fn cid(data: &[u8]) -> Cid {
    Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(data).unwrap())
}

/// A header without roots, and then these bytes.
fn car(rest: &[u8]) -> Vec<u8> {
    [Header::default().encode_frame(), rest.to_vec()].concat()
}

/// The error of streaming, and of scanning, which must be of one kind.
fn refused(bytes: &[u8]) -> CarError {
    let streamed = Reader::new(bytes).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let streamed = streamed.unwrap_err();
    if let Err(scanned) = IndexedReader::with_scan(bytes.to_vec(), ReadOptions::new()) {
        assert_eq!(
            std::mem::discriminant(&scanned),
            std::mem::discriminant(&streamed),
            "{scanned} and {streamed}"
        );
    }
    streamed
}

const HEADER_BYTES: u64 = 18;

#[test]
fn nothing_and_noise_are_no_car() {
    assert!(matches!(refused(b""), CarError::Header { offset: 0, .. }));
    assert!(matches!(refused(b"\0"), CarError::Header { .. }));
    assert!(matches!(refused(b"hello world"), CarError::Truncated { .. }));
    assert!(matches!(refused(b"\x02hello world"), CarError::Header { .. }));
    let version_3 = [&PRAGMA[..10], &[3], &[0; 40]].concat();
    assert!(matches!(refused(&version_3), CarError::Version { version: 3 }));
}

#[test]
fn a_huge_header_is_refused_by_its_length() {
    let mut bytes = Vec::new();
    varint::encode(1 << 40, &mut bytes);
    let error = refused(&bytes);
    assert!(matches!(error, CarError::HeaderTooLarge { bytes, .. } if bytes == 1 << 40));
    let options = ReadOptions::new().with_max_header_bytes(16).unwrap();
    let error = Reader::with_options(&car(b"")[..], options).unwrap_err();
    assert!(matches!(error, CarError::HeaderTooLarge { bytes: 17, limit: 16 }));
}

#[test]
fn lengths_of_sections_must_be_short_and_in_shortest_form() {
    let cases: [&[u8]; 3] = [&[0x81, 0x00], &[0xff; 9], &[0xff; 20]];
    for rest in cases {
        let error = refused(&car(rest));
        assert!(
            matches!(error, CarError::Varint { offset: HEADER_BYTES, .. }),
            "{error}"
        );
    }
    let mut huge = Vec::new();
    varint::encode((1 << 63) - 1, &mut huge);
    let error = refused(&car(&huge));
    assert!(matches!(error, CarError::SectionTooLarge { offset: HEADER_BYTES, .. }));
    assert!(matches!(
        refused(&car(&[0])),
        CarError::EmptySection { offset: HEADER_BYTES }
    ));
    let error = refused(&car(&[0x80]));
    assert!(matches!(error, CarError::Truncated { offset: 19, .. }), "{error}");
}

#[test]
fn a_block_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    for (over, fits) in [(0, true), (1, false)] {
        let data = vec![7; (2 << 20) + over];
        let cid = cid(&data);
        let mut writer = Writer::new(Vec::new(), &[cid]).unwrap();
        writer.put(&cid, &data).unwrap();
        let bytes = writer.finish().unwrap();
        if fits {
            assert_eq!(Reader::new(&bytes[..]).unwrap().count(), 1);
            let reader = IndexedReader::open(bytes).unwrap();
            assert_eq!(reader.get(&cid).unwrap().unwrap(), data);
        } else {
            assert!(matches!(refused(&bytes), CarError::SectionTooLarge { .. }));
            let options = ReadOptions::new().with_max_block_bytes(3 << 20).unwrap();
            let reader = Reader::with_options(&bytes[..], options).unwrap();
            assert_eq!(reader.count(), 1);
        }
    }
}

#[test]
fn a_section_needs_a_cid_within_it() {
    // The length is that of a shorter section, and the digest reaches behind it.
    let cid = cid(b"x").to_bytes();
    let rest = [&[35][..], &cid, b"x"].concat();
    assert!(matches!(refused(&car(&rest)), CarError::Cid { offset: HEADER_BYTES, .. }));
    assert!(matches!(refused(&car(&[1, 9])), CarError::Cid { .. }));
}

#[test]
fn hashes_that_cannot_be_computed_are_no_proof() {
    let unknown = [&[0x01, 0x55, 0x99, 0x55, 1, 7][..], b"data"].concat();
    let mut rest = vec![u8::try_from(unknown.len()).unwrap()];
    rest.extend_from_slice(&unknown);
    assert!(matches!(refused(&car(&rest)), CarError::Unverifiable { .. }));
}

#[test]
fn an_identity_cid_must_repeat_its_block() {
    let hash = Hasher::new(Code::Identity).hash(b"same").unwrap();
    let cid = Cid::new_v1(codec::RAW, hash);
    let mut writer = Writer::new(Vec::new(), &[]).unwrap();
    writer.put(&cid, b"same").unwrap();
    writer.put(&cid, b"else").unwrap();
    let bytes = writer.finish().unwrap();
    let mut reader = Reader::new(&bytes[..]).unwrap();
    assert!(reader.next_block().unwrap().is_some());
    assert!(matches!(reader.next_block(), Err(CarError::Mismatch { .. })));
    assert!(reader.next_block().unwrap().is_none(), "nothing follows an error");
}

/// A version 2 of one block with its parts at the places that `change` says.
fn v2(change: impl Fn(&mut V2Header)) -> Vec<u8> {
    let file = std::io::Cursor::new(Vec::new());
    let format = Format::V2(Some(IndexCodec::MultihashSorted));
    let mut writer = FileWriter::new(file, format, Roots::Known(vec![])).unwrap();
    writer.put(&cid(b"block"), b"block").unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let mut header = V2Header::decode(bytes[11..51].try_into().unwrap()).unwrap();
    change(&mut header);
    bytes[11..51].copy_from_slice(&header.encode());
    bytes
}

#[test]
fn parts_of_version_2_must_lie_within_the_file_and_apart() {
    assert!(Reader::new(&v2(|_| ())[..]).unwrap().all(|block| block.is_ok()));
    let far = v2(|header| header.data_offset = 1 << 40);
    assert!(matches!(refused(&far), CarError::V2Header { .. }));
    let far = v2(|header| {
        *header = V2Header { data_offset: 1 << 40, index_offset: None, ..*header }
    });
    assert!(matches!(refused(&far), CarError::Truncated { .. }));
    let short = v2(|header| header.data_bytes -= 1);
    assert!(matches!(refused(&short), CarError::SectionBeyondData { .. }));
    let tiny = v2(|header| header.data_bytes = 5);
    assert!(matches!(refused(&tiny), CarError::SectionBeyondData { .. }));
    let inner = v2(|header| header.data_offset = 0);
    assert!(matches!(refused(&inner), CarError::V2Header { .. }));
    let long = v2(|header| {
        *header = V2Header { data_bytes: 1 << 20, index_offset: None, ..*header }
    });
    assert!(matches!(refused(&long), CarError::Truncated { .. }));
    let nested = [
        &PRAGMA[..],
        &V2Header { data_bytes: 11, ..V2Header::default() }.encode(),
        &PRAGMA,
    ]
    .concat();
    assert!(matches!(refused(&nested), CarError::Version { version: 2 }));
    for index_offset in [1 << 40, u64::MAX] {
        let far = v2(|header| header.index_offset = Some(index_offset));
        let error = IndexedReader::open(far).unwrap_err();
        assert!(matches!(error, CarError::Truncated { .. }), "{error}");
    }
}

#[test]
fn an_index_that_names_other_places_is_found_out() {
    let good = v2(|_| ());
    let at = good.len() - 8;
    for (offset, expected) in
        [(0, "begins with no CID"), (1, ""), (1 << 40, "ends behind"), (u64::MAX, "")]
    {
        let mut bytes = good.clone();
        bytes[at..].copy_from_slice(&u64::to_le_bytes(offset));
        let reader = IndexedReader::open(bytes).unwrap();
        let error = reader.get(&cid(b"block")).unwrap_err().to_string();
        assert!(error.contains(expected) || error.contains("cut short"), "{error}");
    }
}

#[test]
fn an_index_that_names_another_block_is_found_out() {
    let file = std::io::Cursor::new(Vec::new());
    let format = Format::V2(Some(IndexCodec::MultihashSorted));
    let mut writer = FileWriter::new(file, format, Roots::Known(vec![])).unwrap();
    writer.put(&cid(b"a"), b"a").unwrap();
    let second = writer.put(&cid(b"b"), b"b").unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    let index = bytes.len() - 40;
    let first_entry = index - 40..index;
    // Whichever of the two is first in the index: both now lead to the second section.
    for end in [first_entry.end, bytes.len()] {
        bytes[end - 8..end].copy_from_slice(&second.to_le_bytes());
    }
    let reader = IndexedReader::open(bytes).unwrap();
    assert_eq!(reader.get(&cid(b"b")).unwrap().unwrap(), "b");
    let error = reader.get(&cid(b"a")).unwrap_err();
    assert!(matches!(error, CarError::IndexMismatch { .. }), "{error}");
}

#[test]
fn indexes_that_are_not_in_order_are_refused() {
    let sorted = |widths: &[(u32, &[u8])]| {
        let mut bytes = vec![0x80, 0x08];
        bytes.extend_from_slice(&u32::try_from(widths.len()).unwrap().to_le_bytes());
        for (width, entries) in widths {
            bytes.extend_from_slice(&width.to_le_bytes());
            bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
            bytes.extend_from_slice(entries);
        }
        Index::parse(bytes)
    };
    assert_eq!(sorted(&[(9, &[0; 18]), (10, &[0; 10])]).unwrap().len(), 3);
    assert_eq!(sorted(&[]).unwrap().len(), 0);
    for widths in [
        &[(10, &[0; 10][..]), (9, &[0; 9])][..],
        &[(9, &[0; 9]), (9, &[0; 9])],
        &[(7, &[0; 7])],
        &[(0, &[])],
        &[(9, &[0; 10])],
    ] {
        assert!(matches!(sorted(widths), Err(CarError::Index { .. })));
    }
    let unsorted =
        sorted(&[(9, &[2, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])]);
    assert!(unsorted.unwrap().check_order().is_err());
    assert!(matches!(Index::parse([0x55]), Err(CarError::IndexCodec { codec: 0x55 })));
    assert!(matches!(
        Index::parse([0x80, 0x08, 0, 0, 0, 0, 0]),
        Err(CarError::Index { .. })
    ));
    assert!(matches!(
        Index::parse([0x81, 0x08, 255, 255, 255, 255]),
        Err(CarError::Index { .. })
    ));
}

#[test]
fn roots_are_given_once() {
    let new =
        |roots| FileWriter::new(std::io::Cursor::new(Vec::new()), Format::V1, roots);
    let open = new(Roots::Open { cid_bytes: 36 }).unwrap();
    assert!(matches!(open.finish(), Err(CarError::RootsMissing)));
    let known = new(Roots::Known(vec![])).unwrap();
    assert!(matches!(known.finish_with_roots(&[]), Err(CarError::RootsGivenTwice)));
}
