"""Jump models with any number of states, any penalty matrix, and states between the centres.

A path s over N states costs

    sum over t of loss[t, s_t]  +  sum over t >= 1 of penalty[s_{t-1}, s_t]  +  initial[s_0]

The cheapest path comes from a forward recursion of values and a walk back:

    V_0[n] = initial[n] + loss[0, n]
    V_t[n] = loss[t, n] + min over i of (V_{t-1}[i] + penalty[i, n])

A tie goes to the lowest state. The state of least V_t is what is known at t: it uses rows up to t
and no other. The path also uses the rows after t.

Sources: Nystrup, Lindstroem and Madsen, Learning hidden Markov models with persistent states by
penalizing jumps, Expert Systems with Applications 150 (2020); Nystrup, Kolm and Lindstroem, Greedy
online classification of persistent market states, Journal of Financial Data Science 2 (2020);
Aydinhan, Kolm, Mulvey and Shu, Identifying patterns in financial markets: extending the statistical
jump model for regime identification, Annals of Operations Research (2024).
"""

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.jump.rows import UNREACHABLE, add_scaled

Labels = NDArray[np.int64]


@kernel()
def _step(before, penalty, after):  # type: ignore[no-untyped-def]
    """Least cost of arriving in each state: after[n] = min over i of before[i] + penalty[i, n]."""
    states = before.shape[0]
    for n in range(states):
        after[n] = before[0] + penalty[0, n]
    for i in range(1, states):
        value = before[i]
        for n in range(states):
            arriving = value + penalty[i, n]
            after[n] = arriving if arriving < after[n] else after[n]


@kernel()
def _least(row):  # type: ignore[no-untyped-def]
    """Position of the least value; the first of equals."""
    least = 0
    for n in range(1, row.shape[0]):
        if row[n] < row[least]:
            least = n
    return least


@kernel()
def _backwards(values, penalty, labels):  # type: ignore[no-untyped-def]
    """Walk the cheapest path back from the last row."""
    rows, states = values.shape
    state = _least(values[rows - 1])
    labels[rows - 1] = state
    for t in range(rows - 1, 0, -1):
        best = 0
        least = values[t - 1, 0] + penalty[0, state]
        for i in range(1, states):
            cost = values[t - 1, i] + penalty[i, state]
            if cost < least:
                best, least = i, cost
        state = best
        labels[t - 1] = state


@kernel()
def best_path(losses, penalty, initial):  # type: ignore[no-untyped-def]
    """Labels (T,) of the cheapest path over all rows, and its cost. Uses the future."""
    rows, states = losses.shape
    values = np.empty((rows, states))
    labels = np.empty(rows, np.int64)
    values[0] = initial + losses[0]
    for t in range(1, rows):
        _step(values[t - 1], penalty, values[t])
        for n in range(states):
            values[t, n] += losses[t, n]
    _backwards(values, penalty, labels)
    return labels, values[rows - 1, labels[rows - 1]]


@kernel()
def online(losses, penalty, initial, carry):  # type: ignore[no-untyped-def]
    """Labels (T,) of least value, row by row, each from the rows up to it.

    ``carry`` (N,) holds the values after the row before, or NaN at the very first; it is left
    holding those after the last row, so a later call goes on where this one stopped.
    """
    rows, states = losses.shape
    labels = np.empty(rows, np.int64)
    arrived = np.empty(states)
    for t in range(rows):
        if carry[0] == carry[0]:
            _step(carry, penalty, arrived)
        else:
            arrived[:] = initial
        for n in range(states):
            carry[n] = arrived[n] + losses[t, n]
        labels[t] = _least(carry)
    return labels


@kernel()
def online_window(losses, penalty, initial, window):  # type: ignore[no-untyped-def]
    """Labels (T,) as of `online`, each started anew ``window`` rows back (or at the first row)."""
    rows, states = losses.shape
    labels = np.empty(rows, np.int64)
    carry = np.empty(states)
    for t in range(rows):
        carry[:] = np.nan
        labels[t] = online(losses[max(t + 1 - window, 0) : t + 1], penalty, initial, carry)[-1]
    return labels


@kernel()
def _relative(rows, features, centers, out):  # type: ignore[no-untyped-def]
    """Losses (K, T) less what all states share, half the square of the row."""
    for k in range(centers.shape[0]):
        if centers[k, 0] != centers[k, 0]:
            out[k, :] = UNREACHABLE
            continue
        out[k, :] = 0.0
        for j in range(centers.shape[1]):
            slope = -features[j] * centers[k, j]
            level = -0.5 * slope * centers[k, j]
            add_scaled(slope, rows.values[j], out[k])
            add_scaled(level, rows.seen[j if rows.seen.shape[0] > 1 else 0], out[k])


