"""Replica of the benchmark from candidate assets: the fitting window, and the book.

An asset takes part if it still trades and its window began with a price; one that was listed later
is left out until it has a window of its own. Sessions on which one of those that take part, or the
benchmark, did not print are left out, so that no return spans two sessions.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import MissingData
from tiltwise.market.market import Market
from tiltwise.portfolio.replication.sparse import Goal, Sparse, fewest
from tiltwise.portfolio.replication.tracking import track

MOST_GAPS = 0.05  #: share of a window's returns that may be missing


@dataclasses.dataclass(frozen=True, eq=False)
class Window:
    """Fitting window: returns of the assets and of the benchmark.

    Attributes
    ----------
    returns : simple returns (session x asset), none missing.
    benchmark : its returns on the same sessions; None where its own window is not whole.
    left_out : reason by asset.
    length : returns required, those left out included.
    trouble : why there is no benchmark; else empty.
    """

    returns: pd.DataFrame
    benchmark: pd.Series | None
    left_out: Mapping[str, str]
    length: int
    trouble: str = ""

    @property
    def assets(self) -> list[str]:
        """Assets that take part."""
        return [str(a) for a in self.returns.columns]


def ordered(past: Market) -> Market:
    """Return the market in the order of names, so that no answer depends on the order given."""
    return past.select(tuple(sorted(past.assets)))


def tracking_window(past: Market, rows: int) -> Window:
    """Return the last `rows` returns of the benchmark and of the assets that have them.

    Raises
    ------
    MissingData
        The market has no benchmark.
    """
    if past.benchmark is None:
        raise MissingData("a replica needs something to track: load the market with benchmark=")
    recent = past.asof(past.now, rows + 1)
    prices = recent.benchmark_prices
    assert prices is not None
    base, returns = prices.pct_change(fill_method=None).iloc[1:], recent.returns()
    left_out = _left_out(recent, returns, rows)
    whole_assets = [a for a in recent.assets if a not in left_out]
    trouble = _short(int(base.notna().sum()), rows)
    if trouble:
        return Window(returns[whole_assets], None, left_out, rows, f"{past.benchmark} {trouble}")
    whole = returns[whole_assets].notna().all(axis=1) & base.notna()
    return Window(returns.loc[whole, whole_assets], base[whole], left_out, rows)


def _left_out(recent: Market, returns: pd.DataFrame, rows: int) -> dict[str, str]:
    counts = returns.notna().to_numpy().sum(axis=0).tolist()
    reasons = {}
    for asset, alive, there in zip(recent.assets, recent.alive.tolist(), counts, strict=True):
        reason = _short(there, rows) if alive else "trades no more"
        if reason:
            reasons[str(asset)] = reason
    return reasons


def _short(there: int, rows: int) -> str:
    """Return why the returns do not fill the window; empty if they do."""
    if there >= (1.0 - MOST_GAPS) * rows:
        return ""
    return f"has {there} of {rows} returns"


def candidates(chance: pd.Series, cut: float, least: int) -> tuple[str, ...]:
    """Return the assets whose chance reaches the cut, or the `least` of the highest if fewer do."""
    ranked = chance.sort_values(ascending=False, kind="stable")
    count = max(int((ranked >= cut).sum()), least)
    inside = set(ranked.index[:count])
    return tuple(str(a) for a in chance.index if a in inside)


def replica(
    window: Window,
    allowed: tuple[str, ...],
    sparse: Sparse,
    goal: Goal | None = None,
    held: pd.Series | None = None,
) -> tuple[pd.Series | None, dict[str, Any]]:
    """Return the book that tracks the benchmark with allowed assets, and its record.

    Where there is no whole window of the benchmark, or too few assets for the cap, no book is
    returned and the record's status says why.

    Parameters
    ----------
    sparse : limits; more holdings than there are assets allowed means all of them.
    held : weights now, for a price of trades.

    Returns
    -------
    weights : by asset of the window; None to keep what is held.
    record : status, kkt (proof of optimality), fitted_error (tracking error to the benchmark in the
        window, a year), holdings.
    """
    own = [a for a in window.returns.columns if a in allowed]
    if window.benchmark is None:
        return None, _record(f"held: {window.trouble}")
    if len(own) < fewest(sparse.cap):
        few = f"held: {len(own)} assets with a whole window at the cap {sparse.cap:g} hold less"
        return None, _record(f"{few} than the whole book; {fewest(sparse.cap)} are needed")
    size = min(sparse.holdings or len(own), len(own))
    limits = dataclasses.replace(sparse, holdings=size)
    solution = track(window.returns[own], window.benchmark, limits, goal, held)
    error = solution.tracking_error * math.sqrt(SESSIONS_PER_YEAR)
    record = _record(solution.status, solution.kkt, error, float(solution.detail["holdings"]))
    return solution.weights.reindex(window.returns.columns, fill_value=0.0), record


def solved(
    past: Market,
    window: Window,
    allowed: tuple[str, ...],
    sparse: Sparse,
    goal: Goal,
    held: pd.Series,
) -> tuple[pd.Series | None, dict[str, Any]]:
    """Return `replica`, cached if the book depends on the rows alone.

    Baselines, later starts and other fits need the same book again.

    Parameters
    ----------
    past : the market whose newest rows are `window`.
    goal : a book with a tilt or a price of trades depends on more, and is solved every time.
    """
    if goal.objective != "tracking" or goal.tilt or goal.trade_price:
        return replica(window, allowed, sparse, goal, held if goal.trade_price else None)
    key = ("replica", window.length, allowed, sparse, goal.around_mean)
    weights, record = past.cached(key, lambda: replica(window, allowed, sparse, goal))
    return weights, dict(record)


def _record(
    status: str, kkt: float = math.nan, error: float = math.nan, count: float = math.nan
) -> dict[str, Any]:
    return {"status": status, "kkt": kkt, "fitted_error": error, "holdings": count}
