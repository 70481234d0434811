"""Market states by four causal rules.

    trend        bull, bear       a fall of 20 % from the peak starts a bear market, a rise of 20 %
                                  from the trough a bull market, on the day of the crossing
    volatility   high, low        20-day volatility over its median of the past
    correlation  together, apart  mean pairwise 60-day correlation less its median of the past
    factor       ahead, behind    t statistic of 126 daily returns of the benchmark less those of
                                  the equally weighted assets: the cycle of its factor

The last three have two thresholds each: a state begins beyond one and ends beyond the other, so
that noise around a single one causes no switches. A state is missing (None) until a rule
applies; the state of a session never changes when later sessions come. Each function takes a
market and returns a series by session.

Source: "MTUM Replica Portfolio", market state classification, which names the four and no formula.
The dating of bull and bear markets is that of Lunde and Timmermann, Duration dependence in stock
prices, Journal of Business & Economic Statistics 22(3), 2004, by the day on which it is known.
"""

import itertools
import math

import numpy as np
import pandas as pd

from tiltwise.features import rolling
from tiltwise.features.momentum import market_prices
from tiltwise.kernels.arrays import Floats
from tiltwise.market.market import Market

SWING = 0.2  #: change of the price that turns the trend
PAST = 1260  #: sessions of which a median is taken
LEAST = 126  #: indicators before the first median


def trend_state(market: Market, swing: float = SWING, against: str | None = None) -> pd.Series:
    """Return "bull" or "bear", None until the price moved by `swing` for the first time."""
    prices = market_prices(market, against)
    out: list[str | None] = []
    state: str | None = None
    high, low = -math.inf, math.inf
    for price in prices.to_numpy().tolist():
        if not math.isnan(price):
            high, low = max(high, price), min(low, price)
            if state != "bear" and price <= high * (1.0 - swing):
                state, low = "bear", price
            elif state != "bull" and price >= low * (1.0 + swing):
                state, high = "bull", price
        out.append(state)
    return _series(market, out, "trend")


def volatility_state(
    market: Market,
    window: int = 20,
    bounds: tuple[float, float] = (1.1, 1.5),
    against: str | None = None,
) -> pd.Series:
    """Return "high" from `bounds[1]` times the usual volatility on, "low" from `bounds[0]` down."""
    rows = rolling.log_changes(market_prices(market, against).to_numpy()[:, None])
    level = rolling.deviation(rows, window)[:, 0]
    return _series(market, _latched(level / _usual(level), bounds, ("low", "high")), "volatility")


def mean_correlation(market: Market, window: int = 60) -> pd.Series:
    """Return the mean of the correlations of all pairs of assets that have one."""
    rows = rolling.log_changes(market.prices.to_numpy())
    total, count = np.zeros(len(rows)), np.zeros(len(rows))
    for i, j in itertools.combinations(range(rows.shape[1]), 2):
        one = rolling.correlation(rows[:, i], rows[:, j], window)
        total += np.where(np.isnan(one), 0.0, one)
        count += ~np.isnan(one)
    mean = np.full(len(rows), np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return pd.Series(mean, market.dates)


def correlation_state(
    market: Market, window: int = 60, bounds: tuple[float, float] = (0.05, 0.15)
) -> pd.Series:
    """Return "together" from `bounds[1]` above the usual correlation, "apart" from `bounds[0]`."""
    level = market.feature(mean_correlation, window=window).to_numpy()
    states = _latched(level - _usual(level), bounds, ("apart", "together"))
    return _series(market, states, "correlation")


def factor_state(
    market: Market,
    window: int = 126,
    bounds: tuple[float, float] = (-1.0, 1.0),
    against: str | None = None,
) -> pd.Series:
    """Return "ahead" or "behind" by the t statistic of the factor's lead over equal weights."""
    base = market_prices(market, against).to_numpy()
    lead = np.full(len(base), np.nan)
    returns = market.array("returns")
    assert returns is not None
    there = ~np.isnan(returns)
    total, count = np.zeros(len(returns)), there.sum(axis=1)
    for column, known in zip(returns.T, there.T, strict=True):
        total += np.where(known, column, 0.0)
    equal = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    lead[1:] = base[1:] / base[:-1] - 1.0 - equal
    rows = lead[:, None]
    mean = rolling.total(rows, window)[:, 0] / window
    spread = rolling.deviation(rows, window)[:, 0]
    moved = spread > 1e-12
    t = np.full(len(mean), np.nan)
    np.divide(mean * math.sqrt(window), spread, out=t, where=moved)
    return _series(market, _latched(t, bounds, ("behind", "ahead")), "factor")


def market_states(market: Market, against: str | None = None) -> pd.DataFrame:
    """Return the four states by session, with default parameters."""
    return pd.DataFrame(
        {
            "trend": market.feature(trend_state, against=against),
            "volatility": market.feature(volatility_state, against=against),
            "correlation": market.feature(correlation_state),
            "factor": market.feature(factor_state, against=against),
        }
    )


def _usual(level: Floats) -> Floats:
    """Return the median of the last `PAST` values, the newest included; exact, so causal."""
    median = pd.Series(level).rolling(PAST, min_periods=LEAST).median()
    return np.asarray(median, dtype=np.float64)


def _latched(
    indicator: Floats, bounds: tuple[float, float], names: tuple[str, str]
) -> list[str | None]:
    """Return names[1] from bounds[1] on, names[0] from bounds[0] down, else what was before."""
    out: list[str | None] = []
    state: str | None = None
    for value in indicator.tolist():
        if value >= bounds[1]:
            state = names[1]
        elif value <= bounds[0]:
            state = names[0]
        out.append(state)
    return out


def _series(market: Market, states: list[str | None], name: str) -> pd.Series:
    return pd.Series(states, market.dates, dtype=object, name=name)
