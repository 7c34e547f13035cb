//! What holds for packs of any blocks, and for packs that were damaged anyhow.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;
use std::fs;

use ipfs_kit_car::{ReadOptions, Reader};
use ipfs_kit_cid::{Cid, arb, codec, to_v0};
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_pack::{
    Folder, HEADER_BYTES, Pack, PackError, PackId, Writer, most_padding_bytes, reindex,
    scan_end,
};
use proptest::prelude::*;
use tempfile::TempDir;

/// The length of its data and what it is made of.
#[derive(Clone, Debug)]
struct Recipe {
    bytes: usize,
    seed: u64,
    code: Code,
    codec: u64,
    v0: bool,
    cuts: Vec<usize>,
}

impl Recipe {
    fn block(&self) -> (Cid, Vec<u8>) {
        let mut state = self.seed | 1;
        let mut data = Vec::with_capacity(self.bytes + 8);
        while data.len() < self.bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            data.extend_from_slice(&state.to_le_bytes());
        }
        data.truncate(self.bytes);
        let hash = Hasher::new(self.code).hash(&data).unwrap();
        let cid = Cid::new_v1(self.codec, hash);
        if self.v0 && self.code == Code::Sha2_256 {
            let v1 = Cid::new_v1(codec::DAG_PB, hash);
            return (to_v0(&v1).unwrap(), data);
        }
        (cid, data)
    }

    fn parts<'a>(&self, data: &'a [u8]) -> Vec<&'a [u8]> {
        let mut parts = Vec::new();
        let mut rest = data;
        for cut in &self.cuts {
            let (part, after) = rest.split_at((*cut).min(rest.len()));
            parts.push(part);
            rest = after;
        }
        parts.push(rest);
        parts
    }
}

fn recipe(most: usize) -> impl Strategy<Value = Recipe> {
    let bytes = prop_oneof![
        6 => 0..300_usize,
        4 => 4000..4200_usize,
        3 => 65_400..65_700_usize,
        1 => 0..=2_usize << 20,
    ];
    let codes = Code::ALL[1..].to_vec();
    (
        bytes,
        any::<u64>(),
        prop::sample::select(codes),
        prop_oneof![Just(codec::RAW), Just(codec::DAG_PB), 0..1_u64 << 62],
        any::<bool>(),
        prop::collection::vec(0..70_000_usize, 0..4),
    )
        .prop_map(move |(bytes, seed, code, codec, v0, cuts)| {
            let bytes = bytes.min(most);
            Recipe { bytes, seed, code, codec, v0, cuts }
        })
}

fn folder() -> (TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path().join("packs")).unwrap();
    (place, folder)
}

type Written = Vec<(u64, Cid, Vec<u8>)>;

/// Writes blocks; sometimes flushes, syncs, or gives the pack to another writer.
fn write(folder: &Folder, recipes: &[Recipe]) -> (Writer, Written) {
    let mut writer = Writer::create(folder).unwrap();
    let mut written = Vec::new();
    for recipe in recipes {
        let (cid, data) = recipe.block();
        let end = writer.end();
        let offset = writer.append(&cid, &recipe.parts(&data)).unwrap();
        assert!(offset >= end && writer.end() > offset + data.len() as u64);
        let start = writer.end() - data.len() as u64;
        match data.len() {
            65_536.. => assert_eq!(start % 4096, 0),
            4096.. => assert_eq!(start % 64, 0),
            _ => assert_eq!(offset, end),
        }
        assert!(offset - end <= most_padding_bytes(data.len()));
        written.push((offset, cid, data));
        match recipe.seed % 8 {
            0 => writer.flush().unwrap(),
            1 => assert_eq!(writer.sync().unwrap(), writer.end()),
            2 => {
                let (id, committed) = (writer.id(), writer.sync().unwrap());
                drop(writer);
                writer = Writer::reopen(folder, id, committed).unwrap().unwrap();
            }
            _ => {}
        }
    }
    (writer, written)
}

