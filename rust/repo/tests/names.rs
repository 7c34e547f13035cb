//! What a repository promises of its keys and of IPNS names.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipfs_kit_cid::{Cid, codec, to_string};
use ipfs_kit_dag::pb;
use ipfs_kit_hash::{Code, Hasher};
use ipfs_kit_ipns::{Content, IpnsError, PrivateKey, Record, Timestamp};
use ipfs_kit_repo::{Options, PinKind, Publication, RepoError, Repository, Writing};
use ipfs_kit_unixfs::Control;
use tempfile::TempDir;

const NOTHING: &str = "/ipfs/bafkqaaa";

fn open(place: &TempDir, clock_offset: i64) -> Repository {
    let options = Options { clock_offset, ..Options::default() };
    Repository::open(place.path(), options).unwrap()
}

fn read_only(place: &TempDir) -> Repository {
    let options = Options { writing: Writing::Never, ..Options::default() };
    Repository::open(place.path(), options).unwrap()
}

fn publication(value: &str) -> Publication {
    Publication {
        value: value.to_owned(),
        lifetime: Duration::from_secs(48 * 3600),
        ttl: 300_000_000_000,
        sequence: None,
        legacy: true,
    }
}

fn publish(
    repository: &Repository,
    key: &PrivateKey,
    new: &Publication,
) -> Result<Record, RepoError> {
    repository.session().unwrap().commit_publication(key, new)
}

fn signed(key: &PrivateKey, value: &str, sequence: u64, until: &str) -> Vec<u8> {
    let until = Timestamp::parse(until).unwrap();
    let content = Content { value: value.into(), sequence, until, ttl: 0 };
    Record::sign(key, content, true).unwrap().bytes().to_vec()
}

fn raw(data: &[u8]) -> Cid {
    Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(data).unwrap())
}

/// Puts a leaf and a node above it; gives both.
fn put_tree(repository: &Repository, text: &[u8]) -> (Cid, Cid) {
    let leaf = raw(text);
    let links = vec![pb::PbLink::new(leaf, "leaf", 0)];
    let block = pb::PbNode { links, data: None }.encode();
    let root =
        Cid::new_v1(codec::DAG_PB, Hasher::new(Code::Sha2_256).hash(&block).unwrap());
    let session = repository.session().unwrap();
    session.put(&leaf, text).unwrap();
    session.put(&root, &block).unwrap();
    session.commit().unwrap();
    (root, leaf)
}

fn key_files(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.join("embedded/keystore")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_nodes_own_key_is_made_once() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    assert!(!place.path().join("embedded/keystore").exists());
    let ids: Vec<_> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| repository.identity().unwrap().public().name());
        let asked: Vec<_> = (0..8).map(|_| ask()).collect();
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(open(&place, 0).identity().unwrap().public().name(), ids[0]);
    assert_eq!(read_only(&place).identity().unwrap().public().name(), ids[0]);
    assert_eq!(key_files(place.path()).len(), 1);
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_a_key() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    repository.identity().unwrap();
    let path = key_files(place.path()).pop().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = repository.identity().unwrap_err();
    assert!(matches!(error, RepoError::KeyExposed { mode: 0o644, .. }), "{error}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    repository.identity().unwrap();
}

#[test]
fn a_key_file_that_is_cut_is_an_error_and_is_not_replaced() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    repository.identity().unwrap();
    let path = key_files(place.path()).pop().unwrap();
    for length in [0, 1, 4, 40, 67] {
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..length]).unwrap();
        let error = repository.identity().unwrap_err();
        assert!(matches!(error, RepoError::KeyFile { .. }), "{length}: {error}");
        fs::write(&path, whole).unwrap();
    }
    repository.identity().unwrap();
}

