//! CAR files, version 1 and 2: framing, indexes, verified reading, writing. No network.
//!
//! - [`Reader`] streams the blocks of either version; [`IndexedReader`] finds blocks by CID
//!   in a file, through its index or a scan.
//! - [`Writer`] streams version 1; [`FileWriter`] writes either version where roots may be
//!   known only at the end.
//! - [`Index`] looks offsets up in the bytes of an index, [`IndexBuilder`] makes them.
//! - [`section`] and [`Header`] are the framing itself, for files that embed it.
//!
//! Nothing read is trusted: lengths have limits ([`ReadOptions`]), blocks are hashed, and
//! what the specification calls invalid is an error that says where.
//!
//! ```
//! use ipfs_kit_car::{Reader, Writer};
//! use ipfs_kit_cid::{Cid, codec};
//! use ipfs_kit_hash::{Code, Hasher};
//!
//! let data = b"hello world";
//! let cid = Cid::new_v1(codec::RAW, Hasher::new(Code::Sha2_256).hash(data)?);
//! let mut writer = Writer::new(Vec::new(), &[cid])?;
//! writer.put(&cid, data)?;
//! let car = writer.finish()?;
//!
//! let mut reader = Reader::new(&car[..])?;
//! assert_eq!(reader.roots(), [cid]);
//! let block = reader.next_block()?.expect("the block written above");
//! assert_eq!((block.cid, &block.data[..]), (cid, &data[..]));
//! assert!(reader.next_block()?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source: the CARv1, CARv2 and CAR index specifications of IPLD.

mod error;
mod file_writer;
mod header;
pub mod index;
mod indexed_reader;
mod options;
mod read_at;
mod reader;
mod rewrite;
pub mod section;
mod v2;
mod writer;

pub use error::CarError;
pub use file_writer::{FileWriter, Format, Roots};
pub use header::Header;
pub use index::{Index, IndexBuilder, IndexCodec};
pub use indexed_reader::IndexedReader;
pub use options::{ReadOptions, Verify};
pub use read_at::ReadAt;
pub use reader::{Block, Reader};
pub use rewrite::Rewrite;
pub use v2::{Characteristics, PRAGMA, V2_DATA_OFFSET, V2Header};
pub use writer::Writer;
