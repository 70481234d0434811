"""Backtests: from a strategy and a market to a path of net asset value."""
