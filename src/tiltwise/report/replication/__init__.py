"""The page of a sparse replica."""
