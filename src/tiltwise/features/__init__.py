"""Causal functions from a market to a frame (date x asset)."""
