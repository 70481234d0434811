"""Features known at each month end, for forecasts of the next month.

Rows are the month-end sessions up to `now`, those of `macro_table`. Prices give three columns for
each asset and for the benchmark::

    month A       return of the month just past      reversal, if its weight is negative
    year A        return of the eleven before it     momentum
    quarter A     deviation of the last 63 daily returns

Two families of columns are set against each other in `family_features`; the last month belongs to
reversal alone, so no column of one family is one of the other::

    momentum 3 A, 6 A, 12 A     return of so many months without the last one
    reversal 1 A                return of the last month
    reversal 10 A               close over the mean of the last ten month ends, less one
    reversal 36 A               return of the two years that ended a year ago

A close that did not print counts for five sessions. Returns are simple, decimals of the period
named.

Source: Jegadeesh (1990), Journal of Finance 45(3), for the month; Jegadeesh and Titman (1993),
Journal of Finance 48(1), for the year without its last month; De Bondt and Thaler (1985), Journal
of Finance 40(3), for the long reversal.
"""

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY
from tiltwise.errors import MissingData
from tiltwise.features import rolling
from tiltwise.features.macro.table import macro_ages, macro_features
from tiltwise.market.market import Market
from tiltwise.market.panel import ALIVE_SESSIONS

QUARTER, YEAR = 63, 12  #: sessions, months
LONGEST = 31  #: sessions that a month can have
FAMILIES = ("month", "year", "quarter")  #: reversal, momentum, risk: the first word of a column
MOMENTUM, REVERSAL = "momentum", "reversal"  #: first words of the columns of `family_features`
HORIZONS = (3, 6, 12)  #: months of momentum, the last one left out
MEAN, LONG = 10, 36  #: months of the mean, and of the long reversal


def month_prices(market: Market) -> pd.DataFrame:
    """Return the closes in force at each month end (month end x asset), NaN where none is."""
    return _at_ends(market, market.prices.ffill(limit=ALIVE_SESSIONS - 1))


def month_returns(market: Market) -> pd.DataFrame:
    """Return simple returns of the month that a row ends (month end x asset)."""
    prices = month_prices(market)
    return prices / prices.shift(1) - 1.0


def price_features(market: Market) -> pd.DataFrame:
    """Return month, year and quarter of each asset and of the benchmark (month end x column).

    Columns are in the order of their names, whatever that of the assets.
    """
    daily = _with_benchmark(market)
    closes = _at_ends(market, daily.ffill(limit=ALIVE_SESSIONS - 1))
    changes = np.full(daily.shape, np.nan)
    values = daily.to_numpy()
    changes[1:] = values[1:] / values[:-1] - 1.0
    risk = pd.DataFrame(rolling.deviation(changes, QUARTER), daily.index, daily.columns)
    tables = (
        closes / closes.shift(1) - 1.0,
        closes.shift(1) / closes.shift(YEAR) - 1.0,
        _at_ends(market, risk),
    )
    named = [t.add_prefix(f"{f} ") for f, t in zip(FAMILIES, tables, strict=True)]
    return pd.concat(named, axis=1).sort_index(axis=1).rename_axis(columns="feature")


def family_features(market: Market) -> pd.DataFrame:
    """Return momentum and reversal of each asset and of the benchmark (month end x column).

    The first word of a column is its family. Columns are in the order of their names.
    """
    closes = _at_ends(market, _with_benchmark(market).ffill(limit=ALIVE_SESSIONS - 1))
    tables = {f"{MOMENTUM} {k} ": closes.shift(1) / closes.shift(k) - 1.0 for k in HORIZONS}
    tables[f"{REVERSAL} 1 "] = closes / closes.shift(1) - 1.0
    # Added up in one order: a running mean rounds by the rows before it.
    total = sum((closes.shift(k) for k in range(1, MEAN)), closes)
    tables[f"{REVERSAL} {MEAN} "] = closes / (total / MEAN) - 1.0
    tables[f"{REVERSAL} {LONG} "] = closes.shift(YEAR) / closes.shift(LONG) - 1.0
    named = [table.add_prefix(prefix) for prefix, table in tables.items()]
    return pd.concat(named, axis=1).sort_index(axis=1).rename_axis(columns="feature")


def features(market: Market, series: tuple[str, ...], prices: bool) -> pd.DataFrame:
    """Return real-time changes of macro series, and the columns of prices (month end x column).

    Raises
    ------
    MissingData
        Series are named and the market has no vintages, or no feature is requested.
    """
    parts = [macro_features(market, "changes", series)] if series else []
    parts += [price_features(market)] if prices else []
    if not parts:
        raise MissingData("no feature is asked for: name macro series, or take prices")
    return pd.concat(parts, axis=1)


def recent(market: Market, months: int) -> Market:
    """Return the newest sessions, enough for the features of the last `months` month ends."""
    return market.asof(market.now, (months + YEAR + 1) * LONGEST)


def macro_age(market: Market, series: tuple[str, ...]) -> float:
    """Return the mean age in months of the macro values at the newest month end; NaN of none."""
    if not series:
        return float("nan")
    return float(macro_ages(market, "changes", series).iloc[-1].mean())


def _with_benchmark(market: Market) -> pd.DataFrame:
    """Return the closes of the assets and of the benchmark (session x asset)."""
    daily, bench = market.prices, market.benchmark_prices
    if bench is None or market.benchmark in daily:
        return daily
    return daily.assign(**{str(market.benchmark): bench})


def _at_ends(market: Market, daily: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the month ends; of one that is no row, the row before it."""
    ends = MONTHLY.sessions(market.calendar, market.dates[0], market.now)
    rows = market.dates.searchsorted(ends, side="right") - 1
    return daily.iloc[rows].set_axis(ends, axis=0)
