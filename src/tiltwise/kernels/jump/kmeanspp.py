"""Starting centres by k-means++, from the random stream that scikit-learn takes them from.

The first centre is a row drawn by weight; each further one the best of ``2 + int(log K)`` rows
drawn in proportion to their squared distance from the nearest centre so far. A start takes
``1 + (K - 1) trials`` numbers of the stream; the next start goes on from there.

Source: Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007; the
greedy trials are those of scikit-learn.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.jump.rows import Rows


def starts(rows: Rows, features: Floats, states: int, n_init: int, seed: int) -> Floats:
    """Return centred centres (n_init, states, D); ``features`` (D,) weight squared distances."""
    size = rows.plain.shape[1]
    if size < states:
        raise DataError(f"{states} states need at least as many rows, got {size}")
    if n_init == 0:
        return np.empty((0, states, len(rows.plain)))
    draws = _stream(states, n_init, seed)
    chosen = _chosen(rows.plain, features, rows.weights, _shares(rows.weights), draws, states)
    return np.ascontiguousarray(rows.plain.T[chosen])


def _stream(states: int, n_init: int, seed: int) -> Floats:
    """Return the numbers (n_init, 1 + (K - 1) trials) that the starts take from the stream."""
    length = 1 + (states - 1) * (2 + int(math.log(states)))
    numbers: Floats = np.random.RandomState(seed).random_sample((n_init, length))
    return numbers


def _shares(weights: Floats) -> Floats:
    """Return the cumulated chances (T,) of rows to be drawn."""
    shares = np.cumsum(weights / weights.sum())
    shares /= shares[-1]
    return shares


@kernel()
def _add_squares(weight, values, center, out):  # type: ignore[no-untyped-def]
    for t in range(out.shape[0]):
        gap = values[t] - center
        out[t] += weight * gap * gap


@kernel()
def _distances(plain, features, row, out):  # type: ignore[no-untyped-def]
    """Squared distances of every row to one of them, feature by feature."""
    out[:] = 0.0
    for j in range(plain.shape[0]):
        if features[j] > 0.0:
            _add_squares(features[j], plain[j], plain[j, row], out)


@kernel()
def _chosen(plain, features, weights, shares, draws, states):  # type: ignore[no-untyped-def]
    """Row numbers (n_init, K) of the starts."""
    size = plain.shape[1]
    trials = 2 + int(math.log(states))
    chosen = np.empty((draws.shape[0], states), np.int64)
    nearest, cumulated = np.empty(size), np.empty(size)
    trial, best = np.empty(size), np.empty(size)
    for s in range(draws.shape[0]):
        chosen[s, 0] = min(np.searchsorted(shares, draws[s, 0], side="right"), size - 1)
        _distances(plain, features, chosen[s, 0], nearest)
        for k in range(1, states):
            total = 0.0
            for t in range(size):
                total += weights[t] * nearest[t]
                cumulated[t] = total
            least = np.inf
            for i in range(trials):
                draw = draws[s, 1 + (k - 1) * trials + i] * total
                row = min(np.searchsorted(cumulated, draw), size - 1)
                _distances(plain, features, row, trial)
                potential = 0.0
                for t in range(size):
                    trial[t] = min(trial[t], nearest[t])
                    potential += weights[t] * trial[t]
                if i == 0 or potential < least:
                    least = potential
                    chosen[s, k] = row
                    best[:] = trial
            nearest[:] = best
    return chosen


def starts_reference(
    rows: Rows, features: Floats, states: int, n_init: int, seed: int
) -> NDArray[np.float64]:
    """Plain twin of `starts`."""
    x = rows.plain.T
    random = np.random.RandomState(seed)
    out = []
    for _ in range(n_init):
        chosen = [int(np.searchsorted(_shares(rows.weights), random.random_sample(), "right"))]
        nearest = ((x - x[chosen[0]]) ** 2) @ features
        while len(chosen) < states:
            cumulated = np.cumsum(rows.weights * nearest)
            draws = random.random_sample(2 + int(math.log(states))) * cumulated[-1]
            tried = np.minimum(np.searchsorted(cumulated, draws), len(x) - 1)
            closer = [np.minimum(nearest, ((x - x[row]) ** 2) @ features) for row in tried]
            best = int(np.argmin([rows.weights @ distances for distances in closer]))
            nearest = closer[best]
            chosen.append(int(tried[best]))
        out.append(x[chosen])
    return np.array(out)
