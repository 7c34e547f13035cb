"""Kubo: its RPC API and its daemon."""
