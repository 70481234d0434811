"""Black-Litterman weights at a given tracking error to the benchmark.

The tracking error is steered by c, which multiplies the uncertainty of the views. Without limits
it falls as c rises, and its root in log c is the first guess. Limits that allow the benchmark never
add to it (a projection does not lengthen), so with them the root lies at or below that guess. There
the tracking error need not be monotone: as c falls the tilt also turns, and may turn towards a
bound. So c is lowered from the guess in small steps until the target is crossed, which finds the
least departure from the prior; if it never is, the answer is the c that comes nearest.
"""

import functools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.budget import free_scale, tilted_errors
from tiltwise.kernels.qp import Solution
from tiltwise.portfolio.black_litterman import (
    Prior,
    Tilt,
    Views,
    allocation,
    optimum,
    polytope,
    tilt,
)
from tiltwise.portfolio.constraints import Limits, Polytope
from tiltwise.portfolio.optimise import OPTIMAL, Allocation

TE_UNREACHABLE = "te_unreachable"
LOG_SCALES = (-15.0, 15.0)  #: where log c is sought

_CLOSE = 1e-9  #: relative error of a tracking error that counts as the target
_EXACT = 1e-11  #: the same where a root is sought
_STEP = 0.25  #: in log c
_BLOCK = 8  #: steps that are computed together
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def at_tracking_error(
    prior: Prior,
    views: Views,
    target: float,
    limits: Limits | None = None,
    held: pd.Series | None = None,
) -> Allocation:
    """Return Black-Litterman weights whose tracking error to the benchmark is `target`.

    Parameters
    ----------
    target : tracking error of the period of the covariance, usually a year.
    limits, held : those of `optimise.mean_variance`; by default long only, fully invested.

    Returns
    -------
    allocation : `status` is `TE_UNREACHABLE` if no c with its logarithm in `LOG_SCALES` has this
        tracking error; the weights are then those of the c that comes nearest: of the largest
        tracking error, or of the benchmark where the views agree with the prior. `detail` has
        `scale` (c), `tracking_error` and `target`.

    Raises
    ------
    StrategyError
        The target is not positive.
    InfeasibleError
        The limits contradict each other.
    """
    if not target > 0:
        raise StrategyError(f"target={target} must be a positive tracking error")
    search = _Search(prior, tilt(prior, views), polytope(prior, limits, held))
    log_scale, status = search.scale_at(target)
    scale = math.exp(log_scale)
    solution = optimum(prior, search.tilt.weights(scale), search.space)
    return allocation(prior, search.space, solution, status, {"scale": scale, "target": target})


