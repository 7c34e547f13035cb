//! `UnixFS`: files and folders as DAGs. Profiles and parameters, nodes, layouts, hash-trie
//! directories; import from the file system, and safe extraction back to it.
//!
//! ```
//! use ipfs_kit_unixfs::{Control, Importer, Params, Profile};
//!
//! let params = Params::of(Profile::UnixFsV1_2025);
//! let control = Control::new();
//! let importer = Importer::new(&params, 1, &control);
//! let file = importer.reader(&b"hello world"[..], None, None).unwrap();
//! assert_eq!(
//!     ipfs_kit_cid::to_string(&file.cid),
//!     "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
//! );
//! ```
//!
//! Source: the `UnixFS` specification, IPIP-499 (profiles), and what Kubo writes.

mod blocks;
mod directory;
pub mod edit;
mod error;
mod extract;
mod import;
mod layout;
mod measure;
mod murmur3;
mod node;
mod os;
mod params;
pub mod read;
mod sharing;
mod sort;
mod staging;
mod sync;

pub use error::UnixFsError;
pub use extract::{ExtractLimits, Extracted, Extractor, Symlinks};
pub use import::{
    Control, Entries, Entry, FileId, Imported, Importer, Memory, Remembered,
};
pub use node::{Attributes, FsNode, HAMT_MURMUR3, Mtime, NodeKind};
pub use params::{Overrides, ParamError, Params, Profile, SizeEstimation};
pub use sharing::{Shared, Sharing};
