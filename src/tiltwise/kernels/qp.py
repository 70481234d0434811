"""Small convex quadratic programmes, each solution proved before it is returned.

::

    minimise  x'Hx / 2 + q'x    subject to    low <= (x, A x) <= high

`Region` holds the constraints, so that many objectives can share them; `solve` hands the problem to
the dual active-set solver daqp, with the objective scaled to a unit diagonal (daily covariances are
1e-4, where absolute tolerances of any solver mean nothing), and then computes the residual of the
optimality (KKT) conditions itself. H may be singular: a linear programme has H = 0. daqp is written
for some tens of unknowns (10 us for 11) and is usable to a few hundred; above that an interior
point method is faster.

Source: Arnstrom, Bemporad, Axehill, A dual active-set solver for embedded quadratic programming
using recursive LDL' updates, IEEE TAC 67(8), 2022; Boyd and Vandenberghe, Convex Optimization, 5.5.
"""

import dataclasses
import functools
from typing import NamedTuple

import daqp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel

TOLERANCE = 1e-10  #: largest relative KKT residual of a solution
_FREE = 1e20  #: a bound beyond this is none
_EQUALITY, _INEQUALITY = 5, 0  # daqp's words
_OPTIMAL, _INFEASIBLE, _UNBOUNDED = 1, -1, -3
_SETTINGS = {"primal_tol": 1e-11, "iter_limit": 20000}
_PROXIMAL = (1e-3, 1e-4, 1e-5, 1e-6, 1e-6, 1e-6, 1e-7, 1e-7, 1e-8, 1e-8)  # share of the diagonal


