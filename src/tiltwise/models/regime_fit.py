"""Fits of a jump model in the order of states that its penalties are meant for.

A fit names its states as they come. If all changes cost the same, they are simply renamed
afterwards. If not, the cost of entering the bad state must fall on the bad state: every start is
fitted, put in order and fitted again from there, until the order stands by itself.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels import jump
from tiltwise.kernels.jump_rows import Rows
from tiltwise.kernels.jump_states import States
from tiltwise.models.regime_order import StateMoments, sort_states

Floats = NDArray[np.float64]
ROUNDS = 10


class Order(NamedTuple):
    """What states are sorted by."""

    returns: Floats | None
    by: str | None


class SortedFit(NamedTuple):
    """A fit whose states are in order."""

    shares: Floats  #: (T, K) of each state in each row
    centers: Floats  #: (K, D)
    objective: float
    labels: NDArray[np.int64]  #: (T,) position among the states of `states`, before sorting
    moments: StateMoments
    states: States  #: with costs in the new order
    oriented: bool  #: False if no start led to an order that stands by itself


def fit_sorted(
    rows: Rows, states: States, features: Floats, starts: Floats, limits: jump.Limits, order: Order
) -> SortedFit:
    """Fit from starts (S, K, D), centred, and sort the states."""
    if states.symmetric or order.by is None:
        return _in_order(jump.fit(rows, states, features, starts, limits), states, rows, order)
    standing: SortedFit | None = None
    other: SortedFit | None = None
    for start in starts:
        centers = start
        for _ in range(ROUNDS):
            raw = jump.fit(rows, states, features, centers[None], limits)
            found = _in_order(raw, states, rows, order)
            if found.oriented:
                standing = _better(standing, found)
                break
            other = _better(other, found)
            centers = found.centers - rows.shift
    best = standing or other
    assert best is not None
    return best


def _better(one: SortedFit | None, two: SortedFit) -> SortedFit:
    return two if one is None or two.objective < one.objective else one


def _in_order(raw: jump.Fit, states: States, rows: Rows, order: Order) -> SortedFit:
    shares = raw.shares(states)
    moments = sort_states(shares * rows.weights[:, None], order.returns, order.by)
    at = moments.order
    oriented = states.symmetric or bool((at == np.arange(len(at))).all())
    renamed = states if oriented else states.renamed(at)
    return SortedFit(
        shares[:, at], raw.centers[at], raw.objective, raw.labels, moments, renamed, oriented
    )
