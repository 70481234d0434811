"""The expected-return formulas of the replica's code, taken at their word.

They mix units: sums of daily returns are added to annual means. A frame of daily returns (session x
asset) over thirteen months goes in; a series by asset comes out, called annual, cut to [-.5, 1].
`sum_k` is the sum of the last k rows (fewer if there are fewer); volatility is annual. How "risk
adjusted" is meant is not printed: it is read as the sum over that volatility.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.kernels.arrays import Floats
from tiltwise.models.expected_returns import Forecast

LOW, HIGH = -0.5, 1.0


def historical(returns: pd.DataFrame) -> pd.Series:
    """Return 252 times the mean."""
    return _cut(_mean(_rows(returns)), returns)


def shrinkage(returns: pd.DataFrame) -> pd.Series:
    """Return .7 of the mean and .3 of the grand mean; the source calls it James-Stein."""
    return _cut(_shrunk(_rows(returns)), returns)


def momentum(returns: pd.DataFrame) -> pd.Series:
    """Return .3 of the mean and .7 of half a score of trends."""
    rows = _rows(returns)
    score = 0.4 * _sum(rows, 21) + 0.3 * _sum(rows, 63) + 0.2 * _sum(rows, 126)
    score = score + 0.1 * _sum(rows, 252)
    return _cut(0.3 * _mean(rows) + 0.7 * (0.5 * score), returns)


def mean_reversion(returns: pd.DataFrame) -> pd.Series:
    """Return the mean and .3 of a score against the last months."""
    rows = _rows(returns)
    score = -(0.6 * _sum(rows, 21) + 0.4 * _sum(rows, 63))
    return _cut(_mean(rows) + 0.3 * score, returns)


def multi_factor(returns: pd.DataFrame) -> pd.Series:
    """Return the shrunk mean and .4 of a score of five parts."""
    rows = _rows(returns)
    quarter = np.ascontiguousarray(rows[:, -63:])
    spread = quarter.std(axis=1, ddof=1) * np.sqrt(float(SESSIONS_PER_YEAR))
    score = (
        0.3 * _sum(rows, 126)
        - 0.2 * _sum(rows, 21)
        + 0.2 * _sum(rows, 63) / spread
        - 0.1 * spread
        + 0.2 * _sum(rows, 252)
    )
    return _cut(_shrunk(rows) + 0.4 * score, returns)


def black_litterman(returns: pd.DataFrame) -> pd.Series:
    """Return three times the covariance with equal weights, and .3 of the last quarter's sum."""
    rows = _rows(returns)
    covariance = SESSIONS_PER_YEAR * np.cov(rows)
    return _cut(3.0 * covariance.mean(axis=1) + 0.3 * _sum(rows, 63), returns)


FORMULAS: Mapping[str, Forecast] = MappingProxyType(
    {
        "historical": historical,
        "shrinkage": shrinkage,
        "momentum": momentum,
        "mean_reversion": mean_reversion,
        "multi_factor": multi_factor,
        "black_litterman": black_litterman,
    }
)


def _rows(returns: pd.DataFrame) -> Floats:
    """Return the returns as (asset, session): twelve months of six formulas are tried a month."""
    return returns.to_numpy(np.float64).T


def _mean(rows: Floats) -> Floats:
    return np.asarray(SESSIONS_PER_YEAR * rows.mean(axis=1), dtype=np.float64)


def _shrunk(rows: Floats) -> Floats:
    mean = _mean(rows)
    return 0.7 * mean + 0.3 * float(mean.mean())


def _sum(rows: Floats, count: int) -> Floats:
    return np.asarray(rows[:, -count:].sum(axis=1), dtype=np.float64)


def _cut(values: Floats, returns: pd.DataFrame) -> pd.Series:
    return pd.Series(np.clip(values, LOW, HIGH), returns.columns)
