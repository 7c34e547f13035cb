//! Writing the index of a pack.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use ipfs_kit_car::{IndexBuilder, IndexCodec};
use ipfs_kit_hash::Multihash;

use crate::error::At;
use crate::{Durability, Folder, Pack, PackError, PackId};

/// Writes the index beside its pack: whole under its name, or not there.
pub(crate) fn write_index(
    folder: &Folder,
    id: PackId,
    entries: impl IntoIterator<Item = (Multihash, u64)>,
    durability: Durability,
) -> Result<(), PackError> {
    let mut index = IndexBuilder::new();
    for (hash, offset) in entries {
        index.insert(&hash, offset);
    }
    index.keep_first();
    let bytes = index.encode(IndexCodec::MultihashSorted);
    let (unfinished, path) = (folder.unfinished_path(id), folder.index_path(id));
    if let Err(error) = write(&unfinished, &bytes, durability) {
        fs::remove_file(&unfinished).ok();
        return Err(error).at("write", &unfinished);
    }
    fs::rename(&unfinished, &path).at("rename to", &path)?;
    match durability {
        Durability::Synced => folder.sync(),
        Durability::Cached => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    match durability {
        Durability::Synced => file.sync_all(),
        Durability::Cached => Ok(()),
    }
}

/// Makes the index of a pack anew from its blocks, all of them; gives how many there are.
///
/// For a sealed pack whose index is lost or damaged. Nobody else may be doing the same, and
/// readers that have the old index keep it. A section that cannot be read is an error, and
/// then nothing is changed.
pub fn reindex(folder: &Folder, id: PackId) -> Result<Option<usize>, PackError> {
    folder.check_writable()?;
    let Some(pack) = Pack::open_without_index(folder, id)? else { return Ok(None) };
    let sections = pack
        .scan(pack.file_bytes())
        .map(|section| section.map(|(offset, cid, _)| (*cid.hash(), offset)));
    let entries = sections.collect::<Result<Vec<_>, _>>()?;
    let count = entries.len();
    write_index(folder, id, entries, Durability::Synced)?;
    Ok(Some(count))
}
