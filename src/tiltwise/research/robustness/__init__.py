"""Robustness checks of one backtest: sensitivity sweeps, placebos, baselines, null markets."""
