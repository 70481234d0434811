"""Optimal weights of given assets: the quadratic programme inside every subset search.

::

    minimise  x'Hx / 2 + q'x + cost |x - held|_1
    subject to  1'x = 1,  low_i <= x_i <= high_i for members,  x_i = 0 for all others

A primal active-set method that starts from the last book. The price of trades bends the objective
where a weight equals the one held, so that point is a bound from either side: a weight rests there
until the gradient exceeds the price. `proved` solves the same problem anew with `kernels.qp`, for
the final answer.

Source: Nocedal and Wright, Numerical Optimization, 2006, section 16.5.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.qp import Region, Solution, solve

STEPS = 20  # allowed per member
_REST = 1e-13  # a step below this, relative to one plus the largest weight, is none
_PUSH = 1e-14  # a multiplier above this, relative to the terms of the gradient, is wrong
_MISS = 1e-12  # by how much a sum of weights may miss one
_LOW, _FREE, _HIGH, _KINK = -1, 0, 1, 2  # where a weight rests


class Problem(NamedTuple):
    """An objective and the limits of each holding: no weight, or one between floor and cap."""

    hessian: Floats  #: (n, n) symmetric, positive semi-definite, C-ordered
    linear: Floats  #: (n,)
    cost: float  #: price of two-way turnover, zero for none
    held: Floats  #: (n,) weights before trading
    floor: float
    cap: float

    @property
    def least(self) -> int:
        """How many holdings the cap needs."""
        return math.ceil(1.0 / self.cap - 1e-9)

    @property
    def regular(self) -> "Problem":
        """The problem with a Hessian that is not singular, for a search; 1e-10 of its size away."""
        ridge = 1e-10 * float(self.hessian.diagonal().max())
        return self._replace(hessian=self.hessian + ridge * np.eye(len(self.linear)))

    def value(self, x: Floats) -> float:
        """Return the objective of a book (n,)."""
        quadratic = float(0.5 * x @ self.hessian @ x + self.linear @ x)
        return quadratic + self.cost * float(np.abs(x - self.held).sum())


@kernel()
def active_moment(returns, benchmark, centred):  # type: ignore[no-untyped-def]
    """Return M (n, n) with ``w'Mw`` the mean square of ``(returns - benchmark) w``.

    With `centred` it is the variance, of one degree of freedom less. For weights that sum to one
    that is the tracking error squared, without the loss of digits of the expanded square.
    """
    rows, n = returns.shape
    out, mean, row = np.zeros((n, n)), np.zeros(n), np.empty(n)
    if centred:
        for t in range(rows):
            for i in range(n):
                mean[i] += returns[t, i] - benchmark[t]
        for i in range(n):
            mean[i] /= rows
    for t in range(rows):
        for i in range(n):
            row[i] = returns[t, i] - benchmark[t] - mean[i]
        for i in range(n):
            for j in range(i + 1):
                out[i, j] += row[i] * row[j]
    count = rows - 1 if centred else rows
    for i in range(n):
        for j in range(i + 1):
            out[i, j] /= count
            out[j, i] = out[i, j]
    return out


def active_moment_reference(returns: Floats, benchmark: Floats, centred: bool) -> Floats:
    """Return the same in plain NumPy."""
    active = returns - benchmark[:, None]
    if centred:
        active = active - active.mean(axis=0)
    return np.asarray(active.T @ active / (len(active) - centred))


@kernel()
def worth(hessian, linear, cost, held, x):  # type: ignore[no-untyped-def]
    """Return the objective of a book."""
    n, value = len(x), 0.0
    for i in range(n):
        if x[i] != 0.0:
            pull = linear[i]
            for j in range(n):
                pull += 0.5 * hessian[i, j] * x[j]
            value += pull * x[i]
    if cost > 0.0:
        for i in range(n):
            value += cost * abs(x[i] - held[i])
    return value


@kernel()
def filled(low, high, held, who, x, side, leg):  # type: ignore[no-untyped-def]
    """Bring members to their bounds and to a sum of one; whether that is possible.

    What is missing goes to the free weights first, in proportion to their room, so that most of the
    resting ones stay where they were.
    """
    missing = 1.0
    for i in who:
        if x[i] <= low[i]:
            x[i], side[i] = low[i], _LOW
        elif x[i] >= high[i]:
            x[i], side[i] = high[i], _HIGH
        elif side[i] == _LOW or side[i] == _HIGH:
            side[i] = _FREE
        missing -= x[i]
    for everyone in range(2):
        room = 0.0
        for i in who:
            if everyone == 1 or side[i] == _FREE:
                room += high[i] - x[i] if missing > 0.0 else x[i] - low[i]
        if room <= 0.0:
            continue
        share = min(1.0, abs(missing) / room)
        for i in who:
            if share > 0.0 and (everyone == 1 or side[i] == _FREE):
                end = high[i] if missing > 0.0 else low[i]
                if share == 1.0:
                    x[i], side[i] = end, _HIGH if missing > 0.0 else _LOW
                elif x[i] != end:
                    x[i] += share * (end - x[i])
                    side[i] = _FREE
        missing -= math.copysign(share * room, missing)
    for i in who:
        leg[i] = 1 if x[i] >= held[i] else -1
    return abs(missing) <= _MISS


@kernel()
def _factored(hessian, who, free, count, root):  # type: ignore[no-untyped-def]
    """Cholesky factor of the free rows and columns; whether there is one.

    A constant is added to all entries. Steps add up to zero, so it changes none of them, and a book
    that hits its benchmark does not make the factor singular.
    """
    constant = 0.0
    for a in range(count):
        constant += hessian[who[free[a]], who[free[a]]] / count
    for a in range(count):
        i = who[free[a]]
        for b in range(a + 1):
            value = hessian[i, who[free[b]]] + constant
            for k in range(b):
                value -= root[a, k] * root[b, k]
            if a == b:
                if not value > 1e-13 * (hessian[i, i] + constant):
                    return False
                root[a, a] = math.sqrt(value)
            else:
                root[a, b] = value / root[b, b]
    return True


@kernel()
def _solved(root, count, x):  # type: ignore[no-untyped-def]
    """Solve ``L L' y = x`` in place."""
    for a in range(count):
        for k in range(a):
            x[a] -= root[a, k] * x[k]
        x[a] /= root[a, a]
    for a in range(count - 1, -1, -1):
        for k in range(a + 1, count):
            x[a] -= root[k, a] * x[k]
        x[a] /= root[a, a]


