"""Claims of Helix regime allocation (source 4)."""
