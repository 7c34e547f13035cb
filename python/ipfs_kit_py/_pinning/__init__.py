"""Services that keep what others have: the Pinning Service API."""
