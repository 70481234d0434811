"""States of a jump model: shares of the centres, and transition costs.

Discrete: N = K states, one per centre. Continuous: N shares of the centres, the points of a grid on
the simplex; moving from p to q costs ``penalty * (|p - q|_1 / 2) ** 2``, and the mode loss adds to
each row of the costs what makes the sum of ``exp(-cost)`` the same for all.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats


class States(NamedTuple):
    """N states over K centres."""

    points: Floats  #: (N, K) shares of the centres, the identity if discrete
    discrete: bool
    penalty: Floats  #: (N, N) cost of moving from row to column
    initial: Floats  #: (N,) cost of beginning in a state

    @property
    def symmetric(self) -> bool:
        """Whether renaming the centres changes no cost."""
        if not self.discrete:
            return True
        inside = self.penalty[~np.eye(len(self.points), dtype=bool)]
        own = np.diagonal(self.penalty)
        return all(bool(np.ptp(costs) == 0.0) for costs in (inside, own, self.initial))

    def renamed(self, order: ArrayLike) -> "States":
        """Return the states with state ``order[i]`` in place i (discrete states only)."""
        at = np.asarray(order)
        return self._replace(
            penalty=np.ascontiguousarray(self.penalty[np.ix_(at, at)]), initial=self.initial[at]
        )


def discrete_states(
    states: int, penalty: float | ArrayLike, initial: ArrayLike | None = None
) -> States:
    """Return K states.

    ``penalty`` is one cost for every change, or costs (K, K) from row to column.
    ``initial`` (K,) is the cost of beginning in a state, by default none.
    """
    given = np.asarray(penalty, np.float64)
    if given.ndim == 0:
        given = np.where(np.eye(states, dtype=bool), 0.0, given)
    costs = _costs(given, (states, states), "jump_penalty")
    return States(np.eye(states), True, costs, _initial(states, initial))


def continuous_states(
    states: int,
    penalty: float | ArrayLike,
    grid: float = 0.05,
    mode_loss: bool = True,
) -> States:
    """Return the points of a grid on the simplex, ``int(1 / grid)`` steps to a side."""
    if np.ndim(penalty) != 0:
        raise DataError("a continuous jump model takes one penalty, not a matrix of them")
    if not 0.0 < grid <= 1.0:
        raise DataError(f"grid={grid} must be above 0 and at most 1")
    steps = int(1.0 / grid)
    points = np.array(list(_compositions(steps, states)), np.float64) / steps
    apart = np.abs(points[:, None] - points[None]).sum(axis=2) / 2.0
    costs = _costs(np.asarray(penalty, np.float64) * apart**2, apart.shape, "jump_penalty")
    if mode_loss:
        mass = np.log(np.exp(-costs).sum(axis=1, keepdims=True))
        costs = costs + (mass - mass[0])
    return States(points, False, costs, np.zeros(len(points)))


def _compositions(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Yield the ways to write a total as ordered parts, from (total, 0, ...) to (..., 0, total)."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        for rest in _compositions(total - first, parts - 1):
            yield (first, *rest)


def _costs(values: Floats, shape: tuple[int, ...], name: str) -> Floats:
    must = f"{name} must be finite, not negative and {shape[0]} x {shape[-1]} or one"
    if values.shape != shape:
        raise DataError(f"{must}; got shape {values.shape}")
    wrong = ~np.isfinite(values) | (values < 0.0)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        cost = values[row, column]
        # A sparse model asks for a share of its cost, so a negative one is not repeated here.
        shown = "a negative one" if cost < 0.0 else f"{cost:g}"
        raise DataError(f"{must}; got {shown} from state {row} to {column}")
    return np.ascontiguousarray(values)


def _initial(states: int, initial: ArrayLike | None) -> Floats:
    given = np.zeros(states) if initial is None else np.asarray(initial, np.float64)
    if given.shape != (states,) or not np.isfinite(given).all():
        raise DataError(f"initial_cost must be {states} finite costs, one per state")
    return given
