"""Attribution of an active return to holdings, cash, trading and costs.

With h the shares held at the close before a session, r simple returns and b the benchmark's::

    net return - b = sum_i h_i (r_i - b) + (1 - sum_i h_i) (0 - b) + trading - costs

The second part is cash. Trading is what the fills earned beyond the closes (an order filled at an
open earns the rest of the session), with interest on cash. The identity holds on every session.
Over time parts are added up in two ways: means a year, which sum to the annual mean active return,
and linked as by Carino, which sum to the difference of the compounded returns.

Source: Carino, Combining attribution effects over time, Journal of Performance Measurement 3(4),
1999.
"""

import dataclasses
from typing import Protocol

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats

CASH, TRADING, COSTS = "cash", "trading", "costs"


class Held(Protocol):
    """Protocol of a backtest, each series by session."""

    @property
    def returns(self) -> pd.Series:
        """Net returns."""

    @property
    def gross_returns(self) -> pd.Series:
        """Returns before costs."""

    @property
    def held(self) -> pd.DataFrame:
        """Shares of net asset value at each close, from the session before the first return."""

    @property
    def benchmark_returns(self) -> pd.Series | None:
        """Returns of the benchmark."""


@dataclasses.dataclass(frozen=True, eq=False)
class Attribution:
    """Parts of an active return.

    Attributes
    ----------
    daily : (session x part) that sum to the active return of the session.
    table : by part: weight (mean share held), annual (mean a year), linked (of the whole period).
    active : mean active return a year, and `total` the difference of the compounded returns.
    """

    daily: pd.DataFrame
    table: pd.DataFrame
    active: float
    total: float


def attribute(result: Held, prices: pd.DataFrame) -> Attribution:
    """Return the parts of a back-test's active return by holding.

    Parameters
    ----------
    prices : adjusted closes (session x asset) that cover the back-test; a missing one stands at
        the last one before it.

    Raises
    ------
    DataError
        There is no benchmark, or an asset held has no prices.
    """
    base = result.benchmark_returns
    if base is None:
        raise DataError("an active return needs a benchmark: load the market with benchmark=")
    held = result.held.loc[:, result.held.ne(0.0).any()]
    missing = held.columns.difference(prices.columns)
    if len(missing):
        raise DataError(f"{missing[0]} was held, but its prices are not given")
    dates = result.returns.index
    closes = prices[list(held.columns)].ffill()
    moved = (closes / closes.shift(1) - 1.0).reindex(dates).fillna(0.0).to_numpy()
    before = held.shift(1).reindex(dates).to_numpy()
    b, net = base.to_numpy(np.float64), result.returns.to_numpy(np.float64)
    gross = result.gross_returns.to_numpy(np.float64)
    own = before * (moved - b[:, None])
    others = [
        -(1.0 - before.sum(axis=1)) * b,
        gross - (before * moved).sum(axis=1),
        net - gross,
    ]
    names = pd.Index([*held.columns, CASH, TRADING, COSTS], name="part", dtype=object)
    daily = pd.DataFrame(np.column_stack([own, *others]), dates, names)
    return _added_up(daily, before, net, b)


def _added_up(daily: pd.DataFrame, before: Floats, net: Floats, base: Floats) -> Attribution:
    """Return the parts over the whole period."""
    whole, market = float(np.prod(1.0 + net)), float(np.prod(1.0 + base))
    link = _rate(net, base) / _rate(np.array([whole - 1.0]), np.array([market - 1.0]))
    shares = np.append(before.mean(axis=0), [1.0 - before.sum(axis=1).mean(), np.nan, np.nan])
    table = pd.DataFrame(
        {
            "weight": shares,
            "annual": daily.to_numpy().mean(axis=0) * SESSIONS_PER_YEAR,
            "linked": (daily.to_numpy() * link[:, None]).sum(axis=0),
        },
        daily.columns,
    )
    return Attribution(daily, table, float((net - base).mean()) * SESSIONS_PER_YEAR, whole - market)


def _rate(first: Floats, second: Floats) -> Floats:
    """Return (ln(1 + x) - ln(1 + y)) / (x - y), and its limit where both are equal."""
    gap = first - second
    apart = np.abs(gap) > 1e-12
    rate = 1.0 / (1.0 + second)
    np.divide(np.log1p(first) - np.log1p(second), gap, out=rate, where=apart)
    return rate