#[test]
fn keys_are_made_renamed_and_removed() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let names = || -> Vec<_> {
        repository.keys().unwrap().into_iter().map(|key| key.name).collect()
    };
    assert_eq!(names(), ["self"]);
    let odd = "../größe/ a\n";
    let made = repository.generate_key(odd).unwrap();
    repository.generate_key("b").unwrap();
    assert_eq!(names(), ["self", odd, "b"]);
    let again = repository.generate_key("b").unwrap_err();
    assert!(matches!(again, RepoError::KeyExists { .. }), "{again}");

    let taken = repository.rename_key(odd, "b", false).unwrap_err();
    assert!(matches!(taken, RepoError::KeyExists { .. }), "{taken}");
    let (renamed, overwritten) = repository.rename_key(odd, "c", false).unwrap();
    assert_eq!((renamed.id, overwritten), (made.id, false));
    assert!(repository.rename_key("c", "b", true).unwrap().1);
    assert_eq!(repository.rename_key("b", "b", false).unwrap().0.id, made.id);
    assert_eq!(names(), ["self", "b"]);

    assert_eq!(repository.find_key("b").unwrap().public().name(), made.id);
    let by_id = repository.find_key(&made.id.peer_id()).unwrap();
    assert_eq!(by_id.public().name(), made.id);
    assert_eq!(repository.remove_key("b").unwrap().id, made.id);
    for missing in
        [repository.remove_key("b").unwrap_err(), repository.find_key("b").unwrap_err()]
    {
        assert!(matches!(missing, RepoError::KeyNotFound { .. }), "{missing}");
    }
}

#[test]
fn the_nodes_own_key_cannot_be_replaced() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let key = PrivateKey::generate().unwrap();
    // A node that moves here brings its identity along.
    repository.import_key("self", &key).unwrap();
    assert_eq!(repository.identity().unwrap().public(), key.public());
    let again = repository.import_key("self", &PrivateKey::generate().unwrap());
    assert!(matches!(again, Err(RepoError::KeyExists { .. })));
    repository.generate_key("a").unwrap();
    for refused in [
        repository.generate_key("self").map(drop),
        repository.remove_key("self").map(drop),
        repository.rename_key("self", "b", true).map(drop),
        repository.rename_key("a", "self", true).map(drop),
        repository.generate_key("").map(drop),
        repository.generate_key(&"x".repeat(151)).map(drop),
    ] {
        assert!(matches!(refused, Err(RepoError::KeyName { .. })));
    }
    repository.generate_key(&"x".repeat(150)).unwrap();
}

#[test]
fn what_a_dead_writer_left_is_removed_in_time() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    repository.identity().unwrap();
    let folder = place.path().join("embedded/keystore");
    for name in ["new-0000000000000001", "new-0000000000000002"] {
        fs::write(folder.join(name), b"half").unwrap();
    }
    let old = fs::File::options().write(true).open(folder.join("new-0000000000000001"));
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    old.unwrap().set_modified(long_ago).unwrap();
    assert_eq!(repository.keys().unwrap().len(), 1);
    repository.generate_key("a").unwrap();
    assert!(!folder.join("new-0000000000000001").exists());
    assert!(folder.join("new-0000000000000002").exists());
}

#[test]
fn a_read_only_repository_without_a_key_makes_none() {
    let place = TempDir::new().unwrap();
    open(&place, 0);
    let repository = read_only(&place);
    let error = repository.identity().unwrap_err();
    assert!(matches!(error, RepoError::KeyNotFound { .. }), "{error}");
    assert!(repository.keys().unwrap().is_empty());
    assert!(matches!(repository.generate_key("a"), Err(RepoError::ReadOnly { .. })));
}

#[test]
fn sequence_numbers_grow_as_kubos_do() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let key = repository.identity().unwrap();
    let sequence =
        |new: &Publication| publish(&repository, &key, new).unwrap().sequence();
    assert_eq!(sequence(&publication(NOTHING)), 0);
    assert_eq!(sequence(&publication(NOTHING)), 0);
    assert_eq!(sequence(&publication("/ipfs/bafkqaaa/a")), 1);
    let given = |sequence| Publication { sequence, ..publication(NOTHING) };
    assert_eq!(sequence(&given(Some(9))), 9);
    for old in [0, 8, 9] {
        let error = publish(&repository, &key, &given(Some(old))).unwrap_err();
        assert!(matches!(error, RepoError::Sequence { last: 9, .. }), "{error}");
    }
    // The same for less long would be the older one to everybody else.
    let lifetime = Duration::from_secs(60);
    assert_eq!(sequence(&Publication { lifetime, ..publication(NOTHING) }), 10);
}

