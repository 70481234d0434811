"""Gaps in macro data, filled as the sector rotation of source 3 says.

Source: source 3, "Missing values forward-filled then interpolated".

It looks ahead. A forward fill can only carry a value on; what it leaves open (a gap longer than the
fill reaches, and the months before a series begins) is then interpolated, which needs the next
value: one that was published later. `features.macro.table` fills from the same vintage instead.
"""

import pandas as pd


def macro_fill(table: pd.DataFrame, carry: int | None = None) -> pd.DataFrame:
    """Return a table (date x series) without gaps: carried forward, then interpolated.

    Parameters
    ----------
    table : values by date, NaN where there is none.
    carry : rows that a value is carried on; None carries it on without end, so that only the
        rows before a series begins are filled from its future.
    """
    return table.ffill(limit=carry).interpolate(limit_direction="both")
