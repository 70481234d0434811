"""Risk of active returns: deviation, downside and beta.

All fade with a half-life of `window` sessions and are NaN before that many active returns have been
seen; each function takes a market and returns a frame (session x asset). Returns are per session.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.features.momentum import active_returns, market_returns
from tiltwise.kernels import indicators
from tiltwise.kernels.arrays import matrix
from tiltwise.market.market import Market

FLOOR = 1e-6  #: least downside deviation: an asset that never lost has no logarithm


def volatility(market: Market, window: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return the fading standard deviation of active returns, per root session."""
    rows = _active(market, against)
    out = np.empty(rows.shape)
    indicators.fading_deviation(rows, indicators.decay(window), window, out)
    return _frame(market, out)


def log_downside(market: Market, window: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return the logarithm of the downside deviation of active returns.

    The deviation is the root of the fading mean of ``min(return, 0) ** 2``, at least `FLOOR`; the
    logarithm makes its distribution nearly symmetric.
    """
    rows = _active(market, against)
    out = np.empty(rows.shape)
    indicators.fading_downside(rows, indicators.decay(window), window, FLOOR, out)
    return _frame(market, out)


def active_beta(market: Market, window: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return the slope of active returns on the market's: beta less one. NaN on a still market."""
    rows = _active(market, against)
    base = matrix(market_returns(market, against).to_numpy()[:, None], "market returns")
    out = np.empty(rows.shape)
    indicators.fading_beta(rows, base, indicators.decay(window), window, out)
    return _frame(market, out)


def _active(market: Market, against: str | None) -> NDArray[np.float64]:
    frame = market.feature(active_returns, against=against)
    return matrix(frame.to_numpy(), "active returns")


def _frame(market: Market, values: NDArray[np.float64]) -> pd.DataFrame:
    columns = pd.Index(market.assets, name="asset", dtype=object)
    return pd.DataFrame(values, market.dates, columns)