class _Search:
    """Tracking errors by log scale under limits."""

    def __init__(self, prior: Prior, tilted: Tilt, space: Polytope) -> None:
        self.prior, self.tilt, self.space = prior, tilted, space
        rows = space.region.rows
        self.simple = space.limits.net is not None and rows.shape == (1, len(tilted.benchmark))

    def scale_at(self, target: float) -> tuple[float, str]:
        """Return the log scale of a tracking error, or the nearest to it, and a status."""
        top = self._free(target)
        gap = self._gap(target, top)
        if abs(gap) <= _CLOSE:
            return top, OPTIMAL
        if gap > 0.0:  # the limits keep the benchmark out: every scale is searched
            top, gap = LOG_SCALES[1], self._gap(target, LOG_SCALES[1])
        places, gaps = [top], [gap]
        while places[-1] > LOG_SCALES[0] and gaps[-1] * gap > 0.0:
            block = places[-1] - _STEP * np.arange(1, _BLOCK + 1)
            self._look(target, np.maximum(block, LOG_SCALES[0]), places, gaps)
        near = functools.partial(self._gap, target)
        if gaps[-1] * gap <= 0.0:
            return root(near, (places[-1], places[-2]), (gaps[-1], gaps[-2])), OPTIMAL
        # No scale below the guess will do. The largest tracking error may be above it, as far up as
        # a free one is no smaller than the largest so far.
        most = max(1.0 + max(gaps), 1e-12) * target
        rest = np.arange(top + _STEP, min(self._free(most) + _STEP, LOG_SCALES[1]), _STEP)
        if gap < 0.0 and len(rest):
            above: tuple[list[float], list[float]] = ([], [])
            self._look(target, rest[::-1], *above)
            places, gaps = above[0] + places, above[1] + gaps
        return self._nearest(near, places, gaps)

    def _free(self, target: float) -> float:
        """Return the log scale of a tracking error without limits, or the nearest bound."""
        t, shift = self.tilt, math.log(self.tilt.tau)
        bounds = (bound - shift for bound in LOG_SCALES)
        return shift + float(free_scale(t.pull / t.risk_aversion, t.sizes, target, *bounds))

    def _look(self, target: float, block: Floats, places: list[float], gaps: list[float]) -> None:
        """Append falling log scales and their gaps, up to a change of sign."""
        relative = self.errors(block) / target - 1.0
        for place, value in zip(block.tolist(), relative.tolist(), strict=True):
            places.append(place)
            gaps.append(value)
            if value * gaps[0] <= 0.0:
                break

    def _nearest(
        self, near: Callable[[float], float], places: list[float], gaps: list[float]
    ) -> tuple[float, str]:
        """Return the scale that comes nearest, sought around the nearest of the steps."""
        best = int(np.argmin(np.abs(gaps)))
        left, right = places[min(best + 1, len(places) - 1)], places[max(best - 1, 0)]
        inner = [right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)]
        values = [near(x) for x in inner]
        while right - left > 1e-6:
            if abs(values[0]) < abs(values[1]):
                right = inner[1]
                inner = [right - _GOLDEN * (right - left), inner[0]]
                values = [near(inner[0]), values[0]]
            else:
                left = inner[0]
                inner = [inner[1], left + _GOLDEN * (right - left)]
                values = [values[1], near(inner[1])]
            for place, value in zip(inner, values, strict=True):
                if value * gaps[best] <= 0.0:
                    other = (place, places[best]), (value, gaps[best])
                    return root(near, *other), OPTIMAL
        middle = 0.5 * (left + right)
        return (middle if abs(near(middle)) < abs(gaps[best]) else places[best]), TE_UNREACHABLE

    def _gap(self, target: float, log_scale: float) -> float:
        return float(self.errors(np.array([log_scale]))[0]) / target - 1.0

    def errors(self, log_scales: Floats) -> Floats:
        """Return tracking errors at log scales (g,)."""
        scales, out = np.exp(log_scales), np.empty(len(log_scales))
        out.fill(np.nan)
        if self.simple:
            t, space = self.tilt, self.space
            tilted_errors(
                scales / t.tau, self.prior.sigma, t.benchmark, t.spread, t.pull, t.sizes,
                space.lower, space.upper, self.start, out,
            )  # fmt: skip
            if out[-1] == out[-1]:
                return out
        for g in np.flatnonzero(np.isnan(out)):
            solution = optimum(self.prior, self.tilt.weights(float(scales[g])), self.space)
            out[g] = self.prior.tracking_error(solution.x[: len(self.space.lower)])
        return out

    @functools.cached_property
    def start(self) -> Floats:
        """Weights within the limits, where the next problem starts: the benchmark at first."""
        w, space = self.tilt.benchmark, self.space
        total = space.limits.net or 0.0
        if (w >= space.lower).all() and (w <= space.upper).all() and abs(w.sum() - total) < 1e-12:
            return w.copy()
        solution: Solution = optimum(self.prior, w, space)
        return space.weights(solution.x)


def root(
    function: Callable[[float], float], ends: tuple[float, float], values: tuple[float, float]
) -> float:
    """Return where a continuous function that changes sign between two ends is zero.

    False position on values made nearly linear; an end that stays gets less weight (Anderson
    and Bjorck, 1973).
    """
    (a, b), (fa, fb) = ends, values
    for _ in range(200):
        if abs(fb) <= _EXACT or a == b:
            return b
        ga, gb = _straight(fa), _straight(fb)
        x = b - gb * (b - a) / (gb - ga)
        if not min(a, b) < x < max(a, b):
            x = 0.5 * (a + b)
        fx = function(x)
        if fx * fb < 0.0:
            a, fa = b, fb
        else:
            share = 1.0 - _straight(fx) / gb
            fa = math.expm1(ga * (share if share > 0.0 else 0.5))
        b, fb = x, fx
    return b


def _straight(gap: float) -> float:
    """Return the logarithm of a ratio from the ratio less one: nearly linear in log c."""
    return math.log1p(max(gap, -1.0 + 1e-12))
