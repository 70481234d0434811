"""Forecasts of the next month's returns: one contract for baselines, linear, tree and network."""
