//! Where to cut a stream into chunks: where Kubo cuts it, or where one is told to.
//!
//! Knows nothing of CIDs and does no IO: a [`Spec`] names a chunker as Kubo's command
//! line does, a [`Chunker`] is shown the bytes read so far and answers with lengths.
//! The cuts depend on the bytes alone, never on how they arrived or on the [`Kernel`]
//! that looked for them.
//!
//! ```
//! use ipfs_kit_chunker::Spec;
//!
//! let spec: Spec = "rabin-16-32-64".parse()?;
//! let data: Vec<u8> = (0..200).map(|i| (i * i % 251) as u8).collect();
//! let mut chunker = spec.chunker();
//! let chunks: Vec<&[u8]> = chunker.cuts(&data).map(|range| &data[range]).collect();
//! assert_eq!(chunks.concat(), data);
//! assert!(chunks.iter().all(|chunk| chunk.len() <= spec.max_chunk_bytes()));
//! # Ok::<(), ipfs_kit_chunker::ChunkerError>(())
//! ```

mod buzhash;
mod chunker;
mod error;
mod kernel;
mod rabin;
mod spec;

pub use chunker::Chunker;
pub use error::ChunkerError;
pub use kernel::Kernel;
pub use spec::{DEFAULT_CHUNK_BYTES, Lengths, MAX_CHUNK_BYTES, RabinBounds, Spec};
