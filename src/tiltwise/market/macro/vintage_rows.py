"""Construction of `Vintages` from monthly tables, with checks."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.market.macro.vintages import Integers, Note, Vintages

LEAST = 12  #: months that two series must share before they count as one under two names
ALIKE = 0.01  #: their median relative difference, at most


def stacked(
    labels: list[str],
    starts: Integers,
    periods: Integers,
    columns: Mapping[str, Floats],
    codes: pd.DataFrame,
    remarks: tuple[Note, ...] = (),
    source: str = "vintages",
) -> Vintages:
    """Return vintages from their rows, one vintage after the other.

    Parameters
    ----------
    labels : name of each vintage, ``YYYY-MM``, ascending.
    starts : first row of each.
    periods : month of each row, first day in ns; consecutive within a vintage.
    columns : values (rows,) by series.
    codes : (vintage x series) transformation codes, NaN or 0 where there is none.
    source : what the errors name.

    Raises
    ------
    DataError
        A vintage out of order, a month missing, repeated or later than its vintage, or a value
        that is infinite.
    """
    known = month_ends(labels, source)
    stops = np.append(starts[1:], len(periods))
    check_order(labels, source)
    _check_months(labels, starts, periods, known, source)
    names = list(columns)
    present = np.zeros((len(labels), len(names)), dtype=np.bool_)
    for i, name in enumerate(names):
        blank = np.isnan(columns[name])
        _check_finite(name, columns[name], blank, labels, starts, periods, source)
        present[:, i] = np.logical_or.reduceat(~blank, starts)
    empty = [name for i, name in enumerate(names) if not present[:, i].any()]
    notes = [(int(known[-1]), f"{source}: {name} has no value and is dropped") for name in empty]
    seen = np.flatnonzero(present.any(axis=0))
    spans = np.column_stack([starts, stops]).astype(np.int64)
    notes += _renamed(columns, present, labels, spans, periods, source)
    order = seen[np.argsort(present[:, seen].argmax(axis=0), kind="stable")]
    values = np.empty((len(order), len(periods)))
    for row, i in enumerate(order):
        values[row] = columns[names[i]]
    ordered = [names[i] for i in order]
    wide = codes.reindex(index=labels, columns=ordered).fillna(0).to_numpy()
    present = present[:, order]
    for array in (values, present):
        array.setflags(write=False)
    return Vintages(
        names=tuple(ordered),
        labels=tuple(labels),
        known=known,
        periods=periods,
        spans=spans,
        levels=values,
        codes=np.where(present, wide, 0).astype(np.int8),
        present=present,
        delay=np.zeros(len(order), dtype=np.int64),
        remarks=tuple(sorted([*remarks, *notes])),
    )


def lagged(
    table: pd.DataFrame,
    lags: Mapping[str, int],
    codes: Mapping[str, int],
    source: str = "macro",
) -> Vintages:
    """Return one file as if each month of it had been published after a stated lag.

    The values are those of the file, later revisions included.
    The result says so (``revised``, and in its notes).

    Parameters
    ----------
    table : (month x series), consecutive months by first day.
    lags : months from a month to the end of the month in which its value is public, by series.
    codes : transformation code by series.
    """
    filled = table.dropna(axis=1, how="all")
    dropped = [str(name) for name in table.columns if name not in filled.columns]
    least = min(lags[str(name)] for name in filled)
    months = pd.DatetimeIndex(filled.index).as_unit("ns")
    labels = [f"{m:%Y-%m}" for m in months + pd.DateOffset(months=least)]
    _check_months(["the file"], np.zeros(1, np.int64), months.asi8, None, source)
    values = np.array(filled.to_numpy(np.float64).T, order="C")
    if np.isinf(values).any():
        row, month = np.argwhere(np.isinf(values))[0]
        raise DataError(f"{source}: {filled.columns[row]} is infinite in {months[month]:%Y-%m}")
    delay = np.array([lags[str(name)] - least for name in filled], dtype=np.int64)
    for row, late in enumerate(delay):
        if late:
            values[row, late:] = values[row, :-late]
            values[row, :late] = np.nan
    first = (~np.isnan(values)).argmax(axis=1)
    order = np.argsort(first, kind="stable")
    present = np.arange(len(months))[:, None] >= first[order]
    known = month_ends(labels, source)
    text = (
        f"{source}: revised, lag only: values as the file has them, each used "
        f"{least} to {least + int(delay.max())} months after its month; revisions are look-ahead"
    )
    notes = [(int(known[0]), text)]
    notes += [(int(known[-1]), f"{source}: {name} has no value and is dropped") for name in dropped]
    rows = np.arange(len(months), dtype=np.int64)
    chosen = np.array([codes.get(str(filled.columns[i]), 0) for i in order], dtype=np.int8)
    values = values[order]
    values.setflags(write=False)
    return Vintages(
        names=tuple(str(filled.columns[i]) for i in order),
        labels=tuple(labels),
        known=known,
        periods=months.asi8,
        spans=np.column_stack([np.zeros_like(rows), rows + 1]),
        levels=values,
        codes=np.where(present, chosen, 0).astype(np.int8),
        present=present,
        delay=delay[order],
        revised=True,
        remarks=tuple(sorted(notes)),
    )


def _renamed(
    columns: Mapping[str, Floats],
    present: NDArray[np.bool_],
    labels: list[str],
    spans: Integers,
    periods: Integers,
    source: str,
) -> list[Note]:
    """Return a remark for each series that ends where one with the same history begins."""
    names, remarks = list(columns), []
    for v in range(1, len(labels)):
        before, after = slice(*spans[v - 1]), slice(*spans[v])
        _, i, j = np.intersect1d(periods[before], periods[after], return_indices=True)
        for new in np.flatnonzero(present[v] & ~present[:v].any(axis=0)):
            for old in np.flatnonzero(present[v - 1] & ~present[v]):
                if not _alike(columns[names[old]][before][i], columns[names[new]][after][j]):
                    continue
                text = (
                    f"{source}: from {labels[v]} on {names[new]} has the history of {names[old]}, "
                    "which ends; they are two series here: give both columns one name"
                )
                remarks.append((int(month_ends([labels[v]], source)[0]), text))
    return remarks


def _alike(a: Floats, b: Floats) -> bool:
    both = np.isfinite(a) & np.isfinite(b) & (a != 0)
    if both.sum() < LEAST:
        return False
    return bool(np.median(np.abs(b[both] / a[both] - 1.0)) <= ALIKE)


def month_ends(labels: list[str], source: str) -> Integers:
    """Return the last day (ns) of the months that ``YYYY-MM`` labels name."""
    days = pd.to_datetime(pd.Series(labels), format="%Y-%m", errors="coerce")
    if days.isna().any():
        wrong = labels[int(np.flatnonzero(days.isna())[0])]
        raise DataError(f"{source}: {wrong!r} names no vintage; write year and month, as 2020-01")
    ends = pd.DatetimeIndex(days) + pd.offsets.MonthEnd(0)
    return np.asarray(ends.as_unit("ns").asi8)


def check_order(labels: list[str], source: str) -> None:
    """Refuse vintages that are out of order or come twice."""
    known = month_ends(labels, source)
    late = np.flatnonzero(np.diff(known) <= 0)
    if late.size:
        row = int(late[0])
        how = "comes twice" if known[row] == known[row + 1] else f"stands below {labels[row]}"
        raise DataError(
            f"{source}: vintage {labels[row + 1]} {how}; sort the table by vintage and date, and "
            "keep one row for each"
        )


def _check_months(
    labels: list[str], starts: Integers, periods: Integers, known: Integers | None, source: str
) -> None:
    """Refuse months that are missing, repeated, unsorted, or later than their vintage."""
    numbers = periods.view("datetime64[ns]").astype("datetime64[M]").astype(np.int64)
    steps = np.diff(numbers)
    steps[starts[1:] - 1] = 1
    if (steps != 1).any():
        row = int(np.flatnonzero(steps != 1)[0])
        vintage = labels[int(np.searchsorted(starts, row, side="right")) - 1]
        days = pd.DatetimeIndex(periods[row : row + 2].view("datetime64[ns]"))
        raise DataError(
            f"{source}: in vintage {vintage}, {days[1]:%Y-%m} follows {days[0]:%Y-%m}; each "
            "vintage needs one row for every month, in order, blank where it has no value"
        )
    if known is None:
        return
    stops = np.append(starts[1:], len(periods))
    late = np.flatnonzero(periods[stops - 1] > known)
    if late.size:
        v = int(late[0])
        day = pd.Timestamp(int(periods[stops[v] - 1]))
        raise DataError(
            f"{source}: vintage {labels[v]} has a value for {day:%Y-%m}, after its own month"
        )


def _check_finite(
    name: str,
    column: Floats,
    blank: NDArray[np.bool_],
    labels: list[str],
    starts: Integers,
    periods: Integers,
    source: str,
) -> None:
    bad = ~(np.isfinite(column) | blank)
    if bad.any():
        row = int(bad.argmax())
        vintage = labels[int(np.searchsorted(starts, row, side="right")) - 1]
        month = pd.Timestamp(int(periods[row]))
        raise DataError(f"{source}: {name} is infinite in {month:%Y-%m} of vintage {vintage}")
