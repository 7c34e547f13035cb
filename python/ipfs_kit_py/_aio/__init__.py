"""Behind `ipfs_kit_py.aio`: threads, iterators, files, and what makes twins."""
