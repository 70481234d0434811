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

from tiltwise.models.expected_returns import Forecast

LOW, HIGH = -0.5, 1.0
YEAR = 252


def historical(returns: pd.DataFrame) -> pd.Series:
    """Return 252 times the mean."""
    return _cut(_mean(returns))


def shrinkage(returns: pd.DataFrame) -> pd.Series:
    """Return .7 of the mean and .3 of the grand mean; the source calls it James-Stein."""
    return _cut(_shrunk(returns))


def momentum(returns: pd.DataFrame) -> pd.Series:
    """Return .3 of the mean and .7 of half a score of trends."""
    score = (
        0.4 * _sum(returns, 21)
        + 0.3 * _sum(returns, 63)
        + 0.2 * _sum(returns, 126)
        + 0.1 * _sum(returns, 252)
    )
    return _cut(0.3 * _mean(returns) + 0.7 * (0.5 * score))


def mean_reversion(returns: pd.DataFrame) -> pd.Series:
    """Return the mean and .3 of a score against the last months."""
    score = -(0.6 * _sum(returns, 21) + 0.4 * _sum(returns, 63))
    return _cut(_mean(returns) + 0.3 * score)


def multi_factor(returns: pd.DataFrame) -> pd.Series:
    """Return the shrunk mean and .4 of a score of five parts."""
    spread = returns.tail(63).std() * np.sqrt(float(YEAR))
    score = (
        0.3 * _sum(returns, 126)
        - 0.2 * _sum(returns, 21)
        + 0.2 * _sum(returns, 63) / spread
        - 0.1 * spread
        + 0.2 * _sum(returns, 252)
    )
    return _cut(_shrunk(returns) + 0.4 * score)


def black_litterman(returns: pd.DataFrame) -> pd.Series:
    """Return three times the covariance with equal weights, and .3 of the last quarter's sum."""
    covariance = YEAR * returns.cov()
    return _cut(3.0 * covariance.mean(axis=1) + 0.3 * _sum(returns, 63))


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


def _mean(returns: pd.DataFrame) -> pd.Series:
    return YEAR * returns.mean()


def _shrunk(returns: pd.DataFrame) -> pd.Series:
    mean = _mean(returns)
    return 0.7 * mean + 0.3 * float(mean.mean())


def _sum(returns: pd.DataFrame, rows: int) -> pd.Series:
    return returns.tail(rows).sum()


def _cut(values: pd.Series) -> pd.Series:
    return pd.Series(np.clip(values.to_numpy(), LOW, HIGH), values.index)
