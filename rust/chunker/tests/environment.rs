//! The environment variable that forces a kernel. One test: a process has one environment.
#![expect(unsafe_code, reason = "a process may change its environment while alone")]

use ipfs_kit_chunker::{Chunker, ChunkerError, Kernel, Spec};

#[test]
fn a_forced_kernel_is_used_or_refused_never_ignored() {
    let spec = Spec::Buzhash;
    let forced = |name: &str| {
        // SAFETY: this is the only test of its program; no other thread reads variables.
        unsafe { std::env::set_var(Kernel::ENV, name) };
        Chunker::from_env(&spec).map(|chunker| chunker.kernel())
    };
    assert_eq!(forced("scalar"), Ok(Kernel::Scalar));
    for kernel in Kernel::ALL {
        match forced(kernel.name()) {
            Ok(used) => assert_eq!(used, kernel),
            Err(error) => assert_eq!(error, ChunkerError::KernelUnavailable { kernel }),
        }
    }
    for name in ["", "fast", "AVX2"] {
        assert_eq!(forced(name), Err(ChunkerError::UnknownKernel { name: name.into() }));
    }
    assert_eq!(spec.chunker().kernel(), Kernel::detect());
}
