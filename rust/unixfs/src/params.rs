//! Import parameters: the profiles of IPIP-499 and every single parameter over them.

use std::num::NonZeroU32;

use ipfs_kit_chunker::Spec;
use ipfs_kit_hash::{Code, Hasher};

use crate::{Attributes, Mtime};

/// A named set of parameters, so that two people get one CID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// What Kubo has done since 2015, and still does unless told otherwise.
    UnixFsV0_2015,
    /// The modern one: `CIDv1`, raw leaves, chunks of 1 MiB, 1024 links.
    #[default]
    UnixFsV1_2025,
}

impl Profile {
    /// Both, oldest first.
    pub const ALL: [Self; 2] = [Self::UnixFsV0_2015, Self::UnixFsV1_2025];

    /// The name IPIP-499 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnixFsV0_2015 => "unixfs-v0-2015",
            Self::UnixFsV1_2025 => "unixfs-v1-2025",
        }
    }

    /// Finds a profile by name.
    pub fn from_name(name: &str) -> Result<Self, ParamError> {
        Self::ALL
            .into_iter()
            .find(|profile| profile.name() == name)
            .ok_or_else(|| ParamError::UnknownProfile(name.to_owned()))
    }
}

/// How a directory's size is estimated when deciding whether to shard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SizeEstimation {
    /// Bytes of all names and CIDs.
    LinksBytes,
    /// Bytes of the whole dag-pb block.
    BlockBytes,
    /// Not at all: only `max_directory_links` counts.
    LinksCount,
}

impl SizeEstimation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LinksBytes, Self::BlockBytes, Self::LinksCount];

    /// The name IPIP-499 gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinksBytes => "links-bytes",
            Self::BlockBytes => "block-bytes",
            Self::LinksCount => "links-count",
        }
    }

    /// Finds one by name.
    pub fn from_name(name: &str) -> Result<Self, ParamError> {
        Self::ALL
            .into_iter()
            .find(|estimation| estimation.name() == name)
            .ok_or_else(|| ParamError::UnknownEstimation(name.to_owned()))
    }
}

/// Single parameters given over a profile, under Kubo's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is documented at its field of `Params`")]
pub struct Overrides {
    pub cid_version: Option<u64>,
    pub raw_leaves: Option<bool>,
    pub hash: Option<Hasher>,
    pub chunker: Option<Spec>,
    pub trickle: Option<bool>,
    pub inline: Option<bool>,
    pub inline_limit: Option<usize>,
    pub max_file_links: Option<usize>,
    pub max_directory_links: Option<usize>,
    pub max_hamt_fanout: Option<usize>,
    pub hamt_threshold: Option<u64>,
    pub hamt_size_estimation: Option<SizeEstimation>,
    pub hidden: Option<bool>,
    pub empty_dirs: Option<bool>,
    pub dereference_symlinks: Option<bool>,
    pub preserve_mode: Option<bool>,
    pub preserve_mtime: Option<bool>,
    pub mode: Option<u32>,
    pub mtime: Option<Mtime>,
    pub wrap_with_directory: Option<bool>,
}

/// All parameters of an import, settled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Params {
    /// Whether nodes get `CIDv0`. Raw leaves and inlined blocks have `CIDv1` all the same.
    pub cid_v0: bool,
    /// Whether chunks are blocks of their own bytes alone.
    pub raw_leaves: bool,
    /// The hash of every block.
    pub hash: Hasher,
    /// How files are cut.
    pub chunker: Spec,
    /// Trickle layout instead of the balanced one.
    pub trickle: bool,
    /// Blocks of at most so many bytes become identity CIDs. One of over 128 bytes that this
    /// would inline is an error: no CID carries it.
    pub inline_limit: Option<usize>,
    /// Links of a file node.
    pub max_file_links: usize,
    /// Links of a directory before it is sharded; 0 for no bound.
    pub max_directory_links: usize,
    /// Width of a shard.
    pub max_hamt_fanout: usize,
    /// Estimated bytes above which a directory is sharded; 0 shards every one that has entries.
    pub hamt_threshold: u64,
    /// What the threshold is compared with.
    pub hamt_size_estimation: SizeEstimation,
    /// Whether names beginning with a dot are taken.
    pub hidden: bool,
    /// Whether folders without entries are taken.
    pub empty_dirs: bool,
    /// Whether symbolic links are followed instead of kept.
    pub dereference_symlinks: bool,
    /// Whether each node carries its own mode.
    pub preserve_mode: bool,
    /// Whether each node carries its own mtime.
    pub preserve_mtime: bool,
    /// Mode and mtime that every node carries instead.
    pub attributes: Attributes,
    /// Whether the root is put in a directory under its name.
    pub wrap_with_directory: bool,
}

