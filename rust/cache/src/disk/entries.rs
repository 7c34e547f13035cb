//! What a cache holds, one by one.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::PackId;

use super::name::Short;
use super::record::{self, Record};
use super::tier::{Disk, Tier};

/// An item of a disk cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is found by.
    pub name: EntryName,
    /// Bytes of its content.
    pub bytes: u64,
    /// The file that its content lies in.
    pub file_name: String,
    /// When this process asked for it last, or else when its segment was started.
    pub last_used: SystemTime,
}

/// What an item is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EntryName {
    /// A block by its multihash.
    Block(Multihash),
    /// A value by its key.
    Key(Vec<u8>),
}

impl Tier {
    /// All items. Every frame is looked at, so it takes milliseconds for thousands; contents
    /// are not hashed.
    pub(super) fn entries(&self, disk: &Disk) -> Vec<Entry> {
        let segments = self.segments(disk);
        self.catch_up(&segments);
        let mut seen: HashSet<Short> = HashSet::new();
        let mut keys: HashMap<Vec<u8>, (Record, Short)> = HashMap::new();
        let mut entries = Vec::new();
        for segment in segments.iter() {
            for (_, cid, data) in segment.frames() {
                let short = self.shortener.short(cid.hash());
                if record::is_record(&cid) {
                    let Some(record) = Record::decode(&data) else { continue };
                    let known = keys.get(&record.key);
                    if known.is_none_or(|(known, _)| known.time < record.time) {
                        keys.insert(record.key.clone(), (record, short));
                    }
                } else if seen.insert(short) && !record::is_value(&cid) {
                    entries.push(Entry {
                        name: EntryName::Block(*cid.hash()),
                        bytes: data.len() as u64,
                        file_name: file_name(segment.id()),
                        last_used: self.last_used(short, segment.id()),
                    });
                }
            }
        }
        entries.extend(keys.into_iter().filter_map(|(key, (record, short))| {
            let name = self.shortener.name(&record.value);
            let hit = Self::places(&segments, &name).next()?;
            Some(Entry {
                name: EntryName::Key(key),
                bytes: hit.data.len() as u64,
                file_name: file_name(hit.segment.id()),
                last_used: self.last_used(short, hit.segment.id()),
            })
        }));
        entries
    }

    fn last_used(&self, short: Short, segment: PackId) -> SystemTime {
        let used = self.heat().get(short).map(|warm| warm.last);
        // Segments are named by the time they were started.
        UNIX_EPOCH + Duration::from_nanos(used.unwrap_or(segment.as_u64()))
    }
}

fn file_name(id: PackId) -> String {
    format!("{id}.car")
}
