//! The Python module `ipfs_kit_py._native`: the Rust core as Python sees it.
//!
//! One file a topic. Each function owns its inputs, detaches from the interpreter, works, and
//! converts the result; errors travel by `?` and become Python exceptions in `errors`.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod buffers;
mod bulk;
mod car;
mod cid;
mod column;
mod errors;
mod hashing;
mod multiformats;
mod parallel;
mod params;
mod running;

use pyo3::pymodule;

/// The Rust core of `ipfs_kit_py`.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::bulk::{cid_of, cids_of};
    #[pymodule_export]
    use crate::car::{CarReader, car_pack, car_roots, car_unpack, car_verify};
    #[pymodule_export]
    use crate::cid::CID;
    #[pymodule_export]
    use crate::column::CIDColumn;
    #[pymodule_export]
    use crate::errors::error_codes;
    #[pymodule_export]
    use crate::hashing::{TreeEntries, hash_path, hash_paths, hash_stream};
    #[pymodule_export]
    use crate::multiformats::{
        cid_codecs, hash_functions, multiaddr_from_bytes, multiaddr_parts,
        multiaddr_to_bytes, multibases, multihash_decode, multihash_encode,
        sha256_kernel,
    };

    use pyo3::prelude::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DEBUG_BUILD", cfg!(debug_assertions))
    }
}