#[test]
fn a_name_leads_to_its_path_until_it_is_over() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let key = repository.identity().unwrap();
    let name = key.public().name();
    let unknown = repository.resolve_name("self", &[], true).unwrap_err();
    assert!(matches!(unknown, RepoError::NameNotFound { .. }), "{unknown}");
    let record = publish(&repository, &key, &publication("/ipfs/bafkqaaa/a/")).unwrap();
    let rest = ["b".to_owned()];
    for spelling in ["self".to_owned(), name.to_string(), name.peer_id()] {
        for handle in [&repository, &read_only(&place)] {
            let path = handle.resolve_name(&spelling, &rest, true).unwrap();
            assert_eq!(path, "/ipfs/bafkqaaa/a/b");
        }
    }
    let later = open(&place, 49 * 3600);
    let over = later.resolve_name("self", &[], true).unwrap_err();
    assert!(over.to_string().contains(&record.until().to_string()), "{over}");
    assert!(later.record(&name).unwrap().is_some());
}

#[test]
fn names_that_lead_to_names_are_followed_to_an_end() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    for key in ["a", "b", "c"] {
        repository.generate_key(key).unwrap();
    }
    let key = |name: &str| repository.find_key(name).unwrap();
    let value = |name: &str| format!("/ipns/{}/x", key(name).public().name());
    publish(&repository, &key("a"), &publication(&value("b"))).unwrap();
    publish(&repository, &key("b"), &publication(NOTHING)).unwrap();
    let resolve = |recursive| repository.resolve_name("a", &["y".to_owned()], recursive);
    assert_eq!(resolve(true).unwrap(), "/ipfs/bafkqaaa/x/y");
    assert_eq!(resolve(false).unwrap(), value("b") + "/y");
    publish(&repository, &key("b"), &publication(&value("a"))).unwrap();
    assert!(matches!(resolve(true), Err(RepoError::NameLoop { .. })));
    // What another's record says is not looked for among our keys.
    publish(&repository, &key("c"), &publication("/ipns/b")).unwrap();
    let error = repository.resolve_name("c", &[], true).unwrap_err();
    assert!(matches!(error, RepoError::Ipns(IpnsError::Name { .. })), "{error}");
}

#[test]
fn names_of_dns_are_said_to_be_so_even_if_a_key_has_them() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    repository.generate_key("example.com").unwrap();
    let error = repository.resolve_name("example.com", &[], true).unwrap_err();
    assert!(matches!(error, RepoError::DnsName { .. }), "{error}");
}

#[test]
fn records_of_others_are_taken_if_they_are_newer() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let key = PrivateKey::generate().unwrap();
    let name = key.public().name();
    let (soon, late) = ("2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z");
    let first = signed(&key, NOTHING, 5, soon);
    repository.put_record(&name, &first).unwrap();
    repository.put_record(&name, &first).unwrap();
    repository.put_record(&name, &signed(&key, NOTHING, 5, late)).unwrap();
    for old in [first, signed(&key, NOTHING, 4, late)] {
        let error = repository.put_record(&name, &old).unwrap_err();
        assert!(matches!(error, RepoError::OlderRecord { .. }), "{error}");
    }
    let over = signed(&key, NOTHING, 6, "2000-01-01T00:00:00Z");
    let error = repository.put_record(&name, &over).unwrap_err();
    assert!(matches!(error, RepoError::Ipns(IpnsError::Expired(_))), "{error}");
    let other = PrivateKey::generate().unwrap();
    let error = repository.put_record(&name, &signed(&other, NOTHING, 6, late));
    assert!(matches!(error, Err(RepoError::Ipns(IpnsError::Signature))));

    let all = repository.records().unwrap();
    assert_eq!((all.len(), all[0].0, all[0].1.sequence()), (1, name, 5));
    // Whoever holds the key goes on from there.
    assert_eq!(
        publish(&repository, &key, &publication("/ipfs/x")).unwrap().sequence(),
        6
    );
    assert!(repository.remove_record(&name).unwrap());
    assert!(!repository.remove_record(&name).unwrap());
}

