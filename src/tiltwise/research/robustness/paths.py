"""Sharpe ratios of many paths of net asset value at once."""

import numpy as np

from tiltwise.backtest.market_tape import MarketTape
from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.path_metrics import NEGLIGIBLE


def live(tape: MarketTape, first: int = 0) -> int:
    """Return the first row of returns that a decision in row `first` of a tape can move."""
    return first + max(tape.resolved.lag, 1) - 1


def returns_of(nav: Floats) -> Floats:
    """Return simple returns (S - 1, P) of values (S, P), 0 once a path is ruined."""
    going = nav[:-1] > 0.0
    return np.where(going, nav[1:] / np.where(going, nav[:-1], 1.0) - 1.0, 0.0)


def sharpes(nav: Floats, first: int = 0) -> Floats:
    """Return annual Sharpe ratios (P,) of the returns from row `first` on; 0 if nothing moved."""
    returns = returns_of(nav)[first:]
    mean, spread = returns.mean(axis=0), returns.std(axis=0, ddof=1)
    moved = spread > NEGLIGIBLE * np.abs(returns).max(axis=0)
    return np.asarray(
        np.where(moved, mean / np.where(moved, spread, 1.0), 0.0) * np.sqrt(SESSIONS_PER_YEAR)
    )
