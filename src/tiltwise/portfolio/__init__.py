"""Scores or moments in, weights out."""
