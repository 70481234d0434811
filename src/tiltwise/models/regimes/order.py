"""Order of states by the returns in them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats

ORDERS = ("cumret", "ret", "vol", "freq")


class StateMoments(NamedTuple):
    """Order of the states, and moments of the returns in them."""

    order: NDArray[np.intp]  #: (K,) old position of each new state
    means: Floats  #: (K,) mean return per row, in the new order
    vols: Floats  #: (K,) volatility per row


def sort_states(probabilities: Floats, returns: Floats | None, by: str | None) -> StateMoments:
    """Sort states (T, K) by the returns (T,) of their rows, weighted by probability.

    ``by`` is "cumret" (sum of returns, falling), "ret" (mean, falling), "vol" (rising), "freq"
    (rows, falling) or None, which keeps the order. Without returns only "freq" can be had. Rows
    without a return are left out of the moments. What is not a number goes last. The volatility is
    corrected by 1 / (1 - sum w^2 / (sum w)^2), the factor for weights that say how sure a row is.
    """
    if by is not None and by not in ORDERS:
        raise ValueError(f"sort_by={by!r} is not one of {ORDERS}")
    weight = probabilities.sum(axis=0)
    if returns is None:
        nothing = np.full(len(weight), np.nan)
        order = np.arange(len(weight)) if by is None else np.argsort(-weight, kind="stable")
        return StateMoments(order, nothing, nothing)
    there = ~np.isnan(returns)
    means, vols, total = _moments(probabilities[there], returns[there])
    criteria = {"cumret": -means * total, "ret": -means, "vol": vols, "freq": -weight}
    if by is None:
        return StateMoments(np.arange(len(weight)), means, vols)
    order = np.argsort(criteria[by], kind="stable")
    return StateMoments(order, means[order], vols[order])


def _moments(weights: Floats, returns: Floats) -> tuple[Floats, Floats, Floats]:
    total, squares = weights.sum(axis=0), (weights**2).sum(axis=0)
    column = returns[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (weights * column).sum(axis=0) / total
        spread = (weights * (column - np.nan_to_num(means)) ** 2).sum(axis=0) / total
        vols = np.sqrt(spread / (1.0 - squares / total**2))
    vols[np.isinf(vols)] = np.nan
    return means, vols, total


def transitions(labels: NDArray[np.int64], states: int) -> Floats:
    """Return (K, K) shares of the labels that follow each label; NaN where none follows."""
    counts = np.zeros((states, states))
    np.add.at(counts, (labels[:-1], labels[1:]), 1.0)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))
