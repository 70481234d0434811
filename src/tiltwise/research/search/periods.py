"""Training, validation and holdout periods of a search, in order and separated by an embargo."""

import contextlib
import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import pandas as pd

from tiltwise.backtest.walk_forward import first_start
from tiltwise.errors import MissingData, StrategyError
from tiltwise.market.market import Market
from tiltwise.strategy import Strategy

EMBARGO = 21
"""Sessions left out on either side of the validation period."""


@dataclasses.dataclass(frozen=True)
class Periods:
    """The temporal split of a search.

    Every refit of a trial is trained on what was known then, so training slides through the
    validation period by itself. `trained` is about what shaped the search before it began.

    Attributes
    ----------
    trained : last day of the rows that shaped the strategy or its space; None for none.
    start, end : first decision session and last session of the validation period.
    seal : first day of the holdout; None if nothing is held out.
    embargo : sessions at least between one period and the next.
    """

    trained: pd.Timestamp | None
    start: pd.Timestamp
    end: pd.Timestamp
    seal: pd.Timestamp | None
    embargo: int

    @classmethod
    def of(
        cls,
        strategies: Sequence[Strategy],
        market: Market,
        validation: tuple[Any, Any],
        *,
        trained: Any = None,
        seal: Any = None,
        embargo: int = EMBARGO,
    ) -> Self:
        """Return the periods with defaults filled in.

        A start of None is the first session at which all of `strategies` are feasible that ever
        are; an end of None the last session that keeps the embargo before `seal`, or the newest
        row.

        Raises
        ------
        StrategyError
            Periods overlap or are too close; the message names both dates.
        MissingData
            No start is feasible for the first of `strategies`.
        """
        day, learned = (None if t is None else pd.Timestamp(t).normalize() for t in (seal, trained))
        if embargo < 0:
            raise StrategyError(f"embargo={embargo} must not be negative")
        end = _last(market, validation[1], day, embargo)
        seen = market.asof(end)
        first = _first(strategies, seen) if validation[0] is None else validation[0]
        start = pd.Timestamp(first).normalize()
        if not market.dates[0] < start < end:
            raise StrategyError(
                f"validation from {start.date()} to {end.date()} must begin after the first row, "
                f"{market.dates[0].date()}, and before its own end"
            )
        start = seen.dates[int(seen.dates.searchsorted(start))]
        periods = cls(learned, start, seen.now, day, embargo)
        if learned is not None:
            _apart(market, ("training ends", learned), ("validation begins", start), embargo)
        if day is not None:
            _apart(market, ("validation ends", periods.end), ("the holdout begins", day), embargo)
        return periods

    def describe(self) -> dict[str, Any]:
        """Return the fields as JSON values, days as ISO dates."""
        fields = dataclasses.asdict(self)
        days = {k: v if v is None else f"{v:%Y-%m-%d}" for k, v in fields.items() if k != "embargo"}
        return {**days, "embargo": self.embargo}

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks on the split."""
        if self.seal is None:
            return ("nothing is held out: no later period is sealed for a final look",)
        return ()


def _first(strategies: Sequence[Strategy], market: Market) -> pd.Timestamp:
    begins = [first_start(strategies[0], market)]
    for strategy in strategies[1:]:
        with contextlib.suppress(MissingData):
            begins.append(first_start(strategy, market))
    return max(begins)


def _last(market: Market, end: Any, seal: pd.Timestamp | None, embargo: int) -> pd.Timestamp:
    """Return the last day of validation."""
    if end is not None:
        return pd.Timestamp(end).normalize()
    if seal is None:
        return market.now
    return min(market.calendar.back(seal - pd.Timedelta(days=1), embargo), market.now)


def _apart(
    market: Market, first: tuple[str, pd.Timestamp], then: tuple[str, pd.Timestamp], embargo: int
) -> None:
    """Raise unless `embargo` sessions lie strictly between two ordered days."""
    one = pd.Timedelta(days=1)
    before, after = first[1] + one, then[1] - one
    between = len(market.calendar.between(before, after)) if before <= after else 0
    if first[1] >= then[1] or between < embargo:
        raise StrategyError(
            f"{first[0]} on {first[1].date()} and {then[0]} on {then[1].date()}: {between} "
            f"sessions lie between them, and the embargo asks for {embargo}"
        )
