//! Starting a segment: what the dead left, eviction, and what is carried over.

use std::sync::Arc;

use ipfs_kit_hash::{Hasher, Multihash};
use ipfs_kit_pack::{Claim, Durability, HEADER_BYTES, PackError, Writer};

use super::active::{Active, charge};
use super::census::Census;
use super::gate::Inside;
use super::options::VerifyReads;
use super::segment::Segment;
use super::tier::{Disk, Tier};
use super::{record, shelf};

/// The part of a new segment that what is carried over may take.
const CARRIED_SHARE: u64 = 4;
/// A segment that a dead writer left is gone on with if it is not fuller than this part.
const RESUMED_SHARE: u64 = 2;
/// One that is closed with less than this part in it is left for the next writer.
const SEALED_SHARE: u64 = 4;

impl Tier {
    /// Puts a segment into the slot that takes a frame of this charge; `false` if there is no
    /// room for one.
    pub(super) fn start(
        &self,
        disk: &Disk,
        slot: &mut Option<Active>,
        charge: u64,
    ) -> Result<bool, PackError> {
        let Some(mut inside) = disk.gate.enter()? else { return Ok(false) };
        let mut victims = Vec::new();
        let started = self.start_inside(disk, &mut inside, slot, charge, &mut victims);
        // Whatever failed, the segments are others now.
        inside.announce()?;
        drop(inside);
        let (writer, resumed) = match started? {
            Some(Started::Resumed(active)) => {
                let segment = active.segment.clone();
                (active.writer, Some(segment))
            }
            Some(Started::New(writer)) => (writer, None),
            None => return Ok(false),
        };
        self.list(disk, true)?;
        let found = || shelf::find(&self.shelf.segments(), writer.id()).cloned();
        let Some(segment) = resumed.or_else(found) else { return Ok(false) };
        let mut active = Active { writer, segment, checked: disk.gate.changes() };
        self.carry_over(&mut active, &victims, charge)?;
        *slot = Some(active);
        Ok(true)
    }

    fn start_inside(
        &self,
        disk: &Disk,
        inside: &mut Inside,
        slot: &mut Option<Active>,
        charge: u64,
        victims: &mut Vec<Arc<Segment>>,
    ) -> Result<Option<Started>, PackError> {
        if let Some(active) = slot.take() {
            retire(disk, active)?;
        }
        disk.folder.empty_trash()?;
        self.list(disk, true)?;
        let resumed = self.take_over(disk, charge)?;
        let census = Census::count(disk.folder.path())?;
        let needed = if resumed.is_some() { 0 } else { self.plan.segment };
        if !self.evict(disk, &census, needed, victims)? {
            if let Some(active) = resumed {
                retire(disk, active)?;
            }
            return Ok(None);
        }
        if let Some(active) = resumed {
            return Ok(Some(Started::Resumed(active)));
        }
        let newest = census.segments.keys().next_back().copied();
        let id = inside.next_id(newest)?;
        let writer = Writer::create_cached(&disk.folder, id, self.plan.segment)?;
        Ok(writer.map(Started::New))
    }

    /// Evicts what is over the limit, if it was larger when the folder was filled.
    pub(super) fn shrink(&self, disk: &Disk) -> Result<(), PackError> {
        let fits = |census: &Census| census.allocated() <= self.plan.limit;
        if fits(&Census::count(disk.folder.path())?) {
            return Ok(());
        }
        let Some(mut inside) = disk.gate.enter()? else { return Ok(()) };
        self.list(disk, true)?;
        // Nothing is gone on with, so that all may be evicted.
        self.take_over(disk, u64::MAX)?;
        let census = Census::count(disk.folder.path())?;
        self.evict(disk, &census, 0, &mut Vec::new())?;
        inside.announce()
    }

