"""Tables of runs and their benchmarks by period, on the terminal."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from tiltwise.cli import console
from tiltwise.evaluate.fees import words
from tiltwise.experiment.periods import ByPeriod
from tiltwise.research.robustness.benchmarks import EQUAL, MARKET

HEAD = ("", "total", "a year", "Sharpe", "Sortino", "volatility", "drawdown")
SHARES = ("total_return", "cagr")
RISKS = ("ann_volatility", "max_drawdown")


def print_periods(tables: ByPeriod) -> None:
    """Print a table of books for each period, then the hurdles, then fund fees."""
    others = [n for n in (EQUAL, MARKET) if f"information_ratio_{n}" in tables.books]
    words_of = {EQUAL: "IR to equal weights", MARKET: "IR to benchmark"}
    for _, part in tables.books.groupby(level="period", sort=False):
        rows = [
            [str(key[1]), *_cells(row, others)]
            for key, row in zip(part.index, part.to_dict("records"), strict=True)
        ]
        first = part.iloc[0]
        title = f"{first['label']}: {first['sessions']} sessions, net of costs, 90 %"
        console.table(title, [*HEAD, *(words_of[name] for name in others)], rows)
    _print_hurdles(tables.hurdles)
    _print_fees(tables.fees)
    console.notes(tables.notes)


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
        by_kind = part.set_index("kind")
        inside = -1e4 * float(by_kind["fee"].to_numpy(dtype=float)[0])  # the first adds them back
        growth = by_kind["cagr"].reindex(kinds).to_numpy(dtype=float)
        cells = [console.number(float(value), "share") for value in growth]
        rows.append([f"{label}, {book}", f"{inside:.1f}", *cells])
    head = ["growth a year", "fund fees, bps", *map(words, kinds)]
    console.table("fund fees, which adjusted prices have borne", head, rows)
