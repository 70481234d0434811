"""Performance of a replica against its benchmark, and published targets.

Active returns are simple returns less the benchmark's. Deviations divide by n - 1; a year has 252
sessions. Turnover is one-way a year.

Source: "MTUM Replica Portfolio", performance metrics and success criteria.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.traded_path import (
    Measurable,
    TradedPath,
    avg_holdings,
    book,
    turnover_one_way,
)

TOP = (1, 3, 5)
OF_PATH = (
    *("ann_volatility", "sharpe", "sortino", "calmar", "max_drawdown", "tracking_error"),
    *("information_ratio", "beta", "alpha", "r_squared", "up_capture", "down_capture"),
)
PASS, FAIL, INFEASIBLE = "pass", "fail", "infeasible"


@dataclasses.dataclass(frozen=True)
class Target:
    """A published target: at least `low` and at most `high` of a number of `replica_numbers`."""

    name: str
    metric: str
    low: float = -math.inf
    high: float = math.inf

    def met(self, value: float) -> bool:
        """Whether a value is inside the target; a missing one is not."""
        return self.low <= value <= self.high


TARGETS = (
    Target("tracking error 2 to 4 %", "tracking_error", 0.02, 0.04),
    Target("information ratio above .5", "information_ratio", low=math.nextafter(0.5, 1.0)),
    Target("15 to 25 holdings", "holdings", 15, 25),
    Target("turnover below 200 % a year", "turnover", high=math.nextafter(2.0, 0.0)),
)


def replica_numbers(
    result: Measurable, benchmark: pd.Series | None = None, top: Sequence[int] = TOP
) -> dict[str, float]:
    """Return the numbers of a replica from its first live position on, after costs.

    Parameters
    ----------
    benchmark : simple returns; by default those of the back-test.

    Returns
    -------
    numbers : return, benchmark_return and active_return (annual means), `OF_PATH`, win_rate and
        win_rate_months (share of sessions and of months ahead of the benchmark), holdings,
        turnover, and top_k, the mean share of the k largest holdings.

    Raises
    ------
    DataError
        There is no benchmark, or nothing was ever held.
    """
    base = result.benchmark_returns if benchmark is None else benchmark
    if base is None:
        raise DataError("a replica is measured against a benchmark: load the market with one")
    live = book(result, base, SESSIONS_PER_YEAR)
    if live is None:
        raise DataError("nothing was ever held, so there is nothing to measure")
    dates = result.returns.index[-len(live.net.returns) :]
    net = pd.Series(live.net.returns, dates)
    ahead, other = net - base.loc[dates], base.loc[dates]
    numbers = {
        "return": float(net.mean()) * SESSIONS_PER_YEAR,
        "benchmark_return": float(other.mean()) * SESSIONS_PER_YEAR,
        "active_return": float(ahead.mean()) * SESSIONS_PER_YEAR,
    }
    numbers |= {name: METRICS[name].function(live.net) for name in OF_PATH}
    numbers["win_rate"] = float((ahead > 0.0).mean())
    numbers["win_rate_months"] = float((_months(net) > _months(other)).mean())
    return numbers | held_numbers(result, live, top)


def held_numbers(
    result: Measurable, live: TradedPath, top: Sequence[int] = TOP
) -> dict[str, float]:
    """Return holdings, turnover and concentration of a live book."""
    held = result.held.iloc[-len(live.net.returns) :].to_numpy(np.float64)
    largest = -np.sort(-held, axis=1)
    numbers = {"holdings": avg_holdings(live), "turnover": turnover_one_way(live)}
    return numbers | {f"top_{k}": float(largest[:, :k].sum(axis=1).mean()) for k in top}


def rolling_relative(returns: pd.Series, benchmark: pd.Series, window: int = 60) -> pd.DataFrame:
    """Return excess return, tracking error (both a year) and information ratio of rolling rows."""
    ahead = (returns - benchmark.reindex(returns.index)).rolling(window)
    excess, error = (
        ahead.mean() * SESSIONS_PER_YEAR,
        ahead.std(ddof=1) * math.sqrt(SESSIONS_PER_YEAR),
    )
    ratio = (excess / error).where(error > 0.0)
    return pd.DataFrame(
        {"excess_return": excess, "tracking_error": error, "information_ratio": ratio}
    )


def target_table(
    numbers: dict[str, float],
    least_error: float,
    assets: int,
    targets: Sequence[Target] = TARGETS,
) -> pd.DataFrame:
    """Return each target with its value and status, or why it cannot be judged.

    Parameters
    ----------
    numbers : of `replica_numbers`.
    least_error : tracking error a year that no book of these assets undercuts: a target with a
        lower bound above is infeasible.
    assets : how many there are to hold.

    Returns
    -------
    table : by target: value, status ("pass", "fail", "infeasible") and reason.
    """
    rows = {}
    for target in targets:
        value = numbers[target.metric]
        reason = _impossible(target, least_error, assets)
        status = PASS if target.met(value) else INFEASIBLE if reason else FAIL
        rows[target.name] = {"value": value, "status": status, "reason": reason}
    return pd.DataFrame(rows).T.rename_axis("target")


def _impossible(target: Target, least_error: float, assets: int) -> str:
    if target.metric == "holdings" and assets < target.low:
        return f"there are {assets} assets"
    if target.metric == "tracking_error" and least_error > target.high:
        return f"the closest book has {least_error:.1%} even on the rows it is fitted on"
    return ""


def _months(returns: pd.Series) -> pd.Series:
    """Return compounded returns by month."""
    month = pd.DatetimeIndex(returns.index).to_period("M")
    return (1.0 + returns).groupby(month).prod() - 1.0