@kernel()
def _assign(relative, states, values, labels):  # type: ignore[no-untyped-def]
    """Cheapest path for given centres; its cost less what all states share."""
    for t in range(values.shape[0]):
        if t == 0:
            values[0] = states.initial
        else:
            _step(values[t - 1], states.penalty, values[t])
        for n in range(values.shape[1]):
            if states.discrete:
                values[t, n] += relative[n, t]
            else:
                mixed = 0.0
                for k in range(relative.shape[0]):
                    mixed += states.points[n, k] * relative[k, t]
                values[t, n] += mixed
    _backwards(values, states.penalty, labels)
    return values[-1, labels[-1]]


@kernel()
def _centres(rows, points, labels, centers):  # type: ignore[no-untyped-def]
    """Means of the rows of every state, weighted by its share in their labels; NaN without rows."""
    sums, counts = rows.sums, rows.counts
    states, width = centers.shape
    totals = np.zeros((states, counts.shape[1]))
    centers[:] = 0.0
    begin, size = 0, labels.shape[0]
    for t in range(1, size + 1):
        if t < size and labels[t] == labels[begin]:
            continue
        for k in range(states):
            share = points[labels[begin], k]
            if share > 0.0:
                for j in range(width):
                    centers[k, j] += share * (sums[t, j] - sums[begin, j])
                for j in range(counts.shape[1]):
                    totals[k, j] += share * (counts[t, j] - counts[begin, j])
        begin = t
    for k in range(states):
        empty = totals[k].max() <= 0.0
        for j in range(width):
            total = totals[k, j if counts.shape[1] > 1 else 0]
            if empty:
                centers[k, j] = np.nan
            else:  # a feature without values in the state gets its overall mean
                centers[k, j] = centers[k, j] / total if total > 0.0 else 0.0


@kernel()
def same_clustering(one, other, states):  # type: ignore[no-untyped-def]
    """Whether two labellings are equal but for the names of the states."""
    there, back = np.full(states, -1), np.full(states, -1)
    for t in range(one.shape[0]):
        a, b = one[t], other[t]
        if there[a] == -1 and back[b] == -1:
            there[a], back[b] = b, a
        elif there[a] != b or back[b] != a:
            return False
    return True


@kernel()
def _settle(rows, states, features, start, limits):  # type: ignore[no-untyped-def]
    """Alternate paths and means from one start until they repeat."""
    size = rows.values.shape[1]
    relative, table = np.empty((start.shape[0], size)), np.empty((size, states.points.shape[0]))
    labels, before = np.empty(size, np.int64), np.empty(size, np.int64)
    centers = start.copy()
    previous, taken = np.inf, 0
    while True:
        _relative(rows, features, centers, relative)
        value = _assign(relative, states, table, labels)
        repeated = taken > 0 and same_clustering(labels, before, table.shape[1])
        if taken >= limits[0] or repeated or not previous - value > limits[1]:
            return labels, centers, value
        taken += 1
        previous = value
        before[:] = labels
        _centres(rows, states.points, labels, centers)


@kernel()
def descend(rows, states, features, starts, limits):  # type: ignore[no-untyped-def]
    """Settle from each start (S, K, D); return the best labels, centres, cost and start.

    ``limits`` is (most iterations, least gain). A start ends when its labels repeat but for names,
    or the cost falls by no more than the least gain. The first of equally good starts wins.
    The cost returned leaves out half the sum of squares, which all paths share.
    """
    best, best_centers, best_value = _settle(rows, states, features, starts[0], limits)
    best_start = 0
    for s in range(1, starts.shape[0]):
        labels, centers, value = _settle(rows, states, features, starts[s], limits)
        if value < best_value and not same_clustering(labels, best, states.points.shape[0]):
            best, best_centers, best_value, best_start = labels, centers, value, s
    return best, best_centers, best_value, best_start


def best_path_reference(losses: Floats, penalty: Floats, initial: Floats) -> tuple[Labels, float]:
    """Plain twin of `best_path`."""
    values = _values(losses, penalty, initial)
    labels = np.empty(len(losses), np.int64)
    labels[-1] = values[-1].argmin()
    for t in range(len(losses) - 1, 0, -1):
        labels[t - 1] = (values[t - 1] + penalty[:, labels[t]]).argmin()
    return labels, float(values[-1].min())


def online_reference(losses: Floats, penalty: Floats, initial: Floats) -> Labels:
    """Plain twin of `online` from the first row on."""
    labels: Labels = _values(losses, penalty, initial).argmin(axis=1)
    return labels


def _values(losses: Floats, penalty: Floats, initial: Floats) -> Floats:
    values = np.empty_like(losses)
    values[0] = initial + losses[0]
    for t in range(1, len(losses)):
        values[t] = losses[t] + (values[t - 1][:, None] + penalty).min(axis=0)
    return values
