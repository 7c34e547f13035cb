//! Values under keys that are no CIDs.

use std::cmp::Reverse;

use bytes::Bytes;
use ipfs_kit_hash::Multihash;
use ipfs_kit_pack::PackId;

use super::active::{Again, charge};
use super::name::Name;
use super::options::VerifyReads;
use super::record::{self, Record, RecordView};
use super::segment::Frame;
use super::shelf::{self, Segments};
use super::tier::{Disk, Hit, Tier};

impl Tier {
    /// The record of a key that counts: the newest. Others, which a process left that did not
    /// see it, are removed.
    pub(super) fn record(&self, disk: &Disk, key: &[u8]) -> Option<(Record, Hit)> {
        let cid = record::name_of(key)?;
        let name = self.shortener.name(cid.hash());
        let segments = self.segments(disk);
        // Another process may just have put a newer one.
        self.catch_up(&segments);
        self.newest(disk, &segments, &name, key)
    }

    fn newest(
        &self,
        disk: &Disk,
        segments: &Segments,
        name: &Name<'_>,
        key: &[u8],
    ) -> Option<(Record, Hit)> {
        let mut found = Vec::new();
        for hit in Self::places(segments, name) {
            match Record::decode(&hit.data) {
                Some(record) if record.key == key => found.push((record, hit)),
                _ => {
                    let whole = Some((&hit.cid, &hit.data));
                    self.drop_damaged(disk, &hit.segment, hit.offset, whole);
                }
            }
        }
        found.sort_by_key(|(record, _)| Reverse(record.time));
        let mut found = found.into_iter();
        let newest = found.next();
        self.remove_hits(disk, found.map(|(_, hit)| hit));
        newest
    }

    pub(super) fn get_key(&self, disk: &Disk, key: &[u8]) -> Option<Bytes> {
        let cid = record::name_of(key)?;
        let name = self.shortener.name(cid.hash());
        let segments = self.segments(disk);
        self.catch_up(&segments);
        // Before it is looked for: who puts a newer one meanwhile begins another.
        let epoch = self.epoch();
        let (value, segment, offset) =
            self.warm_value(&segments, &name, key, epoch).or_else(|| {
                let (record, hit) = self.newest(disk, &segments, &name, key)?;
                Some((record.value, hit.segment.id(), hit.offset))
            })?;
        let found = self.fetch_from(disk, &segments, &value)?;
        self.heat().touch_record(name.short, segment, offset, epoch);
        Some(found)
    }

    /// What a key stands for, if its record was found in this epoch.
    fn warm_value(
        &self,
        segments: &Segments,
        name: &Name<'_>,
        key: &[u8],
        epoch: u64,
    ) -> Option<(Multihash, PackId, u64)> {
        let warm = self.heat().get(name.short).filter(|warm| warm.epoch == epoch)?;
        let segment = shelf::find(segments, warm.segment)?;
        let Frame::Whole(_, data) = segment.read(warm.offset, name.hash) else {
            return None;
        };
        let checked = self.options.verify() == VerifyReads::Always;
        let record = if checked { record::check(&data)? } else { record::skip(&data)? };
        let record = RecordView::parse(record).filter(|record| record.key == key)?;
        Some((record.value, warm.segment, warm.offset))
    }

    pub(super) fn put_key(
        &self,
        disk: &Disk,
        key: &[u8],
        value: &[u8],
        metadata: &[u8],
    ) -> bool {
        let (Some(hash), Some(cid)) = (record::blake3(value), record::name_of(key))
        else {
            return false;
        };
        let record_bytes = record::OVERHEAD_BYTES + key.len() + metadata.len();
        let value_cid = record::value_cid(hash);
        if !self.plan.takes(charge(&cid, record_bytes))
            || !self.plan.takes(charge(&value_cid, value.len()))
        {
            return false;
        }
        let before = self.record(disk, key);
        let there = self.locate(disk, &hash).is_some();
        if there
            && let Some((record, _)) = &before
            && (record.value, record.metadata.as_slice()) == (hash, metadata)
        {
            return true;
        }
        if !there && !self.append(disk, &value_cid, value, Again::Skip) {
            return false;
        }
        let mut record = Record::new(key, hash, value.len() as u64, metadata);
        if let Some((before, _)) = &before {
            // The clock may stand still or go back.
            record.time = record.time.max(before.time.saturating_add(1));
        }
        let Some(bytes) = record.encode() else { return false };
        if !self.append(disk, &cid, &bytes, Again::Append) {
            return false;
        }
        self.begin_epoch();
        self.remove_hits(disk, before.into_iter().map(|(_, hit)| hit));
        true
    }

    fn remove_hits(&self, disk: &Disk, hits: impl Iterator<Item = Hit>) {
        if self.state().takes() {
            for hit in hits {
                // One that cannot be removed is only older.
                hit.segment.remove(&disk.folder, hit.offset, &hit.cid, &hit.data).ok();
            }
        }
    }
}
