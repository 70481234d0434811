"""Periods of a claim: ISO intervals, and paths cut to them."""

import dataclasses
import math

import pandas as pd

from tiltwise.claims.engine.card import Cell
from tiltwise.claims.engine.measure import PATH_NUMBERS
from tiltwise.claims.engine.records import Evaluated
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.returns import path

PERIOD = "period"  #: field of a configuration that is one period of a longer path
FEWEST = 20  #: sessions below which a period has no numbers
SLACK = pd.Timedelta(days=7)
Span = tuple[pd.Timestamp, pd.Timestamp | None]
"""First day of a path and its last, None for the end of the data."""


def ends(period: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return first and last day of an interval such as ``2023-01-01/2024-12-31``."""
    first, last = period.split("/")
    return pd.Timestamp(first), pd.Timestamp(last)


def rows(dates: pd.DatetimeIndex, period: str) -> pd.DatetimeIndex:
    """Return the dates within a period."""
    first, last = ends(period)
    return dates[(dates >= first) & (dates <= last)]


def covers(period: str, dates: pd.DatetimeIndex) -> bool:
    """Whether a period holds all dates; an empty one means no limit."""
    return not period or len(rows(dates, period)) == len(dates)


def within(whole: Evaluated, cell: Cell) -> Evaluated:
    """Return a path on the sessions of a configuration's period; itself where it has none.

    Numbers that are no function of the returns keep the value of the whole path; where fewer than
    `FEWEST` sessions are left, all are NaN.
    """
    period = cell.get(PERIOD)
    if not period:
        return whole
    inside = rows(pd.DatetimeIndex(whole.returns.index), str(period))
    if len(inside) == len(whole.returns):
        return whole
    returns = whole.returns.loc[inside]
    if len(inside) < FEWEST:
        points: dict[str, float] = dict.fromkeys(whole.points, math.nan)
    else:
        measured = path(returns)
        points = {**whole.points, **{n: METRICS[n].function(measured) for n in PATH_NUMBERS}}
        if whole.gross is not None:
            points["gross_sharpe"] = METRICS["sharpe"].function(path(whole.gross.loc[inside]))
    return dataclasses.replace(
        whole,
        run=dataclasses.replace(whole.run, returns=returns),
        returns=returns,
        scored=returns if whole.scored is whole.returns else whole.scored.loc[inside],
        points=points,
        complete={},
        gross=None if whole.gross is None else whole.gross.loc[inside],
    )


def nothing(whole: Evaluated) -> Evaluated:
    """Return a path without sessions, recorded as another: all its numbers are NaN."""
    return within(whole, {PERIOD: "1900-01-01/1900-01-01"})


def out_of_data(cell: Cell, dates: pd.DatetimeIndex) -> str:
    """Say why a period cannot be tested on these dates; nothing where it can."""
    period = cell.get(PERIOD)
    if not period:
        return ""
    last = ends(str(period))[1]
    if dates[-1] + SLACK >= last:
        return ""
    return f"the data end on {dates[-1].date()}, the period on {last.date()}"
