"""A small invented market with the names of the source's funds, for the tests of the claims."""

import functools
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.calendar import Calendar
from tiltwise.market.market import Market

FUNDS = ("XLB", "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY")


@functools.cache
def market(last: str = "2016-09-30", names: tuple[str, ...] = FUNDS) -> Market:
    """Prices from 2012 on with three planted factors and nothing to be earned."""
    return Market.from_frames(prices=prices(last, names), benchmark="SPY")


def prices(last: str = "2016-09-30", names: tuple[str, ...] = FUNDS) -> pd.DataFrame:
    days = Calendar.exchange("XNYS").between("2012-01-03", last)
    rng = np.random.default_rng(7)
    loads: np.ndarray[Any, Any] = rng.normal(0.0, 0.4, (3, len(names)))
    loads[0] = 1.0
    moves = rng.normal(3e-4, 0.008, (len(days), 3)) @ loads
    moves = moves + rng.normal(0.0, 0.004, moves.shape)
    whole = np.column_stack([moves, moves.mean(axis=1)])
    table = 100 * np.exp(whole.cumsum(axis=0))
    return pd.DataFrame(table, index=days.rename("date"), columns=[*names, "SPY"])
