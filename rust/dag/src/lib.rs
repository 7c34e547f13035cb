//! IPLD nodes: the dag-pb, dag-cbor and dag-json codecs, their links, walks over a DAG, and
//! the two traits through which blocks come and go. `UnixFS` is the crate above.
//!
//! Decoding is strict: what a codec's specification calls non-canonical is refused, so that
//! one value has one CID.
//!
//! ```
//! use ipfs_kit_dag::{Ipld, cbor};
//!
//! let value = Ipld::List(vec![Ipld::Integer(1), Ipld::String("two".into())]);
//! let bytes = cbor::encode(&value).unwrap();
//! assert_eq!(cbor::decode(&bytes).unwrap(), value);
//! ```

mod block;
pub mod cbor;
mod error;
pub mod json;
mod links;
pub mod pb;
mod walk;

pub use block::{BlockSink, BlockSource, InPlace, MemoryBlocks, Verifying};
pub use error::DagError;
pub use ipld_core::ipld::Ipld;
pub use links::links;
pub use walk::{Visit, Walk, WalkLimits};
