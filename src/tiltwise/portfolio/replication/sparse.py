"""Constraints and objective of a sparse book, as arrays.

The limits of a holding are semicontinuous: no weight, or one between a floor and a cap.
"""

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.subset.exact import MOST
from tiltwise.kernels.subset.search import KICKS
from tiltwise.kernels.subset.weights import Problem, active_moment, proved
from tiltwise.portfolio.complete import as_matrix
from tiltwise.portfolio.optimise import Allocation

OBJECTIVES = ("tracking", "mean_variance")
METHODS = ("auto", "exact", "search", "rounded")

_SLACK = 1e-9  #: by which sums of bounds may miss one
_DUST = 1e-12  #: weights below this are the solver's rounding
_TINY = 1e-9  #: weight below which a proportion means nothing


@dataclasses.dataclass(frozen=True)
class Sparse:
    """Cardinality constraint, and the search method.

    Attributes
    ----------
    holdings : largest number; None leaves it free.
    cap, floor : largest and smallest weight of a holding.
    method : "exact" looks at all subsets, "search" at promising ones, "rounded" solves without a
        limit of holdings and removes small weights; "auto" is exact up to twenty assets.
    kicks, seed : random restarts of the search.
    """

    holdings: int | None = None
    cap: float = 0.30
    floor: float = 0.005
    method: str = "auto"
    kicks: int = KICKS
    seed: int = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Goal:
    """Objective to minimise.

    Attributes
    ----------
    objective : "tracking" or "mean_variance".
    around_mean : measure the tracking error as a standard deviation (one degree of freedom less),
        so that a constant lag is no error; otherwise as a root mean square.
    tilt : weight of the expected return in the tracking objective.
    mean : expected return by asset; by default the mean of the returns.
    trade_price : price of two-way turnover.
    risk_aversion : of mean-variance.
    l1 : price of ``|w|_1``. Mean-variance as its source wrote it has 0.01, which adds 0.01 to the
        objective of every book; tracking refuses it.
    """

    objective: str = "tracking"
    around_mean: bool = False
    tilt: float = 0.0
    mean: pd.Series | None = None
    trade_price: float = 0.0
    risk_aversion: float = 1.0
    l1: float = 0.0


AS_WRITTEN = Goal(objective="mean_variance", risk_aversion=1.0, l1=0.01)


@dataclasses.dataclass(frozen=True, eq=False)
class Replica(Allocation):
    """Weights with the proof of their optimality.

    Attributes
    ----------
    weights, status, kkt, detail : as in `Allocation`; `detail` has holdings and objective.
    tracking_error : per period, NaN without a benchmark.
    budget : multiplier of the sum of weights.
    multipliers : of the bounds, by asset held; above zero at the cap, below at the floor.
    """

    tracking_error: float = float("nan")
    budget: float = float("nan")
    multipliers: pd.Series = dataclasses.field(default_factory=lambda: pd.Series(dtype=np.float64))


class Task(NamedTuple):
    """Problem with the data to report on a solution."""

    assets: pd.Index
    problem: Problem
    square: Floats | None  # w'Mw is the tracking error squared
    constant: float  # part of the objective that no book changes

    def report(self, x: Floats, status: str, proof: tuple[float, Floats] | None) -> Replica:
        """Return a book as a record."""
        members, nan = np.flatnonzero(x), float("nan")
        kkt, duals = proof or (nan, np.full(len(members) + 1, nan))
        error = nan
        if self.square is not None:
            error = float(np.sqrt(max(float(x @ self.square @ x), 0.0)))
        detail: dict[str, Any] = {
            "holdings": len(members),
            "objective": self.problem.value(x) + self.constant,
        }
        pushed = pd.Series(duals[:-1], index=self.assets[members])
        weights = pd.Series(x, index=self.assets)
        return Replica(weights, status, kkt, detail, error, float(duals[-1]), pushed)

    def settled(self, members: NDArray[np.int64], status: str, floor: float) -> Replica:
        """Return the proved best book of these members."""
        problem = self.problem._replace(floor=floor)
        solution = proved(problem, members)
        x = np.zeros(len(self.assets))
        inside = np.clip(solution.x, floor, problem.cap)
        x[members] = np.where(inside > _DUST, inside, 0.0)
        positive, duals = x[members] > 0.0, solution.multipliers
        return self.report(x, status, (solution.kkt, np.append(duals[:-1][positive], duals[-1])))


def check(sparse: Sparse, n: int) -> int:
    """Return the largest number of holdings of n assets.

    Raises
    ------
    InfeasibleError
        No book of so many holdings keeps floor and cap; names the bound.
    StrategyError
        An unknown method, or more holdings than assets.
    """
    if sparse.method not in METHODS:
        raise StrategyError(f"method={sparse.method!r} is not one of {', '.join(METHODS)}")
    if sparse.method == "exact" and n > MOST:
        raise StrategyError(f"method='exact' takes at most {MOST} assets, not {n}; use 'search'")
    cap, floor = sparse.cap, sparse.floor
    if not 0.0 <= floor <= cap <= 1.0 or cap == 0.0:
        raise InfeasibleError(f"floor={floor} and cap={cap} must be ordered within 0 and 1")
    reach(n, cap, "assets")
    size = n
    if sparse.holdings is not None:
        size = sparse.holdings
        if not 1 <= size <= n:
            raise StrategyError(f"holdings={size} must be from 1 to the {n} assets given")
        reach(size, cap, "holdings")
    least = fewest(cap)
    if least * floor > 1.0 + _SLACK:
        raise InfeasibleError(
            f"the cap {cap:g} needs {least} holdings, whose floors of {floor:g} add up to "
            f"{least * floor:g}, more than 1; lower the floor"
        )
    return size


