"""Sparse portfolios that track a benchmark."""
