"""Monthly macro features in real time: every row from the one vintage known on its day.

Source: the transformations are those of McCracken and Ng (2016), "FRED-MD: A Monthly Database for
Macroeconomic Research"; the changes those of the sector rotation of source 3, differences replacing
percent changes of what may be zero or negative.
"""

from collections.abc import Sequence
from typing import Literal, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import MONTHLY
from tiltwise.errors import MissingData
from tiltwise.market.market import Market
from tiltwise.market.panel import Floats
from tiltwise.market.vintages import Vintages

Rule = Literal["codes", "changes"]
CODES = (1, 2, 3, 4, 5, 6, 7)  #: x, dx, d2x, log x, dlog x, d2log x, d(x / x[-1] - 1)
#: What a monthly change is, by code: differences of rates, spreads and indices (1 to 3), and
#: percent changes of amounts and prices (4 to 7).
CHANGES = {1: "difference", 2: "difference", 3: "difference", 4: "percent", 5: "percent",
           6: "percent", 7: "percent"}  # fmt: skip
REACH = 2  #: months that the longest transformation looks back
OLDEST = 6  #: months after which the last value of a series counts as missing


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

    Parameters
    ----------
    rule : "codes", the code of each series in its vintage; or "changes", percent changes, and
        differences where a percent change makes no sense (`CHANGES`).
    series : columns; by default all series that a vintage known at `now` has, in the order of
        their first appearance, so the columns of a cut are the first ones of the whole.
    oldest : months between a row and the month of a value after which it is NaN.

    Raises
    ------
    MissingData
        The market has no vintages.
    """
    return _frames(market, rule, series, oldest)[0]


def macro_ages(
    market: Market,
    rule: Rule = "codes",
    series: Sequence[str] | None = None,
    oldest: int = OLDEST,
) -> pd.DataFrame:
    """Return the age in months of every value of `macro_features`: 1 is last month's."""
    return _frames(market, rule, series, oldest)[1]


def transformed(values: Floats, codes: NDArray[np.int8], rule: Rule = "codes") -> Floats:
    """Return a table (months, series) transformed column by column; never infinite.

    A logarithm or percent change of what is not positive is NaN, and so is what has a gap among
    the months it looks at. A series without a code (0) stays as it is under "codes" and is
    differenced under "changes".
    """
    out = np.full(values.shape, np.nan)
    for code in np.unique(codes):
        columns = np.flatnonzero(codes == code)
        block = values[:, columns]
        out[:, columns] = (
            _changed(block, int(code)) if rule == "changes" else _coded(block, int(code))
        )
    out[~np.isfinite(out)] = np.nan
    return out


def _coded(x: Floats, code: int) -> Floats:
    if code in (0, 1):
        return x
    if code in (2, 3):
        return _difference(x, code - 1)
    if code == 7:
        return _difference(_ratio(x) - 1.0, 1)
    return _difference(np.log(np.where(x > 0, x, np.nan)), code - 4)


def _changed(x: Floats, code: int) -> Floats:
    if CHANGES.get(code, "difference") == "difference":
        return _difference(x, 1)
    return _ratio(np.where(x > 0, x, np.nan)) - 1.0


def _ratio(x: Floats) -> Floats:
    ratio = np.full(x.shape, np.nan)
    np.divide(x[1:], x[:-1], out=ratio[1:], where=x[:-1] != 0)
    return ratio


def _difference(x: Floats, times: int) -> Floats:
    for _ in range(times):
        step = np.full(x.shape, np.nan)
        step[1:] = x[1:] - x[:-1]
        x = step
    return x


def _frames(
    market: Market, rule: Rule, series: Sequence[str] | None, oldest: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return values and ages, computed once for all views of the same rows."""
    known = market.vintages
    if known is None:
        raise MissingData(
            "the market has no macro vintages; load it with vintages= (market.fred_md reads "
            "FRED-MD files), or with --macro FILE"
        )
    rows = MONTHLY.sessions(market.calendar, market.dates[0], market.now)
    key = (_frames, rule, oldest)
    values, ages = cast(
        "tuple[Floats, Floats]", market.cached(key, lambda: _table(known, rows, rule, oldest))
    )
    names = pd.Index(known.names, name="series", dtype=object)
    frames = [pd.DataFrame(a, index=rows, columns=names) for a in (values, ages)]
    if series is not None:
        frames = [frame.reindex(columns=pd.Index(list(series), name="series")) for frame in frames]
    return frames[0], frames[1]


def _table(
    known: Vintages, rows: pd.DatetimeIndex, rule: Rule, oldest: int
) -> tuple[Floats, Floats]:
    values = np.full((len(rows), len(known.names)), np.nan)
    ages = np.full(values.shape, np.nan)
    newest = np.searchsorted(known.known, rows.asi8, side="right") - 1
    month_of_row = _month(rows.asi8)
    edge: tuple[NDArray[np.bool_], Floats, NDArray[np.int64]] | None = None
    for i, place in enumerate(newest):
        if place < 0:
            continue
        if i == 0 or place != newest[i - 1] or edge is None:
            edge = _edge(known, int(place), rule, oldest)
        has, last, month = edge
        age = month_of_row[i] - month
        fresh = np.isfinite(last) & (age <= oldest)
        values[i, has] = np.where(fresh, last, np.nan)
        ages[i, has] = np.where(fresh, age, np.nan)
    for array in (values, ages):
        array.setflags(write=False)
    return values, ages


def _edge(
    known: Vintages, place: int, rule: Rule, oldest: int
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.int64]]:
    """Return what one vintage has: which series, their last transformed value, and its month."""
    frame = known.frame(place)
    tail = frame.to_numpy()[-(oldest + 1 + REACH) :]
    codes = known.tcodes(place).to_numpy()
    moved = transformed(np.ascontiguousarray(tail), codes, rule)
    month = _month(pd.DatetimeIndex(frame.index[-len(tail) :]).asi8)
    found = np.isfinite(moved)
    newest = len(tail) - 1 - found[::-1].argmax(axis=0)
    last = moved[newest, np.arange(moved.shape[1])]  # NaN where nothing is found
    return known.present[place], last, month[newest]


def _month(ticks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number months since 1970."""
    return ticks.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
