"""The features that Helix computes, defects included.

Relative strength, %K and the moving-average difference are read off the active *returns* instead of
off an index that they build, so they measure acceleration; the downside deviation is not logged;
the volatility index gets one added before its logarithm; spans stand for half-lives. Macro series
are filled forwards and then backwards, each value on its own day as if it were published then.

Source: see the claim card.
"""

import itertools

import numpy as np

from tiltwise.features.macro.daily import SERIES
from tiltwise.kernels import indicators as kernels
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.market.market import Market

WINDOWS = (8, 21, 63)
SHORT, LEGACY, LEGACY_STRENGTH = 21, 20, 14


def features(market: Market, against: str) -> Floats:
    """Return (sessions, assets, columns) features of active returns; the first session has none.

    The asset `against` has NaN. There are seventeen columns with the three macro series, four
    without.
    """
    returns = market.returns().to_numpy(np.float64)
    place = market.assets.index(against)
    base = returns[:, place]
    active = returns - base[:, None]
    known = macro(market)
    columns = legacy(active) if known is None else indicators(active, base, known[1:])
    out = np.full((len(returns) + 1, len(market.assets), len(columns)), np.nan)
    for k, column in enumerate(columns):
        out[1:, :, k] = column
    out[:, place] = np.nan
    return out


def macro(market: Market) -> Floats | None:
    """Return the three series by session, filled both ways; None where one is absent."""
    records = market.macro
    if records is None:
        return None
    names, period = records["series"], records["period"].to_numpy()
    value = records["value"].to_numpy(np.float64)
    there = ~np.isnan(value)
    days = market.dates.to_numpy()
    out = np.empty((len(market), len(SERIES)))
    for k, name in enumerate(SERIES):
        own = np.flatnonzero((names == name).to_numpy() & there)
        if not len(own):
            return None
        own = own[np.argsort(period[own], kind="stable")]
        place = period[own].searchsorted(days, side="right") - 1
        out[:, k] = value[own[np.maximum(place, 0)]]
    return out


def indicators(active: Floats, base: Floats, known: Floats) -> list[Floats]:
    """Return the seventeen columns, each (rows, assets) or (rows, 1) where all share it."""
    vix, short, long = (known[:, [k]] for k in range(len(SERIES)))
    return [
        *(average(active, w) for w in WINDOWS),
        *(relative_strength(active, w) for w in WINDOWS),
        *(stochastic(active, w) for w in WINDOWS),
        *(macd(active, fast, slow) for fast, slow in itertools.pairwise(WINDOWS)),
        downside(active),
        beta(active, base),
        average(base[:, None], SHORT),
        *(average(_change(s), SHORT) for s in (np.log(vix + 1.0), short, long - short)),
    ]


def legacy(active: Floats) -> list[Floats]:
    """Return the four columns used where macro series are absent."""
    mean = rolled(active, LEGACY)
    spread = rolled(active * active, LEGACY) - mean * mean
    deviation = np.sqrt(np.maximum(spread, 0.0) * (LEGACY / (LEGACY - 1.0)))
    strength = relative_strength(active, LEGACY_STRENGTH)
    return [average(active, LEGACY), strength, mean * LEGACY, deviation]


def average(rows: Floats, span: int) -> Floats:
    """Return the weighted average of all rows so far, in which the past fades by a span."""
    out = np.empty(rows.shape)
    kernels.fading_mean(matrix(rows, "returns"), 1.0 - 2.0 / (span + 1.0), 1, out)
    return out


def recursive(rows: Floats, span: int) -> Floats:
    """Return the same where the first row keeps all the weight that is left over."""
    left = (1.0 - 2.0 / (span + 1.0)) ** np.arange(1.0, len(rows) + 1.0)[:, None]
    return average(rows, span) * (1.0 - left) + left * rows[:1]


def rolled(rows: Floats, window: int) -> Floats:
    """Return means of the last `window` rows, NaN before there are as many."""
    total = np.cumsum(rows, axis=0)
    out = np.full(rows.shape, np.nan)
    out[window - 1 :] = total[window - 1 :]
    out[window:] -= total[:-window]
    return out / window


def relative_strength(active: Floats, window: int) -> Floats:
    """Return the relative strength of the changes of returns, 50 while it is not known."""
    change = np.nan_to_num(_change(active))
    gain, loss = (np.maximum(rolled(np.maximum(c, 0.0), window), 0.0) for c in (change, -change))
    return np.nan_to_num(100.0 - 100.0 / (1.0 + gain / (loss + 1e-12)), nan=50.0)


def stochastic(active: Floats, window: int) -> Floats:
    """Return where the return of the day lies between the extremes of the window's returns."""
    out = np.empty(active.shape)
    kernels.stochastic(matrix(active, "active returns"), window, out)
    return out


def macd(active: Floats, fast: int, slow: int) -> Floats:
    """Return the difference of two moving averages of returns."""
    return recursive(active, fast) - recursive(active, slow)


def downside(active: Floats) -> Floats:
    """Return the downside deviation, not logged, zero while it is not known."""
    squared = np.where(active < 0.0, np.log1p(active) ** 2, 0.0)
    return np.sqrt(np.maximum(np.nan_to_num(rolled(squared, SHORT)), 0.0))


def beta(active: Floats, base: Floats) -> Floats:
    """Return the slope of active returns on the market's, zero while it is not known."""
    market = base[:, None]
    mean = rolled(market, SHORT)
    shared = rolled(active * market, SHORT) - rolled(active, SHORT) * mean
    spread = (rolled(market * market, SHORT) - mean * mean) * (SHORT / (SHORT - 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num(shared / np.where(spread > 0.0, spread, np.nan))


def _change(rows: Floats) -> Floats:
    out = np.full(rows.shape, np.nan)
    out[1:] = rows[1:] - rows[:-1]
    return out
