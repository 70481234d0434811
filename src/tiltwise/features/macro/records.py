"""Monthly macro features from dated records, as known at each row.

A record has the day its value is for (`period`, the first day of a month or quarter, or a day) and
the day it became known (`known`). A month has the value of its newest day, in the newest version
known. A daily series is sampled month by month, a quarterly one quarter by quarter.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.features.macro.transformations import REACH, Rule, months, newest, transformed
from tiltwise.kernels.arrays import Floats
from tiltwise.market.macro import policy

Integers = NDArray[np.int64]
LATELY = 4  #: months with a value whose least distance is the step of a series
YEAR = 12  #: months, the longest step


def tables(
    records: pd.DataFrame, rows: pd.DatetimeIndex, rule: Rule, oldest: int
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Return the series, and value and age in months (month end x series) as known at each row.

    Parameters
    ----------
    records : (series, period, known, value) in the order in which they became known.
    rows : month ends, ascending.
    rule : what becomes of the levels; codes by name (`macro_policy.code`).
    oldest : months after which the last value of a series is missing.
    """
    finite = records[np.isfinite(records["value"].to_numpy(np.float64))]
    groups = {str(name): part for name, part in finite.groupby("series", sort=False)}
    values = np.full((len(rows), len(groups)), np.nan)
    ages = np.full(values.shape, np.nan)
    for column, (name, part) in enumerate(groups.items()):
        levels, last, step = _levels(part, rows.asi8, oldest + 1 + REACH)
        codes = np.full(len(rows), policy.code(name), dtype=np.int8)
        value, slot = newest(transformed(levels, codes, rule))
        month = last - (len(levels) - 1 - slot) * step
        age = np.maximum(months(rows.asi8) - (month + step - 1), 0)
        fresh = np.isfinite(value) & (age <= oldest)
        values[:, column] = np.where(fresh, value, np.nan)
        ages[:, column] = np.where(fresh, age, np.nan)
    for array in (values, ages):
        array.setflags(write=False)
    return tuple(groups), values, ages


def _levels(part: pd.DataFrame, ends: Integers, count: int) -> tuple[Floats, Integers, Integers]:
    """Return of one series the last levels known at each row (count, rows), newest last.

    And the month of the newest, and the months between two of them (rows,). A level that is not
    known, or not yet, is NaN.
    """
    period = _ticks(part["period"])
    row = np.searchsorted(ends, _ticks(part["known"]))  # first month end at which it is known
    month = months(period)
    first = int(month.min())
    level = np.full(int(month.max()) - first + 1, np.nan)
    day = np.full(len(level), np.iinfo(np.int64).min)
    place, value = month - first, part["value"].to_numpy(np.float64)
    order = np.lexsort((period, row))  # stable: of one day, the version known last comes last
    starts = np.searchsorted(row[order], np.arange(len(ends) + 1))
    out = np.full((count, len(ends)), np.nan)
    last, step = np.zeros(len(ends), np.int64), np.ones(len(ends), np.int64)
    top = 0
    for r in range(len(ends)):
        if starts[r] == starts[r + 1]:  # no news
            if r:
                out[:, r], last[r], step[r] = out[:, r - 1], last[r - 1], step[r - 1]
            continue
        batch = _newest_of_month(order[starts[r] : starts[r + 1]], place)
        batch = batch[period[batch] >= day[place[batch]]]
        own = place[batch]
        day[own], level[own] = period[batch], value[batch]
        top = max(top, int(own.max(initial=0)))
        begin = max(top + 1 - LATELY * YEAR, 0)
        known = begin + np.flatnonzero(np.isfinite(level[begin : top + 1]))[-LATELY:]
        step[r] = min(np.diff(known).tolist(), default=1)
        last[r] = first + top
        back = top - step[r] * np.arange(min(count, top // step[r] + 1))
        out[count - len(back) :, r] = level[back[::-1]]
    return out, last, step


def _newest_of_month(batch: Integers, place: Integers) -> Integers:
    """Return of records in the order of their days the last one of each month."""
    if len(batch) < 2:
        return batch
    own = place[batch]
    last: Integers = batch[np.append(own[1:] != own[:-1], True)]
    return last


def _ticks(days: pd.Series) -> Integers:
    return np.asarray(days.to_numpy().astype("datetime64[ns]").astype(np.int64))
