"""Trailing factor returns: descriptive statistics of the last weeks, not a forecast.

A month of factor returns says next to nothing about the next one. So each table says that it is
descriptive, and gives the rank of the last window among all before it.
"""

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd

from tiltwise.errors import MissingData

MONTH = 21  #: sessions


@dataclasses.dataclass(frozen=True, eq=False)
class RecentFactors:
    """Trailing factor returns.

    Attributes
    ----------
    window : sessions in each trailing return.
    until : last session.
    paths : compounded return over the window that ends at each session (date x factor).
    table : by factor: last compounded return; volatility a year within the window; percentile of
        the last return among all windows, 1 for the best so far.
    """

    label: ClassVar[str] = "descriptive: what happened, not what to expect"

    window: int
    until: pd.Timestamp
    paths: pd.DataFrame
    table: pd.DataFrame

    def __str__(self) -> str:
        head = f"{self.window} sessions to {self.until.date()} ({self.label})"
        return f"{head}\n{self.table.to_string(float_format='{:.4f}'.format)}"


def recent_factors(factors: pd.DataFrame, window: int = MONTH, periods: int = 252) -> RecentFactors:
    """Return trailing returns of decimal factor returns (date x factor).

    A window with a missing return has none. Row t of ``paths`` uses rows up to t only.

    Raises
    ------
    MissingData
        Fewer rows than one window.
    """
    if not 2 <= window <= len(factors):
        raise MissingData(
            f"{len(factors)} rows of factors; a window of {window} needs 2 to that many"
        )
    values = factors.to_numpy(np.float64)
    blocks = np.lib.stride_tricks.sliding_window_view(values, window, axis=0)
    trailing = np.full(values.shape, np.nan)
    trailing[window - 1 :] = np.prod(1.0 + blocks, axis=2) - 1.0
    paths = pd.DataFrame(trailing, factors.index, factors.columns)
    table = pd.DataFrame(
        {
            "return": paths.iloc[-1],
            "volatility": factors.iloc[-window:].std(skipna=False) * np.sqrt(periods),
            "percentile": paths.rank(pct=True).iloc[-1],
        }
    )
    return RecentFactors(window, factors.index[-1], paths, table)
