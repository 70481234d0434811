"""Tables of a replica as plain text."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

SHARES = frozenset(
    {
        *("return", "benchmark_return", "active_return", "ann_volatility", "max_drawdown"),
        *("tracking_error", "alpha", "win_rate", "win_rate_months", "turnover"),
        *("top_1", "top_3", "top_5", "in_window", "realised", "weight", "annual", "linked"),
        *("reversal", "choppy", "trending", "expense", "absent"),
    }
)
"""Rows and columns that are printed in percent."""


def shown_tables(tables: Mapping[str, pd.DataFrame], notes: Sequence[str] = ()) -> str:
    """Return titled tables as text, followed by the notes."""
    parts = [f"{title}\n{_printed(table).to_string()}" for title, table in tables.items()]
    return "\n\n".join([*parts, *notes])


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    rows = [
        [_cell(value, {str(row), str(column)}) for column, value in cells.items()]
        for row, cells in table.iterrows()
    ]
    return pd.DataFrame(rows, table.index, table.columns)


def _cell(value: object, names: set[str]) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:.2%}" if names & SHARES else f"{value:.3g}"