const MEBIBYTE: NonZeroU32 = NonZeroU32::MIN.saturating_add((1 << 20) - 1);
const QUARTER_MEBIBYTE: NonZeroU32 = NonZeroU32::MIN.saturating_add((1 << 18) - 1);
/// The limit `inline` sets when none is given, as Kubo does.
const INLINE_LIMIT: usize = 32;
/// More links in one node than any block of 2 MiB has room for.
const MAX_LINKS: usize = 1 << 16;

impl Params {
    /// The parameters of a profile, unchanged.
    pub fn of(profile: Profile) -> Self {
        let v1 = profile == Profile::UnixFsV1_2025;
        Self {
            cid_v0: !v1,
            raw_leaves: v1,
            hash: Hasher::new(Code::Sha2_256),
            chunker: Spec::Size(if v1 { MEBIBYTE } else { QUARTER_MEBIBYTE }),
            trickle: false,
            inline_limit: None,
            max_file_links: if v1 { 1024 } else { 174 },
            max_directory_links: 0,
            max_hamt_fanout: 256,
            hamt_threshold: 256 << 10,
            hamt_size_estimation: if v1 {
                SizeEstimation::BlockBytes
            } else {
                SizeEstimation::LinksBytes
            },
            hidden: false,
            empty_dirs: true,
            dereference_symlinks: false,
            preserve_mode: false,
            preserve_mtime: false,
            attributes: Attributes::default(),
            wrap_with_directory: false,
        }
    }

    /// Settles a profile and what was given over it; refuses contradictions.
    ///
    /// As in Kubo, `cid_version=1` or a hash that `CIDv0` cannot carry brings `CIDv1` with raw
    /// leaves, and mode or mtime, which a raw leaf has no room for, switches raw leaves off.
    pub fn resolve(profile: Profile, given: &Overrides) -> Result<Self, ParamError> {
        let base = Self::of(profile);
        let hash = given.hash.unwrap_or(base.hash);
        let cid_v0 = settle_version(&base, given.cid_version, hash)?;
        let attributes =
            Attributes { mode: given.mode.filter(|&mode| mode != 0), mtime: given.mtime };
        let preserve_mode =
            given.preserve_mode.unwrap_or(false) && attributes.mode.is_none();
        let preserve_mtime =
            given.preserve_mtime.unwrap_or(false) && attributes.mtime.is_none();
        let metadata = preserve_mode || preserve_mtime || !attributes.is_empty();
        let raw_leaves = match given.raw_leaves {
            Some(true) if metadata => return Err(ParamError::RawLeavesWithMetadata),
            Some(raw) => raw,
            None if metadata => false,
            None => base.raw_leaves || (base.cid_v0 && !cid_v0),
        };
        let params = Self {
            cid_v0,
            raw_leaves,
            hash,
            chunker: given.chunker.clone().unwrap_or(base.chunker),
            trickle: given.trickle.unwrap_or(base.trickle),
            inline_limit: given
                .inline
                .unwrap_or(false)
                .then(|| given.inline_limit.unwrap_or(INLINE_LIMIT)),
            max_file_links: given.max_file_links.unwrap_or(base.max_file_links),
            max_directory_links: given
                .max_directory_links
                .unwrap_or(base.max_directory_links),
            max_hamt_fanout: given.max_hamt_fanout.unwrap_or(base.max_hamt_fanout),
            hamt_threshold: given.hamt_threshold.unwrap_or(base.hamt_threshold),
            hamt_size_estimation: given
                .hamt_size_estimation
                .unwrap_or(base.hamt_size_estimation),
            hidden: given.hidden.unwrap_or(base.hidden),
            empty_dirs: given.empty_dirs.unwrap_or(base.empty_dirs),
            dereference_symlinks: given.dereference_symlinks.unwrap_or(false),
            preserve_mode,
            preserve_mtime,
            attributes,
            wrap_with_directory: given.wrap_with_directory.unwrap_or(false),
        };
        params.check()
    }

