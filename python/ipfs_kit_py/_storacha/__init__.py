"""Storacha: uploads to a service that speaks its bridge, and reading what is there."""
