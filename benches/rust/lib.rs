//! Benchmarks only: each file of this folder is a criterion target of `Cargo.toml`.
