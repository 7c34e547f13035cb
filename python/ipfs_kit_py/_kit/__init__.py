"""The kit itself: roles, components, and calls by name."""
