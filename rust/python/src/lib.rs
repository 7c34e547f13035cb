//! The Python module `ipfs_kit_py._native`: the Rust core as Python sees it.
//!
//! One file a topic. Each function owns its inputs, detaches from the interpreter, works, and
//! converts the result; errors travel by `?` and become Python exceptions in `errors`.

#![expect(clippy::needless_pass_by_value, reason = "PyO3 hands arguments over by value")]

mod block;
mod budget;
mod buffers;
mod bulk;
mod cache;
mod cache_key;
mod cancel;
mod car;
mod car_stream;
mod chain;
mod cid;
mod column;
mod disk_cache;
mod draft;
mod errors;
mod feed;
mod hashing;
mod http_chunks;
mod ipld;
mod lent;
mod multiformats;
mod parallel;
mod params;
mod plan;
mod private_block;
mod repo;
mod repo_add;
mod repo_blocks;
mod repo_dag;
mod repo_files;
mod repo_files_apply;
mod repo_list;
mod repo_names;
mod repo_path;
mod repo_pins;
mod repo_pull;
mod repo_ranges;
mod repo_read;
mod repo_upkeep;
mod running;
mod stream;
mod tar;
mod text;

use pyo3::pymodule;

/// The Rust core of `ipfs_kit_py`.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::block::Block;
    #[pymodule_export]
    use crate::bulk::{cid_of, cids_of};
    #[pymodule_export]
    use crate::cache::ARCache;
    #[pymodule_export]
    use crate::cancel::{CancelToken, check_cancelled};
    #[pymodule_export]
    use crate::car::{CarReader, car_pack, car_roots, car_unpack, car_verify};
    #[pymodule_export]
    use crate::car_stream::car_stream;
    #[pymodule_export]
    use crate::chain::{Chain, verified_blocks};
    #[pymodule_export]
    use crate::cid::CID;
    #[pymodule_export]
    use crate::column::CIDColumn;
    #[pymodule_export]
    use crate::disk_cache::DiskCache;
    #[pymodule_export]
    use crate::draft::Draft;
    #[pymodule_export]
    use crate::errors::error_codes;
    #[pymodule_export]
    use crate::feed::{Feed, Order, Samples};
    #[pymodule_export]
    use crate::hashing::{TreeEntries, hash_path, hash_paths, hash_stream};
    #[pymodule_export]
    use crate::http_chunks::http_chunks;
    #[pymodule_export]
    use crate::ipld::{ipld_decode, ipld_encode};
    #[pymodule_export]
    use crate::multiformats::{
        cid_codecs, hash_functions, multiaddr_from_bytes, multiaddr_parts,
        multiaddr_to_bytes, multibases, multihash_decode, multihash_encode,
        sha256_kernel,
    };
    #[pymodule_export]
    use crate::plan::Plan;
    #[pymodule_export]
    use crate::private_block::PrivateBlock;
    #[pymodule_export]
    use crate::repo::{
        Repository, after_fork_in_child, after_fork_in_parent, before_fork, repo_stat,
    };
    #[pymodule_export]
    use crate::repo_add::repo_add;
    #[pymodule_export]
    use crate::repo_blocks::{
        repo_blocks, repo_get, repo_has, repo_put, repo_remove, repo_remove_each,
        repo_view, repo_view_many,
    };
    #[pymodule_export]
    use crate::repo_dag::{repo_dag_stat, repo_export_car, repo_import_car};
    #[pymodule_export]
    use crate::repo_files::{
        repo_files_attributes, repo_files_find, repo_files_link, repo_files_mkdir,
        repo_files_rename, repo_files_resize, repo_files_root, repo_files_unlink,
        repo_files_write,
    };
    #[pymodule_export]
    use crate::repo_files_apply::{Hold, repo_files_apply};
    #[pymodule_export]
    use crate::repo_list::{repo_ls, repo_refs};
    #[pymodule_export]
    use crate::repo_names::{
        ipns_inspect, ipns_name, ipns_sign, repo_identity, repo_key_export, repo_key_gen,
        repo_key_import, repo_key_ls, repo_key_rename, repo_key_rm, repo_name_get,
        repo_name_ls, repo_name_publish, repo_name_put, repo_name_resolve, repo_name_rm,
    };
    #[pymodule_export]
    use crate::repo_path::{split_files_path, split_path};
    #[pymodule_export]
    use crate::repo_pins::{
        repo_first_missing, repo_indirect_pins, repo_pin, repo_pin_update, repo_pinned,
        repo_pins, repo_unpin,
    };
    #[pymodule_export]
    use crate::repo_pull::repo_pull;
    #[pymodule_export]
    use crate::repo_ranges::repo_read_ranges;
    #[pymodule_export]
    use crate::repo_read::{
        FileReader, repo_extract, repo_file_stat, repo_readlink, repo_resolve,
    };
    #[pymodule_export]
    use crate::repo_upkeep::{repo_compact, repo_gc, repo_rebuild, repo_verify};
    #[pymodule_export]
    use crate::stream::Stream;
    #[pymodule_export]
    use crate::tar::TarMembers;

    use pyo3::prelude::{Bound, PyModule, PyModuleMethods, PyResult};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("DEBUG_BUILD", cfg!(debug_assertions))
    }
}