    /// Seals what dead writers left, or gives one of their segments to go on with.
    fn take_over(&self, disk: &Disk, charge: u64) -> Result<Option<Active>, PackError> {
        let mut resumed = None;
        let segments = self.shelf.segments();
        for (id, files) in Census::names(disk.folder.path())?.segments {
            if files.is_sealed() {
                if !files.has_data {
                    disk.folder.discard(id)?;
                }
                continue;
            }
            // Whoever lives holds the lock.
            let Some(claim) = Claim::take(&disk.folder, id)? else { continue };
            let Some(segment) = shelf::find(&segments, id).cloned() else {
                claim.discard()?;
                continue;
            };
            segment.catch_up(&self.shortener);
            let length = segment.file_bytes();
            if segment.len() == 0 || length < HEADER_BYTES {
                claim.discard()?;
                continue;
            }
            let whole = segment.end() == length;
            let writer = match claim.resume_with(length, Durability::Cached) {
                Ok(writer) => writer,
                Err(PackError::Damaged { .. }) => {
                    disk.folder.discard(id)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let active = Active { writer, segment, checked: 0 };
            let has_room = active.taken() <= self.plan.useful / RESUMED_SHARE
                && active.fits(charge, self.plan);
            if whole && has_room && resumed.is_none() {
                active.writer.reserve(self.plan.segment)?;
                resumed = Some(active);
            } else {
                retire(disk, active)?;
            }
        }
        Ok(resumed)
    }

    /// Evicts sealed segments, the oldest first, until `needed` bytes are free and another
    /// segment's worth; says whether at least the first is so.
    fn evict(
        &self,
        disk: &Disk,
        census: &Census,
        needed: u64,
        victims: &mut Vec<Arc<Segment>>,
    ) -> Result<bool, PackError> {
        let plan = self.plan;
        let mut charged = census.charge(plan.segment) + needed;
        let segments = self.shelf.segments();
        for (id, files) in &census.segments {
            if charged <= plan.limit - plan.segment {
                break;
            }
            if files.is_sealed() {
                disk.folder.discard(*id)?;
                charged = charged.saturating_sub(files.charge(plan.segment));
                self.counters.evicted_segments.one();
                if let Some(segment) = shelf::find(&segments, *id) {
                    self.counters.evicted_items.add(segment.len() as u64);
                    victims.push(segment.clone());
                }
            }
        }
        Ok(charged <= plan.limit)
    }

    /// Copies what was asked for from evicted segments into the new one.
    fn carry_over(
        &self,
        active: &mut Active,
        victims: &[Arc<Segment>],
        wanted: u64,
    ) -> Result<(), PackError> {
        let mut budget = self.plan.segment / CARRIED_SHARE;
        let segments = self.shelf.segments();
        let mut carried: Vec<(Multihash, u64, u64)> = Vec::new();
        for victim in victims {
            let hottest = self.heat().hottest(victim.id());
            for (short, warm) in hottest {
                let Some((cid, data)) = victim.at(warm.offset) else { continue };
                let name = self.shortener.name(cid.hash());
                let charge = charge(&cid, data.len());
                if name.short != short
                    || charge > budget
                    || !active.fits(charge + wanted, self.plan)
                    || Self::places(&segments, &name).next().is_some()
                {
                    continue;
                }
                let known = warm.verified
                    || record::is_record(&cid)
                    || self.options.verify() == VerifyReads::Never;
                if !known && !matches!(Hasher::verify(cid.hash(), &data), Ok(true)) {
                    continue;
                }
                let offset = active.writer.append(&cid, &[&data])?;
                carried.push((*cid.hash(), offset, active.writer.end()));
                budget -= charge;
            }
        }
        // Nothing may be looked at before it is in the file.
        active.writer.flush()?;
        let mut heat = self.heat();
        for (hash, offset, end) in &carried {
            let name = self.shortener.name(hash);
            active.segment.note(&name, *offset, *end);
            heat.moved(name.short, active.writer.id(), *offset);
        }
        self.counters.carried_items.add(carried.len() as u64);
        Ok(())
    }

    /// Gives the slot of this process free; the next put takes one again.
    pub(super) fn close(&self) {
        let (Some(disk), mut slot) = (self.writable(), self.slot()) else { return };
        let Some(mut active) = slot.take() else { return };
        let closed = if active.taken() < self.plan.useful / SEALED_SHARE {
            active.writer.trim()
        } else {
            seal(disk, active)
        };
        if let Err(error) = closed {
            self.fail(error);
        }
    }
}

/// How a segment was started.
enum Started {
    Resumed(Active),
    New(Writer),
}

/// Seals a segment; one that is empty, or was cleared away by another, is dropped.
fn retire(disk: &Disk, active: Active) -> Result<(), PackError> {
    let Active { mut writer, segment, .. } = active;
    if !writer.is_in_place()? {
        return Ok(());
    }
    writer.flush()?;
    let places = segment.places();
    if places.is_empty() {
        return disk.folder.discard(writer.id());
    }
    writer.seal(places)
}

fn seal(disk: &Disk, active: Active) -> Result<(), PackError> {
    // If others are busy for long, the next writer seals it.
    let Some(mut inside) = disk.gate.enter()? else { return Ok(()) };
    retire(disk, active)?;
    inside.announce()
}
