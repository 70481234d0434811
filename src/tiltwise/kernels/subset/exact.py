"""Exact search for the best book of at most k assets, for every k: branch and bound.

A node has assets that are in, assets that may be, and bounds the value of all its books by letting
the latter take any weight from zero to the cap. Leaving out an asset without a weight changes
nothing, so a node branches on the weights of its relaxed book, largest first: one child per weight,
which leaves it out and has those before it in. Every subset is in one child, or is no better
than the relaxed book. A node is left when its bound is no better than the best book known of the
fewest holdings that its books can have; the books of more are no worse.

Source: Furnival and Wilson, Regressions by leaps and bounds, Technometrics 16(4), 1974; Bertsimas
and Shioda, Algorithm for cardinality-constrained quadratic optimization, 2009.
"""

import itertools
from typing import NamedTuple

import numpy as np

from tiltwise.errors import InfeasibleError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.subset.weights import Problem, filled, proved, settle, worth

MOST = 62  # assets that a set of bits can hold
NODES = 5_000_000  # after which a search gives up
_EQUAL = 1e-12  # values nearer than this, relative to the value, are equal
_NOTHING = 1e-15  # and relative to the largest variance
_DUST = 1e-12


class Subsets(NamedTuple):
    """Best books by number of holdings."""

    values: Floats  #: (n + 1,) objective of the best book of at most k holdings, infinite if none
    books: Floats  #: (n + 1, n)
    nodes: int  #: relaxed problems solved


@kernel()
def _beaten(value, best, slack):  # type: ignore[no-untyped-def]
    """Whether a value is no better than the best known one."""
    return best < np.inf and value >= best - slack - _EQUAL * abs(best)


@kernel()
def _record(value, x, floor, slack, best, books):  # type: ignore[no-untyped-def]
    """Keep a book for every number of holdings for which it is the best so far."""
    n, count = len(x), 0
    for i in range(n):
        if x[i] > _DUST:
            count += 1
            if x[i] < floor - _DUST:
                return
    for k in range(count, n + 1):
        if not _beaten(value, best[k], slack):
            best[k] = value
            for i in range(n):
                books[k, i] = x[i] if x[i] > _DUST else 0.0


@kernel()
def _ordered(x, inside, members, order):  # type: ignore[no-untyped-def]
    """Members with a weight that are not in yet, largest first; how many."""
    count = 0
    for i in members:
        if x[i] > _DUST and not inside >> i & 1:
            b = count
            while b > 0 and x[order[b - 1]] < x[i]:
                order[b] = order[b - 1]
                b -= 1
            order[b] = i
            count += 1
    return count


@kernel()
def _laid(must, may, floor, low, members):  # type: ignore[no-untyped-def]
    """Lay out the members of a node and their lower bounds; how many, and how many must be in."""
    count, fewest = 0, 0
    for i in range(len(low)):
        low[i] = 0.0
        if may >> i & 1:
            members[count] = i
            count += 1
        if must >> i & 1:
            low[i] = floor
            fewest += 1
    return count, fewest


@kernel()
def _branched(  # type: ignore[no-untyped-def]
    must, may, value, floor, x, side, leg, order, count, inside, allowed, bounds, starts, top
):
    """Put the children of a node on the stack; the new top."""
    books, sides, legs = starts
    short = False
    for a in range(count):
        short = short or x[order[a]] < floor
    for a in range(count + 1):
        # The last child has all weights in; only a floor that they miss makes it differ.
        if a < count or short:
            books[top], sides[top], legs[top], bounds[top] = x, side, leg, value
            inside[top], allowed[top] = must, may
            if a < count:
                allowed[top] = may ^ (1 << order[a])
                books[top, order[a]], sides[top, order[a]] = 0.0, -1
            top += 1
        if a < count:
            must |= 1 << order[a]
    return top


@kernel()
def _searched(  # type: ignore[no-untyped-def]
    hessian, linear, cost, held, floor, cap, first, last, limit, best, books
):
    """Fill best books of `first` to `last` holdings; nodes, negative if stopped."""
    n = len(linear)
    room = (n + 2) * (2 * n + 2)
    inside, allowed = np.zeros(room, np.int64), np.zeros(room, np.int64)
    bounds, starts = np.full(room, -np.inf), np.full((room, n), 1.0 / n)
    sides, legs = np.zeros((room, n), np.int64), np.ones((room, n), np.int64)
    low, high = np.zeros(n), np.full(n, cap)
    members, order = np.empty(n, np.int64), np.empty(n, np.int64)
    slack = 0.0
    for i in range(n):
        slack = max(slack, _NOTHING * hessian[i, i])
    allowed[0], top, nodes = (1 << n) - 1, 1, 0
    while top > 0:
        top -= 1
        must, may = inside[top], allowed[top]
        count, fewest = _laid(must, may, floor, low, members)
        fewest = max(fewest, first)
        if fewest > last or _beaten(bounds[top], best[fewest], slack):
            continue
        who = members[:count]
        x, side, leg = starts[top].copy(), sides[top].copy(), legs[top].copy()
        if not filled(low, high, held, who, x, side, leg):
            continue
        nodes += 1
        if nodes > limit or not settle(hessian, linear, cost, held, low, high, who, x, side, leg):
            return -nodes
        value = worth(hessian, linear, cost, held, x)
        if _beaten(value, best[fewest], slack):
            continue
        _record(value, x, floor, slack, best, books)
        weights = _ordered(x, must, who, order)
        top = _branched(
            must, may, value, floor, x, side, leg, order, weights,
            inside, allowed, bounds, (starts, sides, legs), top,
        )  # fmt: skip
    return nodes


def best_subsets(
    problem: Problem, first: int, last: int, start: Floats | None = None, limit: int = NODES
) -> Subsets:
    """Return the best books of at most k assets, for k from `first` to `last`.

    Parameters
    ----------
    problem : objective, floor and cap; at most `MOST` assets.
    start : (b, n) books known, such as those of a search; they only save time.
    limit : nodes after which to give up.

    Raises
    ------
    StrategyError
        The search is too long, or an inner problem failed.
    """
    n = len(problem.linear)
    if n > MOST:
        raise StrategyError(f"{n} assets have too many subsets to search; use method='search'")
    best, books = np.full(n + 1, np.inf), np.zeros((n + 1, n))
    for book in np.zeros((0, n)) if start is None else start:
        _record(problem.value(book), book, problem.floor, 0.0, best, books)
    first = max(first, problem.least)
    nodes = _searched(*problem, first, last, limit, best, books)
    if -limit <= nodes < 0:
        nodes = _searched(*problem.regular, first, last, limit, best, books)
    if -nodes > limit:
        raise StrategyError(f"not finished after {limit} nodes of {n} assets; use method='search'")
    if nodes < 0:
        raise StrategyError(f"an inner problem of {n} assets failed; use method='search'")
    return Subsets(best, books, int(nodes))


def best_subsets_reference(problem: Problem, first: int, last: int) -> Subsets:
    """Return the same from one proved problem for each of the 2^n subsets."""
    n, count = len(problem.linear), 0
    best, books = np.full(n + 1, np.inf), np.zeros((n + 1, n))
    for size in range(1, last + 1):
        for members in itertools.combinations(range(n), size):
            book = np.zeros(n)
            try:
                book[list(members)] = proved(problem, np.array(members)).x
            except InfeasibleError:
                continue
            count += 1
            value = problem.value(book)
            for k in range(max(size, first), n + 1):
                if value < best[k]:
                    best[k], books[k] = value, book
    return Subsets(best, books, count)
