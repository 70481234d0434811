"""Numbers of a path by months, as sources that think in months print them.

    growth of 100     100 (1 + CAGR)^(months / 12): the two cannot contradict each other
    deviation         of the monthly returns, times sqrt(12)

A month counts where the path covers it to its last session, and from its first few sessions on.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY, Calendar
from tiltwise.claims.engine.measure import LEVEL
from tiltwise.claims.engine.records import Estimate
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance import inference

YEAR = 12
BEHIND = 5  #: sessions that a first month may lack: orders fill after the decision
KNOWN = {"cagr": "cagr", "deviation": "ann_volatility", "sortino": "sortino", "grown_100": "cagr"}
"""By claimed metric, the metric whose definition and interval it has."""


def monthly(returns: pd.Series, calendar: Calendar) -> pd.Series:
    """Return the compounded return of every whole month, dated by its last session."""
    dates = pd.DatetimeIndex(returns.index)
    if not len(dates):
        return returns
    ends = MONTHLY.sessions(calendar, dates[0], dates[-1])
    place = ends.searchsorted(dates)
    inside = place < len(ends)
    grown = (1.0 + returns[inside]).groupby(ends[place[inside]]).prod() - 1.0
    if not len(grown):
        return grown
    month = grown.index[0].to_period("M").start_time
    late = len(calendar.between(month, dates[0])) - 1
    return grown.iloc[1:] if late > BEHIND else grown


def estimate(
    months: pd.Series,
    metric: str,
    ratio: Callable[[pd.Series], float] | None = None,
    cash: pd.Series | None = None,
    bounded: bool = True,
) -> Estimate:
    """Return a metric of `KNOWN` with its interval; NaN for fewer than two months.

    Parameters
    ----------
    months : see `monthly`.
    ratio : the source's own formula of the Sortino ratio, which has no interval.
    cash : riskless return of each month.
    bounded : whether the interval is wanted.
    """
    if len(months) < 2:
        return Estimate(math.nan)
    if metric == "sortino" and ratio is not None:
        return Estimate(ratio(months))
    name = KNOWN[metric]
    measured = path(months, YEAR, rf=cash)
    value = METRICS[name].function(measured)
    low = high = math.nan
    if bounded:
        bounds = inference.interval(measured, [name], LEVEL)
        low, high = bounds.loc[[name], ["low", "high"]].to_numpy(dtype=np.float64)[0]
    if metric != "grown_100":
        return Estimate(value, float(low), float(high))
    years = len(months) / YEAR
    return Estimate(*(100.0 * (1.0 + float(rate)) ** years for rate in (value, low, high)))


def cash_of(rates: pd.Series | None, months: pd.Series) -> pd.Series | None:
    """Return the riskless return of each month from annual rates by session; None without rates."""
    if rates is None or not len(months):
        return None
    first = months.index[0].to_period("M").start_time
    daily = 1.0 + rates.ffill().fillna(0.0).loc[first : months.index[-1]] / 252.0
    place = months.index.searchsorted(daily.index)
    return daily.groupby(months.index[place]).prod().reindex(months.index) - 1.0
