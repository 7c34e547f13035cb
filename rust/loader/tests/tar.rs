//! Archives: the same members in whatever steps they are walked over, and no trust in them.
#![expect(clippy::unwrap_used, reason = "a test")]

use ipfs_kit_dag::MemoryBlocks;
use ipfs_kit_loader::{Member, Tar, TarError};
use ipfs_kit_unixfs::read::File;
use ipfs_kit_unixfs::{Control, Importer, Params, Profile};
use proptest::prelude::*;

const STEPS: [u64; 4] = [0, 1, 3000, u64::MAX];

/// A file of these bytes, cut where heads do not end.
fn file(bytes: &[u8]) -> (MemoryBlocks, File) {
    let (mut params, control) = (Params::of(Profile::UnixFsV1_2025), Control::new());
    params.chunker = "size-700".parse().unwrap();
    let mut blocks = MemoryBlocks::new();
    let importer = Importer::new(&params, 1, &control);
    let root = importer.reader(bytes, None, Some(&mut blocks)).unwrap();
    let file = File::open(&blocks, &root.cid).unwrap();
    (blocks, file)
}

/// All members, found in steps of so many bytes.
fn walk(bytes: &[u8], step: u64) -> Result<Vec<Member>, TarError> {
    let (blocks, file) = file(bytes);
    let (mut tar, mut members, mut end) = (Tar::default(), Vec::new(), 0);
    while let Some(stretch) = tar.next(&file, &blocks, step)? {
        assert!(end <= stretch.heads.start && stretch.heads.end <= file.size());
        end = stretch.heads.end;
        members.extend(stretch.members);
    }
    Ok(members)
}

fn head(name: &[u8], size: u64, kind: u8) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name);
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[148..156].fill(b' ');
    block[156] = kind;
    let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A head with what it says of itself, and what may follow it.
fn parts() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(b"0000LxgKS5Z".to_vec());
    let bodies = prop_oneof![
        Just(b"12 path=a/b\n9 size=1\n".to_vec()),
        Just(b"13 size=1000\n".to_vec()),
        prop::collection::vec(any::<u8>(), 0..1500),
    ];
    let says = prop_oneof![9 => Just(None), 1 => any::<u64>().prop_map(Some)];
    (prop::collection::vec(1_u8..255, 0..100), kinds, bodies, says).prop_map(
        |(name, kind, body, says)| {
            let size = says.unwrap_or(body.len() as u64) % (1 << 33);
            let mut part = head(&name, size, kind);
            part.extend(&body);
            part.resize(part.len().next_multiple_of(512), 0);
            part
        },
    )
}

proptest! {
    #[test]
    fn any_steps_find_the_same(
        parts in prop::collection::vec(parts(), 0..8),
        end in 0_usize..1500,
    ) {
        let mut bytes = parts.concat();
        bytes.resize(bytes.len() + end, 0);
        let shown = |step| walk(&bytes, step).map_err(|error| error.to_string());
        let found = shown(u64::MAX);
        for step in STEPS {
            prop_assert_eq!(&shown(step), &found);
        }
        let mut at = 0;
        for member in found.unwrap_or_default() {
            prop_assert!(at + 512 <= member.place.start);
            prop_assert!(member.place.start <= member.place.end);
            at = member.place.end;
        }
        prop_assert!(at <= bytes.len() as u64);
    }
}

#[test]
fn what_is_said_of_all_members_is_remembered_between_steps() {
    let said = b"9 size=7\n";
    let mut bytes = [head(b"g", said.len() as u64, b'g'), said.to_vec()].concat();
    bytes.resize(1024, 0);
    for name in [&b"a"[..], b"b"] {
        bytes.extend(head(name, 0, b'0'));
        bytes.extend([1; 512]);
    }
    for step in STEPS {
        let members = walk(&bytes, step).unwrap();
        let places: Vec<_> = members.into_iter().map(|member| member.place).collect();
        assert_eq!(places, [1536..1543, 2560..2567]);
    }
}

#[test]
fn a_name_said_of_all_members_is_not_copied_without_end() {
    let path = "n".repeat(1 << 19);
    let said = format!("{} path={path}\n", path.len() + 13);
    let mut bytes = [head(b"g", said.len() as u64, b'g'), said.into_bytes()].concat();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(head(b"a", 0, b'0').repeat(100));
    let (blocks, file) = file(&bytes);
    let mut tar = Tar::default();
    let stretch = tar.next(&file, &blocks, u64::MAX).unwrap().unwrap();
    assert!((2..5).contains(&stretch.members.len()));
}

#[test]
fn an_error_is_found_again() {
    let bytes = [head(b"a", 0, b'0'), vec![7; 512]].concat();
    let (blocks, file) = file(&bytes);
    let mut tar = Tar::default();
    for _ in 0..2 {
        let error = tar.next(&file, &blocks, u64::MAX).unwrap_err();
        assert!(matches!(error, TarError::NoHead { at: 512 }));
    }
}
