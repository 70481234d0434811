"""Sharpe ratios of many paths of net asset value at once."""

import numpy as np
from numpy.typing import NDArray

YEAR = 252.0
"""Sessions a year, as in every metric of daily returns."""
NEGLIGIBLE = 1e-14
"""A standard deviation below this share of the largest return is rounding."""

Floats = NDArray[np.float64]


def returns_of(nav: Floats) -> Floats:
    """Return simple returns (S - 1, P) of values (S, P); NaN once a path is ruined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = nav[1:] / nav[:-1] - 1.0
    returns[~np.isfinite(returns)] = np.nan
    return np.asarray(returns)


def sharpes(nav: Floats, first: int = 0) -> Floats:
    """Return annual Sharpe ratios (P,) of the returns from row `first` on; NaN if nothing moved."""
    returns = returns_of(nav)[first:]
    mean, spread = np.nanmean(returns, axis=0), np.nanstd(returns, axis=0, ddof=1)
    still = ~(spread > NEGLIGIBLE * np.nanmax(np.abs(returns), axis=0))
    return np.asarray(np.where(still, np.nan, mean / np.where(still, 1.0, spread)) * np.sqrt(YEAR))
