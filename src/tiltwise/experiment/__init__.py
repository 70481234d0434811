"""Experiments: one backtest with its checks, recorded, reported and compared."""
