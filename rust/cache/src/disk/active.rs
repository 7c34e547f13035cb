//! Appending to the segment of this process.

use std::io;
use std::sync::Arc;

use ipfs_kit_cid::{Cid, varint};
use ipfs_kit_pack::{
    HEADER_BYTES, MAX_BLOCK_BYTES, PackError, Writer, most_data_bytes, most_padding_bytes,
};

use super::options::Plan;
use super::segment::{Frame, Segment};
use super::tier::{Disk, Tier};

/// Bytes of an offset in an index, and of what an index has beside its entries.
const OFFSET_BYTES: u64 = 8;
const INDEX_HEAD_BYTES: u64 = 256;
/// The most that a block's name takes in its frame and in the index together.
const MOST_NAME_BYTES: u64 = 512;

/// The segment that this process appends to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) writer: Writer,
    /// The same on the shelf.
    pub(super) segment: Arc<Segment>,
    /// The count of changes at which it was seen in its place.
    pub(super) checked: u64,
}

impl Active {
    /// Whether a frame that takes so much can be appended.
    pub(super) fn fits(&self, charge: u64, plan: Plan) -> bool {
        self.taken().saturating_add(charge) <= plan.useful
    }

    /// What data and index would take if it were sealed now.
    pub(super) fn taken(&self) -> u64 {
        self.writer.end() + self.segment.index_bytes() + INDEX_HEAD_BYTES
    }
}

/// The most that a block takes of a segment, with its entry in the index.
pub(super) fn charge(cid: &Cid, data_bytes: usize) -> u64 {
    let body_bytes = (cid.encoded_len() + data_bytes) as u64;
    let entry_bytes = cid.hash().digest().len() as u64 + OFFSET_BYTES;
    let padding_bytes = most_padding_bytes(data_bytes);
    varint::len(body_bytes) as u64 + body_bytes + padding_bytes + entry_bytes
}

impl Plan {
    /// The largest block under any CID.
    pub(super) fn most_block_bytes(self) -> u64 {
        let around = HEADER_BYTES + INDEX_HEAD_BYTES + MOST_NAME_BYTES;
        most_data_bytes(self.useful - around).min(MAX_BLOCK_BYTES as u64)
    }

    /// Whether a frame fits into a segment at all.
    pub(super) fn takes(self, charge: u64) -> bool {
        HEADER_BYTES + INDEX_HEAD_BYTES + charge <= self.useful
    }
}

impl Tier {
    /// Appends a block that is what its CID names; says whether it is there now. Failures
    /// turn the cache off.
    pub(super) fn append(
        &self,
        disk: &Disk,
        cid: &Cid,
        data: &[u8],
        again: Again,
    ) -> bool {
        if !self.plan.takes(charge(cid, data.len())) {
            return false;
        }
        let mut slot = self.slot();
        match self.append_to(disk, &mut slot, cid, data, again) {
            Ok(appended) => appended,
            Err(error) if is_passing(&error) => false,
            Err(error) => {
                // Nobody knows what of it is there; who takes it over will look.
                *slot = None;
                self.fail(error);
                false
            }
        }
    }

    fn append_to(
        &self,
        disk: &Disk,
        slot: &mut Option<Active>,
        cid: &Cid,
        data: &[u8],
        again: Again,
    ) -> Result<bool, PackError> {
        let changes = disk.gate.changes();
        if let Some(active) = slot
            && active.checked != changes
        {
            if active.writer.is_in_place()? {
                active.checked = changes;
            } else {
                // Another process cleared the folder.
                *slot = None;
            }
        }
        let charge = charge(cid, data.len());
        let fits = |active: &Active| active.fits(charge, self.plan);
        if !slot.as_ref().is_some_and(fits) && !self.start(disk, slot, charge)? {
            return Ok(false);
        }
        let Some(active) = slot else { return Ok(false) };
        let name = self.shortener.name(cid.hash());
        if again == Again::Skip
            && let Some(spot) = active.segment.find(&name)
            && matches!(active.segment.read(spot.offset, cid.hash()), Frame::Whole(..))
        {
            // Another thread was faster.
            return Ok(true);
        }
        let offset = active.writer.append(cid, &[data])?;
        // What is in the file survives the process, and others see it.
        active.writer.flush()?;
        active.segment.note(&name, offset, active.writer.end());
        Ok(true)
    }

    /// Makes what was put so far survive a power loss, if the folder does.
    pub(super) fn flush(&self) {
        let mut slot = self.slot();
        if let Some(active) = slot.as_mut()
            && let Err(error) = active.writer.sync()
        {
            *slot = None;
            self.fail(error);
        }
    }
}

/// What is to be done with a block that the segment has already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// It is the same: nothing.
    Skip,
    /// A record under the same name may say something else.
    Append,
}

/// Whether a failure says nothing of the disk.
fn is_passing(error: &PackError) -> bool {
    let PackError::Io { source, .. } = error else { return false };
    source.kind() == io::ErrorKind::OutOfMemory || is_out_of_descriptors(source)
}

/// `EMFILE` and `ENFILE`, which have one number each on all Unix systems.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}