fn check(pack: &Pack, committed: u64, written: &Written) {
    let scanned: Written = pack
        .scan(committed)
        .map(|section| section.map(|(offset, cid, data)| (offset, cid, data.to_vec())))
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(&scanned, written);
    for (offset, cid, data) in written {
        assert_eq!(pack.read(*offset, committed, cid.hash()).unwrap(), data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_written_is_read(recipes in prop::collection::vec(recipe(2 << 20), 0..24)) {
        let (_place, folder) = folder();
        let (mut writer, written) = write(&folder, &recipes);
        let id = writer.id();
        let committed = writer.sync().unwrap();
        prop_assert_eq!(fs::metadata(folder.pack_path(id)).unwrap().len(), committed);
        check(&Pack::open(&folder, id).unwrap().unwrap(), committed, &written);
        prop_assert_eq!(scan_end(&folder, id).unwrap(), Some(committed));

        // Any strict reader of CARs finds the same, with identity blocks between.
        let file = fs::File::open(folder.pack_path(id)).unwrap();
        let options = ReadOptions::new().with_max_block_bytes(2 << 20).unwrap();
        let blocks: Result<Vec<_>, _> = Reader::with_options(file, options).unwrap().collect();
        let blocks: Written = blocks
            .unwrap()
            .into_iter()
            .filter(|block| block.cid.hash().code() != 0)
            .map(|block| (block.offset, block.cid, block.data.to_vec()))
            .collect();
        prop_assert_eq!(&blocks, &written);

        let mut firsts = HashMap::new();
        for (offset, cid, _) in &written {
            firsts.entry(*cid.hash()).or_insert(*offset);
        }
        let entries = written.iter().rev().map(|(offset, cid, _)| (*cid.hash(), *offset));
        writer.seal(entries).unwrap();
        let index = fs::read(folder.index_path(id)).unwrap();
        let pack = Pack::open(&folder, id).unwrap().unwrap();
        pack.check_index().unwrap();
        check(&pack, committed, &written);
        prop_assert_eq!(pack.entries().collect::<HashMap<_, _>>(), firsts.clone());
        for (number, (hash, offset)) in pack.entries().enumerate() {
            let found = pack.find(&hash).unwrap();
            prop_assert_eq!((found.ordinal as usize, found.offset), (number, offset));
        }

        fs::remove_file(folder.index_path(id)).unwrap();
        prop_assert_eq!(reindex(&folder, id).unwrap(), Some(written.len()));
        prop_assert_eq!(fs::read(folder.index_path(id)).unwrap(), index);
    }

    #[test]
    fn any_cid_may_name_a_block(cids in prop::collection::vec(arb::cid(), 1..20)) {
        let (_place, folder) = folder();
        let mut writer = Writer::create(&folder).unwrap();
        for (bytes, alignment) in [(5000, 64), (65_536, 4096)] {
            let data = vec![5; bytes];
            let offsets: Vec<_> =
                cids.iter().map(|cid| writer.append(cid, &[&data]).unwrap()).collect();
            let committed = writer.sync().unwrap();
            let pack = Pack::open(&folder, writer.id()).unwrap().unwrap();
            for (cid, offset) in cids.iter().zip(offsets) {
                let read = pack.read(offset, committed, cid.hash()).unwrap();
                prop_assert_eq!(&read, &data);
                prop_assert_eq!(read.as_ptr().align_offset(alignment), 0);
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed_by_reading_or_by_hashing(
        recipes in prop::collection::vec(recipe(5000), 1..6),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
        sealed in any::<bool>(),
    ) {
        let (_place, folder) = folder();
        let (mut writer, written) = write(&folder, &recipes);
        let (id, committed) = (writer.id(), writer.sync().unwrap());
        if sealed {
            writer.seal(written.iter().map(|(at, cid, _)| (*cid.hash(), *at))).unwrap();
        }
        flip(&folder, id, at.index(usize::try_from(committed).unwrap()), bit);
        let pack = Pack::open(&folder, id).unwrap().unwrap();
        let mut wrong = 0;
        for (offset, cid, data) in &written {
            match pack.read(*offset, committed, cid.hash()) {
                Ok(read) if read == data => {}
                Ok(read) => {
                    prop_assert!(!Hasher::verify(cid.hash(), &read).unwrap());
                    wrong += 1;
                }
                Err(PackError::Damaged { offset: at, .. }) if at == *offset => wrong += 1,
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
        prop_assert!(wrong <= 1);
        for section in pack.scan(committed) {
            let short = matches!(section, Err(PackError::Short { .. }));
            prop_assert!(!short);
        }
        match scan_end(&folder, id) {
            Ok(end) => prop_assert!(end.unwrap() <= committed),
            Err(error) => {
                let header = matches!(error, PackError::Damaged { offset: 0, .. });
                prop_assert!(header, "{}", error);
            }
        }
    }

    #[test]
    fn any_bytes_in_place_of_an_index_are_an_error_or_an_index(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u32,
    ) {
        let (_place, folder) = folder();
        let recipes: Vec<_> = (0..20).map(|seed| Recipe {
            bytes: 50, seed: seed * 8 + 3, code: Code::Sha2_256, codec: codec::RAW, v0: false,
            cuts: vec![],
        }).collect();
        let (writer, written) = write(&folder, &recipes);
        let id = writer.id();
        writer.seal(written.iter().map(|(at, cid, _)| (*cid.hash(), *at))).unwrap();
        let path = folder.index_path(id);
        let mut damaged = fs::read(&path).unwrap();
        let place = at.index(damaged.len());
        damaged[place] ^= 1 << bit;
        for bytes in [bytes, damaged] {
            fs::write(&path, &bytes).unwrap();
            match Pack::open(&folder, id) {
                Ok(pack) => {
                    let pack = pack.unwrap();
                    pack.check_index().ok();
                    prop_assert!(pack.entries().count() <= pack.len());
                    for (_, cid, data) in &written {
                        let Some(found) = pack.find(cid.hash()) else { continue };
                        match pack.read(found.offset, u64::MAX, cid.hash()) {
                            // A wrong offset may hit bytes that look like a section of
                            // this block: hashing, which is the caller's, tells.
                            Ok(read) => prop_assert!(
                                read == data
                                    || !Hasher::verify(cid.hash(), &read).unwrap()
                            ),
                            Err(PackError::Damaged { .. }) => {}
                            Err(other) => prop_assert!(false, "{other}"),
                        }
                    }
                }
                Err(error) => {
                    let refused = matches!(error, PackError::Index { .. });
                    prop_assert!(refused, "{}", error);
                }
            }
            prop_assert_eq!(reindex(&folder, id).unwrap(), Some(20));
            Pack::open(&folder, id).unwrap().unwrap().check_index().unwrap();
        }
    }
}

fn flip(folder: &Folder, id: PackId, at: usize, bit: u32) {
    let mut bytes = fs::read(folder.pack_path(id)).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(folder.pack_path(id), bytes).unwrap();
}

fn cut(folder: &Folder, id: PackId, bytes: u64) {
    let file = fs::OpenOptions::new().write(true).open(folder.pack_path(id)).unwrap();
    file.set_len(bytes).unwrap();
}

fn small_pack(folder: &Folder) -> (PackId, u64, Written, Writer) {
    let recipes =
        [(0, 1), (40, 2), (4096, 3), (300, 4), (4500, 5)].map(|(bytes, seed)| {
            let (code, codec, v0) = (Code::Sha2_256, codec::RAW, seed == 2);
            Recipe { bytes, seed: seed * 8 + 3, code, codec, v0, cuts: vec![] }
        });
    let (mut writer, written) = write(folder, &recipes);
    (writer.id(), writer.sync().unwrap(), written, writer)
}

#[test]
fn a_pack_cut_anywhere_gives_the_blocks_before_the_cut() {
    let (_place, folder) = folder();
    let (id, committed, written, writer) = small_pack(&folder);
    drop(writer);
    for end in (0..committed).rev() {
        cut(&folder, id, end);
        let section_end = |(offset, cid, data): &(u64, Cid, Vec<u8>)| {
            let head = 1 + usize::from(data.len() > 91) + cid.encoded_len();
            offset + (head + data.len()) as u64
        };
        let before = written.iter().take_while(|block| section_end(block) <= end).count();

        let pack = Pack::open(&folder, id).unwrap().unwrap();
        let (offset, cid, _) = &written[0];
        let read = pack.read(*offset, committed, cid.hash());
        assert!(matches!(read, Err(PackError::Short { .. })), "{end}");
        let blocks = pack.scan(end).flatten().count();
        assert_eq!(blocks, before, "{end}");
        let reopened = Writer::reopen(&folder, id, committed);
        assert!(matches!(reopened, Err(PackError::Short { .. })));
        match scan_end(&folder, id) {
            Ok(found) => {
                let found = found.unwrap();
                assert!(found <= end && end >= HEADER_BYTES);
                let last = written[..before].last();
                assert!(found >= last.map_or(HEADER_BYTES, section_end), "{end}");
                if found == end {
                    let writer = Writer::reopen(&folder, id, found).unwrap().unwrap();
                    assert_eq!(writer.end(), found);
                }
            }
            Err(PackError::Damaged { offset: 0, .. }) => assert!(end < HEADER_BYTES),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_sealed_pack_cut_anywhere_says_so_and_gives_what_is_there() {
    let (_place, folder) = folder();
    let (id, committed, written, writer) = small_pack(&folder);
    writer.seal(written.iter().map(|(at, cid, _)| (*cid.hash(), *at))).unwrap();
    for end in (0..committed).rev() {
        cut(&folder, id, end);
        let pack = Pack::open(&folder, id).unwrap().unwrap();
        for (offset, cid, data) in &written {
            match pack.read(*offset, committed, cid.hash()) {
                Ok(read) => assert_eq!(read, data),
                Err(PackError::Short { expected, actual, .. }) => {
                    assert_eq!((expected, actual), (committed, end));
                }
                Err(other) => panic!("{end}: {other}"),
            }
            let unknown = pack.read(*offset, u64::MAX, cid.hash());
            assert!(matches!(unknown, Ok(_) | Err(PackError::Damaged { .. })));
        }
        let last = pack.scan(committed).last().unwrap();
        assert!(
            matches!(last, Err(PackError::Short { .. } | PackError::Damaged { .. })),
            "{end}"
        );
    }
}
