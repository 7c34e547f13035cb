//! Keys: one file each, which nobody but its owner can read.
//!
//! A file is written beside its place, synced, and then linked there, which fails if there is
//! one already: so a key is there as a whole or not at all, and of two who make the same one,
//! one finds the other's. File names and contents are those of Kubo's keystore.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipfs_kit_cid::Base;
use ipfs_kit_ipns::{Name, PrivateKey};
use ipfs_kit_pack::PackId;
use zeroize::Zeroizing;

use crate::folder::sync_folder;
use crate::shared::Shared;
use crate::{RepoError, Repository};

/// The node's own key.
pub(crate) const SELF: &str = "self";
/// What stands before the name of a key in base32, as the name of its file.
const PREFIX: &str = "key_";
/// What the names of files begin with that are being written.
const UNFINISHED: &str = "new-";
/// The longest name whose file still has one.
const MAX_NAME_BYTES: usize = 150;
/// The longest file that is looked at.
const MAX_FILE_BYTES: u64 = 64 << 10;
/// How long someone may take to write a file.
const ABANDONED: Duration = Duration::from_secs(3600);

/// A key of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedKey {
    /// What it is called here.
    pub name: String,
    /// What it is known by everywhere.
    pub id: Name,
}

/// The folder that the keys of a repository lie in.
#[derive(Debug)]
struct Keystore {
    folder: PathBuf,
}

impl Keystore {
    fn of(shared: &Shared) -> Self {
        Self { folder: shared.folder.own().join("keystore") }
    }

    /// The same, to be written to.
    fn writable(shared: &Shared) -> Result<Self, RepoError> {
        shared.writable()?;
        let keys = Self::of(shared);
        if !keys.folder.is_dir() {
            let made = private_folder().create(&keys.folder);
            made.map_err(RepoError::io("create", &keys.folder))?;
            sync_folder(&shared.folder.own())?;
        }
        Ok(keys)
    }

    fn path(&self, name: &str) -> Result<PathBuf, RepoError> {
        let refuse = |reason| RepoError::KeyName { name: name.to_owned(), reason };
        match name.len() {
            0 => Err(refuse("it has no letter")),
            1..=MAX_NAME_BYTES => {
                let file = format!("{PREFIX}{}", Base::Base32Lower.encode(name));
                Ok(self.folder.join(file))
            }
            _ => Err(refuse("it is too long")),
        }
    }

    fn get(&self, name: &str) -> Result<Option<PrivateKey>, RepoError> {
        let path = self.path(name)?;
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(RepoError::io("open", &path))?,
        };
        let found = file.metadata().map_err(RepoError::io("look at", &path))?;
        if let Some(mode) = exposed(&found) {
            return Err(RepoError::KeyExposed { path, mode });
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(256));
        let read = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes);
        read.map_err(RepoError::io("read", &path))?;
        let key = PrivateKey::from_protobuf(&bytes);
        key.map(Some).map_err(|source| RepoError::KeyFile { path, source })
    }

    /// Takes a key, if there is none of this name.
    fn put(&self, name: &str, key: &PrivateKey) -> Result<(), RepoError> {
        let path = self.path(name)?;
        let unfinished = self.folder.join(format!("{UNFINISHED}{}", PackId::random()));
        let written = write_private(&unfinished, &key.to_protobuf());
        let linked = written.and_then(|()| match fs::hard_link(&unfinished, &path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(RepoError::KeyExists { name: name.to_owned() })
            }
            linked => linked.map_err(RepoError::io("create", &path)),
        });
        fs::remove_file(&unfinished).ok();
        linked?;
        self.clean();
        sync_folder(&self.folder)
    }

    /// Removes what writers left that did not live to finish it.
    fn clean(&self) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.filter_map(Result::ok) {
            let is_unfinished =
                entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
            let written = entry.metadata().and_then(|found| found.modified()).ok();
            let age = written.and_then(|time| time.elapsed().ok());
            if is_unfinished && age.is_some_and(|age| age > ABANDONED) {
                fs::remove_file(entry.path()).ok();
            }
        }
    }

    /// The names of all keys but the node's own, in order.
    fn names(&self) -> Result<Vec<String>, RepoError> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            entries => entries.map_err(RepoError::io("list", &self.folder))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(RepoError::io("list", &self.folder))?.file_name();
            let encoded = file.to_str().and_then(|file| file.strip_prefix(PREFIX));
            let bytes = encoded.and_then(|text| Base::Base32Lower.decode(text).ok());
            // What else lies there is not ours.
            names.extend(bytes.and_then(|bytes| String::from_utf8(bytes).ok()));
        }
        names.retain(|name| name != SELF);
        names.sort_unstable();
        Ok(names)
    }

    fn existing(&self, name: &str) -> Result<PrivateKey, RepoError> {
        self.get(name)?.ok_or_else(|| not_found(name))
    }
}

impl Repository {
    /// The node's own key, which is made when it is first asked for.
    pub fn identity(&self) -> Result<PrivateKey, RepoError> {
        let shared = self.shared()?;
        if let Some(key) = Keystore::of(&shared).get(SELF)? {
            return Ok(key);
        }
        if shared.packs.is_read_only() {
            return Err(not_found(SELF));
        }
        let keys = Keystore::writable(&shared)?;
        let key = PrivateKey::generate()?;
        match keys.put(SELF, &key) {
            // Someone else was first.
            Err(RepoError::KeyExists { .. }) => keys.existing(SELF),
            put => put.map(|()| key),
        }
    }