    /// Bytes that differ wherever two sets of parameters could give one file or folder
    /// different CIDs, and stay the same from version to version: to be hashed into the key of
    /// what is remembered of imports.
    pub fn digest_input(&self) -> Vec<u8> {
        // Without dots: a new field does not compile until it is written below.
        let Self {
            cid_v0,
            raw_leaves,
            hash,
            chunker,
            trickle,
            inline_limit,
            max_file_links,
            max_directory_links,
            max_hamt_fanout,
            hamt_threshold,
            hamt_size_estimation,
            hidden,
            empty_dirs,
            dereference_symlinks,
            preserve_mode,
            preserve_mtime,
            attributes: Attributes { mode, mtime },
            wrap_with_directory,
        } = self;
        let mtime = mtime.map(|Mtime { seconds, nanoseconds }| (seconds, nanoseconds));
        let lines = [
            ("cid-v0", cid_v0.to_string()),
            ("raw-leaves", raw_leaves.to_string()),
            ("hash", format!("{:#x}-{}", hash.code().code(), hash.digest_bytes())),
            ("chunker", chunker.to_string()),
            ("trickle", trickle.to_string()),
            ("inline-limit", number(*inline_limit)),
            ("max-file-links", max_file_links.to_string()),
            ("max-directory-links", max_directory_links.to_string()),
            ("max-hamt-fanout", max_hamt_fanout.to_string()),
            ("hamt-threshold", hamt_threshold.to_string()),
            ("hamt-size-estimation", hamt_size_estimation.name().to_owned()),
            ("hidden", hidden.to_string()),
            ("empty-dirs", empty_dirs.to_string()),
            ("dereference-symlinks", dereference_symlinks.to_string()),
            ("preserve-mode", preserve_mode.to_string()),
            ("preserve-mtime", preserve_mtime.to_string()),
            ("mode", number(*mode)),
            ("mtime", number(mtime.map(|(seconds, _)| seconds))),
            ("mtime-nsecs", number(mtime.map(|(_, nanoseconds)| nanoseconds))),
            ("wrap-with-directory", wrap_with_directory.to_string()),
        ];
        let lines = lines.map(|(name, value)| format!("{name}={value}\n"));
        lines.concat().into_bytes()
    }

    fn check(self) -> Result<Self, ParamError> {
        let range = |name, value, low, high| {
            let out_of_range = value < low || value > high;
            if out_of_range {
                Err(ParamError::Range { name, value, low, high })
            } else {
                Ok(())
            }
        };
        range("max_file_links", self.max_file_links, 2, MAX_LINKS)?;
        range("max_hamt_fanout", self.max_hamt_fanout, 8, 1024)?;
        if !self.max_hamt_fanout.is_power_of_two() {
            return Err(ParamError::Fanout(self.max_hamt_fanout));
        }
        range("mode", self.attributes.mode.unwrap_or(0) as usize, 0, 0o7777)?;
        let nanoseconds = self.attributes.mtime.map_or(0, |mtime| mtime.nanoseconds);
        range("mtime_nsecs", nanoseconds as usize, 0, 999_999_999)?;
        Ok(self)
    }
}

/// A number, or that there is none.
fn number(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| value.to_string())
}

fn settle_version(
    base: &Params,
    given: Option<u64>,
    hash: Hasher,
) -> Result<bool, ParamError> {
    let v0_can = hash == Hasher::new(Code::Sha2_256);
    match given {
        Some(0) if !v0_can => Err(ParamError::V0Hash(hash.code())),
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        Some(other) => Err(ParamError::CidVersion(other)),
        None => Ok(base.cid_v0 && v0_can),
    }
}

