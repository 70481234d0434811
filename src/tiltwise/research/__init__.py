"""Doubt, null worlds, the vault and sweeps: whether a result is more than luck and choice."""
