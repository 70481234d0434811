"""``tiltwise compare --periods``: recorded runs and their benchmarks, period by period."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.errors import DataError
from tiltwise.evaluate.book_comparison import compare_books
from tiltwise.evaluate.by_period import Period, PeriodBook, common, table
from tiltwise.evaluate.fees import equivalents, words
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.significance.paired import FEWEST
from tiltwise.ledger import Run
from tiltwise.research.robustness.benchmarks import EQUAL, MARKET, RUN, Benchmarks, Terms

SHORT = 8
HEAD = ("", "total", "a year", "Sharpe", "Sortino", "volatility", "drawdown")
SHARES = ("total_return", "cagr")
RISKS = ("ann_volatility", "max_drawdown")


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

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "books": self.books.reset_index().to_dict("records"),
            "hurdles": self.hurdles.to_dict("records"),
            "fees": self.fees.to_dict("records"),
            "notes": list(self.notes),
        }


@dataclasses.dataclass(frozen=True, eq=False)
class _Benched:
    """Books by name with what their fees are worked out from, and pairs to compare."""

    books: Mapping[str, PeriodBook]
    fees: Mapping[str, Terms]
    pairs: Mapping[str, tuple[pd.Series, pd.Series]]
    notes: tuple[str, ...]


def execute(runs: Sequence[Run], asked: str, seed: int = 0) -> ByPeriod:
    """Measure recorded runs and their benchmarks in each period, on the sessions of all of them.

    Parameters
    ----------
    runs : recorded ones; those of `tiltwise run` bring their benchmarks with them.
    asked : periods, such as ``2024:,2022:2024``.
    seed : of the intervals.

    Raises
    ------
    UsageError
        A period cannot be read, or the runs have no session in common.
    """
    try:
        periods = [Period.parse(text) for text in asked.split(",")]
    except DataError as error:
        raise UsageError(f"--periods: {error}") from error
    found = _benched(runs)
    sessions = common([book.returns for book in found.books.values()])
    if len(sessions) < FEWEST:
        raise UsageError(
            f"--periods: the runs have {len(sessions)} sessions in common; {FEWEST} are needed"
        )
    year = periods_in_year(sessions)
    return ByPeriod(
        table(found.books, periods, sessions, year, seed=seed),
        _hurdles(found, periods, sessions, year, seed),
        _fees(found, periods, sessions, year, seed),
        found.notes,
    )


def _benched(runs: Sequence[Run]) -> _Benched:
    """Return runs, then equal-weight books, then benchmarks; what is the same appears once."""
    own, equal, market, fees, pairs = {}, dict[str, PeriodBook](), dict[str, PeriodBook](), {}, {}
    notes = []
    for run in runs:
        name, beside = f"{run.id[:SHORT]} {run.recipe}", Benchmarks.restore(run.files)
        if beside is None:
            own[name] = PeriodBook(run.returns, {})
            notes.append(f"{name} was recorded without its benchmarks; record it with `run`")
            continue
        paths = beside.paths
        own[name], fees[name] = PeriodBook(paths[RUN], _others(paths)), beside.fee_terms(RUN)
        mine = _named(equal, beside.called(EQUAL), paths[EQUAL], run)
        equal[mine] = PeriodBook(paths[EQUAL], _others(paths, but=EQUAL))
        fees[mine] = beside.fee_terms(EQUAL)
        if MARKET in paths:
            its = _named(market, beside.called(MARKET), paths[MARKET], run)
            market[its] = PeriodBook(paths[MARKET], _others(paths, but=MARKET))
            fees[its] = beside.fee_terms(MARKET)
            pairs[f"{its} less {mine}"] = (paths[MARKET], paths[EQUAL])
    known = {name: terms for name, terms in fees.items() if terms is not None}
    return _Benched({**own, **equal, **market}, known, pairs, tuple(notes))


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
    found: _Benched, periods: Sequence[Period], sessions: pd.DatetimeIndex, year: float, seed: int
) -> pd.DataFrame:
    rows = []
    for period in periods:
        inside = period.rows(sessions)
        for name, (first, second) in found.pairs.items():
            try:
                told = compare_books(first.loc[inside], second.loc[inside], year, seed=seed)
            except DataError:
                continue  # too short; the table of books says how many sessions there are
            key = {"period": period.text, "label": period.label(inside), "books": name}
            rows.append({**key, **dataclasses.asdict(told)})
    return pd.DataFrame(rows)


def _fees(
    found: _Benched, periods: Sequence[Period], sessions: pd.DatetimeIndex, year: float, seed: int
) -> pd.DataFrame:
    rows = []
    for period in periods:
        inside = period.rows(sessions)
        if len(inside) < FEWEST:
            continue
        for name, terms in found.fees.items():
            adjusted, net, fee = (series.loc[inside] for series in terms[:3])
            told = equivalents(adjusted, net, fee, terms.again, periods_per_year=year, seed=seed)
            key = {"period": period.text, "label": period.label(inside), "book": name}
            rows += [{**key, **row} for row in told.reset_index().to_dict("records")]
    return pd.DataFrame(rows)


def print_result(found: ByPeriod) -> None:
    """Print a table of books for each period, then the hurdles, then fund fees."""
    others = [n for n in (EQUAL, MARKET) if f"information_ratio_{n}" in found.books]
    words_of = {EQUAL: "IR to equal weights", MARKET: "IR to benchmark"}
    for _, part in found.books.groupby(level="period", sort=False):
        rows = [
            [str(key[1]), *_cells(row, others)]
            for key, row in zip(part.index, part.to_dict("records"), strict=True)
        ]
        first = part.iloc[0]
        title = f"{first['label']}: {first['sessions']} sessions, net of costs, 90 %"
        console.table(title, [*HEAD, *(words_of[name] for name in others)], rows)
    _print_hurdles(found.hurdles)
    _print_fees(found.fees)
    for text in found.notes:
        print(f"note: {text}")


def _cells(row: Mapping[Any, Any], others: Sequence[str]) -> list[str]:
    def shown(name: str, unit: str) -> str:
        return console.number(float(row.get(name, math.nan)), unit)

    return [
        *(shown(name, "share") for name in SHARES),
        _spanned(row, "sharpe"),
        shown("sortino", "ratio"),
        *(shown(name, "share") for name in RISKS),
        *(_spanned(row, f"information_ratio_{name}") for name in others),
    ]


def _spanned(row: Mapping[Any, Any], name: str) -> str:
    """Return a ratio with its interval, to two digits."""
    keys = (name, f"{name}_low", f"{name}_high")
    point, low, high = (float(row.get(key, math.nan)) for key in keys)
    if not math.isfinite(point):
        return "-"
    span = f" ({low:.2f} to {high:.2f})" if math.isfinite(low) and math.isfinite(high) else ""
    return f"{point:.2f}{span}"


def _print_hurdles(hurdles: pd.DataFrame) -> None:
    rows = [
        [
            f"{row['label']}, {row['books']}",
            _spanned(row, "sharpe"),
            console.number(float(row["sharpe_p"])),
            *(console.number(float(row[f"{n}_volatility"]), "share") for n in ("first", "second")),
            _spanned(row, "volatility"),
        ]
        for row in hurdles.to_dict("records")
    ]
    head = ["", "Sharpe, first less second", "p", "volatility", "of second", "their ratio"]
    if rows:
        console.table("the hurdle: which book is harder to beat", head, rows)


def _print_fees(fees: pd.DataFrame) -> None:
    """Print growth a year by kind, a row for each book in a period."""
    if fees.empty:
        return
    kinds = [str(kind) for kind in fees["kind"].unique()]
    rows = []
    for (label, book), part in fees.groupby(["label", "book"], sort=False):
        told = part.set_index("kind")
        inside = -1e4 * float(told["fee"].to_numpy(dtype=float)[0])  # the first adds them back
        growth = told["cagr"].reindex(kinds).to_numpy(dtype=float)
        cells = [console.number(float(value), "share") for value in growth]
        rows.append([f"{label}, {book}", f"{inside:.1f}", *cells])
    head = ["growth a year", "fund fees, bps", *map(words, kinds)]
    console.table("fund fees, which adjusted prices have borne", head, rows)