@kernel()
def _slopes(gradient, cost, held, low, high, who, x, side, up, down):  # type: ignore[no-untyped-def]
    """Slopes of resting weights upwards and downwards; none where there is no room."""
    for a in range(len(who)):
        i = who[a]
        up[a], down[a] = np.inf, -np.inf
        if side[i] == _FREE or low[i] == high[i]:
            continue
        if side[i] != _HIGH:
            up[a] = gradient[a] + (cost if x[i] >= held[i] else -cost)
        if side[i] != _LOW:
            down[a] = gradient[a] - (cost if x[i] <= held[i] else -cost)


@kernel()
def _released(price, count, push, held, who, x, side, leg, up, down):  # type: ignore[no-untyped-def]
    """Free the resting weight with the most wrong multiplier; whether there was one.

    Without a free weight there is no price, so a pair is freed: one that rises, one that falls.
    """
    rising, falling = np.argmin(up), np.argmax(down)
    if count == 0:
        if not down[falling] - up[rising] > push:
            return False
        both = True
    else:
        gain, loss = price - up[rising], down[falling] - price
        if not max(gain, loss) > push:
            return False
        both = False
    if both or price - up[rising] >= down[falling] - price:
        i = who[rising]
        side[i], leg[i] = _FREE, 1 if x[i] >= held[i] else -1
    if both or price - up[rising] < down[falling] - price:
        i = who[falling]
        side[i], leg[i] = _FREE, -1 if x[i] <= held[i] else 1
    return True


@kernel()
def _moved(step, count, cost, held, low, high, who, free, x, side, leg):  # type: ignore[no-untyped-def]
    """Walk along the step to its end or the first bound, which becomes active; whether one did."""
    share, stop, limit, mark = 1.0, -1, 0.0, _FREE
    for a in range(count):
        i = who[free[a]]
        if step[a] > 0.0:
            bend = cost > 0.0 and leg[i] < 0 and held[i] < high[i]
            end, kind = (held[i], _KINK) if bend else (high[i], _HIGH)
        else:
            bend = cost > 0.0 and leg[i] > 0 and held[i] > low[i]
            end, kind = (held[i], _KINK) if bend else (low[i], _LOW)
        if abs(step[a]) * share > abs(end - x[i]):
            share, stop, limit, mark = abs(end - x[i]) / abs(step[a]), a, end, kind
    for a in range(count):
        x[who[free[a]]] += share * step[a]
    if stop >= 0:
        i = who[free[stop]]
        x[i], side[i] = limit, mark
    return stop >= 0


