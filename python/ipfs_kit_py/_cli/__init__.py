"""The commands of `ipfs-kit`, one file a topic."""