#[test]
fn what_a_name_leads_to_is_not_collected() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let (root, leaf) = put_tree(&repository, b"named");
    let (loose, _) = put_tree(&repository, b"loose");
    let key = repository.identity().unwrap();
    publish(&repository, &key, &publication(&format!("/ipfs/{}", to_string(&root))))
        .unwrap();
    let later = open(&place, 100_000);
    later.gc(&Control::new(), |_| {}).unwrap();
    assert!(later.has(&root).unwrap() && later.has(&leaf).unwrap());
    assert!(!later.has(&loose).unwrap());
    let used = later.remove(&[leaf], &Control::new()).unwrap_err();
    assert!(matches!(used, RepoError::InUse { .. }), "{used}");
    later.remove_record(&key.public().name()).unwrap();
    later.gc(&Control::new(), |_| {}).unwrap();
    assert!(!later.has(&root).unwrap() && !later.has(&leaf).unwrap());
}

#[test]
fn a_name_that_leads_to_what_is_not_here_keeps_what_is() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let (root, leaf) = put_tree(&repository, b"part");
    repository.remove(&[leaf], &Control::new()).unwrap();
    let absent = raw(b"never here");
    let strange = Cid::new_v1(0x78, *raw(b"part").hash());
    for (at, cid) in [root, absent, strange].iter().enumerate() {
        let key = PrivateKey::from_secret(&[u8::try_from(at).unwrap(); 32]);
        let value = format!("/ipfs/{}", to_string(cid));
        publish(&repository, &key, &publication(&value)).unwrap();
    }
    let later = open(&place, 100_000);
    later.gc(&Control::new(), |_| {}).unwrap();
    assert!(later.has(&root).unwrap());
    // What was missing as it was looked for first is kept when it comes.
    let again = put_tree(&repository, b"part");
    assert_eq!(again, (root, leaf));
    later.gc(&Control::new(), |_| {}).unwrap();
    assert!(later.has(&leaf).unwrap());
    later.pin(&root, PinKind::Recursive, None, &Control::new()).unwrap();
    later.gc(&Control::new(), |_| {}).unwrap();
}

#[test]
fn a_repository_from_before_names_has_none_and_takes_them() {
    let place = TempDir::new().unwrap();
    // The table is made with the first record.
    let repository = open(&place, 0);
    let name = PrivateKey::from_secret(&[1; 32]).public().name();
    for handle in [&repository, &read_only(&place)] {
        assert!(handle.records().unwrap().is_empty());
        assert!(handle.record(&name).unwrap().is_none());
        handle.resolve_name(&name.to_string(), &[], true).unwrap_err();
    }
    assert!(!repository.remove_record(&name).unwrap());
    repository.gc(&Control::new(), |_| {}).unwrap();
    let key = repository.identity().unwrap();
    publish(&repository, &key, &publication(NOTHING)).unwrap();
    assert_eq!(read_only(&place).records().unwrap().len(), 1);
}

#[test]
fn a_rebuild_keeps_keys_and_names() {
    let place = TempDir::new().unwrap();
    let repository = open(&place, 0);
    let (root, _) = put_tree(&repository, b"named");
    let key = repository.identity().unwrap();
    let value = format!("/ipfs/{}", to_string(&root));
    let record = publish(&repository, &key, &publication(&value)).unwrap();
    drop(repository);
    Repository::rebuild(place.path(), &Options::default(), &Control::new()).unwrap();
    let later = open(&place, 100_000);
    assert_eq!(later.records().unwrap(), [(key.public().name(), record)]);
    assert_eq!(later.identity().unwrap().public(), key.public());
    later.gc(&Control::new(), |_| {}).unwrap();
    assert!(later.has(&root).unwrap());
}
