"""The tiers behind `ipfs_kit_py.tiered_cache`."""
