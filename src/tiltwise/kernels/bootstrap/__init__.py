"""Stationary block bootstrap: row numbers, and every path metric at once."""
