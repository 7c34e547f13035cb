//! The handle of a disk cache.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use ipfs_kit_cid::Cid;
use ipfs_kit_hash::{Code, Hasher, Multihash};

use super::active::Again;
use super::census::Census;
use super::counters::DiskStats;
use super::entries::Entry;
use super::fault::DiskState;
use super::options::{DiskOptions, OptionsError, Plan, Trust};
use super::record;
use super::tier::Tier;

/// A disk cache; shared by threads, and by all processes that open its folder.
///
/// Nothing fails for a bad disk: look-ups find nothing, puts say no, and
/// [`state`](Self::state) says why.
///
/// What is given out are views of mapped files, which stay valid whatever is evicted. In a
/// forked child a handle goes on with a slot of its own.
///
/// ```
/// use ipfs_kit_cache::disk::{DiskCache, DiskOptions, Trust};
/// use ipfs_kit_cid::{Cid, codec};
/// use ipfs_kit_hash::{Code, Hasher};
///
/// let place = tempfile::tempdir()?;
/// let cache = DiskCache::open(place.path(), 16 << 20, DiskOptions::new())?;
/// let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(b"hello")?);
/// assert!(cache.put(&cid, b"hello", Trust::Unverified));
/// assert_eq!(cache.get(cid.hash()).as_deref(), Some(&b"hello"[..]));
///
/// assert!(cache.put_key(b"any key", b"value", b"what is known of it"));
/// assert_eq!(cache.get_key(b"any key").as_deref(), Some(&b"value"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DiskCache {
    tier: Arc<Tier>,
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        self.tier.end();
    }
}

impl DiskCache {
    /// Opens the cache in a folder, which is made if it is not there; only impossible options
    /// are errors. With a limit of 0 bytes it is switched off, and the folder left alone.
    pub fn open(
        folder: &Path,
        limit_bytes: u64,
        options: DiskOptions,
    ) -> Result<Self, OptionsError> {
        let plan = Plan::new(limit_bytes)?;
        Ok(Self { tier: Arc::new(Tier::open(folder, plan, options)) })
    }

    /// Whether it works, and why not.
    pub fn state(&self) -> DiskState {
        self.tier.ours().state()
    }

    /// The block of this multihash.
    pub fn get(&self, hash: &Multihash) -> Option<Bytes> {
        let tier = self.tier.ours();
        let found = tier.readable().and_then(|disk| tier.fetch(disk, hash));
        tier.counted(found)
    }

    /// Whether there is a block of this multihash. It is not hashed.
    pub fn contains(&self, hash: &Multihash) -> bool {
        let tier = self.tier.ours();
        tier.readable().is_some_and(|disk| tier.locate(disk, hash).is_some())
    }

    /// Puts a block; says whether it is there now.
    ///
    /// It is refused if it is larger than a segment takes (see
    /// [`most_block_bytes`](Self::most_block_bytes)), if it is not what its CID names, or if
    /// that cannot be said. A block with an identity CID is refused too: its CID says it all.
    pub fn put(&self, cid: &Cid, data: &[u8], trust: Trust) -> bool {
        let tier = self.tier.ours();
        let put = || {
            let disk = tier.writable()?;
            let code = Code::from_code(cid.hash().code()).ok()?;
            let whole = match trust {
                Trust::Verified => true,
                Trust::Unverified => Hasher::verify(cid.hash(), data).ok()?,
            };
            if code == Code::Identity || !whole {
                return None;
            }
            let there = tier.locate(disk, cid.hash()).is_some();
            Some(there || tier.append(disk, cid, data, Again::Skip))
        };
        tier.count_put(put().unwrap_or(false))
    }

    /// The value of a key.
    pub fn get_key(&self, key: &[u8]) -> Option<Bytes> {
        let tier = self.tier.ours();
        let found = tier.readable().and_then(|disk| tier.get_key(disk, key));
        tier.counted(found)
    }

