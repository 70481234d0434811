"""Gaussian hidden Markov models: filter, smoother, and maximum likelihood by EM.

    s_t | s_{t-1} ~ transition[s_{t-1}, :]        x_tj | s_t = k ~ N(mean[k, j], variance[k, j])

The forward recursion, scaled to sum to one at each row, gives what is known at t:

    alpha_t = (transition' alpha_{t-1}) * b(x_t) / c_t,     log-likelihood = sum over t of log c_t

The backward recursion adds the rows after t. If all rows of the transition matrix are equal the
past carries no information on the state, and the model is a Gaussian mixture.

A missing value is left out of densities and of the moments of its feature.

Source: Rabiner, A tutorial on hidden Markov models, Proceedings of the IEEE 77 (1989).
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.jit import kernel

LOG_2_PI = math.log(2.0 * math.pi)
EMPTY = 1e-8  # a state with less than this many rows keeps its parameters


class Parameters(NamedTuple):
    """A model of K states over D features."""

    first: Floats  #: (K,) probability of each state at the first row
    transition: Floats  #: (K, K)
    mean: Floats  #: (K, D)
    variance: Floats  #: (K, D)

    def renamed(self, order: ArrayLike) -> "Parameters":
        """Return the model with state ``order[i]`` in place i."""
        at = np.asarray(order)
        moved = self.transition[np.ix_(at, at)]
        return Parameters(self.first[at], moved, self.mean[at], self.variance[at])


class Estimate(NamedTuple):
    """Estimates at the last iteration."""

    parameters: Parameters
    probabilities: Floats  #: (T, K) given all rows
    loglik: Floats  #: at the start and after every step; never falls


def filtered(x: ArrayLike, model: Parameters, carry: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the probabilities (T, K) of states given the rows up to each, and those to carry on.

    ``carry`` (K,) are the probabilities after the row before; None begins anew.
    """
    logs = log_densities(matrix(x, "x"), model.mean, model.variance)
    after = np.full(len(model.first), np.nan) if carry is None else np.array(carry, np.float64)
    probabilities = np.empty_like(logs)
    forward(logs, model.first, model.transition, after, probabilities)
    return probabilities, after


def estimate(
    x: ArrayLike,
    start: Parameters,
    *,
    iterations: int,
    tolerance: float,
    floor: Floats,
    mixture: bool = False,
) -> Estimate:
    """Run EM from ``start`` until a step adds less than ``tolerance`` to the log-likelihood.

    ``floor`` (D,) bounds variances below, so that no state shrinks onto one row. ``mixture`` keeps
    the rows of the transition matrix equal.
    """
    rows = matrix(x, "x")
    model, path = start, []
    for step in range(iterations + 1):
        logs = log_densities(rows, model.mean, model.variance)
        probabilities, moves, value = smooth(logs, model.first, model.transition)
        path.append(float(value))
        if step == iterations or (step and path[-1] - path[-2] < tolerance):
            break
        model = _likelier(rows, model, probabilities, moves, floor, mixture)
    return Estimate(model, probabilities, np.array(path))


def _likelier(
    rows: Floats,
    model: Parameters,
    probabilities: Floats,
    moves: Floats,
    floor: Floats,
    mixture: bool,
) -> Parameters:
    """Return the parameters that expected states make most likely."""
    mean, variance = model.mean.copy(), model.variance.copy()
    moments(rows, probabilities, floor, mean, variance)
    if mixture:
        share = probabilities.sum(axis=0) / len(probabilities)
        return Parameters(share, np.tile(share, (len(share), 1)), mean, variance)
    leaving = moves.sum(axis=1, keepdims=True)
    known = leaving > EMPTY
    transition = np.where(known, moves / np.where(known, leaving, 1.0), model.transition)
    return Parameters(probabilities[0].copy(), transition, mean, variance)


