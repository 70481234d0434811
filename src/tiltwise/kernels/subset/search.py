"""Heuristic search for a book of k assets, where subsets are too many for an exact one.

Two starts: `grown` adds the asset whose mixing-in gains most, again and again; `concentrated`
puts a price on squared weights that is divided by the last weights squared, so that small weights
shrink until k are left. Then `exchange` swaps one holding for another as long as that helps, and
once more after each of some random kicks. The answer is a local optimum: no exchange of one of its
holdings for the most promising others improves it.

Source: Miller, Subset Selection in Regression, 2002, chapter 3 (forward selection, exchange); Liu
and Li, Efficient regularized regression with L0 penalty, 2016 (reweighted squares); Lourenco and
others, Iterated local search, 2003 (kicks).
"""

import numpy as np

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.subset.weights import Problem, filled, settle, worth

WIDTH = 6  # candidates tried in place of each holding
KICKS = 40  # random restarts near the best book
_LARGEST_KICK = 6
_BETTER = 1e-10  # relative gain of an exchange that counts
_DUST = 1e-12
_GROWTH = 1.3  # of the price of squared weights, per round


@kernel()
def _promise(hessian, linear, cost, held, cap, x, gain):  # type: ignore[no-untyped-def]
    """Fall of the objective when an asset is mixed in at its best share, the rest shrinking.

    It ignores caps and floors of the others. Members have no promise; in an empty book every asset
    has the value of holding it alone.
    """
    n, m = len(x), 0
    who = np.empty(n, np.int64)
    for i in range(n):
        if x[i] > 0.0:
            who[m] = i
            m += 1
    flow, curve = 0.0, 0.0
    pull = np.zeros(n)
    for i in range(n):
        for b in range(m):
            pull[i] += hessian[i, who[b]] * x[who[b]]
    for b in range(m):
        i = who[b]
        curve += pull[i] * x[i]
        flow += (pull[i] + linear[i] + (cost if x[i] >= held[i] else -cost)) * x[i]
    for i in range(n):
        trade = cost if held[i] <= 0.0 else -cost
        slope = pull[i] + linear[i] + trade - flow
        bend = hessian[i, i] - 2.0 * pull[i] + curve
        share = cap
        if m == 0:
            share = 1.0
        elif slope >= 0.0:
            share = 0.0
        elif bend * cap > -slope:
            share = -slope / bend
        gain[i] = -(slope + 0.5 * bend * share) * share
    for b in range(m):
        gain[who[b]] = -np.inf


@kernel()
def _booked(hessian, linear, cost, held, floor, cap, who, x):  # type: ignore[no-untyped-def]
    """Move x to the best book of the members; its value, infinite if there is none."""
    n, m = len(x), len(who)
    low, high = np.full(n, floor), np.full(n, max(cap, 1.0 / m))
    start, side, leg = np.zeros(n), np.zeros(n, np.int64), np.ones(n, np.int64)
    for i in who:
        start[i] = x[i]
    if not filled(low, high, held, who, start, side, leg):
        return np.inf
    if not settle(hessian, linear, cost, held, low, high, who, start, side, leg):
        return np.inf
    x[:] = start
    return worth(hessian, linear, cost, held, x)


@kernel()
def _members(x):  # type: ignore[no-untyped-def]
    """Assets with a weight, smallest first."""
    order = np.argsort(x)
    first = 0
    while first < len(x) and x[order[first]] <= 0.0:
        first += 1
    return order[first:].astype(np.int64)


@kernel()
def _joined(hessian, linear, cost, held, floor, cap, base, width):  # type: ignore[no-untyped-def]
    """Best book with one asset more than `base`, of the most promising ones, and its value."""
    n = len(base)
    gain, who = np.empty(n), _members(base)
    _promise(hessian, linear, cost, held, cap, base, gain)
    best, book = np.inf, base.copy()
    team = np.empty(len(who) + 1, np.int64)
    team[:-1] = who
    for _ in range(min(width, n - len(who))):
        team[-1] = np.argmax(gain)
        gain[team[-1]] = -np.inf
        trial = base.copy()
        value = _booked(hessian, linear, cost, held, floor, cap, team, trial)
        if value < best:
            best, book = value, trial
    return best, book


