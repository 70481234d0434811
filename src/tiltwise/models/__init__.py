"""Models: each takes frames and returns a frozen fitted record."""