/// A parameter that is unknown, out of range, or contradicts another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// No such profile.
    #[error("unknown profile {0:?} (unixfs-v1-2025 and unixfs-v0-2015 are known)")]
    UnknownProfile(String),
    /// No such way to estimate.
    #[error(
        "unknown hamt_size_estimation {0:?} (links-bytes, block-bytes and links-count are known)"
    )]
    UnknownEstimation(String),
    /// CIDs have versions 0 and 1.
    #[error("cid_version {0} does not exist (0 and 1 do)")]
    CidVersion(u64),
    /// `CIDv0` is sha2-256 alone.
    #[error("cid_version 0 cannot carry {}: leave cid_version out, or use 1", .0.name())]
    V0Hash(Code),
    /// A raw block has no room for metadata.
    #[error(
        "raw_leaves cannot carry mode or mtime: leave raw_leaves out, or set it to false"
    )]
    RawLeavesWithMetadata,
    /// A block that refers to a file is a raw one.
    #[error("in_place needs raw_leaves: leave raw_leaves out, or set it to true")]
    InPlaceWithoutRawLeaves,
    /// A shard's width is a power of two.
    #[error("max_hamt_fanout {0} is not a power of two between 8 and 1024")]
    Fanout(usize),
    /// A number that is too small or too large.
    #[error("{name} {value} is not between {low} and {high}")]
    Range {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: usize,
        /// The least allowed.
        low: usize,
        /// The most allowed.
        high: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(profile: Profile, given: &Overrides) -> Result<Params, ParamError> {
        Params::resolve(profile, given)
    }

    #[test]
    fn cid_version_1_over_the_old_profile_brings_raw_leaves() {
        let given = Overrides { cid_version: Some(1), ..Overrides::default() };
        let params = resolve(Profile::UnixFsV0_2015, &given).unwrap();
        assert!(params.raw_leaves && !params.cid_v0);
        let given = Overrides { raw_leaves: Some(false), ..given };
        assert!(!resolve(Profile::UnixFsV0_2015, &given).unwrap().raw_leaves);
    }

    #[test]
    fn a_hash_beyond_v0_brings_v1_or_contradicts_v0() {
        let hash = Some(Hasher::new(Code::Blake3));
        let given = Overrides { hash, ..Overrides::default() };
        let params = resolve(Profile::UnixFsV0_2015, &given).unwrap();
        assert!(params.raw_leaves && !params.cid_v0);
        let given = Overrides { cid_version: Some(0), ..given };
        let error = resolve(Profile::UnixFsV0_2015, &given).unwrap_err();
        assert_eq!(error, ParamError::V0Hash(Code::Blake3));
    }

    #[test]
    fn metadata_switches_raw_leaves_off_unless_they_were_asked_for() {
        let given = Overrides { mode: Some(0o644), ..Overrides::default() };
        assert!(!resolve(Profile::UnixFsV1_2025, &given).unwrap().raw_leaves);
        let given = Overrides { raw_leaves: Some(true), ..given };
        let error = resolve(Profile::UnixFsV1_2025, &given).unwrap_err();
        assert_eq!(error, ParamError::RawLeavesWithMetadata);
    }

    #[test]
    fn each_parameter_shows_in_the_digest_input() {
        let base = Params::of(Profile::UnixFsV1_2025);
        let set: [fn(&mut Params); 19] = [
            |p| p.cid_v0 = true,
            |p| p.raw_leaves = false,
            |p| p.hash = Hasher::new(Code::Blake3),
            |p| p.chunker = Spec::Buzhash,
            |p| p.trickle = true,
            |p| p.inline_limit = Some(32),
            |p| p.max_file_links = 2,
            |p| p.max_directory_links = 1,
            |p| p.max_hamt_fanout = 8,
            |p| p.hamt_threshold = 1,
            |p| p.hamt_size_estimation = SizeEstimation::LinksBytes,
            |p| p.hidden = true,
            |p| p.empty_dirs = false,
            |p| p.dereference_symlinks = true,
            |p| p.preserve_mode = true,
            |p| p.preserve_mtime = true,
            |p| p.attributes.mode = Some(0o644),
            |p| p.attributes.mtime = Some(Mtime { seconds: 1, nanoseconds: 0 }),
            |p| p.wrap_with_directory = true,
        ];
        let mut seen = vec![base.digest_input()];
        for change in set {
            let mut params = base.clone();
            change(&mut params);
            seen.push(params.digest_input());
        }
        let mut nanoseconds = base;
        nanoseconds.attributes.mtime = Some(Mtime { seconds: 1, nanoseconds: 1 });
        seen.push(nanoseconds.digest_input());
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
    }

    #[test]
    fn the_digest_input_of_the_default_profile_stays_what_it_is() {
        let text = String::from_utf8(Params::of(Profile::default()).digest_input());
        assert!(text.unwrap().starts_with(
            "cid-v0=false\nraw-leaves=true\nhash=0x12-32\nchunker=size-1048576\n"
        ));
    }

    #[test]
    fn odd_fanouts_and_single_links_are_refused() {
        for fanout in [0, 7, 12, 2048] {
            let given =
                Overrides { max_hamt_fanout: Some(fanout), ..Overrides::default() };
            assert!(resolve(Profile::default(), &given).is_err(), "{fanout}");
        }
        let given = Overrides { max_file_links: Some(1), ..Overrides::default() };
        assert!(resolve(Profile::default(), &given).is_err());
    }
}
