"""Sparse jump models: feature weights and regimes fitted in turn.

Given weights w, a jump model is fitted under squared distances weighted by w. Given regimes, w
maximises the weighted sum of squares between them within ``|w|_2 = 1`` and ``|w|_1 <= kappa``.

Source: Nystrup, Kolm and Lindstroem, Feature selection in jump models, Expert Systems with
Applications 184 (2021).
"""

from typing import NamedTuple

import numpy as np

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jump import fit as jump
from tiltwise.kernels.jump import soft_threshold
from tiltwise.kernels.jump.rows import Rows
from tiltwise.kernels.jump.states import States
from tiltwise.models.regimes.fit import Lesson, SortedFit, fit_sorted

NOTHING = 1e-6  # sums of squares below this are rounding


class Search(NamedTuple):
    """Settings of the alternation of weights and regimes."""

    kappa: float
    n_init: int
    seed: int
    iterations: int  #: most updates of the weights
    tolerance: float  #: relative change of the weights that ends the search
    limits: jump.Limits


class SparseFit(NamedTuple):
    """Fitted regimes, the weights they were fitted with, and the updated weights."""

    fit: SortedFit
    fitted_weights: Floats
    weights: Floats
    converged: bool


def fit_sparse(lesson: Lesson, states: States, search: Search) -> SparseFit:
    """Alternate between regimes and weights until the weights converge.

    The centres of each round are one more start of the next. A round that finds one state only
    ends the search with the weights it had.
    """
    rows, more = lesson.rows, lesson.extra
    count, width = more.shape[1:]
    weights = np.full(width, 1.0 / np.sqrt(width))
    for _ in range(search.iterations):
        used = weights
        drawn = lesson.starts(used, count, search.n_init, search.seed)
        starts = np.concatenate([drawn, more])
        fit = fit_sorted(lesson, states, used, starts, search.limits)
        between, centers = _between(rows, states, fit)
        if not (between > 0.0).any():
            return SparseFit(fit, used, used, True)
        weights = soft_threshold.feature_weights(between, search.kappa)
        if np.abs(weights - used).sum() <= search.tolerance * np.abs(used).sum():
            return SparseFit(fit, used, weights, True)
        more = centers[None]
    return SparseFit(fit, used, weights, False)


def _between(rows: Rows, states: States, fit: SortedFit) -> tuple[Floats, Floats]:
    """Return sums of squares between states (D,), and their centres (K, D), centred."""
    labels = fit.labels
    edges = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]])
    shares = states.points[labels[edges[:-1]]][:, fit.moments.order]
    sums = np.einsum("rk,rj->kj", shares, np.diff(rows.sums[edges], axis=0))
    counts = np.einsum("rk,rj->kj", shares, np.diff(rows.counts[edges], axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        centers = sums / counts
    between = (counts * np.nan_to_num(centers) ** 2).sum(axis=0)
    seen = counts.max(axis=1, keepdims=True) > 0.0
    centers = np.where(seen, np.nan_to_num(centers), np.nan)
    return np.where(between < NOTHING, 0.0, between), centers