    /// Makes a key.
    pub fn generate_key(&self, name: &str) -> Result<NamedKey, RepoError> {
        refuse_self(name)?;
        self.import_key(name, &PrivateKey::generate()?)
    }

    /// Takes a key that was made elsewhere; as `self` only before the node has one.
    pub fn import_key(
        &self,
        name: &str,
        key: &PrivateKey,
    ) -> Result<NamedKey, RepoError> {
        Keystore::writable(&*self.shared()?)?.put(name, key)?;
        Ok(named(name, key))
    }

    /// Gives a key away.
    pub fn export_key(&self, name: &str) -> Result<PrivateKey, RepoError> {
        if name == SELF {
            return self.identity();
        }
        Keystore::of(&*self.shared()?).existing(name)
    }

    /// All keys: the node's own, then the others by name.
    pub fn keys(&self) -> Result<Vec<NamedKey>, RepoError> {
        let own = match self.identity() {
            Err(RepoError::KeyNotFound { .. }) => None,
            own => Some(named(SELF, &own?)),
        };
        let keys = Keystore::of(&*self.shared()?);
        let mut all = Vec::from_iter(own);
        for name in keys.names()? {
            // One that someone removed meanwhile is not listed.
            all.extend(keys.get(&name)?.map(|key| named(&name, &key)));
        }
        Ok(all)
    }

    /// Gives a key another name; tells whether another key lost it.
    pub fn rename_key(
        &self,
        old: &str,
        new: &str,
        force: bool,
    ) -> Result<(NamedKey, bool), RepoError> {
        refuse_self(old)?;
        refuse_self(new)?;
        let keys = Keystore::writable(&*self.shared()?)?;
        let key = keys.existing(old)?;
        let (from, to) = (keys.path(old)?, keys.path(new)?);
        if old == new {
            return Ok((named(new, &key), false));
        }
        let replaced = to.exists();
        let error = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => not_found(old),
            io::ErrorKind::AlreadyExists => RepoError::KeyExists { name: new.to_owned() },
            _ => RepoError::io("rename", &from)(error),
        };
        if force {
            fs::rename(&from, &to).map_err(error)?;
        } else {
            fs::hard_link(&from, &to).map_err(error)?;
            fs::remove_file(&from).map_err(RepoError::io("remove", &from))?;
        }
        sync_folder(&keys.folder)?;
        Ok((named(new, &key), force && replaced))
    }

    /// Removes a key for good; records that it signed stay.
    pub fn remove_key(&self, name: &str) -> Result<NamedKey, RepoError> {
        refuse_self(name)?;
        let keys = Keystore::writable(&*self.shared()?)?;
        let key = keys.existing(name)?;
        let path = keys.path(name)?;
        fs::remove_file(&path).map_err(RepoError::io("remove", &path))?;
        sync_folder(&keys.folder)?;
        Ok(named(name, &key))
    }

    /// Finds a key by its name here, or by what it is known by.
    pub fn find_key(&self, spelling: &str) -> Result<PrivateKey, RepoError> {
        if spelling == SELF {
            return self.identity();
        }
        let keys = Keystore::of(&*self.shared()?);
        if let Some(key) = keys.get(spelling)? {
            return Ok(key);
        }
        let id = Name::parse(spelling).map_err(|_| not_found(spelling))?;
        for name in [SELF.to_owned()].into_iter().chain(keys.names()?) {
            let key = keys.get(&name)?.filter(|key| key.public().name() == id);
            if let Some(key) = key {
                return Ok(key);
            }
        }
        Err(not_found(spelling))
    }
}

/// The name that a key of the repository stands for, if there is such a key.
pub(crate) fn name_of(shared: &Shared, key: &str) -> Result<Option<Name>, RepoError> {
    match Keystore::of(shared).get(key) {
        Ok(key) => Ok(key.map(|key| key.public().name())),
        // It is no name that a key could have.
        Err(RepoError::KeyName { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn named(name: &str, key: &PrivateKey) -> NamedKey {
    NamedKey { name: name.to_owned(), id: key.public().name() }
}

fn not_found(name: &str) -> RepoError {
    RepoError::KeyNotFound { name: name.to_owned() }
}

fn refuse_self(name: &str) -> Result<(), RepoError> {
    if name == SELF {
        let reason = "it is the name of the node's own key, which stays as it is";
        return Err(RepoError::KeyName { name: name.to_owned(), reason });
    }
    Ok(())
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), RepoError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(RepoError::io("create", path))?;
    file.write_all(bytes).map_err(RepoError::io("write", path))?;
    file.sync_all().map_err(RepoError::io("sync", path))
}

/// A folder may be there already: someone else made it at the same time.
fn private_folder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// The permissions of a file that others than its owner have any on.
#[cfg(unix)]
fn exposed(found: &fs::Metadata) -> Option<u32> {
    let mode = std::os::unix::fs::MetadataExt::mode(found) & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Permissions are kept elsewhere on this system.
#[cfg(not(unix))]
fn exposed(_: &fs::Metadata) -> Option<u32> {
    None
}
