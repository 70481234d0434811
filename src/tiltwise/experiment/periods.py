"""Recorded runs and their benchmarks, period by period."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.book_comparison import compare_books
from tiltwise.evaluate.by_period import Period, PeriodBook, common, table
from tiltwise.evaluate.fees import equivalents
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.significance.paired import FEWEST
from tiltwise.ledger import Run
from tiltwise.research.robustness.benchmarks import EQUAL, MARKET, RUN, Benchmarks, Terms

SHORT = 8


@dataclasses.dataclass(frozen=True, eq=False)
class ByPeriod:
    """Books in each period, the hurdle they have to take, and fund fees.

    Attributes
    ----------
    books : frame ((period, book) x numbers), see `evaluate.by_period.table`.
    hurdles : frame (period, books x fields of `evaluate.book_comparison.BookComparison`).
    fees : frame (period, book, kind x numbers), see `evaluate.fees.equivalents`.
    notes : what a reader must know.
    """

    books: pd.DataFrame
    hurdles: pd.DataFrame
    fees: pd.DataFrame
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; numbers may be NaN."""
        return {
            "books": self.books.reset_index().to_dict("records"),
            "hurdles": self.hurdles.to_dict("records"),
            "fees": self.fees.to_dict("records"),
            "notes": list(self.notes),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class _Paths:
    """Books by name with what their fees are worked out from, and pairs to compare."""

    books: Mapping[str, PeriodBook]
    fees: Mapping[str, Terms]
    pairs: Mapping[str, tuple[pd.Series, pd.Series]]
    notes: tuple[str, ...]


def by_period(runs: Sequence[Run], periods: str, seed: int = 0) -> ByPeriod:
    """Measure recorded runs and their benchmarks in each period, on the sessions of all of them.

    Parameters
    ----------
    runs : recorded ones; those of `run_experiment` bring their benchmarks with them.
    periods : such as ``2024:,2022:2024``.
    seed : of the intervals.

    Raises
    ------
    DataError
        A period cannot be read, or the runs have too few sessions in common.
    """
    spans = [Period.parse(text) for text in periods.split(",")]
    paths = _paths(runs)
    sessions = common([book.returns for book in paths.books.values()])
    if len(sessions) < FEWEST:
        raise DataError(f"the runs have {len(sessions)} sessions in common; {FEWEST} are needed")
    year = periods_in_year(sessions)
    return ByPeriod(
        table(paths.books, spans, sessions, year, seed=seed),
        _hurdles(paths, spans, sessions, year, seed),
        _fees(paths, spans, sessions, year, seed),
        paths.notes,
    )


def _paths(runs: Sequence[Run]) -> _Paths:
    """Return runs, then equal-weight books, then benchmarks; what is the same appears once."""
    own, equal, market, fees, pairs = {}, dict[str, PeriodBook](), dict[str, PeriodBook](), {}, {}
    notes = []
    for run in runs:
        name, benchmarks = f"{run.id[:SHORT]} {run.recipe}", Benchmarks.restore(run.files)
        if benchmarks is None:
            own[name] = PeriodBook(run.returns, {})
            notes.append(f"{name} was recorded without its benchmarks; record it with `run`")
            continue
        paths = benchmarks.paths
        own[name], fees[name] = PeriodBook(paths[RUN], _others(paths)), benchmarks.fee_terms(RUN)
        mine = _named(equal, benchmarks.called(EQUAL), paths[EQUAL], run)
        equal[mine] = PeriodBook(paths[EQUAL], _others(paths, but=EQUAL))
        fees[mine] = benchmarks.fee_terms(EQUAL)
        if MARKET in paths:
            its = _named(market, benchmarks.called(MARKET), paths[MARKET], run)
            market[its] = PeriodBook(paths[MARKET], _others(paths, but=MARKET))
            fees[its] = benchmarks.fee_terms(MARKET)
            pairs[f"{its} less {mine}"] = (paths[MARKET], paths[EQUAL])
    known = {name: terms for name, terms in fees.items() if terms is not None}
    return _Paths({**own, **equal, **market}, known, pairs, tuple(notes))


def _others(paths: pd.DataFrame, but: str = "") -> dict[str, pd.Series]:
    return {name: paths[name] for name in (EQUAL, MARKET) if name in paths and name != but}


def _named(known: Mapping[str, PeriodBook], name: str, returns: pd.Series, run: Run) -> str:
    """Return the name of a benchmark; that of the run goes with it where another has the name."""
    twin = known.get(name)
    if twin is None:
        return name
    both = pd.concat([twin.returns, returns], axis=1, join="inner").to_numpy(dtype=float)
    return name if np.allclose(both[:, 0], both[:, 1]) else f"{name} of {run.id[:SHORT]}"


def _hurdles(
    paths: _Paths, periods: Sequence[Period], sessions: pd.DatetimeIndex, year: float, seed: int
) -> pd.DataFrame:
    rows = []
    for period in periods:
        inside = period.rows(sessions)
        for name, (first, second) in paths.pairs.items():
            try:
                pair = compare_books(first.loc[inside], second.loc[inside], year, seed=seed)
            except DataError:
                continue  # too short; the table of books says how many sessions there are
            key = {"period": period.text, "label": period.label(inside), "books": name}
            rows.append({**key, **dataclasses.asdict(pair)})
    return pd.DataFrame(rows)


def _fees(
    paths: _Paths, periods: Sequence[Period], sessions: pd.DatetimeIndex, year: float, seed: int
) -> pd.DataFrame:
    rows = []
    for period in periods:
        inside = period.rows(sessions)
        if len(inside) < FEWEST:
            continue
        for name, terms in paths.fees.items():
            adjusted, net, fee = (series.loc[inside] for series in terms[:3])
            kinds = equivalents(adjusted, net, fee, terms.again, periods_per_year=year, seed=seed)
            key = {"period": period.text, "label": period.label(inside), "book": name}
            rows += [{**key, **row} for row in kinds.reset_index().to_dict("records")]
    return pd.DataFrame(rows)
