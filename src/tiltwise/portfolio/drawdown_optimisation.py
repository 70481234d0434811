"""Optimal weights by drawdown, Calmar ratio or Sortino ratio.

The path is additive: a book brought back to its weights each period earns ``r[t]'w`` on a constant
capital, so its drawdown ``max over i < j of (C[i] - C[j])'w``, C the cumulative returns, is convex
in the weights. (The drawdown of the compounded path is not.) Each pair i < j is one linear row;
only the few that bind are generated, as cutting planes: solve, find the largest falls of the path,
add those rows, until the largest fall is the one solved for. The result is then the best of all
allowed books, and `Allocation.detail` holds the remaining gap.

The squared downside deviation is piecewise quadratic and convex. For the set of losing periods of
one book it is an ordinary quadratic; Newton steps with a line search end where the set no longer
changes, and there the conditions of that quadratic prove the optimum.

Ratios are convex as in `optimise.max_sharpe`. Source: Chekhlov, Uryasev, Zabarankin, Drawdown
measure in portfolio optimization, 2005 (additive drawdown); Kelley, 1960 (cutting planes).
"""

import numpy as np
import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.qp import Region, Solution, solve
from tiltwise.portfolio.complete import as_matrix
from tiltwise.portfolio.constraints import Limits, Polytope
from tiltwise.portfolio.optimise import (
    OPTIMAL,
    Allocation,
    best_ratio,
    max_sharpe,
    minimum_variance,
)

NO_GAIN = "least drawdown, since no allowed book gains"
NO_LOSS = "no period loses, so the ratio has no limit: least downside among those that gain"
OBJECTIVES = ("sharpe", "variance", "drawdown", "calmar", "sortino")

_GAP = 1e-10  #: largest relative distance between the deepest fall and the bound proved
_ROUNDS = 500
_EPISODES = 4  #: rows added in a round


def best(
    objective: str,
    returns: pd.DataFrame,
    cash: float = 0.0,
    limits: Limits | None = None,
    held: pd.Series | None = None,
) -> Allocation:
    """Return the weights that are optimal in sample by one of `OBJECTIVES`.

    Parameters
    ----------
    objective : "sharpe", "variance", "drawdown", "calmar" or "sortino".
    returns : simple returns (period x asset), none missing.
    cash : cash rate per period, for the two ratios of risk.
    limits, held : as in `optimise.max_sharpe`.
    """
    if objective == "drawdown":
        return minimum_drawdown(returns, limits, held)
    if objective == "calmar":
        return max_calmar(returns, limits, held)
    if objective == "sortino":
        return max_sortino(returns, cash, limits, held)
    as_matrix(returns)
    if objective == "sharpe":
        return max_sharpe(returns.mean(), returns.cov(), cash, limits, held)
    if objective == "variance":
        return minimum_variance(returns.cov(), limits, held)
    raise StrategyError(f"objective={objective!r} is not one of {', '.join(OBJECTIVES)}")


def minimum_drawdown(
    returns: pd.DataFrame, limits: Limits | None = None, held: pd.Series | None = None
) -> Allocation:
    """Return the weights of least additive drawdown; `detail` has the drawdown and gap.

    Parameters are those of `best`.
    """
    rows = as_matrix(returns)
    space = (limits or Limits()).polytope(returns.columns, held)
    return _shallow(space, rows, space.region, OPTIMAL)


def max_calmar(
    returns: pd.DataFrame, limits: Limits | None = None, held: pd.Series | None = None
) -> Allocation:
    """Return the weights of the highest mean return over additive drawdown.

    The least drawdown, saying so in `status`, if no allowed book gains. Parameters are those of
    `best`; the ratio in `detail` is per period.
    """
    rows = as_matrix(returns)
    space = (limits or Limits()).polytope(returns.columns, held)
    size = space.unknowns
    gainful = best_ratio(space, rows.mean(axis=0), np.eye(size), np.zeros(size))
    earning = space.earning(rows.mean(axis=0))
    if gainful is None or earning is None:
        return _shallow(space, rows, space.region, NO_GAIN)
    return _shallow(space, rows, earning, OPTIMAL)


def max_sortino(
    returns: pd.DataFrame,
    cash: float = 0.0,
    limits: Limits | None = None,
    held: pd.Series | None = None,
) -> Allocation:
    """Return the weights of the highest mean over downside deviation, both in excess of cash.

    The downside deviation is the root of the mean over all periods of ``min(0, excess)^2``. Falls
    back like `max_sharpe`. Parameters are those of `best`.
    """
    excess = as_matrix(returns) - cash
    space = (limits or Limits()).polytope(returns.columns, held)
    gain = excess.mean(axis=0)
    solution = best_ratio(space, gain, *_downside(space, excess, excess))
    if solution is None:
        return max_sharpe(returns.mean(), returns.cov(), cash, limits, held)
    solution = _newton(space, gain, excess, solution)
    w = space.weights(space.unscaled(solution.x))
    path = excess @ w
    deviation = float(np.sqrt(np.mean(np.minimum(path, 0.0) ** 2)))
    detail = {"mean": float(path.mean()), "downside": deviation}
    detail["ratio"] = detail["mean"] / deviation if deviation > 0 else float("inf")
    status = OPTIMAL if deviation > 0 else NO_LOSS
    return Allocation(pd.Series(w, index=returns.columns), status, solution.kkt, detail)


