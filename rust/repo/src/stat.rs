//! What a repository holds, in numbers and one by one.

use ipfs_kit_cid::{Cid, codec};
use ipfs_kit_hash::Multihash;
use rusqlite::Transaction;

use crate::catalogue::FORMAT;
use crate::{RepoError, Repository};

/// The numbers of a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepoStat {
    /// Blocks in it, those in place too. One that two processes wrote at once counts twice.
    pub blocks: u64,
    /// Bytes of all packs.
    pub bytes: u64,
    /// Bytes of blocks that are no more, which `compact` gives back.
    pub dead_bytes: u64,
    /// Blocks in place.
    pub in_place: u64,
    /// Packs.
    pub packs: u64,
    /// Those of them that are sealed.
    pub sealed_packs: u64,
    /// Pins.
    pub pins: u64,
    /// The format of the repository.
    pub format: i64,
    /// Most bytes that the packs may take.
    pub max_bytes: Option<u64>,
}

/// Blocks listed at once.
const PAGE: usize = 4096;

impl Repository {
    /// Counts what is here.
    pub fn stat(&self) -> Result<RepoStat, RepoError> {
        let shared = self.shared()?;
        shared.refresh()?;
        let max_bytes = shared.options.max_bytes;
        if let Some(catalogue) = &shared.catalogue {
            let counted = catalogue.read(count)?;
            return Ok(RepoStat { max_bytes, ..counted });
        }
        let mut stat = RepoStat { max_bytes, format: FORMAT, ..RepoStat::default() };
        let view = shared.view();
        for entry in &view.packs {
            let pack = entry.slot.pack(&shared.packs)?;
            stat.blocks += pack.map_or(0, |pack| pack.len() as u64);
            stat.bytes += entry.slot.committed();
            stat.packs += 1;
            stat.sealed_packs += 1;
        }
        Ok(stat)
    }

    /// Calls `each` with every block, as a raw CID in version 1: the repository knows
    /// blocks by their hashes alone.
    ///
    /// What is added or removed meanwhile may be listed or not.
    pub fn each_block(
        &self,
        mut each: impl FnMut(Cid) -> Result<(), RepoError>,
    ) -> Result<(), RepoError> {
        let shared = self.shared()?;
        shared.refresh()?;
        let (packs, recent) = {
            let view = shared.view();
            let recent: Vec<Multihash> =
                view.recent().filter_map(|(key, ..)| key.hash()).collect();
            (view.packs.clone(), recent)
        };
        let mut give = |hash: Multihash| each(Cid::new_v1(codec::RAW, hash));
        for page in recent.chunks(PAGE) {
            page.iter().try_for_each(|hash| give(*hash))?;
        }
        for entry in packs.iter().filter(|entry| entry.slot.sealed) {
            let Some(pack) = entry.slot.pack(&shared.packs)? else { continue };
            for (at, (hash, _)) in (0_u32..).zip(pack.entries()) {
                if !entry.is_dead(at) {
                    give(hash)?;
                }
            }
        }
        crate::references::all(&shared)?.into_iter().try_for_each(give)
    }
}

fn count(transaction: &Transaction<'_>) -> Result<RepoStat, RepoError> {
    let packs: [i64; 5] = transaction.query_row(
        "SELECT coalesce(sum(blocks - dead_blocks), 0), coalesce(sum(bytes), 0),
             coalesce(sum(dead_bytes), 0), count(*), coalesce(sum(sealed), 0) FROM pack",
        (),
        |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?]),
    )?;
    let number =
        |query: &str| transaction.query_row(query, (), |row| row.get::<_, i64>(0));
    let in_place = number("SELECT count(*) FROM reference")?;
    let pins = number("SELECT count(*) FROM pin")?;
    let [blocks, bytes, dead_bytes, packs, sealed_packs] = packs.map(i64::cast_unsigned);
    let in_place = in_place.cast_unsigned();
    Ok(RepoStat {
        blocks: blocks + in_place,
        bytes,
        dead_bytes,
        in_place,
        packs,
        sealed_packs,
        pins: pins.cast_unsigned(),
        format: number("SELECT value FROM meta WHERE key = 'format'")?,
        max_bytes: None,
    })
}
