//! Whatever is asked of a cache, its invariants hold and values are what was put last.
#![no_main]

use ipfs_kit_arc_cache::exercise;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| exercise(data));
