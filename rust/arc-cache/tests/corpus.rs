//! What the fuzzers have found interesting leaves a cache whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../tests/fuzz/inputs.rs"]
mod fuzz;

use fuzz::inputs;
use ipfs_kit_arc_cache::exercise;

#[test]
fn caches() {
    let inputs = inputs("arc_cache");
    assert!(!inputs.is_empty());
    for input in &inputs {
        exercise(input);
    }
}
