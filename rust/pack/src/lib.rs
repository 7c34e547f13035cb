//! Pack files: blocks appended in CAR framing, a sorted index beside them once they are
//! sealed, and the locks that keep writers apart. No database, no pins, no garbage.
//!
//! - [`Folder`] holds packs: `<id>.car`, `<id>.idx` of those that are sealed, and `trash/`.
//! - [`Writer`] alone may append to a pack; [`Claim`] is the lock that makes it so.
//! - [`Pack`] reads one: blocks are views of the mapped file, which live as long as they
//!   are needed, whatever becomes of the pack.
//! - [`Joining`] makes one view of several blocks, without copying them where it can.
//! - [`Private`] is memory with the bytes of several blocks that may be written to.
//! - [`clone_range`] has the file system make a part of a pack part of another file.
//! - [`Sections`] walks a pack from its start, [`scan_end`] finds where a torn one ends,
//!   [`reindex`] makes an index anew.
//!
//! A pack is a valid CARv1 without roots. Data of 64 KiB and more begins at a page in it, and of
//! 4 KiB and more at a cache line, behind blocks with identity CIDs that only fill the place. How much of an unsealed one is *committed* is
//! known to the caller alone, who writes it down after [`Writer::sync`]. Bytes above may be
//! anything; they are never read, and the next writer cuts them off.
//!
//! ```
//! use ipfs_kit_cid::{Cid, codec};
//! use ipfs_kit_hash::{Code, Hasher};
//! use ipfs_kit_pack::{Folder, Pack, Writer};
//!
//! let place = tempfile::tempdir()?;
//! let folder = Folder::create(place.path().join("packs"))?;
//! let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(b"hello")?);
//!
//! let mut writer = Writer::create(&folder)?;
//! let id = writer.id();
//! let offset = writer.append(&cid, &[b"he", b"llo"])?;
//! let committed = writer.sync()?;
//!
//! let pack = Pack::open(&folder, id)?.expect("it was made above");
//! assert_eq!(pack.read(offset, committed, cid.hash())?, "hello");
//!
//! writer.seal([(*cid.hash(), offset)])?;
//! let sealed = Pack::open(&folder, id)?.expect("it was made above");
//! let found = sealed.find(cid.hash()).expect("it is in the index");
//! assert_eq!(sealed.read(found.offset, committed, cid.hash())?, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claim;
mod clone;
mod error;
mod filter;
mod folder;
mod id;
pub mod inherited;
mod joined;
mod map;
mod pack;
mod padding;
mod private;
mod regions;
mod reserve;
mod scan;
mod seal;
mod trash;
mod verified;
mod writeback;
mod writer;

pub use claim::Claim;
pub use clone::{CLONE_UNIT_BYTES, clone_range};
pub use error::{Damage, PackError};
pub use filter::Probe;
pub use folder::Folder;
pub use id::PackId;
pub use joined::Joining;
pub use map::Mapping;
pub use pack::{Found, Pack};
pub use padding::{most_data_bytes, most_padding_bytes};
pub use private::{Back, Private};
pub use scan::{Sections, scan_end};
pub use seal::reindex;
pub use verified::{Key, Verified};
pub use writer::{Durability, Writer};

use ipfs_kit_car::{CarError, ReadOptions, Verify};

/// The longest block that a pack takes.
pub const MAX_BLOCK_BYTES: usize = ReadOptions::MOST_BLOCK_BYTES;

/// Where the first section of every pack begins: behind a header without roots.
pub const HEADER_BYTES: u64 = HEADER.len() as u64;

const HEADER: &[u8; 18] = b"\x11\xa2\x65roots\x80\x67version\x01";

/// What is accepted in a pack. Blocks are hashed by the caller, where it decides to.
fn read_options() -> Result<ReadOptions, CarError> {
    ReadOptions::new().with_verify(Verify::Never).with_max_block_bytes(MAX_BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_a_car_without_roots() {
        let header = ipfs_kit_car::Header::default();
        assert_eq!(header.encode_frame(), HEADER);
    }
}
