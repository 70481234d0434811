"""The regime model of Helix as its author wrote it.

The distance of a row to a centre squares the feature weights, so a weight of .3 counts for .09; one
pair of normal random centres, always the same, is the only start; an empty state gets random
centres; the path is solved once per weight update; states carry whatever number they were born
with, so a cost of entering stress acts on either. Source: see the claim card.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump import fit as jump
from tiltwise.kernels.jump.soft_threshold import feature_weights
from tiltwise.kernels.jump.states import States, discrete_states

Labels = NDArray[np.int64]

SEED, STATES = 42, 2
LEAST, MOST, CLOSE = 5, 30, 1e-8
YEAR, CAP = 252, 0.05
ONLINE = 63  #: sessions from which the state of a day is told


class Fit(NamedTuple):
    """Centres (2, D), feature weights (D,), and the labels (T,) of the training rows."""

    centers: Floats
    weights: Floats
    labels: Labels
    states: States


def distance(weights: Floats, squared: bool = True) -> Floats:
    """Return what multiplies squared differences: the weights, squared once more as written."""
    return weights**2 if squared else weights


def two_states(penalty: float, width: int) -> States:
    """Return the states of a model of D features; the penalty is divided by the root of D."""
    return discrete_states(STATES, penalty / np.sqrt(width))


def fit(x: Floats, penalty: float, max_features: float, squared: bool = True) -> Fit:
    """Fit scaled rows (T, D) from the one start; `penalty` is divided by the root of D."""
    width = x.shape[1]
    states = two_states(penalty, width)
    draw = np.random.RandomState(SEED)
    weights = np.full(width, 1.0 / width)
    centers = draw.standard_normal((STATES, width))
    draw.randint(0, STATES, len(x))  # labels that are drawn and never used
    kappa, previous = max(float(np.sqrt(max_features)), 1.0), np.inf
    overall, before = x.mean(axis=0), np.empty(0, dtype=np.int64)
    for taken in range(MOST):
        labels, _ = jump.path(x, states, centers, distance(weights, squared))
        if 0 < labels.sum() < len(labels) and np.array_equal(labels, before):
            break  # nothing is drawn, so nothing moves any more
        centers, between = _centers(x, labels, overall, draw)
        weights = np.full(width, 1.0 / np.sqrt(width))
        if (between > 0.0).any():
            weights = feature_weights(between, kappa)
        before = labels
        if taken < LEAST - 1:
            continue
        value = objective(x, Fit(centers, weights, labels, states), squared)
        if taken >= LEAST and abs(previous - value) < CLOSE:
            break
        previous = value
    return Fit(centers, weights, labels, states)


def _centers(
    x: Floats, labels: Labels, overall: Floats, draw: np.random.RandomState
) -> tuple[Floats, Floats]:
    """Return means by state, random where a state is empty, and sums of squares between states."""
    centers, between = np.empty((STATES, x.shape[1])), np.zeros(x.shape[1])
    for state in range(STATES):
        inside = x[labels == state]
        count = len(inside)
        centers[state] = inside.mean(axis=0) if count else draw.standard_normal(x.shape[1])
        if count:
            between += count * (centers[state] - overall) ** 2
    return centers, between


def objective(x: Floats, fit: Fit, squared: bool = True) -> float:
    """Return half the sum of distances plus the cost of all jumps."""
    gap = x - fit.centers[fit.labels]
    near = 0.5 * float((distance(fit.weights, squared) * gap * gap).sum())
    jumps = int(np.count_nonzero(np.diff(fit.labels)))
    return near + jumps * float(fit.states.penalty[0, 1])


def online(x: Floats, fit: Fit, squared: bool, window: int | None = ONLINE) -> Labels:
    """Return the state of each row from the rows up to it, the last `window` of them."""
    labels, _ = jump.online(
        x, fit.states, fit.centers, distance(fit.weights, squared), window=window
    )
    return labels


def means(active: Floats, labels: Labels) -> Floats:
    """Return the capped active return a year of each state; 0 for a state without a session.

    `labels` belong to the last of the returns; those before count as state 0.
    """
    whole = np.zeros(len(active), dtype=np.int64)
    whole[len(active) - len(labels) :] = labels
    counts = np.bincount(whole, minlength=STATES)
    sums = np.bincount(whole, weights=active, minlength=STATES)
    earned = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0) * YEAR
    capped: Floats = np.clip(earned, -CAP, CAP)
    return capped