@kernel()
def grown(hessian, linear, cost, held, floor, cap, size, x):  # type: ignore[no-untyped-def]
    """Add assets to the book x until it has `size` holdings; caps bind once they can."""
    for _ in range(size - len(_members(x))):
        value, book = _joined(hessian, linear, cost, held, floor, cap, x, 2)
        if not np.isfinite(value):
            return
        x[:] = book


@kernel()
def exchange(hessian, linear, cost, held, floor, cap, size, x):  # type: ignore[no-untyped-def]
    """Improve the book x of at most `size` holdings by exchanges of one; return its value."""
    n = len(x)
    value = _booked(hessian, linear, cost, held, floor, cap, _members(x), x)
    improved = True
    while improved:
        improved = False
        if len(_members(x)) < size:
            other, book = _joined(hessian, linear, cost, held, floor, cap, x, WIDTH)
            if other < value - _BETTER * abs(value):
                value, improved = other, True
                x[:] = book
        for leaving in _members(x):
            who = _members(x)
            base = x.copy()
            base[leaving] = 0.0
            left = _booked(hessian, linear, cost, held, floor, cap, who[who != leaving], base)
            if not np.isfinite(left) and len(who) > 1:
                continue
            other, book = _joined(hessian, linear, cost, held, floor, cap, base, min(WIDTH, n))
            if (len(who) - 1) * cap > 1.0 - 1e-9 and left < other:
                other, book = left, base
            if other < value - _BETTER * abs(value):
                value, improved = other, True
                x[:] = book
    return value


def concentrated(problem: Problem, size: int) -> Floats:
    """Return the `size` assets that a rising price of reweighted squares leaves, equally weighted.

    Each round minimises ``x'Hx / 2 + q'x + price * sum x_i^2 / v_i^2 / 2`` at a sum of one, v the
    last weights; a weight that falls below zero leaves.
    """
    n = len(problem.linear)
    hessian, linear = problem.regular.hessian, problem.linear
    who, v = np.arange(n), np.full(n, 1.0 / n)
    price = 1e-4 * float(hessian.diagonal().mean()) / n**2
    while len(who) > size:
        inner = v[:, None] * hessian[np.ix_(who, who)] * v
        inner[np.diag_indices(len(who))] += price
        with one_blas_thread():
            pull, ones = np.linalg.solve(inner, np.stack([-v * linear[who], v], axis=1)).T
        fresh = v * (pull + (1.0 - v @ pull) / (v @ ones) * ones)
        keep = np.argsort(-fresh, kind="stable")[: max(size, int((fresh > 1e-6).sum()))]
        keep = np.sort(keep)
        who, v = who[keep], np.maximum(fresh[keep], 1e-6)
        price *= _GROWTH
    book = np.zeros(n)
    book[who] = 1.0 / size
    return book


def search(
    problem: Problem, size: int, start: Floats | None = None, kicks: int = KICKS, seed: int = 0
) -> Floats:
    """Return a book (n,) of at most `size` holdings that no exchange of one improves.

    Parameters
    ----------
    start : a book of fewer holdings to grow from, such as the answer for a smaller size.
    kicks : how often some holdings are exchanged at random and the book is improved again; the
        better book wins.
    seed : of the kicks.
    """
    safe = problem.regular
    books = [concentrated(safe, size), np.zeros(len(problem.linear))]
    if start is not None:
        books.append(start.copy())
    for book in books[1:]:
        grown(*safe, size, book)
    values = [float(exchange(*safe, size, book)) for book in books]
    best = int(np.argmin(values))
    value, book = values[best], books[best]
    rng = np.random.default_rng(seed)
    for _ in range(kicks):
        other = _kicked(book, size, rng)
        if other is None:
            break
        attempt = float(exchange(*safe, size, other))
        if attempt < value:
            value, book = attempt, other
    return np.where(book > _DUST, book, 0.0)


def _kicked(book: Floats, size: int, rng: np.random.Generator) -> Floats | None:
    """Return the book with some holdings exchanged at random, None where that cannot be."""
    held, others = np.flatnonzero(book > 0.0), np.flatnonzero(book <= 0.0)
    most = min(max(len(held) // 2, 2), _LARGEST_KICK, len(held) - 1, len(others))
    if most < 1:
        return None
    count = int(rng.integers(min(2, most), most + 1))
    out = book.copy()
    out[rng.choice(held, count, replace=False)] = 0.0
    out[rng.choice(others, count, replace=False)] = 1.0 / size
    return np.asarray(out / out.sum())
