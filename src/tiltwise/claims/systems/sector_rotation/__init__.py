"""Claims of the multi-model sector rotation (source 3)."""
