//! Which machine code looks for cuts: chosen at run time, or forced.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use crate::ChunkerError;

/// Machine code that looks for cuts. All find the same ones.
///
/// Buzhash has no form of its own in AVX2, where it is looked for as in `Scalar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// One byte at a time, on any processor.
    Scalar,
    /// 256-bit vectors of x86-64.
    Avx2,
    /// 512-bit vectors of x86-64 (AVX-512 F and BW).
    Avx512,
}

impl Kernel {
    /// Every kernel, slowest first.
    pub const ALL: [Self; 3] = [Self::Scalar, Self::Avx2, Self::Avx512];

    /// The environment variable that forces a kernel.
    pub const ENV: &'static str = "IPFS_KIT_CHUNKER_KERNEL";

    /// The fastest kernel that this processor can run.
    pub fn detect() -> Self {
        let fastest = Self::ALL.into_iter().rfind(|kernel| kernel.is_available());
        fastest.unwrap_or(Self::Scalar)
    }

    /// The kernel named by `IPFS_KIT_CHUNKER_KERNEL`, or the fastest if that is not set.
    ///
    /// Fails on a name that is unknown and on a kernel that cannot run here, so that a
    /// test or a benchmark never measures another one than it asked for.
    pub fn from_env() -> Result<Self, ChunkerError> {
        Self::forced(std::env::var_os(Self::ENV).as_deref())
    }

    fn forced(name: Option<&OsStr>) -> Result<Self, ChunkerError> {
        match name {
            None => Ok(Self::detect()),
            Some(name) => name.to_string_lossy().parse::<Self>()?.checked(),
        }
    }

    /// Whether this processor can run it.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi1")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The name by which it is forced.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    pub(crate) fn checked(self) -> Result<Self, ChunkerError> {
        if self.is_available() {
            Ok(self)
        } else {
            Err(ChunkerError::KernelUnavailable { kernel: self })
        }
    }

    pub(crate) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kernel {
    type Err = ChunkerError;

    fn from_str(name: &str) -> Result<Self, ChunkerError> {
        Self::ALL
            .into_iter()
            .find(|kernel| kernel.name() == name)
            .ok_or_else(|| ChunkerError::UnknownKernel { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back_and_others_are_refused_with_the_list() {
        for kernel in Kernel::ALL {
            assert_eq!(kernel.name().parse(), Ok(kernel));
        }
        let refused = "AVX2".parse::<Kernel>().unwrap_err();
        assert!(refused.to_string().ends_with("expected one of scalar, avx2, avx512"));
    }

    #[test]
    fn a_forced_kernel_is_used_or_refused_never_ignored() {
        let forced = |name: &str| Kernel::forced(Some(OsStr::new(name)));
        assert_eq!(Kernel::forced(None), Ok(Kernel::detect()));
        for kernel in Kernel::ALL {
            match forced(kernel.name()) {
                Ok(used) => assert_eq!(used, kernel),
                Err(error) => {
                    assert_eq!(error, ChunkerError::KernelUnavailable { kernel });
                }
            }
        }
        for name in ["", "fast", "AVX2"] {
            assert_eq!(
                forced(name),
                Err(ChunkerError::UnknownKernel { name: name.into() })
            );
        }
    }

    #[test]
    fn the_detected_kernel_is_available() {
        assert!(Kernel::detect().is_available());
    }
}
