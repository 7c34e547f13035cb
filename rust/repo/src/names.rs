//! IPNS names: the newest record of each that is known here, and what it leads to.
//!
//! A record counts once it is verified, and stays until a newer one comes. What it leads to
//! is not collected, as far as it is here.

use std::time::Duration;

use ipfs_kit_cid::{Cid, parse};
use ipfs_kit_ipns::{Content, IpnsError, Name, PrivateKey, Record, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::keystore;
use crate::roots::cid_of;
use crate::shared::Shared;
use crate::{RepoError, Repository, Session};

/// The table is made with the first record: repositories that are older than names do not
/// have it, and opening one changes nothing.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS ipns (
    name BLOB PRIMARY KEY,
    record BLOB NOT NULL,
    -- What it leads to, if that is a CID.
    root BLOB
) STRICT, WITHOUT ROWID";
/// How many names may lead to one another.
const MAX_HOPS: usize = 32;

/// What is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The path: `/ipfs/...` or `/ipns/...`.
    pub value: String,
    /// For how long.
    pub lifetime: Duration,
    /// For how many nanoseconds readers need not ask again.
    pub ttl: u64,
    /// A number greater than the last one's; counted up with each new value if not given.
    pub sequence: Option<u64>,
    /// Whether readers from before 2021 shall understand it.
    pub legacy: bool,
}

impl Session {
    /// Commits, and signs a record of what a key's name stands for from now on.
    pub fn commit_publication(
        &self,
        key: &PrivateKey,
        new: &Publication,
    ) -> Result<Record, RepoError> {
        let now = now(&self.lock().shared);
        let until = now.after(new.lifetime);
        let until = until.ok_or(IpnsError::Unsignable("lifetime"))?;
        let name = key.public().name();
        self.commit_with(|transaction| {
            let old = find(transaction, &name)?;
            let sign = |sequence| {
                let (value, ttl) = (new.value.clone().into_bytes(), new.ttl);
                let content = Content { value, sequence, until, ttl };
                Record::sign(key, content, new.legacy)
            };
            let record = match (new.sequence, old) {
                (Some(given), old) => {
                    let last = old.map_or(0, |old| old.sequence());
                    if given <= last {
                        return Err(RepoError::Sequence { given, last });
                    }
                    sign(given)?
                }
                (None, None) => sign(0)?,
                (None, Some(old)) => {
                    let is_same = old.value()? == new.value;
                    // One that would be over earlier is none that anyone would take for
                    // newer.
                    let grows = !is_same || until <= old.until();
                    sign(old.sequence().saturating_add(u64::from(grows)))?
                }
            };
            insert(transaction, &name, &record)?;
            Ok(record)
        })
    }

    /// The path that a name with more behind it leads to.
    pub fn resolve_name(&self, name: &str, rest: &[String]) -> Result<String, RepoError> {
        let shared = self.lock().shared.clone();
        resolve(&shared, name, rest, MAX_HOPS)
    }
}

impl Repository {
    /// The path that a name with more behind it leads to. A name is spelled in any way, or is
    /// that of a key of this repository. Names that lead to names are followed if asked for.
    pub fn resolve_name(
        &self,
        name: &str,
        rest: &[String],
        recursive: bool,
    ) -> Result<String, RepoError> {
        let hops = if recursive { MAX_HOPS } else { 1 };
        resolve(&*self.shared()?, name, rest, hops)
    }

    /// The name that is spelled so, or that a key of this repository has.
    pub fn find_name(&self, text: &str) -> Result<Name, RepoError> {
        find_name(&*self.shared()?, text)
    }

    /// The newest record of a name that is known here, over or not.
    pub fn record(&self, name: &Name) -> Result<Option<Record>, RepoError> {
        record(&*self.shared()?, name)
    }

    /// All names that have a record here, with it.
    pub fn records(&self) -> Result<Vec<(Name, Record)>, RepoError> {
        let shared = self.shared()?;
        let Some(catalogue) = &shared.catalogue else { return Ok(Vec::new()) };
        let rows = catalogue.read(|transaction| all(transaction).map_err(Into::into))?;
        rows.iter()
            .map(|(name, record, _)| {
                Ok((Name::from_bytes(name)?, Record::decode(record)?))
            })
            .collect()
    }

    /// Takes a record of anyone's, if it is signed by the owner of its name, not over, and
    /// not older than the one that is known. The same once more is fine.
    pub fn put_record(&self, name: &Name, bytes: &[u8]) -> Result<Record, RepoError> {
        let shared = self.shared()?;
        shared.writable()?;
        let record = Record::decode(bytes)?;
        record.verify(name)?;
        record.check_time(now(&shared))?;
        record.value()?;
        let session = self.session()?;
        if let Some(root) = root_of(&record) {
            session.keep(&root)?;
        }
        session.commit_with(|transaction| {
            if let Some(known) = find(transaction, name)?
                && record.compare(&known).is_lt()
            {
                let (given, last) = (record.sequence(), known.sequence());
                return Err(RepoError::OlderRecord { given, last });
            }
            insert(transaction, name, &record)
        })?;
        Ok(record)
    }