    /// Puts a value under any key, with what else is to be known of it; says whether it is
    /// there now. What stood under the key is replaced.
    pub fn put_key(&self, key: &[u8], value: &[u8], metadata: &[u8]) -> bool {
        let tier = self.tier.ours();
        let put =
            tier.writable().is_some_and(|disk| tier.put_key(disk, key, value, metadata));
        tier.count_put(put)
    }

    /// What was put with a value.
    pub fn metadata(&self, key: &[u8]) -> Option<Vec<u8>> {
        let tier = self.tier.ours();
        let disk = tier.readable()?;
        let (record, _) = tier.record(disk, key)?;
        tier.locate(disk, &record.value).map(|_| record.metadata)
    }

    /// Whether there is a value under a key.
    pub fn contains_key(&self, key: &[u8]) -> bool {
        self.metadata(key).is_some()
    }

    /// Removes a block; says whether it was there.
    pub fn remove(&self, hash: &Multihash) -> bool {
        let tier = self.tier.ours();
        tier.writable().is_some_and(|disk| tier.remove(disk, hash))
    }

    /// Removes a key; says whether it was there. Its value is no longer found by it, and goes
    /// with its segment.
    pub fn remove_key(&self, key: &[u8]) -> bool {
        let tier = self.tier.ours();
        let (Some(disk), Some(cid)) = (tier.writable(), record::name_of(key)) else {
            return false;
        };
        tier.remove(disk, cid.hash())
    }

    /// Removes everything, for all processes: only the lock file stays. Says whether it could.
    pub fn clear(&self) -> bool {
        let tier = self.tier.ours();
        tier.writable().is_some_and(|disk| tier.clear(disk))
    }

    /// What it holds.
    pub fn entries(&self) -> Vec<Entry> {
        let tier = self.tier.ours();
        tier.readable().map(|disk| tier.entries(disk)).unwrap_or_default()
    }

    /// The largest block that fits.
    pub fn most_block_bytes(&self) -> u64 {
        self.tier.plan.most_block_bytes()
    }

    /// How it stands. Adds up the folder: a look at each of its files.
    pub fn stats(&self) -> DiskStats {
        let tier = self.tier.ours();
        let segments =
            tier.readable().map(|disk| tier.segments(disk)).unwrap_or_default();
        tier.catch_up(&segments);
        let counters = &tier.counters;
        let carried = counters.carried_items.get();
        DiskStats {
            limit_bytes: tier.plan.limit,
            allocated_bytes: Census::count(&tier.path).map_or(0, |all| all.allocated()),
            live_bytes: segments.iter().map(|segment| segment.live_bytes()).sum(),
            unlinked_mapped_bytes: tier.shelf.unlinked_mapped_bytes(),
            segments: segments.len(),
            items: segments.iter().map(|segment| segment.len() as u64).sum(),
            hits: counters.hits.get(),
            misses: counters.misses.get(),
            puts: counters.puts.get(),
            refusals: counters.refusals.get(),
            evicted_segments: counters.evicted_segments.get(),
            evicted_items: counters.evicted_items.get().saturating_sub(carried),
            carried_items: carried,
            damaged_items: counters.damaged_items.get(),
            state: tier.state(),
        }
    }

    /// Makes what this process put so far survive a power loss. What was put survives the
    /// process without it.
    pub fn flush(&self) {
        self.tier.ours().flush();
    }

    /// Gives the slot of this process free, as the end of the handle does. It stays usable.
    pub fn close(&self) {
        self.tier.ours().close();
    }
}

impl Tier {
    fn counted(&self, found: Option<Bytes>) -> Option<Bytes> {
        let counter =
            if found.is_some() { &self.counters.hits } else { &self.counters.misses };
        counter.one();
        found
    }

    fn count_put(&self, put: bool) -> bool {
        let counter = if put { &self.counters.puts } else { &self.counters.refusals };
        counter.one();
        put
    }
}
