"""Momentum risk: reversals, turnover, concentration, and returns after choppy markets.

    reversals      deepest fall of wealth relative to the market's, and over how many sessions
    turnover       one-way a year
    concentration  effective number of holdings, 1 / sum w_i^2, on average
    chop           mean active return a year on sessions after a choppy market, and after a trending

A market is choppy where its efficiency, abs(sum of its last 63 daily returns) over the sum of their
absolute values, is below its median of the past (at least a year); the state of a session is that
of the close before it. A benchmark's holdings are not known: its turnover and concentration are
those of the best tracker of each quarter of sessions, refitted monthly, and are said to be implied.

Source: "MTUM Replica Portfolio", whose text names the four and no formula.
"""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY, SESSIONS_PER_YEAR
from tiltwise.errors import DataError
from tiltwise.market.market import Market
from tiltwise.portfolio.replication.replica import tracking_window
from tiltwise.portfolio.replication.sparse import Sparse
from tiltwise.portfolio.replication.tracking import track

WINDOW = 63
LEAST = 252


@dataclasses.dataclass(frozen=True)
class MomentumRisk:
    """The four indicators of a book; `implied` if its holdings are those of its best tracker."""

    reversal: float
    reversal_sessions: int
    turnover: float
    effective_holdings: float
    choppy: float
    trending: float
    implied: bool


def momentum_risk(
    returns: pd.Series, market: pd.Series, weights: pd.DataFrame, *, implied: bool = False
) -> MomentumRisk:
    """Return the four indicators.

    Parameters
    ----------
    returns, market : simple returns of the book and of the market it is compared with; the
        market's may begin earlier, so that its state is known from the start.
    weights : of the book by month end or by session, as they were decided.

    Raises
    ------
    DataError
        The market does not cover the sessions of the book.
    """
    other = market.reindex(returns.index)
    if other.isna().any():
        raise DataError(f"the market has no return on {returns.index[other.isna()][0].date()}")
    depth, sessions = _deepest(returns, other)
    chop = choppy(market).reindex(returns.index)
    ahead = (returns - other) * SESSIONS_PER_YEAR
    known = weights.dropna(how="all").fillna(0.0)
    years = max(len(returns), 1) / SESSIONS_PER_YEAR
    squares = (known**2).sum(axis=1)
    return MomentumRisk(
        reversal=depth,
        reversal_sessions=sessions,
        turnover=float(known.diff().abs().to_numpy()[1:].sum()) / 2.0 / years,
        effective_holdings=float((1.0 / squares[squares > 0.0]).mean()),
        choppy=float(ahead[chop == 1.0].mean()),
        trending=float(ahead[chop == 0.0].mean()),
        implied=implied,
    )


def choppy(market: pd.Series, window: int = WINDOW, least: int = LEAST) -> pd.Series:
    """Return 1 on sessions after a choppy market, 0 after a trending one, NaN where unknown."""
    moved = market.rolling(window)
    path = market.abs().rolling(window).sum()
    efficiency = (moved.sum().abs() / path).where(path > 0.0)
    usual = efficiency.expanding(least).median()
    state = (efficiency < usual).astype(float).where(efficiency.notna() & usual.notna())
    return state.shift(1)


def implied_weights(market: Market, start: pd.Timestamp, window: int = WINDOW) -> pd.DataFrame:
    """Return the long-only book of all assets that tracks the benchmark best, by month end."""
    rows: dict[pd.Timestamp, pd.Series] = {}
    for t in MONTHLY.sessions(market.calendar, start, market.now):
        seen = tracking_window(market.asof(t), window)
        if seen.benchmark is not None and seen.assets:
            rows[t] = track(seen.returns, seen.benchmark, Sparse(cap=1.0, floor=0.0)).weights
    if not rows:
        raise DataError(
            f"{market.benchmark} has no window of {window} sessions from {start.date()}"
        )
    return pd.DataFrame(rows).T.fillna(0.0)


def _deepest(returns: pd.Series, market: pd.Series) -> tuple[float, int]:
    """Return the maximum drawdown of relative wealth and its sessions from peak to bottom."""
    wealth = np.append(1.0, ((1.0 + returns) / (1.0 + market)).cumprod().to_numpy())
    peak = np.maximum.accumulate(wealth)
    fall = wealth / peak - 1.0
    bottom = int(fall.argmin())
    top = int(np.flatnonzero(wealth[: bottom + 1] == peak[bottom])[-1])
    return float(fall[bottom]), bottom - top
