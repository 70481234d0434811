"""Plan of a run: decision sessions, the refit in force at each, and the rows each may see."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData
from tiltwise.market.market import Market
from tiltwise.strategy import Strategy


def shown(strategy: Strategy, market: Market) -> Market:
    """Return the market that the strategy sees: its universe instead of all assets."""
    return market.select(strategy.universe) if strategy.universe else market


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """Decision sessions and the refit in force at each.

    Attributes
    ----------
    first : row of the first decision session.
    dates : decision sessions.
    fit_dates : refit sessions needed, ascending (one, if nothing is fitted).
    block : for each decision session, the place of its refit in `fit_dates`.
    since : for each refit, the first row that `fit` and then `decide` see.
    """

    first: int
    dates: pd.DatetimeIndex
    fit_dates: pd.DatetimeIndex
    block: np.ndarray
    since: list[int]

    @classmethod
    def make(cls, strategy: Strategy, view: Market, start: Any) -> "Plan":
        """Return the plan from the calendar and the rows present."""
        rows = view.dates
        first = int(rows.searchsorted(pd.Timestamp(start)))
        if first >= len(rows):
            raise MissingData(
                f"no session from {pd.Timestamp(start).date()} to {rows[-1].date()}: the market "
                f"shows {view.dates[0].date()} to {view.now.date()}"
            )
        days = view.calendar
        due = _rows_of(strategy.decide_on.sessions(days, rows[first], rows[-1]), rows)
        deciding = np.union1d([first], due)
        dates = rows[deciding]
        if not strategy.fits:
            _require(strategy, view, first + 1, rows[first], None)
            return cls(first, dates, dates[:1], np.zeros(len(dates), int), [0])
        refits = _rows_of(strategy.refit.sessions(days, rows[0], rows[-1]), rows)
        force = np.searchsorted(refits, deciding, side="right") - 1
        seen = int(refits[force[0]]) + 1 if force[0] >= 0 else 0
        _require(strategy, view, seen, rows[first], rows[refits])
        used, block = np.unique(force, return_inverse=True)
        back = strategy.lookback
        since = [0 if back is None else max(int(r) + 1 - back, 0) for r in refits[used]]
        return cls(first, dates, rows[refits[used]], block, since)

    def blocks(self) -> Iterator[tuple[int, pd.DatetimeIndex]]:
        """Yield each refit's index and the decision sessions it serves."""
        edges = np.flatnonzero(np.diff(self.block, prepend=-1))
        for i, a in enumerate(edges):
            b = edges[i + 1] if i + 1 < len(edges) else len(self.dates)
            yield int(self.block[a]), self.dates[a:b]


def _rows_of(due: pd.DatetimeIndex, rows: pd.DatetimeIndex) -> np.ndarray:
    """Return the indices in `rows` of the due sessions that are present."""
    places = np.searchsorted(rows.asi8, due.asi8)
    places = np.minimum(places, len(rows) - 1)
    return np.asarray(places[rows.asi8[places] == due.asi8])


def _require(
    strategy: Strategy,
    view: Market,
    rows: int,
    start: pd.Timestamp,
    refits: pd.DatetimeIndex | None,
) -> None:
    """Raise unless `rows` are enough, naming the first feasible start."""
    if rows >= strategy.needs:
        return
    enough = view.dates[strategy.needs - 1 :]
    feasible = enough if refits is None else refits[refits >= enough[0]] if len(enough) else enough
    advice = (
        f"the first feasible start is {feasible[0].date()}"
        if len(feasible)
        else f"the market has too few rows ({len(view)}) for any start"
    )
    raise MissingData(
        f"{strategy.name} needs {strategy.needs} rows before a model can be in force on "
        f"{start.date()} but sees {rows} from {view.dates[0].date()}; {advice}"
    )


def first_start(strategy: Strategy, market: Market) -> pd.Timestamp:
    """Return the first session at which the strategy can decide on this market.

    Raises
    ------
    MissingData
        The market is too short for any.
    """
    below = [first_start(part, market) for part in strategy.parts]
    view = shown(strategy, market)
    rows = view.dates
    if len(rows) >= strategy.needs:
        enough = rows[strategy.needs - 1]
        if not strategy.fits:
            return max([enough, *below])
        due = strategy.refit.sessions(view.calendar, enough, rows[-1]).intersection(rows)
        if len(due):
            return due[0]
    raise MissingData(
        f"{strategy.name} needs {strategy.needs} rows and then a refit ({strategy.refit}); the "
        f"market has {len(rows)} rows, {rows[0].date()} to {rows[-1].date()}"
    )