    /// Forgets the record of a name, so that nothing is kept for it; tells whether there was
    /// one.
    pub fn remove_record(&self, name: &Name) -> Result<bool, RepoError> {
        self.shared()?.writable()?.write(|transaction| {
            if !has_table(transaction)? {
                return Ok(false);
            }
            let mut statement =
                transaction.prepare_cached("DELETE FROM ipns WHERE name = ?1")?;
            Ok(statement.execute([name.to_bytes()])? > 0)
        })
    }
}

fn resolve(
    shared: &Shared,
    name: &str,
    rest: &[String],
    hops: usize,
) -> Result<String, RepoError> {
    let mut at = find_name(shared, name)?;
    let mut behind: String = rest.iter().flat_map(|name| ["/", name]).collect();
    for _ in 0..hops {
        let missing = || RepoError::NameNotFound { name: at.to_string() };
        let record = record(shared, &at)?.ok_or_else(missing)?;
        record.verify(&at)?;
        record.check_time(now(shared))?;
        let path = record.value()?.trim_end_matches('/').to_owned() + &behind;
        let Some(named) = path.strip_prefix("/ipns/").filter(|_| hops > 1) else {
            return Ok(path);
        };
        let end = named.find('/').unwrap_or(named.len());
        // Not by the names of keys: in a record they are those of someone else.
        at = parse_name(&named[..end])?;
        named[end..].clone_into(&mut behind);
    }
    Err(RepoError::NameLoop { name: name.to_owned() })
}

fn find_name(shared: &Shared, text: &str) -> Result<Name, RepoError> {
    match parse_name(text) {
        Err(RepoError::Ipns(_)) => {
            let found = keystore::name_of(shared, text)?;
            found.ok_or_else(|| RepoError::NameNotFound { name: text.to_owned() })
        }
        // What DNS says of such a name must not be said by a key that happens to have it.
        parsed => parsed,
    }
}

fn parse_name(text: &str) -> Result<Name, RepoError> {
    Name::parse(text).map_err(|error| {
        let dns = RepoError::DnsName { name: text.to_owned() };
        if text.contains('.') { dns } else { error.into() }
    })
}

fn record(shared: &Shared, name: &Name) -> Result<Option<Record>, RepoError> {
    let Some(catalogue) = &shared.catalogue else { return Ok(None) };
    catalogue.read(|transaction| find(transaction, name))
}

/// The time it is for this handle.
fn now(shared: &Shared) -> Timestamp {
    let now = Timestamp::now();
    let seconds = now.seconds().saturating_add(shared.options.clock_offset);
    Timestamp::new(seconds, now.nanoseconds()).unwrap_or(now)
}

/// The CID that a record leads to.
fn root_of(record: &Record) -> Option<Cid> {
    let value = record.value().ok()?;
    parse(value.strip_prefix("/ipfs/")?.split('/').next()?).ok()
}

fn has_table(connection: &Connection) -> rusqlite::Result<bool> {
    let find = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'ipns')";
    connection.prepare_cached(find)?.query_row((), |row| row.get(0))
}

fn find(transaction: &Transaction<'_>, name: &Name) -> Result<Option<Record>, RepoError> {
    if !has_table(transaction)? {
        return Ok(None);
    }
    let find = "SELECT record FROM ipns WHERE name = ?1";
    let mut statement = transaction.prepare_cached(find)?;
    let found = statement.query_row([name.to_bytes()], |row| row.get::<_, Vec<u8>>(0));
    Ok(found.optional()?.map(|bytes| Record::decode(&bytes)).transpose()?)
}

fn insert(
    transaction: &Transaction<'_>,
    name: &Name,
    record: &Record,
) -> Result<(), RepoError> {
    let root = root_of(record).map(|root| root.to_bytes());
    put_row(transaction, &(name.to_bytes(), record.bytes().to_vec(), root))
}

fn put_row(transaction: &Transaction<'_>, row: &NameRow) -> Result<(), RepoError> {
    transaction.execute(TABLE, ())?;
    transaction
        .prepare_cached("INSERT OR REPLACE INTO ipns VALUES (?1, ?2, ?3)")?
        .execute((&row.0, &row.1, &row.2))?;
    Ok(())
}

/// A row of the table: name, record, root.
pub(crate) type NameRow = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

/// Every row, for those who carry them over to another index.
pub(crate) fn all(connection: &Connection) -> rusqlite::Result<Vec<NameRow>> {
    if !has_table(connection)? {
        return Ok(Vec::new());
    }
    let mut statement =
        connection.prepare_cached("SELECT name, record, root FROM ipns ORDER BY name")?;
    let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    statement.query_map((), row)?.collect()
}

/// Puts rows into a new index.
pub(crate) fn restore(
    transaction: &Transaction<'_>,
    rows: &[NameRow],
) -> Result<(), RepoError> {
    rows.iter().try_for_each(|row| put_row(transaction, row))
}

/// What names lead to, to be kept as far as it is here.
pub(crate) fn kept(transaction: &Transaction<'_>) -> Result<Vec<Cid>, RepoError> {
    let rows = all(transaction)?;
    Ok(rows.iter().filter_map(|(_, _, root)| cid_of(root.as_deref()?)).collect())
}
