//! Brings bytes near before they are needed.
//!
//! Messages scattered over memory have beginnings that the processor cannot foresee, and the
//! lanes wait for the slowest of them.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a hint in assembly"))]

use super::BLOCK_BYTES;

/// How much of a message is fetched: the rest follows while this is hashed.
const MAX_BYTES: usize = 1024;

/// Fetch the beginning of a message into the second-level cache.
pub(super) fn beginning(message: &[u8]) {
    for line in message[..message.len().min(MAX_BYTES)].chunks(BLOCK_BYTES) {
        near(line.as_ptr());
    }
}

/// Fetch a cache line into the second-level cache.
fn near(byte: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch changes nothing and never faults, wherever it points.
    unsafe {
        std::arch::asm!("prefetcht1 [{}]", in(reg) byte, options(readonly, nostack));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = byte;
}
