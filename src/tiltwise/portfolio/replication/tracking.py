"""Sparse index tracking: a benchmark in a few of its assets.

With returns R (period x asset) and the benchmark's r::

    minimise   mean((r - R w)^2) - tilt * mean'w + trade_price * |w - held|_1
    subject to sum(w) = 1,  w_i = 0 or floor <= w_i <= cap,  at most `holdings` weights above zero

or, as a second objective, mean-variance: ``risk_aversion / 2 * w'Sw - mean'w`` and the same price
of trades. Sparsity is a number of holdings and never a price of ``|w|_1``: long only and fully
invested that sum is one for every book, so its price selects nothing.

Up to twenty assets the answer is the best of all subsets (`kernels.subset.exact`), above that a
local optimum (`kernels.subset.search`), and the status says which. Given the subset, the weights
are proved optimal (`kernels.qp`); multipliers belong to the Lagrangian ``objective + budget *
(sum(w) - 1) + sum multiplier_i w_i``, above zero at the cap and below it at the floor.

Returns, means, prices and tracking errors are per period of the returns.

Source: Benidis, Feng, Palomar, Optimization methods for financial index tracking, 2018 (the
problem); Bertsimas and Shioda, 2009 (cardinality).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.subset.exact import best_subsets
from tiltwise.kernels.subset.search import search
from tiltwise.kernels.subset.weights import proved
from tiltwise.portfolio.optimise import OPTIMAL
from tiltwise.portfolio.replication.sparse import (
    Goal,
    Replica,
    Sparse,
    Task,
    check,
    fewest,
    rounded,
    task,
)

EXACT = 20  #: assets up to which "auto" searches all subsets
SIZES = (5, 10, 15, 20, 30, 40, 50)  #: of a frontier that is not exact

LOCAL = "local: no exchange of one holding improves"
ROUNDED = "rounded: the best book of any number of holdings, small weights removed"
FALLBACK = "fallback"


@dataclasses.dataclass(frozen=True, eq=False)
class Frontier:
    """Tracking error against the number of holdings.

    Attributes
    ----------
    table : by largest number of holdings: tracking_error, objective, holdings used, kkt, status.
    weights : (holdings allowed x asset), NaN where the cap needs more holdings.
    """

    table: pd.DataFrame
    weights: pd.DataFrame

    def fewest(self, tracking_error: float) -> int | None:
        """Return the fewest holdings that track this closely, None if none of the sizes does."""
        near = self.table.index[self.table["tracking_error"] <= tracking_error]
        return int(near[0]) if len(near) else None


@dataclasses.dataclass(frozen=True, eq=False)
class Labels:
    """Which assets track the benchmark, by constrained least squares.

    Attributes
    ----------
    weights : (n,) of least mean square error.
    labels : (n,) whether the weight is above the threshold.
    kkt : residual of the optimality conditions, relative.
    multipliers : (n,) of the bounds; below zero at no weight, above at the cap.
    budget : multiplier of the sum of weights.
    """

    weights: pd.Series
    labels: pd.Series
    kkt: float
    multipliers: pd.Series
    budget: float


def track(
    returns: pd.DataFrame,
    benchmark: pd.Series | None,
    sparse: Sparse | None = None,
    goal: Goal | None = None,
    held: pd.Series | None = None,
) -> Replica:
    """Return the weights of few assets that track a benchmark best.

    Parameters
    ----------
    returns : simple returns (period x asset), none missing.
    benchmark : its returns in the same periods; may be None for mean-variance.
    held : weights before trading, needed by a price of trades.

    Returns
    -------
    replica : if the solver fails, constrained regression on all assets without a limit of holdings
        or a floor, or else equal weights; the status then begins with "fallback" and says why.

    Raises
    ------
    InfeasibleError
        Cap, floor and holdings contradict each other; names them.
    DataError
        A return is missing.
    StrategyError
        An unknown name, more holdings than assets, or a price of ``|w|_1`` for tracking.
    """
    sparse = sparse or Sparse()
    setup = task(returns, benchmark, sparse, goal or Goal(), held)
    size = check(sparse, len(setup.assets))
    try:
        if sparse.method == "rounded":
            return _rounded(setup, sparse)
        book = _books(setup, sparse, [size])[size]
        status = OPTIMAL if _exact(sparse, len(setup.assets)) else LOCAL
        return setup.settled(np.flatnonzero(book), status, sparse.floor)
    except (StrategyError, np.linalg.LinAlgError) as failure:
        return _fallback(setup, failure)


def frontier(
    returns: pd.DataFrame,
    benchmark: pd.Series,
    sparse: Sparse | None = None,
    goal: Goal | None = None,
    held: pd.Series | None = None,
    sizes: Sequence[int] | None = None,
) -> Frontier:
    """Return the tracking error by largest number of holdings.

    Parameters and errors are those of `track`; `Sparse.holdings` is ignored.

    Parameters
    ----------
    sizes : numbers of holdings; by default all, or those of `SIZES` where not all subsets are
        searched.
    """
    sparse = dataclasses.replace(sparse or Sparse(), holdings=None)
    setup = task(returns, benchmark, sparse, goal or Goal(), held)
    n = check(sparse, len(setup.assets))
    exact = _exact(sparse, n)
    if sizes is None:
        sizes = range(1, n + 1) if exact else [k for k in SIZES if k <= n]
    for k in sizes:
        if not 1 <= k <= n:
            raise StrategyError(f"a size of {k} must be from 1 to the {n} assets given")
    books = _books(setup, sparse, [k for k in sizes if k >= fewest(sparse.cap)])
    status = OPTIMAL if exact else LOCAL
    proofs: dict[bytes, Replica] = {}
    replicas: dict[int, Replica] = {}
    for k, book in books.items():
        members = np.flatnonzero(book)
        if members.tobytes() not in proofs:
            proofs[members.tobytes()] = setup.settled(members, status, sparse.floor)
        replicas[k] = proofs[members.tobytes()]
    return _table(sorted(set(sizes)), replicas, sparse.cap, setup.assets)


def tracking_labels(
    returns: pd.DataFrame, benchmark: pd.Series, cap: float = 0.30, threshold: float = 0.005
) -> Labels:
    """Return which assets carry a weight above the threshold in the best long-only tracker.

    The least squares have no price of ``|w|_1``: it would be the same for every book. To label the
    month to come, pass that month's returns, of training rows only.

    Parameters and errors are those of `track`.
    """
    sparse = Sparse(cap=cap, floor=0.0)
    setup = task(returns, benchmark, sparse, Goal(), None)
    check(sparse, len(setup.assets))
    best = proved(setup.problem, np.arange(len(setup.assets)))
    weights = pd.Series(np.clip(best.x, 0.0, cap), index=setup.assets)
    duals = pd.Series(best.multipliers[:-1], index=setup.assets)
    return Labels(weights, weights > threshold, best.kkt, duals, float(best.multipliers[-1]))


def _exact(sparse: Sparse, n: int) -> bool:
    """Whether all subsets are searched."""
    return sparse.method == "exact" or (sparse.method == "auto" and n <= EXACT)


def _books(setup: Task, sparse: Sparse, sizes: Sequence[int]) -> dict[int, Floats]:
    """Return the book of each size, ascending; a larger size is never worse."""
    if not sizes:
        return {}
    if _exact(sparse, len(setup.assets)):
        books = best_subsets(setup.problem, min(sizes), max(sizes)).books
        return {k: books[k] for k in sorted(sizes)}
    out: dict[int, Floats] = {}
    last: Floats | None = None
    for k in sorted(sizes):
        book = search(setup.problem, k, last, sparse.kicks, sparse.seed)
        if last is None or setup.problem.value(book) < setup.problem.value(last):
            last = book
        out[k] = last
    return out


def _table(
    sizes: Sequence[int], replicas: Mapping[int, Replica], cap: float, assets: pd.Index
) -> Frontier:
    """Return the frontier as frames; a size that the cap does not allow has gaps."""
    few = f"infeasible: the cap {cap:g} needs {fewest(cap)} holdings"
    rows: list[dict[str, Any]] = []
    weights = np.full((len(sizes), len(assets)), np.nan)
    for row, k in enumerate(sizes):
        replica = replicas.get(k)
        if replica is None:
            rows.append({"tracking_error": np.nan, "objective": np.nan, "holdings": 0,
                         "kkt": np.nan, "status": few})  # fmt: skip
            continue
        weights[row] = replica.weights
        rows.append({"tracking_error": replica.tracking_error, **replica.detail,
                     "kkt": replica.kkt, "status": replica.status})  # fmt: skip
    allowed = pd.Index(sizes, name="allowed")
    return Frontier(pd.DataFrame(rows, allowed), pd.DataFrame(weights, allowed, assets))


def _rounded(setup: Task, sparse: Sparse) -> Replica:
    """Return the best book of any number of holdings, small weights removed."""
    loose = setup.settled(np.arange(len(setup.assets)), ROUNDED, 0.0)
    weights = rounded(loose.weights, sparse.floor, sparse.cap, sparse.holdings)
    if np.allclose(weights, loose.weights, rtol=0.0, atol=1e-12):
        return loose
    return setup.report(weights.to_numpy(), ROUNDED, None)


def _fallback(setup: Task, failure: Exception) -> Replica:
    """Return constrained regression on all assets, or equal weights; the status says why."""
    n = len(setup.assets)
    try:
        status = f"{FALLBACK}: constrained regression on all {n} assets, because {failure}"
        return setup.settled(np.arange(n), status, 0.0)
    except (StrategyError, np.linalg.LinAlgError) as again:
        status = f"{FALLBACK}: equal weights of all {n} assets, because {again}"
        return setup.report(np.full(n, 1.0 / n), status, None)
