"""Comparison of books by period, on their common sessions.

A period is written ``2022:2024``, ``2024:`` or ``2020-03:2020-06-15``; both ends are inside, and an
open end is where the data end. Where the common sessions begin later than the period, or end
earlier, its label says so.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Self

import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.active import NUMBERS, relative
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance import inference
from tiltwise.evaluate.significance.paired import FEWEST
from tiltwise.kernels import path_metrics as of_path

ALONE = {
    function.__name__: function
    for function in (
        of_path.total_return,
        of_path.cagr,
        of_path.ann_volatility,
        of_path.sharpe,
        of_path.sortino,
        of_path.max_drawdown,
    )
}
SURE = ("sharpe", "sortino")
"""Metrics reported with an interval."""
CLOSED = pd.Timedelta(days=6)
"""Days without a session that a period may begin or end with; exchanges were shut for no longer
around any new year."""


@dataclasses.dataclass(frozen=True)
class Period:
    """A period: `text` as typed, first and last day; None for an open end."""

    text: str
    first: pd.Timestamp | None
    last: pd.Timestamp | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``FROM:TO``; each a year, a month, a day, or nothing.

        Raises
        ------
        DataError
            It is none of these, or ends before it begins.
        """
        begin, colon, end = (part.strip() for part in text.partition(":"))
        try:
            first = pd.Period(begin).start_time if begin else None
            last = pd.Period(end).end_time.normalize() if end else None
        except ValueError:
            colon = ""
        if not colon:
            raise DataError(f"{text!r} is no period; write 2022:2024, 2024: or 2020-03:2020-06-15")
        if first is not None and last is not None and last < first:
            raise DataError(f"the period {text} ends before it begins")
        return cls(text, first, last)

    def rows(self, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
        """Return the dates inside."""
        inside = dates
        if self.first is not None:
            inside = inside[inside >= self.first]
        return inside if self.last is None else inside[inside <= self.last]

    def label(self, rows: pd.DatetimeIndex) -> str:
        """Return the display name of the period for these sessions."""
        if not len(rows):
            return f"{self.text} (no session)"
        short = []
        if self.first is None or rows[0] - self.first >= CLOSED:
            short.append(f"from {rows[0]:%Y-%m-%d}")
        if self.last is None or self.last - rows[-1] >= CLOSED:
            short.append(f"to {rows[-1]:%Y-%m-%d}")
        return f"{self.text} ({' '.join(short)})" if short else self.text


@dataclasses.dataclass(frozen=True, eq=False)
class PeriodBook:
    """Simple returns by session, and the series to compare them with, by name."""

    returns: pd.Series
    against: Mapping[str, pd.Series]


def common(series: Sequence[pd.Series]) -> pd.DatetimeIndex:
    """Return the sessions that all series have a value on."""
    joined = pd.concat(series, axis=1, join="inner", ignore_index=True).dropna()
    return pd.DatetimeIndex(joined.index)


def table(
    books: Mapping[str, PeriodBook],
    periods: Sequence[Period],
    sessions: pd.DatetimeIndex,
    periods_per_year: float,
    *,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the metrics of every book in every period.

    Parameters
    ----------
    books : by name.
    periods : in the order of the table.
    sessions : `common` to all books and what they are set against.
    periods_per_year : sessions a year.

    Returns
    -------
    DataFrame ((period, book) x numbers)
        `label`, `first`, `last`, `sessions`, the numbers of `ALONE`, those of `SURE` with `_low`
        and `_high`, and for each series set against ``NUMBER_NAME`` of `active.NUMBERS` with
        their bounds. A period of fewer than 20 sessions has a label and no numbers.
    """
    rows = {}
    for period in periods:
        inside = period.rows(sessions)
        period_fields = {
            "label": period.label(inside),
            "first": f"{inside[0]:%Y-%m-%d}" if len(inside) else None,
            "last": f"{inside[-1]:%Y-%m-%d}" if len(inside) else None,
            "sessions": len(inside),
        }
        for name, book in books.items():
            enough = len(inside) >= FEWEST
            numbers = _numbers(book, inside, periods_per_year, level, seed) if enough else {}
            rows[period.text, name] = {**period_fields, **numbers}
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["period", "book"])
    return frame


def _numbers(
    book: PeriodBook, inside: pd.DatetimeIndex, periods: float, level: float, seed: int
) -> dict[str, float]:
    own = book.returns.loc[inside]
    measured = path(own, periods)
    numbers = {name: function(measured) for name, function in ALONE.items()}
    bounds = inference.interval(measured, SURE, level, seed=seed)
    for name, span in bounds.to_dict("index").items():
        numbers |= {f"{name}_{side}": float(value) for side, value in span.items()}
    for other, returns in book.against.items():
        gap = relative(own, returns.loc[inside], periods, level=level, seed=seed)
        for name in NUMBERS:
            value, low, high = gap.loc[[name]].to_numpy(dtype=float)[0].tolist()
            key = f"{name}_{other}"
            numbers |= {key: value, f"{key}_low": low, f"{key}_high": high}
    return numbers
