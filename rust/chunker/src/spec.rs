//! Names of chunkers: parsing, limits, printing.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use crate::buzhash;
use crate::{Chunker, ChunkerError};

/// The largest chunk that any chunker may make: Kubo's block limit of 2 MiB less the
/// 256 bytes that it keeps for the node around a chunk.
pub const MAX_CHUNK_BYTES: usize = LIMIT as usize;
const LIMIT: u32 = 2 * 1024 * 1024 - 256;

/// The size of `default`, and the average of a plain `rabin`.
pub const DEFAULT_CHUNK_BYTES: u32 = 256 * 1024;

/// Bytes that a rabin digest covers, hence its smallest chunk.
pub(crate) const RABIN_WINDOW: usize = WINDOW as usize;
const WINDOW: u32 = 16;

/// From here the derived minimum, a third, covers a window.
pub(crate) const MIN_RABIN_AVERAGE: u32 = 3 * WINDOW;

/// Up to here the derived maximum, one and a half times, is within the limit.
pub(crate) const MAX_RABIN_AVERAGE: u32 = (2 * LIMIT + 1) / 3;

/// A chunker, as Kubo's command line names it, or one that is told where to cut.
///
/// Parsing takes `size-N`, `rabin`, `rabin-AVG`, `rabin-MIN-AVG-MAX` (also with Kubo's
/// labels, `rabin-min:M-avg:A-max:X`), `buzhash`, `default` and, which Kubo has not,
/// `lengths-A,B,C`; printing gives the name with every parameter, which parses to the same
/// value.
///
/// Kubo also takes averages below 48 and then never cuts at all, because the minimum it
/// derives is shorter than rabin's window; such a name is refused here.
///
/// ```
/// use ipfs_kit_chunker::Spec;
///
/// let spec: Spec = "rabin-1024".parse()?;
/// assert_eq!(spec.to_string(), "rabin-341-1024-1536");
/// assert_eq!("default".parse(), Spec::size(262_144));
/// assert!("size-0".parse::<Spec>().is_err());
/// # Ok::<(), ipfs_kit_chunker::ChunkerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Spec {
    /// Chunks of one size, the last one shorter. [`Spec::size`] checks Kubo's limit.
    Size(NonZeroU32),
    /// Cuts where the Rabin fingerprint of the last 16 bytes ends in zero bits.
    Rabin(RabinBounds),
    /// Cuts where the buzhash of the last 32 bytes ends in 17 zero bits, between 128 and
    /// 512 KiB.
    Buzhash,
    /// Cuts where it is told to, for who knows what is in the file.
    Lengths(Lengths),
}

/// Lengths of chunks, in order; the last one again and again. None is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lengths {
    lengths: Arc<[u32]>,
    max: u32,
}

impl Lengths {
    /// The length of a chunk by its number.
    pub(crate) fn get(&self, number: usize) -> usize {
        let last = self.lengths.len() - 1;
        self.lengths.get(number.min(last)).map_or(0, |&length| length as usize)
    }
}

/// Sizes for the rabin chunker, of which `16 <= min < avg < max` is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RabinBounds {
    min: u32,
    avg: u32,
    max: u32,
}

impl RabinBounds {
    /// The shortest chunk, the last one excepted.
    pub fn min_bytes(&self) -> usize {
        self.min as usize
    }

    /// The distance between cuts that the fingerprint is asked for, before rounding down
    /// to a power of two.
    pub fn avg_bytes(&self) -> usize {
        self.avg as usize
    }

    /// The longest chunk.
    pub fn max_bytes(&self) -> usize {
        self.max as usize
    }

    /// The bits of the fingerprint that are zero at a cut.
    pub(crate) fn mask(self) -> u32 {
        (1 << self.avg.ilog2()) - 1
    }
}

impl Spec {
    /// Chunks of `bytes`, from 1 to [`MAX_CHUNK_BYTES`].
    pub fn size(bytes: u64) -> Result<Self, ChunkerError> {
        let refused = ChunkerError::SizeOutOfRange { bytes };
        match u32::try_from(bytes).ok().and_then(NonZeroU32::new) {
            Some(size) if size.get() as usize <= MAX_CHUNK_BYTES => Ok(Self::Size(size)),
            _ => Err(refused),
        }
    }

