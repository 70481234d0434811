"""Jump-model fits with states sorted before asymmetric penalties apply.

A fit names its states as they come. If all changes cost the same, they are simply renamed
afterwards. If not, the cost of entering the bad state must fall on the bad state: every start is
fitted, put in order and fitted again from there, until the order is stable.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump import fit, kmeanspp
from tiltwise.kernels.jump.rows import Rows
from tiltwise.kernels.jump.states import States
from tiltwise.models.regimes.order import StateMoments, sort_states

ROUNDS = 10


class Order(NamedTuple):
    """Sort key of states."""

    returns: Floats | None
    by: str | None


class Lesson:
    """Training rows, with the starts that several fits to them share."""

    def __init__(self, rows: Rows, order: Order, extra: Floats) -> None:
        self.rows = rows
        self.order = order
        self.extra = extra  #: (S, K, D) more starts, centred
        self._drawn: dict[tuple[bytes, int, int, int], Floats] = {}

    def starts(self, features: Floats, states: int, n_init: int, seed: int) -> Floats:
        """Return the starts (n_init, K, D) that k-means++ draws, centred."""
        key = (features.tobytes(), states, n_init, seed)
        if key not in self._drawn:
            self._drawn[key] = kmeanspp.starts(self.rows, features, states, n_init, seed)
        return self._drawn[key]


class SortedFit(NamedTuple):
    """A fit whose states are in order."""

    shares: Floats  #: (T, K) of each state in each row
    centers: Floats  #: (K, D)
    objective: float
    labels: NDArray[np.int64]  #: (T,) position among the states of `states`, before sorting
    moments: StateMoments
    states: States  #: with costs in the new order
    oriented: bool  #: False if no start led to a stable order


def fit_sorted(
    lesson: Lesson, states: States, features: Floats, starts: Floats, limits: fit.Limits
) -> SortedFit:
    """Fit from starts (S, K, D), centred, and sort the states."""
    rows, order = lesson.rows, lesson.order
    if states.symmetric or order.by is None:
        return _in_order(fit.fit(rows, states, features, starts, limits), states, rows, order)
    standing: SortedFit | None = None
    other: SortedFit | None = None
    for start in starts:
        centers = start
        for _ in range(ROUNDS):
            raw = fit.fit(rows, states, features, centers[None], limits)
            ordered = _in_order(raw, states, rows, order)
            if ordered.oriented:
                standing = _better(standing, ordered)
                break
            other = _better(other, ordered)
            centers = ordered.centers - rows.shift
    best = standing or other
    assert best is not None
    return best


def _better(one: SortedFit | None, two: SortedFit) -> SortedFit:
    return two if one is None or two.objective < one.objective else one


def _in_order(raw: fit.Fit, states: States, rows: Rows, order: Order) -> SortedFit:
    shares = raw.shares(states)
    moments = sort_states(shares * rows.weights[:, None], order.returns, order.by)
    at = moments.order
    oriented = states.symmetric or bool((at == np.arange(len(at))).all())
    renamed = states if oriented else states.renamed(at)
    return SortedFit(
        shares[:, at], raw.centers[at], raw.objective, raw.labels, moments, renamed, oriented
    )
