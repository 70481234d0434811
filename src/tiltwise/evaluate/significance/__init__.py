"""Confidence intervals, multiple testing, and paired comparisons of return series."""
