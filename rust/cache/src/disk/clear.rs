//! Removing everything.

use ipfs_kit_pack::PackError;

use super::tier::{Disk, Tier};

impl Tier {
    /// Removes all segments, those that others write too; says whether that could be done.
    pub(super) fn clear(&self, disk: &Disk) -> bool {
        match self.clear_disk(disk) {
            Ok(cleared) => cleared,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    fn clear_disk(&self, disk: &Disk) -> Result<bool, PackError> {
        let mut slot = self.slot();
        let Some(mut inside) = disk.gate.enter()? else { return Ok(false) };
        *slot = None;
        for id in disk.folder.remains()? {
            // Its writer finds that out when it looks at the count of changes.
            disk.folder.discard(id)?;
        }
        disk.folder.empty_trash()?;
        inside.announce()?;
        drop(inside);
        self.heat().clear();
        self.list(disk, true)?;
        Ok(true)
    }
}