class Solution(NamedTuple):
    """The minimiser and its proof."""

    x: Floats  #: (n,)
    multipliers: Floats  #: (n + m,) of the bounds and rows: positive at `high`, negative at `low`
    kkt: float  #: largest violation of the optimality conditions, relative


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """The set ``low <= (x, A x) <= high``; equal limits make an equality, infinite ones none.

    Attributes
    ----------
    rows : (m, n) the matrix A.
    low, high : (n + m,) limits of the n unknowns, then of the m rows.
    names : (n + m,) what each limit is called in an error.
    """

    rows: Floats
    low: Floats
    high: Floats
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes and contradictory limits."""
        n, m = self.rows.shape[1], len(self.rows)
        if self.low.shape != (n + m,) or self.high.shape != (n + m,):
            raise DataError(
                f"{m} rows of {n} unknowns need {n + m} limits, got {len(self.low)} low and "
                f"{len(self.high)} high"
            )
        wrong = np.flatnonzero(~(self.low <= self.high))
        if len(wrong):
            i = int(wrong[0])
            raise InfeasibleError(
                f"{self.name(i)}: the lower limit {self.low[i]:g} is above the upper "
                f"{self.high[i]:g}"
            )

    @functools.cached_property
    def sense(self) -> NDArray[np.int32]:
        """Which limits are equalities, as the solver encodes them."""
        return np.where(self.low == self.high, _EQUALITY, _INEQUALITY).astype(np.int32)

    def name(self, i: int) -> str:
        """Return the name of limit `i`."""
        if self.names:
            return self.names[i]
        n = self.rows.shape[1]
        return f"bound {i}" if i < n else f"row {i - n}"

    def binding(self) -> list[str]:
        """Return limits that contradict each other, none of which could be left out.

        Empty if the region has a point. Each limit in turn is dropped for good if the rest is
        infeasible without it. Limits with an empty name only define other unknowns and are not
        listed.
        """
        if _has_point(self.rows, self.low, self.high):
            return []
        low, high = self.low.copy(), self.high.copy()
        for i in range(len(low)):
            if low[i] <= -_FREE and high[i] >= _FREE:
                continue
            limits = low[i], high[i]
            low[i], high[i] = -np.inf, np.inf
            if _has_point(self.rows, low, high):
                low[i], high[i] = limits
        left = [self.name(i) for i in range(len(low)) if low[i] > -_FREE or high[i] < _FREE]
        return [name for name in left if name]


def region(
    lower: ArrayLike,
    upper: ArrayLike,
    rows: ArrayLike | None = None,
    low: ArrayLike = (),
    high: ArrayLike = (),
    names: tuple[str, ...] = (),
) -> Region:
    """Return the region of bounds (n,) and rows (m, n) with limits (m,)."""
    below = np.ascontiguousarray(lower, np.float64)
    matrix = np.zeros((0, len(below))) if rows is None else np.ascontiguousarray(rows, np.float64)
    return Region(
        matrix,
        np.concatenate([below, np.asarray(low, np.float64)]),
        np.concatenate([np.asarray(upper, np.float64), np.asarray(high, np.float64)]),
        names,
    )


def solve(hessian: Floats, linear: Floats, within: Region) -> Solution:
    """Return the minimiser of ``x'Hx / 2 + q'x`` in a region.

    Parameters
    ----------
    hessian : (n, n) symmetric, positive semi-definite, C-ordered float64.
    linear : (n,) float64.
    within : the constraints.

    Raises
    ------
    InfeasibleError
        No point satisfies the constraints; names those that contradict each other.
    DataError
        The objective is not finite or not symmetric.
    StrategyError
        The problem is unbounded, or the KKT residual stays above 1e-10.
    """
    scaled, slope, size = _scaled(hessian, linear)
    if not size > 0.0:
        raise DataError(
            f"the objective of {len(linear)} unknowns is not finite and symmetric: "
            "look for missing values in the moments"
        )
    x, _, flag, info = daqp.solve(
        scaled, slope, within.rows, within.high, within.low, within.sense, **_SETTINGS
    )
    if flag == _INFEASIBLE:
        raise _infeasible(within)
    if flag == _UNBOUNDED:
        raise StrategyError("the objective has no minimum in the region; bound the unknowns")
    lam = info["lam"]
    kkt = _kkt(scaled, slope, within.rows, within.low, within.high, x, lam)
    if flag != _OPTIMAL or not kkt <= TOLERANCE:
        x, lam, kkt = _refined(scaled, slope, within)
    return Solution(x, lam * size, kkt)


def _infeasible(within: Region) -> Exception:
    names = within.binding()
    if not names:
        return StrategyError("the constraints leave a single point or less to rounding; loosen one")
    return InfeasibleError(f"no solution: these contradict each other: {'; '.join(names)}")


def _has_point(rows: Floats, low: Floats, high: Floats) -> bool:
    """Whether the projection of the origin on the limits exists."""
    n = rows.shape[1]
    sense = np.where(low == high, _EQUALITY, _INEQUALITY).astype(np.int32)
    flag = daqp.solve(np.eye(n), np.zeros(n), rows, high, low, sense, **_SETTINGS)[2]
    return bool(flag == _OPTIMAL)


def _refined(hessian: Floats, linear: Floats, within: Region) -> tuple[Floats, Floats, float]:
    """Solve a singular or badly conditioned problem by proximal steps and polishing.

    Each step minimises the objective plus ``eps |x - x0|^2 / 2`` around the answer before it, which
    is well conditioned and has the same fixed points. Once a step finds the right active limits,
    polishing lands on the solution.
    """
    n = len(linear)
    x, worst = np.zeros(n), np.inf
    for eps in _PROXIMAL:
        x, _, flag, info = daqp.solve(
            hessian + eps * np.eye(n),
            linear - eps * x,
            within.rows,
            within.high,
            within.low,
            within.sense,
            eps_prox=0.0,
            **_SETTINGS,
        )
        if flag == _INFEASIBLE:
            raise _infeasible(within)
        if flag != _OPTIMAL:
            break
        better, lam, kkt = _polished(hessian, linear, within, x, info["lam"])
        if kkt <= TOLERANCE:
            return better, lam, kkt
        worst = min(worst, kkt)
    raise StrategyError(
        f"the best answer violates the optimality conditions by {worst:.1e} (allowed "
        f"{TOLERANCE:g}); the objective is too badly scaled for double precision, or unbounded"
    )


def _polished(
    hessian: Floats, linear: Floats, within: Region, x: Floats, lam: Floats
) -> tuple[Floats, Floats, float]:
    """Return the least correction that solves the linear equations of the active limits."""
    n = len(x)
    normals = np.concatenate([np.eye(n), within.rows])
    values = normals @ x
    best = (x, lam, _kkt(hessian, linear, within.rows, within.low, within.high, x, lam))
    for near in (1e-12, 1e-9, 1e-6):
        reach = near * (1.0 + np.abs(values))
        at_high = (lam > 0) | ((lam == 0) & (values >= within.high - reach))
        at_low = (lam < 0) | ((lam == 0) & (values <= within.low + reach))
        active = np.flatnonzero(at_high | at_low)
        target = np.where(at_high, within.high, within.low)[active]
        held = normals[active]
        system = np.block([[hessian, held.T], [held, np.zeros((len(active),) * 2)]])
        misses = np.concatenate([hessian @ x + linear + held.T @ lam[active], held @ x - target])
        step = np.linalg.lstsq(system, -misses, rcond=1e-13)[0]
        better, duals = x + step[:n], np.zeros_like(lam)
        duals[active] = lam[active] + step[n:]
        kkt = _kkt(hessian, linear, within.rows, within.low, within.high, better, duals)
        if kkt < best[2]:
            best = better, duals, kkt
        if kkt <= TOLERANCE:
            break
    return best


@kernel()
def _scaled(hessian: Floats, linear: Floats) -> tuple[Floats, Floats, float]:
    """Return H and q over the largest diagonal (or slope), and that size: zero if not sound."""
    n = len(linear)
    out, slope = np.empty((n, n)), np.empty(n)
    if hessian.shape[0] != n or hessian.shape[1] != n:
        return out, slope, 0.0
    size = 0.0
    for i in range(n):
        size = max(size, hessian[i, i])
    if size == 0.0:
        for i in range(n):
            size = max(size, abs(linear[i]))
    if size == 0.0:
        size = 1.0
    sound = True
    for i in range(n):
        slope[i] = linear[i] / size
        sound = sound and np.isfinite(slope[i])
        for j in range(n):
            out[i, j] = hessian[i, j] / size
            # NaN fails this comparison too
            sound = sound and abs(hessian[i, j] - hessian[j, i]) <= 1e-12 * size
    return out, slope, size if sound else 0.0


@kernel()
def _kkt(
    hessian: Floats, linear: Floats, rows: Floats, low: Floats, high: Floats, x: Floats, lam: Floats
) -> float:
    """Return the largest relative violation of stationarity, feasibility and complementarity.

    Stationarity is relative to the sum of its absolute terms, feasibility to one plus the limit. A
    multiplier's sign names its side, so a wrong sign shows as a gap to that side.
    """
    n, m = len(x), len(rows)
    worst_gradient, size = 0.0, 0.0
    for j in range(n):
        gradient = linear[j] + lam[j]
        curve, pull = 0.0, abs(lam[j])
        for k in range(n):
            gradient += hessian[j, k] * x[k]
            curve += abs(hessian[j, k] * x[k])
        for i in range(m):
            gradient += rows[i, j] * lam[n + i]
            pull += abs(rows[i, j] * lam[n + i])
        if not np.isfinite(gradient):
            return np.inf
        size = max(size, curve, abs(linear[j]), pull)
        worst_gradient = max(worst_gradient, abs(gradient))
    worst = worst_gradient / size if size > 0.0 else 0.0
    for i in range(n + m):
        value = 0.0
        if i < n:
            value = x[i]
        else:
            for k in range(n):
                value += rows[i - n, k] * x[k]
        over = (value - high[i]) / (1.0 + abs(high[i])) if high[i] < _FREE else 0.0
        under = (low[i] - value) / (1.0 + abs(low[i])) if low[i] > -_FREE else 0.0
        worst = max(worst, over, under)
        if lam[i] != 0.0 and size > 0.0:
            limit = high[i] if lam[i] > 0.0 else low[i]
            gap = abs(value - limit) / (1.0 + abs(limit)) if abs(limit) < _FREE else 1.0
            worst = max(worst, min(abs(lam[i]) / size, 1.0) * gap)
    return worst


def kkt_reference(
    hessian: Floats, linear: Floats, within: Region, x: Floats, multipliers: Floats
) -> float:
    """Return the KKT residual in plain NumPy; the twin that tests compare the kernel with."""
    normals = np.concatenate([np.eye(len(x)), within.rows])
    gradient = hessian @ x + linear + normals.T @ multipliers
    terms = [np.abs(hessian) @ np.abs(x), np.abs(linear), np.abs(normals.T) @ np.abs(multipliers)]
    size = float(np.max(terms))
    values = normals @ x
    with np.errstate(invalid="ignore"):
        over = np.where(within.high < _FREE, (values - within.high) / (1 + np.abs(within.high)), 0)
        under = np.where(within.low > -_FREE, (within.low - values) / (1 + np.abs(within.low)), 0)
    worst = max(float(over.max()), float(under.max()), 0.0)
    if size == 0:
        return worst
    limits = np.where(multipliers > 0, within.high, within.low)
    held = (multipliers != 0) & (np.abs(limits) < _FREE)
    gap = np.where(multipliers != 0, 1.0, 0.0)
    gap[held] = np.abs(values[held] - limits[held]) / (1 + np.abs(limits[held]))
    weight = np.minimum(np.abs(multipliers) / size, 1.0)
    return max(worst, float(np.abs(gradient).max() / size), float((weight * gap).max()))