def _newton(space: Polytope, gain: Floats, excess: Floats, solution: Solution) -> Solution:
    """Return the scaled book of least downside, from a first one."""
    n, z = excess.shape[1], solution.x
    for _ in range(_ROUNDS):
        losing = excess @ z[:n] < 0.0
        solution = _feasible(best_ratio(space, gain, *_downside(space, excess[losing], excess)))
        if np.array_equal(excess @ solution.x[:n] < 0.0, losing):
            return solution
        step, fall = solution.x - z, _squares(excess @ z[:n])
        share = 1.0
        while share > 1e-12 and _squares(excess @ (z + share * step)[:n]) > fall:
            share /= 2.0
        z = z + share * step
    raise StrategyError(f"the losing periods still change after {_ROUNDS} rounds")


def _feasible(solution: Solution | None) -> Solution:
    assert solution is not None, "a book gained before and gains no longer"
    return solution


def _squares(path: Floats) -> float:
    """Return the sum of squared losses."""
    return float((np.minimum(path, 0.0) ** 2).sum())


def _downside(space: Polytope, losing: Floats, every: Floats) -> tuple[Floats, Floats]:
    """Return the objective of given losing periods."""
    n = every.shape[1]
    return space.lifted(losing.T @ losing / len(every), np.zeros(n))


def _shallow(space: Polytope, rows: Floats, region: Region, status: str) -> Allocation:
    """Return the book of the region (scaled, if it is a cone) with the least drawdown."""
    n, size = rows.shape[1], region.rows.shape[1]
    paths = np.concatenate([np.zeros((1, n)), rows.cumsum(axis=0)])
    z = solve(np.eye(size), np.zeros(size), region).x
    cuts = np.zeros((0, size + 1))
    slope = np.concatenate([space.prices, [1.0]])
    for _ in range(_ROUNDS):
        cuts = np.concatenate([cuts, _falls(paths, z[:n], size)])
        solution = solve(np.zeros((size + 1,) * 2), slope, _with_depth(region, cuts))
        z, bound = solution.x[:size], solution.x[size]
        gap = _depth(paths @ z[:n]) - bound
        if gap <= _GAP * max(float(bound), 1e-3):
            break
    else:
        raise StrategyError(f"the least drawdown is still {gap:.1e} apart after {_ROUNDS} rounds")
    w = space.weights(z if region is space.region else space.unscaled(z))
    path = paths @ w
    depth = _depth(path)
    detail = {"mean": float(path[-1]) / len(rows), "drawdown": depth, "gap": float(gap)}
    detail["ratio"] = detail["mean"] / depth if depth > 0 else float("inf")
    return Allocation(pd.Series(w, index=space.assets), status, solution.kkt, detail)


def _falls(paths: Floats, z: Floats, size: int) -> Floats:
    """Return rows ``(C[i] - C[j])'z - depth <= 0`` of the deepest falls, one per episode."""
    path = paths @ z
    peaks = np.maximum.accumulate(path)
    episode = np.cumsum(np.diff(peaks, prepend=path[0]) > 0)
    falls = peaks - path
    starts = np.flatnonzero(np.diff(episode, prepend=-1))
    parts = zip(starts, np.split(falls, starts[1:]), strict=True)
    worst = np.array([s + np.argmax(part) for s, part in parts])
    worst = worst[np.argsort(-falls[worst], kind="stable")][:_EPISODES]
    out = np.zeros((len(worst), size + 1))
    out[:, : len(z)] = paths[starts[episode[worst] - episode[0]]] - paths[worst]
    out[:, -1] = -1.0
    return out


def _with_depth(region: Region, cuts: Floats) -> Region:
    """Return the region with one unknown more, the depth, and rows that bound it from below."""
    size = region.rows.shape[1]
    wide = np.concatenate([region.rows, np.zeros((len(region.rows), 1))], axis=1)
    return Region(
        np.concatenate([wide, cuts]),
        np.concatenate([region.low[:size], [0.0], region.low[size:], np.full(len(cuts), -np.inf)]),
        np.concatenate([region.high[:size], [np.inf], region.high[size:], np.zeros(len(cuts))]),
    )


def _depth(path: Floats) -> float:
    """Return the deepest fall of a path."""
    return float((np.maximum.accumulate(path) - path).max())
