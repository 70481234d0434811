"""Active returns, the cumulative active index, and its momentum.

An active return is the simple return of an asset less that of the market on the same session. The
cumulative active index compounds them from 1 on the first session where both closes printed.
Indicators of price charts (`technical`, `macd`, `momentum`) are read off that index, never off the
returns. Returns are per session; a fading mean has a half-life of `window` sessions and is NaN
before that many returns have been seen.

All functions take a market and return a frame (session x asset). `against` names the market asset;
None means the benchmark.
"""

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels import indicators
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.market.market import Market


def market_prices(market: Market, against: str | None = None) -> pd.Series:
    """Return the closes of the market asset.

    Raises
    ------
    MissingData
        The market holds no asset or benchmark of that name.
    """
    name = against or market.benchmark
    if name is None:
        raise MissingData(
            "active returns need a market asset: name one with against=, or load "
            "the market with benchmark="
        )
    prices = market.benchmark_prices
    if name == market.benchmark and prices is not None:
        return prices
    if name not in market.assets:
        raise MissingData(f"{name} is not among {', '.join(market.assets)}")
    return market.prices[name]


def market_returns(market: Market, against: str | None = None) -> pd.Series:
    """Return simple returns of the market asset by session; the first is NaN."""
    prices = market_prices(market, against)
    values = _returns(prices.to_numpy()[:, None])[:, 0]
    return pd.Series(values, index=market.dates, name=prices.name)


def active_returns(market: Market, against: str | None = None) -> pd.DataFrame:
    """Return simple returns less those of the market asset; NaN unless all four closes printed."""
    values = _returns(market.prices.to_numpy())
    return _frame(market, values - market_returns(market, against).to_numpy()[:, None])


def active_index(market: Market, against: str | None = None) -> pd.DataFrame:
    """Return the cumulative active index; a session without an active return leaves it unchanged.

    Raises
    ------
    DataError
        An asset lost the market by 100 % or more in one session, which ends its index.
    """
    active = market.feature(active_returns, against=against).to_numpy()
    with np.errstate(invalid="ignore"):
        ended = np.argwhere(active <= -1.0)
    if len(ended):
        row, column = ended[0]
        raise DataError(
            f"{market.assets[column]} lost the market by {-active[row, column]:.0%} on "
            f"{market.dates[row].date()}: check the prices of that session"
        )
    base = market_prices(market, against).notna().to_numpy()[:, None]
    both = market.prices.notna().to_numpy() & base
    out = np.empty(active.shape)
    indicators.compounded(matrix(active, "active returns"), both, out)
    return _frame(market, out)


def fading_return(market: Market, window: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return the fading mean of active returns."""
    active = market.feature(active_returns, against=against).to_numpy()
    return _frame(market, fading(active, window))


def macd(market: Market, fast: int = 8, slow: int = 21, against: str | None = None) -> pd.DataFrame:
    """Return the fast less the slow fading mean of the logarithm of the active index.

    Of the logarithm, so that the unit is a relative change at any level of the index.
    """
    index = market.feature(active_index, against=against).to_numpy()
    logs = np.empty(index.shape)
    indicators.log_levels(matrix(index, "the active index"), logs)
    return _frame(market, fading(logs, fast) - fading(logs, slow))


def momentum(market: Market, window: int = 63, against: str | None = None) -> pd.DataFrame:
    """Return the relative change of the active index over `window` sessions."""
    index = market.feature(active_index, against=against).to_numpy()
    out = np.full(index.shape, np.nan)
    if len(index) > window:
        out[window:] = index[window:] / index[:-window] - 1.0
    return _frame(market, out)


def market_trend(market: Market, window: int = 21, against: str | None = None) -> pd.Series:
    """Return the fading mean of the market asset's own returns, by session."""
    returns = market_returns(market, against)
    return pd.Series(fading(returns.to_numpy()[:, None], window)[:, 0], market.dates)


def fading(rows: Floats, window: int) -> Floats:
    """Return fading means (rows, columns) of a half-life of `window` rows."""
    out = np.empty(rows.shape)
    indicators.fading_mean(matrix(rows, "returns"), indicators.decay(window), window, out)
    return out


def _returns(prices: Floats) -> Floats:
    """Return simple returns with a first row of NaN."""
    out = np.full(prices.shape, np.nan)
    out[1:] = prices[1:] / prices[:-1] - 1.0
    return out


def _frame(market: Market, values: Floats) -> pd.DataFrame:
    columns = pd.Index(market.assets, name="asset", dtype=object)
    return pd.DataFrame(values, market.dates, columns)