@kernel()
def settle(hessian, linear, cost, held, low, high, who, x, side, leg):  # type: ignore[no-untyped-def]
    """Move a feasible x to the minimum over the members `who`; whether that succeeded.

    `side` is -1, 0, 1, 2 for a weight at its lower bound, free, at its upper bound, at the weight
    held; `leg` is the side of the weight held on which a free one is. It fails where the free
    part of the Hessian is singular.
    """
    m = len(who)
    gradient, free = np.empty(m), np.empty(m, np.int64)
    step, ones, root = np.empty(m), np.empty(m), np.empty((m, m))
    up, down, whole = np.empty(m), np.empty(m), 0
    for _ in range(STEPS * m + STEPS):
        count, size = 0, cost
        for a in range(m):
            i = who[a]
            gradient[a], terms = linear[i], abs(linear[i])
            for b in range(m):
                term = hessian[i, who[b]] * x[who[b]]
                gradient[a] += term
                terms += abs(term)
            size = max(size, terms)
            if side[i] == _FREE:
                free[count] = a
                count += 1
        if not _factored(hessian, who, free, count, root):
            return False
        over, under, price = 0.0, 0.0, 0.0
        for a in range(count):
            step[a], ones[a] = gradient[free[a]] + cost * leg[who[free[a]]], 1.0
        _solved(root, count, step)
        _solved(root, count, ones)
        for a in range(count):
            over += step[a]
            under += ones[a]
        if count > 0:
            price = over / under
        largest = 0.0
        for a in range(count):
            step[a] = price * ones[a] - step[a]
            largest = max(largest, abs(step[a]))
        # A second whole step only refines the first; where H is nearly singular none gets shorter.
        if largest > _REST and whole < 2:
            stopped = _moved(step, count, cost, held, low, high, who, free, x, side, leg)
            whole = 0 if stopped else whole + 1
            continue
        whole = 0
        _slopes(gradient, cost, held, low, high, who, x, side, up, down)
        if not _released(price, count, _PUSH * size, held, who, x, side, leg, up, down):
            return True
    return False


def proved(problem: Problem, members: NDArray[np.int64]) -> Solution:
    """Return the best book of the members, its optimality proved; unknowns are the members'.

    The multipliers are of the members' weights and, last, of the budget.

    Raises
    ------
    InfeasibleError
        Floors or caps of so many members cannot add up to one.
    StrategyError
        The solver did not reach the proof.
    """
    m = len(members)
    hessian, linear = problem.hessian[np.ix_(members, members)], problem.linear[members]
    low, high, rows = np.full(m, problem.floor), np.full(m, problem.cap), np.ones((1, m))
    names = (*[f"floor {problem.floor:g} and cap {problem.cap:g}"] * m, "sum of weights = 1")
    if problem.cost == 0.0:
        one = np.ones(1)
        region = Region(rows, np.append(low, one), np.append(high, one), names)
        return solve(np.ascontiguousarray(hessian), linear, region)
    # The weight held splits into the parts sold and bought: x = held - sold + bought.
    unit, none, held = np.eye(m), np.zeros((m, m)), problem.held[members]
    far = np.full(m, np.inf)
    region = Region(
        np.block([[rows, np.zeros((1, 2 * m))], [unit, unit, -unit]]),
        np.concatenate([low, np.zeros(2 * m), [1.0], held]),
        np.concatenate([high, far, far, [1.0], held]),
        (*names[:m], *[""] * 2 * m, names[m], *[""] * m),
    )
    wide = np.block([[hessian, none, none], [none, none, none], [none, none, none]])
    solution = solve(wide, np.concatenate([linear, np.full(2 * m, problem.cost)]), region)
    return Solution(solution.x[:m], solution.multipliers[[*range(m), 3 * m]], solution.kkt)
