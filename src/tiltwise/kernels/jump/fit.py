"""Fit of statistical jump models: centres, and a path over them with a penalty per jump.

    J = sum over t of w_t / 2 sum over j of f_j (x_tj - theta_{s_t, j})^2
        + sum over t >= 1 of penalty[s_{t-1}, s_t]  +  initial[s_0]

is lowered in turn over the path s (by dynamic programming) and over the centres theta (means),
from several starts. The half belongs to the published reference implementation: a penalty of an
objective without it is twice the one here.

For two states the recursion of values needs their difference v = V_0 - V_1 only,

    v_t = loss_t0 - loss_t1 + clip(v_{t-1}, -penalty[0, 1], penalty[1, 0])

and the difference of losses is one dot product; a path is stored as the rows where it changes, so
means cost nothing but those rows. All else goes through `jump_general`.

Source: Nystrup, Lindstroem and Madsen, Learning hidden Markov models with persistent states by
penalizing jumps, Expert Systems with Applications 150 (2020).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.jump import general
from tiltwise.kernels.jump.rows import UNREACHABLE, Rows, add_scaled, losses, losses_reference
from tiltwise.kernels.jump.states import States

Labels = NDArray[np.int64]
BLOCK = 512  # rows whose sums stay in the first cache while features pass


class Limits(NamedTuple):
    """Stopping rule of a start: most iterations, and least gain of an iteration."""

    iterations: int = 1000
    gain: float = 1e-8


class Fit(NamedTuple):
    """The best of all starts."""

    labels: Labels  #: (T,) position among the states
    centers: Floats  #: (K, D) in the units of x; NaN for a state without rows
    objective: float
    start: int  #: which start it came from

    def shares(self, states: States) -> Floats:
        """Return (T, K) the share of each centre in each row."""
        picked: Floats = states.points[self.labels]
        return picked


def fit(
    rows: Rows,
    states: States,
    features: Floats,
    starts: Floats,
    limits: Limits = Limits(),  # noqa: B008  (immutable)
) -> Fit:
    """Fit from starts (S, K, D), centred as by `kmeanspp.starts`.

    ``features`` (D,) are the weights of squared distances.
    """
    if len(starts) == 0:
        raise DataError("no start: ask for at least one, or give centres to start from")
    bound = np.array(limits, np.float64)
    if states.discrete and len(states.points) == 2 and not np.diagonal(states.penalty).any():
        costs = np.append(states.penalty[[0, 1], [1, 0]], states.initial)
        labels, centers, value, start = _descend(rows, features, starts, costs, bound)
    else:
        labels, centers, value, start = general.descend(rows, states, features, starts, bound)
    shared = 0.5 * float((features * rows.squares).sum())
    return Fit(labels, centers + rows.shift, value + shared, start)


def fit_many(
    rows: Rows, many: Sequence[States], features: Floats, starts: Floats, *, jobs: int = 1
) -> list[Fit]:
    """Fit the same rows under many penalties, each as by `fit`; threads share them."""
    if jobs <= 1:
        return [fit(rows, states, features, starts) for states in many]
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda states: fit(rows, states, features, starts), many))


def path(x: ArrayLike, states: States, centers: Floats, features: Floats) -> tuple[Labels, float]:
    """Return the cheapest path of x (T, D) for given centres, and its cost. Uses the future."""
    table = losses(matrix(x, "x"), centers, features, states.points, states.discrete)
    labels, cost = general.best_path(table, states.penalty, states.initial)
    return labels, float(cost)


def online(
    x: ArrayLike,
    states: States,
    centers: Floats,
    features: Floats,
    *,
    carry: Floats | None = None,
    window: int | None = None,
) -> tuple[Labels, Floats]:
    """Return the label known at each row of x (T, D), and the values (N,) to carry on from.

    Each label uses the rows up to its own: all of them, which costs the same each day, or the last
    ``window`` (the values to carry on from are then NaN). ``carry`` goes on where a call stopped.
    """
    table = losses(matrix(x, "x"), centers, features, states.points, states.discrete)
    after = np.full(len(states.points), np.nan) if carry is None else np.array(carry, np.float64)
    if window is None:
        labels = general.online(table, states.penalty, states.initial, after)
    elif window < 1 or carry is not None:
        raise DataError("a window has at least one row and carries nothing on")
    else:
        labels = general.online_window(table, states.penalty, states.initial, window)
    return labels, after


@kernel()
def _differences(rows, features, centers, out):  # type: ignore[no-untyped-def]
    """Loss of state 0 less that of state 1, in each row."""
    values, seen = rows.values, rows.seen
    width, size = values.shape
    if centers[0, 0] != centers[0, 0]:
        out[:] = UNREACHABLE
        return
    if centers[1, 0] != centers[1, 0]:
        out[:] = -UNREACHABLE
        return
    slopes, levels = np.empty(width), np.zeros(seen.shape[0])
    for j in range(width):
        slopes[j] = -features[j] * (centers[0, j] - centers[1, j])
        square = 0.5 * features[j] * (centers[0, j] ** 2 - centers[1, j] ** 2)
        levels[j if seen.shape[0] > 1 else 0] += square
    for begin in range(0, size, BLOCK):
        end = min(begin + BLOCK, size)
        block = out[begin:end]
        block[:] = 0.0
        for j in range(seen.shape[0]):
            add_scaled(levels[j], seen[j, begin:end], block)
        for j in range(width):
            add_scaled(slopes[j], values[j, begin:end], block)


@kernel()
def _changes(gaps, costs, cuts):  # type: ignore[no-untyped-def]
    """Write the rows where the cheapest path changes, last first; return their number, last label.

    ``gaps`` holds the differences of losses, and of values afterwards.
    """
    enter, leave = costs[0], costs[1]
    value = gaps[0] + costs[2] - costs[3]
    gaps[0] = value
    for t in range(1, gaps.shape[0]):
        value = gaps[t] + min(max(value, -enter), leave)
        gaps[t] = value
    last = 1 if value > 0.0 else 0
    state, count = last, 0
    for t in range(gaps.shape[0] - 1, 0, -1):
        before = 1 if gaps[t - 1] > (-enter if state == 1 else leave) else 0
        if before != state:
            cuts[count] = t
            count += 1
            state = before
    return count, last


@kernel()
def _totals(rows, cuts, last, of, number):  # type: ignore[no-untyped-def]
    """Sums (2, D) and weights (2, M) of the rows of each state."""
    of[:] = 0.0
    number[:] = 0.0
    sums, counts = rows.sums, rows.counts
    state, end = last, sums.shape[0] - 1
    for i in range(cuts.shape[0] + 1):
        begin = cuts[i] if i < cuts.shape[0] else 0
        for j in range(of.shape[1]):
            of[state, j] += sums[end, j] - sums[begin, j]
        for j in range(number.shape[1]):
            number[state, j] += counts[end, j] - counts[begin, j]
        state, end = 1 - state, begin


@kernel()
def _cost(features, centers, of, number, costs, count, last):  # type: ignore[no-untyped-def]
    """Objective of a path for given centres, less half the sum of squares."""
    total = 0.0
    for k in range(2):
        if centers[k, 0] != centers[k, 0]:
            continue
        for j in range(centers.shape[1]):
            n = number[k, j if number.shape[1] > 1 else 0]
            total += features[j] * centers[k, j] * (0.5 * n * centers[k, j] - of[k, j])
    into = (count + 1) // 2  # jumps into the last state; the others lead out of it
    entered, left = (into, count - into) if last == 1 else (count - into, into)
    first = last if count % 2 == 0 else 1 - last
    return total + costs[0] * entered + costs[1] * left + costs[2 + first]


@kernel()
def _means(of, number, centers):  # type: ignore[no-untyped-def]
    """Centres from sums; NaN without rows; a feature without values gets its overall mean, 0."""
    for k in range(2):
        empty = number[k].max() <= 0.0
        for j in range(centers.shape[1]):
            n = number[k, j if number.shape[1] > 1 else 0]
            if empty:
                centers[k, j] = np.nan
            else:
                centers[k, j] = of[k, j] / n if n > 0.0 else 0.0


@kernel()
def _settle(rows, features, start, costs, limits):  # type: ignore[no-untyped-def]
    """As `jump_general._settle` for two states; the path is its changes and its last label."""
    size, width = rows.values.shape[1], rows.values.shape[0]
    gaps, of, number = np.empty(size), np.empty((2, width)), np.empty((2, rows.counts.shape[1]))
    cuts, before = np.empty(size, np.int64), np.empty(size, np.int64)
    centers = start.copy()
    previous, taken, held = np.inf, 0, -1
    while True:
        _differences(rows, features, centers, gaps)
        count, last = _changes(gaps, costs, cuts)
        _totals(rows, cuts[:count], last, of, number)
        value = _cost(features, centers, of, number, costs, count, last)
        repeated = count == held and np.array_equal(cuts[:count], before[:count])
        if taken >= limits[0] or repeated or not previous - value > limits[1]:
            return cuts[:count], last, centers, value
        taken += 1
        held, previous = count, value
        before[:count] = cuts[:count]
        _means(of, number, centers)


@kernel()
def _descend(rows, features, starts, costs, limits):  # type: ignore[no-untyped-def]
    """As `jump_general.descend` for two states; costs are enter, leave and the two initial ones."""
    best, best_last, best_centers, best_value = _settle(rows, features, starts[0], costs, limits)
    best_start = 0
    for s in range(1, starts.shape[0]):
        cuts, last, centers, value = _settle(rows, features, starts[s], costs, limits)
        if value < best_value and not np.array_equal(cuts, best):
            best, best_last, best_centers = cuts, last, centers
            best_value, best_start = value, s
    labels = np.empty(rows.values.shape[1], np.int64)
    state, end = best_last, labels.shape[0]
    for begin in best:
        labels[begin:end] = state
        state, end = 1 - state, begin
    labels[:end] = state
    return labels, best_centers, best_value, best_start


def fit_reference(
    x: Floats,
    states: States,
    features: Floats,
    starts: Floats,
    limits: Limits = Limits(),  # noqa: B008  (immutable)
    weights: Floats | None = None,
) -> Fit:
    """Plain twin of `fit`: x (T, D) as it is, and starts in its units."""
    w = np.ones(len(x)) if weights is None else weights
    there, filled = ~np.isnan(x), np.nan_to_num(x)
    overall = (w @ filled) / (w @ there)
    best: Fit | None = None
    for number, start in enumerate(starts):
        centers, previous, before = start, np.inf, None
        for taken in range(limits.iterations + 1):
            table = losses_reference(x, centers, features, states.points) * w[:, None]
            labels, value = general.best_path_reference(table, states.penalty, states.initial)
            done = taken == limits.iterations or not previous - value > limits.gain
            if done or (before is not None and _same(labels, before)):
                break
            before, previous = labels, value
            share = states.points[labels] * w[:, None]
            counts = share.T @ there
            with np.errstate(invalid="ignore"):
                centers = np.where(counts > 0.0, (share.T @ filled) / counts, overall)
            centers[counts.max(axis=1) <= 0.0] = np.nan
        if best is None or (value < best.objective and not _same(labels, best.labels)):
            best = Fit(labels, centers, value, number)
    assert best is not None
    return best


def _same(one: Labels, other: Labels) -> bool:
    """Whether labels are equal but for names."""
    pairs = set(zip(one.tolist(), other.tolist(), strict=True))
    return len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
