"""Claims of the Kalman loadings thread (source 1)."""
