"""Sharpe ratios of many paths of net asset value at once."""

import numpy as np
from numpy.typing import NDArray

from tiltwise.backtest.tape import Tape
from tiltwise.kernels.path_metrics import NEGLIGIBLE

YEAR = 252.0
"""Sessions a year, as in every metric of daily returns."""

Floats = NDArray[np.float64]


def live(tape: Tape, first: int = 0) -> int:
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
    return np.asarray(np.where(moved, mean / np.where(moved, spread, 1.0), 0.0) * np.sqrt(YEAR))