def fewest(cap: float) -> int:
    """Return the fewest holdings at the cap that sum to one."""
    return math.ceil(1.0 / cap - _SLACK)


def reach(count: int, cap: float, what: str) -> None:
    """Raise if so many weights at the cap add up to less than one."""
    if count < fewest(cap):
        raise InfeasibleError(
            f"{count} {what} at the cap {cap:g} add up to {count * cap:g}, less than 1; allow "
            f"{fewest(cap)} or raise the cap to {1.0 / count:.6g}"
        )


def task(
    returns: pd.DataFrame,
    benchmark: pd.Series | None,
    sparse: Sparse,
    goal: Goal,
    held: pd.Series | None,
) -> Task:
    """Return the problem of these returns.

    Raises
    ------
    DataError
        A return, or a mean, is missing.
    StrategyError
        An unknown objective, a missing benchmark or book held, a price of ``|w|_1`` for tracking.
    """
    _refuse(goal, benchmark, held)
    rows = _matrix(returns)
    assets, n, constant = returns.columns, rows.shape[1], 0.0
    square = None
    if benchmark is not None:
        path = benchmark.reindex(returns.index).to_numpy(np.float64)
        if np.isnan(path).any():
            at = returns.index[int(np.isnan(path).argmax())]
            raise DataError(f"the benchmark has no return at {at}; leave that period out")
        square = active_moment(rows, path, goal.around_mean)
    mean = rows.mean(axis=0)
    if goal.mean is not None:
        mean = goal.mean.reindex(assets).to_numpy(np.float64)
        if np.isnan(mean).any():
            raise DataError(f"{assets[int(np.isnan(mean).argmax())]} has no mean; leave it out")
    if goal.objective == "tracking":
        assert square is not None
        hessian, linear = 2.0 * square, -goal.tilt * mean
    else:
        covariance = active_moment(rows, np.zeros(len(rows)), True)
        hessian, linear, constant = goal.risk_aversion * covariance, -mean, goal.l1
    start = np.zeros(n)
    if held is not None:
        start = np.array(held.reindex(assets, fill_value=0.0), dtype=np.float64)
    problem = Problem(hessian, linear, goal.trade_price, start, sparse.floor, sparse.cap)
    return Task(assets, problem, square, constant)


def _refuse(goal: Goal, benchmark: pd.Series | None, held: pd.Series | None) -> None:
    """Raise for invalid settings of the goal."""
    if goal.objective not in OBJECTIVES:
        raise StrategyError(f"objective={goal.objective!r} is not one of {', '.join(OBJECTIVES)}")
    if goal.objective == "tracking" and goal.l1 != 0.0:
        raise StrategyError(
            f"l1={goal.l1:g} selects nothing: weights that are not negative and add up to 1 have "
            "|w|_1 = 1, whichever they are, so its price is the same for every book; set "
            "Sparse.holdings for fewer assets"
        )
    if goal.objective == "tracking" and benchmark is None:
        raise StrategyError("tracking needs the returns of a benchmark")
    if goal.objective == "mean_variance" and not goal.risk_aversion > 0:
        raise StrategyError(f"risk_aversion={goal.risk_aversion} must be positive")
    if not goal.trade_price >= 0:
        raise StrategyError(f"trade_price={goal.trade_price} must not be negative")
    if goal.trade_price > 0 and held is None:
        raise StrategyError("a price of trades needs the weights held")


def _matrix(returns: pd.DataFrame) -> Floats:
    """Return the returns as an array, none missing."""
    if len(returns) < 2 or not len(returns.columns):
        raise DataError(f"{len(returns)} periods of {len(returns.columns)} assets tell nothing")
    return as_matrix(returns)


def rounded(
    weights: pd.Series, floor: float = 0.005, cap: float = 0.30, holdings: int | None = None
) -> pd.Series:
    """Return weights without those below the floor, scaled to a sum of one within floor and cap.

    At most the `holdings` largest stay. The rest is scaled in proportion, and what would leave the
    bounds stays at them. If those that stay cannot reach one, the largest of the others join.

    Raises
    ------
    InfeasibleError
        So many holdings at the cap do not reach one.
    """
    w = weights.to_numpy(np.float64)
    reach(len(w) if holdings is None else holdings, cap, "holdings")
    count = min(int((w >= max(floor, _TINY)).sum()), holdings or len(w))
    if floor > 0.0:
        count = min(count, int(1.0 / floor + _SLACK))
    left = np.argsort(-w, kind="stable")[: max(count, fewest(cap))]
    base = np.maximum(w[left], max(floor, _TINY))
    low, high = 0.0, cap / base.min()
    for _ in range(200):
        scale = 0.5 * (low + high)
        if np.clip(scale * base, floor, cap).sum() < 1.0:
            low = scale
        else:
            high = scale
    x = np.zeros(len(w))
    x[left] = np.clip(high * base, floor, cap)
    return pd.Series(x, index=weights.index)