@kernel()
def log_densities(x, mean, variance):  # type: ignore[no-untyped-def]
    """Log-density (T, K) of each row in each state; 0 for a row without values."""
    rows, width = x.shape
    out = np.zeros((rows, mean.shape[0]))
    for k in range(mean.shape[0]):
        for j in range(width):
            level = LOG_2_PI + math.log(variance[k, j])
            for t in range(rows):
                gap = x[t, j] - mean[k, j]
                if gap == gap:  # a NaN differs from itself
                    out[t, k] -= 0.5 * (level + gap * gap / variance[k, j])
    return out


@kernel()
def forward(logs, first, transition, carry, out):  # type: ignore[no-untyped-def]
    """Write filtered probabilities to ``out``, leave the last in ``carry``; the log-likelihood."""
    states = first.shape[0]
    total = 0.0
    for t in range(logs.shape[0]):
        peak = logs[t].max()
        scale = 0.0
        for k in range(states):
            ahead = first[k]
            if carry[0] == carry[0]:
                ahead = 0.0
                for i in range(states):
                    ahead += carry[i] * transition[i, k]
            out[t, k] = ahead * math.exp(logs[t, k] - peak)
            scale += out[t, k]
        if scale > 0.0:
            out[t] /= scale
        else:  # all densities underflow: the row carries no information
            out[t, :] = 1.0 / states
        carry[:] = out[t]
        total += math.log(scale) + peak
    return total


@kernel()
def smooth(logs, first, transition):  # type: ignore[no-untyped-def]
    """Probabilities (T, K) given all rows, expected moves (K, K), and the log-likelihood."""
    rows, states = logs.shape
    out = np.empty((rows, states))
    total = forward(logs, first, transition, np.full(states, np.nan), out)
    moves = np.zeros((states, states))
    weight = np.ones(states)  # what the rows after t say, up to a factor
    joint = np.empty((states, states))
    for t in range(rows - 2, -1, -1):
        peak = logs[t + 1].max()
        for k in range(states):
            weight[k] *= math.exp(logs[t + 1, k] - peak)
        mass = 0.0
        for i in range(states):
            for k in range(states):
                joint[i, k] = out[t, i] * transition[i, k] * weight[k]
                mass += joint[i, k]
        backed = np.zeros(states)
        for i in range(states):
            for k in range(states):
                backed[i] += transition[i, k] * weight[k]
                moves[i, k] += joint[i, k] / mass
        weight = backed / backed.max()
        for i in range(states):
            out[t, i] = joint[i].sum() / mass
    return out, moves, total


@kernel()
def moments(x, probabilities, floor, mean, variance):  # type: ignore[no-untyped-def]
    """Replace means and variances (K, D) by those of the rows, weighted by probability."""
    rows, width = x.shape
    for k in range(mean.shape[0]):
        for j in range(width):
            total, of = 0.0, 0.0
            for t in range(rows):
                if x[t, j] == x[t, j]:
                    total += probabilities[t, k]
                    of += probabilities[t, k] * x[t, j]
            if total <= EMPTY:
                continue
            mean[k, j] = of / total
            spread = 0.0
            for t in range(rows):
                gap = x[t, j] - mean[k, j]
                if gap == gap:
                    spread += probabilities[t, k] * gap * gap
            variance[k, j] = max(spread / total, floor[j])


def filtered_reference(x: Floats, model: Parameters) -> tuple[Floats, float]:
    """Plain twin of the forward recursion, in logarithms; and the log-likelihood."""
    ahead = np.log(model.first)
    rows, total = [], 0.0
    for row in x:
        gaps = (row - model.mean) ** 2 / model.variance
        joint = ahead - 0.5 * np.nansum(LOG_2_PI + np.log(model.variance) + gaps, axis=1)
        sum_ = float(np.logaddexp.reduce(joint))
        total += sum_
        rows.append(np.exp(joint - sum_))
        ahead = np.log(rows[-1] @ model.transition)
    return np.array(rows), total
