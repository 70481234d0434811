"""Tables of a replica as markup, with labels for rows and columns."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tiltwise.evaluate.replica_numbers import TARGETS
from tiltwise.report.components import tables
from tiltwise.report.components.text import INFINITE, NONE, escape, number, percent

SHARES = frozenset(
    {
        *("return", "benchmark_return", "active_return", "ann_volatility", "max_drawdown"),
        *("tracking_error", "alpha", "win_rate", "win_rate_months", "turnover", "realised"),
        *("top_1", "top_3", "top_5", "in_window", "weight", "annual", "linked", "share"),
        *("reversal", "choppy", "trending", "absent"),
        *(target.name for target in TARGETS if target.metric in ("tracking_error", "turnover")),
    }
)
"""Rows and columns shown in percent."""
FINE = frozenset({"annual", "expense"})
"""Those shown in percent with two decimals."""
COUNTS = frozenset({"reversal_sessions", "months"})
"""Rows and columns that are whole numbers."""
WORDS: Mapping[str, str] = {
    "return": "mean return a year",
    "benchmark_return": "mean return of the benchmark",
    "active_return": "active return a year",
    "ann_volatility": "volatility a year",
    "sharpe": "Sharpe ratio",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "max_drawdown": "deepest drawdown",
    "tracking_error": "tracking error a year",
    "alpha": "alpha a year",
    "r_squared": "R squared",
    "up_capture": "up capture ratio",
    "down_capture": "down capture ratio",
    "win_rate": "sessions ahead of the benchmark",
    "win_rate_months": "months ahead of the benchmark",
    "holdings": "holdings on average",
    "turnover": "turnover a year, one-way",
    "top_1": "share of the largest holding",
    "top_3": "share of the three largest",
    "top_5": "share of the five largest",
    "reversal": "deepest fall against the market",
    "reversal_sessions": "sessions from peak to bottom",
    "effective_holdings": "effective number of holdings",
    "choppy": "active return after a choppy market",
    "trending": "active return after a trending market",
    "implied": "holdings implied by the best tracker",
    "in_window": "tracking error in the window",
    "realised": "tracking error realised",
    "annual": "a year",
    "allowed": "holdings allowed",
    "window": "sessions fitted",
    "absent": "sessions before the first price",
}
MARKS: Mapping[str, str] = {"pass": "yes", "ok": "yes", "fail": "no", "alert": "no"}
"""Status and the look of its mark; any other is muted."""


def table(frame: pd.DataFrame, caption: str, kind: str = "", bare: Sequence[str] = ()) -> str:
    """Table of a frame.

    Parameters
    ----------
    kind : further class, of ``replication.css``.
    bare : columns in which an infinity is an absent limit.
    """
    head = (_title(frame.index.name or ""), *(words(c) for c in frame.columns))
    rows = [
        [escape(words(row)), *(_cell(v, {str(row), str(c)}, c in bare) for c, v in cells.items())]
        for row, cells in frame.astype(object).iterrows()
    ]
    return tables.table(head, rows, caption, f"plain replica {kind}".strip())


def words(name: object) -> str:
    """Label of a row or column."""
    return WORDS.get(str(name), str(name).replace("_", " "))


def mark(status: str) -> str:
    """Status as a mark."""
    return f'<span class="says {MARKS.get(status, "unknown")}">{escape(status)}</span>'


def with_sum(parts: pd.DataFrame) -> pd.DataFrame:
    """Parts of the active return, with the row that they add up to."""
    total = parts[["annual", "linked"]].sum()
    return pd.concat([parts, pd.DataFrame({"sum: active return": total}).T]).rename_axis("part")


def books(decisions: pd.DataFrame) -> pd.DataFrame:
    """Solver status of the books: months and largest KKT residual by status."""
    groups = decisions.groupby("status", sort=False)
    days = pd.Series(pd.DatetimeIndex(decisions.index).strftime("%Y-%m"), decisions.index)
    by = days.groupby(decisions["status"], sort=False)
    return pd.DataFrame(
        {
            "months": groups.size(),
            "first": by.first(),
            "last": by.last(),
            "largest_residual": groups["kkt"].max().map(lambda v: NONE if v != v else f"{v:.0e}"),
        }
    ).rename_axis("status")


def _title(name: object) -> str:
    text = words(name)
    return text[:1].upper() + text[1:]


def _cell(value: object, names: set[str], bare: bool) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, int | float | np.number):
        if "status" in names:
            return mark(str(value))
        return escape(value) if str(value) else NONE
    amount = float(value)
    if bare and abs(amount) == float("inf"):
        return NONE
    if names & (SHARES | FINE):
        return percent(amount, 2 if names & FINE else 1)
    if amount == float("inf"):
        return INFINITE
    return number(amount, 0 if names & COUNTS else 2)