    /// Rabin with a minimum of a third and a maximum of one and a half times `avg`.
    pub fn rabin(avg: u64) -> Result<Self, ChunkerError> {
        match u32::try_from(avg) {
            Ok(avg @ MIN_RABIN_AVERAGE..=MAX_RABIN_AVERAGE) => {
                Ok(Self::Rabin(RabinBounds { min: avg / 3, avg, max: avg + avg / 2 }))
            }
            _ => Err(ChunkerError::RabinAverageOutOfRange { bytes: avg }),
        }
    }

    /// Rabin with all three sizes, `16 <= min < avg < max <=` [`MAX_CHUNK_BYTES`].
    pub fn rabin_bounds(min: u64, avg: u64, max: u64) -> Result<Self, ChunkerError> {
        let refused = ChunkerError::RabinBoundsOutOfRange { min, avg, max };
        let ordered = RABIN_WINDOW as u64 <= min && min < avg && avg < max;
        if !ordered || max > MAX_CHUNK_BYTES as u64 {
            return Err(refused);
        }
        match (u32::try_from(min), u32::try_from(avg), u32::try_from(max)) {
            (Ok(min), Ok(avg), Ok(max)) => Ok(Self::Rabin(RabinBounds { min, avg, max })),
            _ => Err(refused),
        }
    }

    /// Chunks of these lengths, each from 1 to [`MAX_CHUNK_BYTES`], the last one again and
    /// again to the end of the stream.
    pub fn lengths(lengths: impl IntoIterator<Item = u64>) -> Result<Self, ChunkerError> {
        let checked = lengths.into_iter().map(|bytes| match u32::try_from(bytes) {
            Ok(length @ 1..=LIMIT) => Ok(length),
            _ => Err(ChunkerError::SizeOutOfRange { bytes }),
        });
        let lengths: Arc<[u32]> = checked.collect::<Result<_, _>>()?;
        match lengths.iter().max() {
            Some(&max) => Ok(Self::Lengths(Lengths { lengths, max })),
            None => Err(ChunkerError::SizeOutOfRange { bytes: 0 }),
        }
    }

    /// The longest chunk that this chunker makes: enough bytes for one window.
    pub fn max_chunk_bytes(&self) -> usize {
        match self {
            Self::Size(size) => size.get() as usize,
            Self::Rabin(bounds) => bounds.max_bytes(),
            Self::Buzhash => buzhash::MAX_BYTES,
            Self::Lengths(Lengths { max, .. }) => *max as usize,
        }
    }

    /// The size of every chunk but the last, where there is one.
    pub fn fixed_size(&self) -> Option<usize> {
        match self {
            Self::Size(size) => Some(size.get() as usize),
            Self::Rabin(_) | Self::Buzhash | Self::Lengths(_) => None,
        }
    }

    /// A chunker at the start of a stream, with the fastest kernel of this processor.
    ///
    /// The environment is not looked at; [`Chunker::from_env`] does, and can fail.
    pub fn chunker(&self) -> Chunker {
        Chunker::new(self)
    }
}

impl Default for Spec {
    /// What Kubo calls `default`: chunks of 256 KiB.
    fn default() -> Self {
        Self::Size(NonZeroU32::MIN.saturating_add(DEFAULT_CHUNK_BYTES - 1))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size(size) => write!(f, "size-{size}"),
            Self::Rabin(RabinBounds { min, avg, max }) => {
                write!(f, "rabin-{min}-{avg}-{max}")
            }
            Self::Buzhash => f.write_str("buzhash"),
            Self::Lengths(Lengths { lengths, .. }) => {
                for (number, length) in lengths.iter().enumerate() {
                    let before = if number == 0 { "lengths-" } else { "," };
                    write!(f, "{before}{length}")?;
                }
                Ok(())
            }
        }
    }
}

impl FromStr for Spec {
    type Err = ChunkerError;

