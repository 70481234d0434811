"""Many quadratic programmes over bounds and one budget, each started from the last.

::

    minimise  (x - a)'H(x - a) / 2    subject to    low <= x <= high,  1'x = total

A primal active-set method: from a feasible point, step to the minimum on the free unknowns; a
bound in the way becomes active, and where none is, the bound with the most wrong multiplier is let
go. A neighbouring problem mostly has the same active bounds, so it takes one or two steps of a
microsecond each. It serves searches: the final answer is solved and proved by `kernels.qp`.

Source: Nocedal and Wright, Numerical Optimization, 2006, section 16.5.
"""

import math

import numpy as np

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.qp import region, solve

STEPS = 20  # allowed per unknown
_REST = 1e-13  # a step below this, relative to one plus the largest weight, is none
_PUSH = 1e-12  # a multiplier above this, relative to the largest gradient, is wrong


@kernel()
def _factored(hessian, free, count, low):  # type: ignore[no-untyped-def]
    """Cholesky factor of the free rows and columns; whether there is one."""
    for a in range(count):
        for b in range(a + 1):
            value = hessian[free[a], free[b]]
            for k in range(b):
                value -= low[a, k] * low[b, k]
            if a == b:
                if not value > 1e-14 * hessian[free[a], free[a]]:
                    return False
                low[a, a] = math.sqrt(value)
            else:
                low[a, b] = value / low[b, b]
    return True


@kernel()
def _solved(low, count, x):  # type: ignore[no-untyped-def]
    """Solve ``L L' y = x`` in place."""
    for a in range(count):
        for k in range(a):
            x[a] -= low[a, k] * x[k]
        x[a] /= low[a, a]
    for a in range(count - 1, -1, -1):
        for k in range(a + 1, count):
            x[a] -= low[k, a] * x[k]
        x[a] /= low[a, a]


@kernel()
def _minimised(hessian, target, low, high, x, side):  # type: ignore[no-untyped-def]
    """Move a feasible x to the minimum; `side` is -1, 0, 1 at, between, at the bounds."""
    n = len(x)
    gradient, free = np.empty(n), np.empty(n, np.int64)
    step, ones, root = np.empty(n), np.empty(n), np.empty((n, n))
    for _ in range(STEPS * n):
        count, size = 0, 0.0
        for i in range(n):
            gradient[i] = 0.0
            for k in range(n):
                gradient[i] += hessian[i, k] * (x[k] - target[k])
            size = max(size, abs(gradient[i]))
            if side[i] == 0:
                free[count] = i
                count += 1
        if count == 0 or not _factored(hessian, free, count, root):
            return False
        for a in range(count):
            step[a], ones[a] = gradient[free[a]], 1.0
        _solved(root, count, step)
        _solved(root, count, ones)
        over, under = 0.0, 0.0
        for a in range(count):
            over += step[a]
            under += ones[a]
        price = over / under
        largest, scale = 0.0, 1.0
        for a in range(count):
            step[a] = price * ones[a] - step[a]
            largest = max(largest, abs(step[a]))
            scale = max(scale, abs(x[free[a]]))
        if largest <= _REST * scale:
            # At the minimum of this face: is a bound held that pulls the wrong way?
            worst, loose = _PUSH * size, -1
            for i in range(n):
                wrong = side[i] * (gradient[i] - price)
                if side[i] != 0 and low[i] < high[i] and wrong > worst:
                    worst, loose = wrong, i
            if loose < 0:
                return True
            side[loose] = 0
            continue
        share, stop = 1.0, -1
        for a in range(count):
            i = free[a]
            room = (high[i] if step[a] > 0.0 else low[i]) - x[i]
            if abs(step[a]) * share > abs(room):
                share, stop = abs(room) / abs(step[a]), a
        for a in range(count):
            x[free[a]] += share * step[a]
        if stop >= 0:
            i = free[stop]
            side[i] = 1 if step[stop] > 0.0 else -1
            x[i] = high[i] if step[stop] > 0.0 else low[i]
    return False


@kernel()
def free_scale(pull, sizes, target, least, most):  # type: ignore[no-untyped-def]
    """Logarithm of the scale at which ``sqrt(sum sizes (pull / (sizes + scale))^2)`` is the target.

    It falls as the scale rises; the bound that is nearest, if the target is beyond it. Newton's
    steps on logarithms, halving where one leaves the bracket.
    """
    x = 0.5 * (least + most)
    low, high = least, most
    for _ in range(200):
        scale = math.exp(x)
        square, slope = 0.0, 0.0
        for k in range(len(pull)):
            share = pull[k] / (sizes[k] + scale)
            square += sizes[k] * share * share
            slope -= sizes[k] * share * share * scale / (sizes[k] + scale)
        gap = math.sqrt(square) / target - 1.0
        if abs(gap) <= 1e-13 or high - low <= 1e-15 * (abs(low) + abs(high)):
            break
        if gap > 0.0:
            low = x
        else:
            high = x
        x = x - math.log1p(gap) * square / slope if square > 0.0 else low
        if not low < x < high:
            x = 0.5 * (low + high)
    return x


@kernel()
def tilted_errors(  # type: ignore[no-untyped-def]
    scales, covariance, benchmark, spread, pull, sizes, low, high, start, out
):
    """Tracking errors of the weights nearest to ``benchmark + spread @ (pull / (sizes + scale))``.

    Nearest in the metric of the covariance, within the bounds and at the sum of `start`, which lies
    within them and moves to the last answer; `out` is NaN from where the method fails (a singular
    covariance).
    """
    n, x = len(start), start
    target, side = np.empty(n), np.zeros(n, np.int64)
    inside = 0
    for i in range(n):
        if low[i] < x[i] < high[i]:
            inside += 1
        else:
            side[i] = 1 if x[i] >= high[i] else -1
    if inside == 0:
        side[0] = 0  # one weight is fixed by the budget, so it counts as free
    out[:] = np.nan
    for g in range(len(scales)):
        for i in range(n):
            target[i] = benchmark[i]
            for k in range(len(pull)):
                target[i] += spread[i, k] * pull[k] / (sizes[k] + scales[g])
        if not _minimised(covariance, target, low, high, x, side):
            return
        square = 0.0
        for i in range(n):
            for k in range(n):
                square += (x[i] - benchmark[i]) * covariance[i, k] * (x[k] - benchmark[k])
        out[g] = math.sqrt(max(square, 0.0))


def tilted_errors_reference(
    scales: Floats,
    covariance: Floats,
    benchmark: Floats,
    tilt: tuple[Floats, Floats, Floats],
    bounds: tuple[Floats, Floats, float],
) -> Floats:
    """Return the same from proved solutions, each problem on its own."""
    low, high, total = bounds
    spread, pull, sizes = tilt
    within = region(low, high, np.ones((1, len(benchmark))), [total], [total])
    out = []
    for scale in scales:
        target = benchmark + spread @ (pull / (sizes + scale))
        active = solve(covariance, -covariance @ target, within).x - benchmark
        out.append(math.sqrt(max(float(active @ covariance @ active), 0.0)))
    return np.array(out)
