"""Feature weights of sparse clustering.

    maximise w'a  subject to  |w|_2 = 1,  |w|_1 <= kappa,  w >= 0

is a soft threshold of a, scaled to length 1; the threshold is bisected until the L1 norm fits.

Source: Witten and Tibshirani, A framework for feature selection in clustering, Journal of the
American Statistical Association 105 (2010).
"""

import numpy as np

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel

WIDTH = 1e-8  # of the last bracket, as in the reference implementation


def feature_weights(a: Floats, kappa: float) -> Floats:
    """Return w (D,) for non-negative scores a (D,), the largest of which is positive.

    Scores count relative to the largest. ``kappa`` is the root of the number of features that may
    count; 1 keeps the best alone. Features that tie for best are indistinguishable: they keep equal
    weights, even if their L1 norm is then above kappa.
    """
    if not kappa >= 1.0:
        raise DataError(f"kappa={kappa} must be at least 1 (max_features is its square)")
    top = float(a.max())
    if not top > 0.0 or not (a >= 0.0).all():
        raise DataError("feature scores must not be negative, and one must be positive")
    weights: Floats = _weights(a / top, float(kappa))
    return weights


@kernel("float64[::1](float64[::1], float64)")
def _cut(a, threshold):  # type: ignore[no-untyped-def]
    out = np.maximum(a - threshold, 0.0)
    return out / np.sqrt((out * out).sum())


@kernel("float64[::1](float64[::1], float64)")
def _weights(a, kappa):  # type: ignore[no-untyped-def]
    right = 0.0
    top = a.max()
    for value in a:
        if right < value < top:
            right = value
    weights = _cut(a, 0.0)
    if right < WIDTH or weights.sum() <= kappa:
        return weights
    weights = _cut(a, right)
    if weights.sum() >= kappa:
        return weights
    left = 0.0
    gap = right
    while gap > WIDTH:
        middle = 0.5 * (left + right)
        weights = _cut(a, middle)
        norm = weights.sum()
        if norm < kappa:
            right = middle
        elif norm > kappa:
            left = middle
        else:
            return weights
        gap /= 2.0
    return weights


def feature_weights_reference(a: Floats, kappa: float) -> Floats:
    """Plain twin of `feature_weights`."""
    a = a / a.max()
    distinct = np.unique(a)
    right = distinct[-2] if len(distinct) > 1 else 0.0

    def cut(threshold: float) -> Floats:
        out = np.maximum(a - threshold, 0.0)
        scaled: Floats = out / np.linalg.norm(out)
        return scaled

    if right < WIDTH or cut(0.0).sum() <= kappa:
        return cut(0.0)
    if cut(right).sum() >= kappa:
        return cut(right)
    left, gap, middle = 0.0, right, 0.0
    while gap > WIDTH:
        middle = (left + right) / 2.0
        norm = cut(middle).sum()
        if norm == kappa:
            break
        left, right = (left, middle) if norm < kappa else (middle, right)
        gap /= 2.0
    return cut(middle)
