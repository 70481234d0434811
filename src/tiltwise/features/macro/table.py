"""Monthly macro features in real time: every row from what was known on its day alone.

Of a market with vintages each row comes from one vintage; of one that has dated records only
(`macro_records`), from the values known by then, which carry their revisions unless each was
recorded. `market.macro.policy` separates the two.
"""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import MONTHLY
from tiltwise.errors import MissingData
from tiltwise.features.macro import records as macro_records
from tiltwise.features.macro.transformations import REACH, Rule, months, newest, transformed
from tiltwise.kernels.arrays import Floats
from tiltwise.market.macro.vintages import Vintages
from tiltwise.market.market import Market

OLDEST = 6  #: months after which the last value of a series counts as missing
Tables = tuple[tuple[str, ...], Floats, Floats]  #: names, values and ages (month end, series)
Edge = tuple[NDArray[np.int64], Floats, NDArray[np.int64]]


def macro_features(
    market: Market,
    rule: Rule = "codes",
    series: Sequence[str] | None = None,
    oldest: int = OLDEST,
) -> pd.DataFrame:
    """Return transformed macro series (month-end session x series) as they stood on each day.

    Row s comes from one table alone, the newest vintage known at the close of s: each series is
    transformed there and its last value is used, so a ragged edge is filled from the same vintage
    and never from a later one. A revision changes no earlier row. As a vintage counts as known from
    the last calendar day of its month, a month that ends on a weekend shows the vintage before.

    A market without vintages shows its dated records in the same way: row s has the last value of
    each series known at the close of s, transformed with the months before it as known then.

    Parameters
    ----------
    rule : "codes", the code of each series in its vintage; or "changes", percent changes, and
        differences where a percent change makes no sense (`macro_rules.CHANGES`).
    series : columns; by default all that are known at `now`, in the order of their first
        appearance, so the columns of a cut are the first ones of the whole.
    oldest : months between a row and the month of a value after which it is NaN.

    Raises
    ------
    MissingData
        The market has neither vintages nor records.
    """
    return _frames(market, rule, series, oldest)[0]


def macro_ages(
    market: Market,
    rule: Rule = "codes",
    series: Sequence[str] | None = None,
    oldest: int = OLDEST,
) -> pd.DataFrame:
    """Return the age in months of every value of `macro_features`: 1 is last month's.

    The age of a quarterly value counts from the last month of its quarter.
    """
    return _frames(market, rule, series, oldest)[1]


def _frames(
    market: Market, rule: Rule, series: Sequence[str] | None, oldest: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return values and ages, computed once for all views of the same rows."""
    known, records = market.vintages, market.macro
    if known is None and records is None:
        raise MissingData(
            "the market has no macro data; load it with vintages= (market.fred_md reads FRED-MD "
            "files) or macro= (records), or with --macro FILE"
        )
    rows = MONTHLY.sessions(market.calendar, market.dates[0], market.now)

    def compute() -> Tables:
        if known is not None:
            return known.names, *_table(known, rows, rule, oldest)
        assert records is not None
        return macro_records.tables(records, rows, rule, oldest)

    names, *both = cast("Tables", market.cached((_frames, rule, oldest), compute))
    columns = pd.Index(names, name="series", dtype=object)
    frames = [pd.DataFrame(a, index=rows, columns=columns, copy=False) for a in both]
    if series is not None:
        frames = [frame.reindex(columns=pd.Index(list(series), name="series")) for frame in frames]
    return frames[0], frames[1]


def _table(
    known: Vintages, rows: pd.DatetimeIndex, rule: Rule, oldest: int
) -> tuple[Floats, Floats]:
    values = np.full((len(rows), len(known.names)), np.nan)
    ages = np.full(values.shape, np.nan)
    places = np.searchsorted(known.known, rows.asi8, side="right") - 1
    month_of_row = months(rows.asi8)
    for i, place in enumerate(places):
        if place >= 0:
            has, last, month = _edge(known, int(place), rule, oldest)
            age = month_of_row[i] - month
            fresh = np.isfinite(last) & (age <= oldest)
            values[i, has] = np.where(fresh, last, np.nan)
            ages[i, has] = np.where(fresh, age, np.nan)
    for array in (values, ages):
        array.setflags(write=False)
    return values, ages


def _edge(known: Vintages, place: int, rule: Rule, oldest: int) -> Edge:
    """Return the series of one vintage, their last transformed values, and the months of those.

    It is the same in every cut that has the vintage, so many cuts compute it once.
    """

    def compute() -> Edge:
        frame = known.frame(place)
        tail = frame.to_numpy()[-(oldest + 1 + REACH) :]
        codes = known.tcodes(place).to_numpy()
        last, row = newest(transformed(np.ascontiguousarray(tail), codes, rule))
        month = months(pd.DatetimeIndex(frame.index[-len(tail) :]).asi8)
        return np.flatnonzero(known.present[place]), last, month[row]

    return cast("Edge", known.cached(place, (_edge, rule, oldest), compute))
