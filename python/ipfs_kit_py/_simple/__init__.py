"""The parts of `IPFSSimpleAPI`."""
