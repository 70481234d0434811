"""The page of factor regimes."""