    fn from_str(spec: &str) -> Result<Self, ChunkerError> {
        let number = |text: &str| {
            text.parse::<u64>().map_err(|source| ChunkerError::NotANumber {
                spec: spec.to_owned(),
                text: text.to_owned(),
                source,
            })
        };
        let labelled =
            |text: &str, label: &str| number(text.strip_prefix(label).unwrap_or(text));
        let parts: Vec<&str> = spec.split('-').collect();
        match parts[..] {
            ["default"] => Ok(Self::default()),
            ["size", size] => Self::size(number(size)?),
            ["rabin"] => Self::rabin(DEFAULT_CHUNK_BYTES.into()),
            ["rabin", avg] => Self::rabin(number(avg)?),
            ["rabin", min, avg, max] => Self::rabin_bounds(
                labelled(min, "min:")?,
                labelled(avg, "avg:")?,
                labelled(max, "max:")?,
            ),
            ["buzhash"] => Ok(Self::Buzhash),
            ["lengths", lengths] => {
                let lengths: Result<Vec<u64>, _> =
                    lengths.split(',').map(number).collect();
                Self::lengths(lengths?)
            }
            _ => Err(ChunkerError::UnknownSpec { spec: spec.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(spec: &str) -> Result<Spec, ChunkerError> {
        spec.parse()
    }

    #[test]
    fn every_form_prints_and_parses_back() {
        for (given, printed) in [
            ("default", "size-262144"),
            ("size-1", "size-1"),
            ("size-2096896", "size-2096896"),
            ("rabin", "rabin-87381-262144-393216"),
            ("rabin-48", "rabin-16-48-72"),
            ("rabin-1397931", "rabin-465977-1397931-2096896"),
            ("rabin-16-17-18", "rabin-16-17-18"),
            ("rabin-min:16-avg:17-max:18", "rabin-16-17-18"),
            ("buzhash", "buzhash"),
            ("lengths-1", "lengths-1"),
            ("lengths-3,2096896,1", "lengths-3,2096896,1"),
        ] {
            let spec = parse(given).unwrap();
            assert_eq!(spec.to_string(), printed);
            assert_eq!(parse(printed).unwrap(), spec);
        }
    }

    #[test]
    fn sizes_outside_the_limits_are_refused_with_the_limits() {
        for (given, bytes) in [
            ("size-0", 0),
            ("size-2096897", 2_096_897),
            ("lengths-1,0,1", 0),
            ("lengths-2096897", 2_096_897),
            ("lengths-18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse(given), Err(ChunkerError::SizeOutOfRange { bytes }));
        }
        for (given, bytes) in [("rabin-47", 47), ("rabin-1397932", 1_397_932)] {
            assert_eq!(parse(given), Err(ChunkerError::RabinAverageOutOfRange { bytes }));
        }
        let message = parse("size-2097152").unwrap_err().to_string();
        assert_eq!(message, "chunk size 2097152 is not between 1 and 2096896");
        let message = parse("rabin-7").unwrap_err().to_string();
        assert_eq!(message, "rabin average 7 is not between 48 and 1397931");
    }

    #[test]
    fn rabin_bounds_must_be_in_strict_order() {
        for spec in [
            "rabin-15-20-30",
            "rabin-20-20-30",
            "rabin-20-30-30",
            "rabin-512144-512144-512144",
            "rabin-30-20-40",
            "rabin-16-17-2096897",
            "rabin-16-17-18446744073709551615",
        ] {
            let refused = parse(spec).unwrap_err();
            assert!(matches!(refused, ChunkerError::RabinBoundsOutOfRange { .. }));
            assert!(refused.to_string().contains("16 <= min < avg < max <= 2096896"));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for spec in ["", "size", "size--1", "Rabin", "rabin-1-2", "buzhash-9", "foo"] {
            assert_eq!(parse(spec), Err(ChunkerError::UnknownSpec { spec: spec.into() }));
        }
        for spec in [
            "size-",
            "size-1k",
            "size-18446744073709551616",
            "rabin-x:16-20-30",
            "lengths-",
            "lengths-1,",
            "lengths-1;2",
        ] {
            assert!(matches!(parse(spec), Err(ChunkerError::NotANumber { .. })));
        }
    }
}
