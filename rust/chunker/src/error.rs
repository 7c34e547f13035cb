//! What can be wrong with a chunker's name, or with a kernel's.

use std::num::ParseIntError;

use crate::Kernel;
use crate::spec::{MAX_CHUNK_BYTES, MAX_RABIN_AVERAGE, MIN_RABIN_AVERAGE, RABIN_WINDOW};

/// Why a chunker was refused. Messages say what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkerError {
    /// No chunker has this name, or it takes other parameters.
    #[error(
        "unknown chunker {spec:?}: expected size-N, rabin, rabin-AVG, \
         rabin-MIN-AVG-MAX, buzhash, lengths-A,B,C or default"
    )]
    UnknownSpec {
        /// The text as given.
        spec: String,
    },
    /// A parameter is no decimal number.
    #[error("chunker {spec:?}: {text:?} is no number")]
    NotANumber {
        /// The text as given.
        spec: String,
        /// The part of it that was read as a number.
        text: String,
        /// What the number parser said.
        #[source]
        source: ParseIntError,
    },
    /// A fixed size is zero or above [`MAX_CHUNK_BYTES`].
    #[error("chunk size {bytes} is not between 1 and {MAX_CHUNK_BYTES}")]
    SizeOutOfRange {
        /// The size asked for.
        bytes: u64,
    },
    /// A rabin average whose minimum or maximum would be out of bounds.
    #[error(
        "rabin average {bytes} is not between {MIN_RABIN_AVERAGE} and {MAX_RABIN_AVERAGE}"
    )]
    RabinAverageOutOfRange {
        /// The average asked for.
        bytes: u64,
    },
    /// Rabin bounds that are not in order or out of bounds.
    #[error(
        "rabin-{min}-{avg}-{max} does not hold \
         {RABIN_WINDOW} <= min < avg < max <= {MAX_CHUNK_BYTES}"
    )]
    RabinBoundsOutOfRange {
        /// The smallest chunk asked for.
        min: u64,
        /// The average asked for.
        avg: u64,
        /// The largest chunk asked for.
        max: u64,
    },
    /// No kernel has this name.
    #[error("unknown chunker kernel {name:?}: expected one of {}", Kernel::names())]
    UnknownKernel {
        /// The name as given.
        name: String,
    },
    /// The kernel exists, and this processor cannot run it.
    #[error("chunker kernel {kernel} does not run on this processor")]
    KernelUnavailable {
        /// The kernel asked for.
        kernel: Kernel,
    },
}
