//! The batch kernels by name, and the choice among them at run time.

use std::sync::OnceLock;

/// Environment variable that forces a kernel, by [`Kernel::name`].
pub const KERNEL_VARIABLE: &str = "IPFS_KIT_SHA256_KERNEL";

/// Code that hashes several messages side by side.
///
/// ```
/// use ipfs_kit_hash::sha256::Kernel;
///
/// assert!(Kernel::available().contains(&Kernel::best_checked()?));
/// # Ok::<(), ipfs_kit_hash::sha256::KernelError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// Two groups of 16 lanes of AVX-512 (F and BW), interleaved where that pays.
    Avx512,
    /// Two interleaved streams of the x86 SHA instructions.
    ShaNi,
    /// Eight lanes of AVX2.
    Avx2,
    /// Two interleaved streams of the AArch64 SHA2 instructions.
    AArch64,
    /// One stream in plain Rust.
    Portable,
}

/// A kernel that was asked for and cannot be had.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum KernelError {
    /// No kernel has this name.
    #[error("{KERNEL_VARIABLE} names no kernel: {0:?}")]
    Unknown(String),
    /// This processor lacks the kernel's instructions.
    #[error("this processor cannot run the sha2-256 kernel {}", .0.name())]
    Unavailable(Kernel),
}

impl Kernel {
    /// Every kernel, fastest first.
    const ALL: [Self; 5] =
        [Self::Avx512, Self::ShaNi, Self::Avx2, Self::AArch64, Self::Portable];

    /// The fastest kernel of this processor, or the one that [`KERNEL_VARIABLE`] forces.
    ///
    /// Decided once a process.
    ///
    /// # Panics
    ///
    /// Panics where [`best_checked`](Self::best_checked) fails: a forced kernel is never
    /// silently replaced. Call that one first to report it as an error.
    #[expect(clippy::panic, reason = "documented; best_checked is the way without")]
    pub fn best() -> Self {
        match Self::best_checked() {
            Ok(kernel) => kernel,
            Err(error) => panic!("{error}"),
        }
    }

    /// The same choice, with a forced kernel that cannot be had as an error.
    pub fn best_checked() -> Result<Self, KernelError> {
        static BEST: OnceLock<Result<Kernel, KernelError>> = OnceLock::new();
        BEST.get_or_init(|| {
            let forced = std::env::var_os(KERNEL_VARIABLE);
            Self::choose(
                forced.map(|name| name.to_string_lossy().into_owned()).as_deref(),
            )
        })
        .clone()
    }

    /// The forced kernel, or the first available; an empty name forces none.
    fn choose(forced: Option<&str>) -> Result<Self, KernelError> {
        let Some(name) = forced.filter(|name| !name.is_empty()) else {
            return Ok(Self::available()[0]);
        };
        let named = Self::ALL.into_iter().find(|kernel| kernel.name() == name);
        let kernel = named.ok_or_else(|| KernelError::Unknown(name.to_owned()))?;
        if kernel.is_available() {
            Ok(kernel)
        } else {
            Err(KernelError::Unavailable(kernel))
        }
    }

    /// The kernels that this processor can run, fastest first; the portable one closes it.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|kernel| kernel.is_available()).collect()
    }

    /// Whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => super::avx512::Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::ShaNi => super::shani::ShaNi::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => super::avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "aarch64")]
            Self::AArch64 => super::aarch64::AArch64::detect().is_some(),
            other => other == Self::Portable,
        }
    }

    /// The name that [`KERNEL_VARIABLE`] takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::ShaNi => "sha-ni",
            Self::Avx2 => "avx2",
            Self::AArch64 => "aarch64",
            Self::Portable => "portable",
        }
    }

    /// Messages that take no longer side by side than one of them does: to spread fewer over
    /// threads gains nothing.
    pub const fn group(self) -> usize {
        match self {
            Self::Avx512 => 16,
            Self::Avx2 => 8,
            Self::ShaNi | Self::AArch64 | Self::Portable => 1,
        }
    }

    /// Messages in flight at once.
    pub const fn lanes(self) -> usize {
        match self {
            Self::Avx512 => 32,
            Self::Avx2 => 8,
            Self::ShaNi | Self::AArch64 => 2,
            Self::Portable => 1,
        }
    }
}

/// Run an expression with `$lanes` bound to the lanes of a kernel.
///
/// Panics if this processor cannot run it.
macro_rules! with_lanes {
    ($kernel:expr, $lanes:ident => $body:expr) => {{
        use crate::sha256::kernel::require;
        match $kernel {
            #[cfg(target_arch = "x86_64")]
            kernel @ Kernel::Avx512 => {
                let $lanes = require(kernel, crate::sha256::avx512::Avx512::detect());
                $body
            }
            #[cfg(target_arch = "x86_64")]
            kernel @ Kernel::ShaNi => {
                let $lanes = require(kernel, crate::sha256::shani::ShaNi::detect());
                $body
            }
            #[cfg(target_arch = "x86_64")]
            kernel @ Kernel::Avx2 => {
                let $lanes = require(kernel, crate::sha256::avx2::Avx2::detect());
                $body
            }
            #[cfg(target_arch = "aarch64")]
            kernel @ Kernel::AArch64 => {
                let $lanes = require(kernel, crate::sha256::aarch64::AArch64::detect());
                $body
            }
            kernel => {
                let portable = (kernel == Kernel::Portable)
                    .then_some(crate::sha256::portable::Portable);
                let $lanes = require(kernel, portable);
                $body
            }
        }
    }};
}
pub(super) use with_lanes;

/// The proof that the processor can run `kernel`, or a panic.
#[expect(clippy::panic, reason = "documented on every function that takes a kernel")]
pub(super) fn require<T>(kernel: Kernel, detected: Option<T>) -> T {
    detected.unwrap_or_else(|| panic!("{}", KernelError::Unavailable(kernel)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_available_kernel_can_be_forced_by_name() {
        for kernel in Kernel::available() {
            assert_eq!(Kernel::choose(Some(kernel.name())), Ok(kernel));
        }
    }

    #[test]
    fn a_forced_kernel_that_cannot_be_had_is_an_error() {
        let unknown = Kernel::choose(Some("sse9"));
        assert_eq!(unknown, Err(KernelError::Unknown("sse9".to_owned())));
        for kernel in Kernel::ALL.into_iter().filter(|kernel| !kernel.is_available()) {
            let error = KernelError::Unavailable(kernel);
            assert_eq!(Kernel::choose(Some(kernel.name())), Err(error));
        }
    }

    #[test]
    fn nothing_forced_means_the_first_available() {
        assert_eq!(Kernel::choose(None), Kernel::choose(Some("")));
        assert_eq!(Kernel::available().last(), Some(&Kernel::Portable));
    }
}
