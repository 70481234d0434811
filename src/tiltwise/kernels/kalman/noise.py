"""Estimation of coefficient drift and observation noise from training rows.

The identity matrices that some libraries use by default are far from any daily return. Three
alternatives:

`maximum_likelihood`  one drift variance for all coefficients, delta I. Scaling delta, noise and P0
    together changes no forecast, so each asset's noise is solved for (`kalman.concentrated_loglik`)
    and the search is over the ratio delta / noise alone.
`em.expectation_maximisation`  a drift covariance of any shape.
`ratio_of_half_life`  no estimate: a given half-life of an old fit, in rows.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.kalman import filter, smoother

Columns = NDArray[np.int64]

SPAN = (1e-8, 1e2)  #: drift variance of a fitted value in one row, over the noise variance
COARSE = 21  #: points of the first look at the likelihood, which may have two hills
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Likely(NamedTuple):
    """Maximum likelihood ratio; K regressors, N assets."""

    ratio: float  #: delta / noise; zero if no drift at all is as likely
    noise: Floats  #: (N,) noise variance of each asset at that ratio
    loglik: float  #: of all assets together


def maximum_likelihood(
    y: ArrayLike,
    x: ArrayLike,
    variance: float = 1e5,
    *,
    tolerance: float = 1e-5,
    jobs: int = 1,
) -> Likely:
    """Find the ratio delta / noise that best forecasts y (T, N) from x (T, K), row by row.

    ``variance`` is P0 in units of the noise variance. All assets share the ratio; give one column
    for a ratio of its own. ``tolerance`` is that of the ratio, relative.

    Raises
    ------
    DataError
        Fewer than K + 2 observed rows of an asset, or an asset or all regressors always zero.
    """
    rows, regressors = matrix(y, "y"), matrix(x, "x")
    parts = groups(rows, regressors)
    unit = mean_square(regressors)

    def score(logs: Floats) -> Floats:
        ratios = np.where(np.isneginf(logs), 0.0, np.exp(logs)) / unit
        fits = (filter.concentrated_loglik(a, b, ratios, variance, jobs=jobs) for _, a, b in parts)
        return np.asarray(sum(one.loglik for one in fits))

    low, high = math.log(SPAN[0]), math.log(SPAN[1])
    coarse = np.linspace(low, high, COARSE)
    best = int(score(coarse).argmax())
    top = _golden(
        lambda log: float(score(np.array([log]))[0]),
        (coarse[max(best - 1, 0)], coarse[min(best + 1, COARSE - 1)]),
        tolerance,
    )
    still, moving = score(np.array([-np.inf, top]))
    ratio = 0.0 if still >= moving else math.exp(top) / unit
    noise, loglik = concentrated(rows, regressors, ratio, variance)
    return Likely(ratio, noise, loglik)


def concentrated(
    y: ArrayLike, x: ArrayLike, ratio: ArrayLike, variance: float
) -> tuple[Floats, float]:
    """Return each asset's most likely noise variance (N,) at a ratio D / noise, and the likelihood.

    ``ratio`` is a number times I or (K, K); ``variance`` is P0 in units of the noise variance.
    """
    rows, regressors = matrix(y, "y"), matrix(x, "x")
    width = regressors.shape[1]
    steps = smoother.covariance(ratio, width, "ratio")
    first = variance * np.eye(width) + steps
    noise, loglik = np.empty(rows.shape[1]), 0.0
    for columns, a, b in groups(rows, regressors):
        passed = smoother.forward(a, b, steps, 1.0, 0.0, first)
        q = passed.variances[~np.isnan(passed.variances)]
        noise[columns] = np.nanmean(passed.innovations**2 / passed.variances[:, None], axis=0)
        terms = len(q) * (np.log(2.0 * math.pi * noise[columns]) + 1.0) + np.log(q).sum()
        loglik -= 0.5 * float(terms.sum())
    return noise, loglik


def ratio_of_half_life(x: ArrayLike, half_life: float) -> float:
    """Return the ratio delta / noise at which half of an old fit is forgotten in so many rows.

    It is read off the regressors x (T, K) alone: the mean f'K once the start is forgotten must be
    the speed of that half-life. Give training rows only.
    """
    regressors = matrix(x, "x")
    if not 0.0 < half_life < math.inf:
        raise ValueError(f"a half-life is positive and finite, got {half_life}")
    wanted = 1.0 - 0.5 ** (1.0 / half_life)
    unit = mean_square(regressors)
    low, high = math.log(1e-14), math.log(1e14)
    while high - low > 1e-10:
        middle = (low + high) / 2.0
        slow = steady_speed(regressors, math.exp(middle) / unit) < wanted
        low, high = (middle, high) if slow else (low, middle)
    return math.exp((low + high) / 2.0) / unit


def steady_speed(x: ArrayLike, ratio: ArrayLike) -> float:
    """Return the mean f'K over the rows of x once the start is forgotten.

    The rows are passed twice, the second time from where the first ended. ``ratio`` is D / noise.
    """
    regressors = matrix(x, "x")
    width = regressors.shape[1]
    steps = smoother.covariance(ratio, width, "ratio")
    nothing = np.zeros((len(regressors), 1))
    first = np.eye(width) / mean_square(regressors) + steps
    for _ in range(2):
        passed = smoother.forward(nothing, regressors, steps, 1.0, 0.0, first)
        first = passed.covariances[-1] + steps
    return filter.adaptation_speed(passed.variances, 1.0)


def groups(y: Floats, x: Floats) -> list[tuple[Columns, Floats, Floats]]:
    """Return columns, y and x of the assets observed on the same rows, x NaN on the others."""
    if len(y) != len(x):
        raise DataError(f"y has {len(y)} rows and x has {len(x)}: give both on the same sessions")
    parts = []
    for columns in smoother.patterns(y):
        part = y[:, columns]
        masked = np.where(np.isnan(part[:, :1]), np.nan, x)
        seen = int((~np.isnan(masked).any(axis=1)).sum())
        if seen < x.shape[1] + 2:
            raise DataError(
                f"column {columns[0]} of y is observed on {seen} rows with regressors: "
                f"{x.shape[1]} coefficients and their noise need at least {x.shape[1] + 2}"
            )
        flat = ~(np.nanmax(np.abs(part), axis=0) > 0.0)
        if flat.any():
            raise DataError(f"column {columns[flat.argmax()]} of y is zero on every row")
        parts.append((columns, part, masked))
    return parts


def mean_square(x: Floats) -> float:
    """Return the mean square of the regressors, by which ratios lose their unit."""
    unit = float(np.nanmean(x * x)) if x.size and not np.isnan(x).all() else 0.0
    if not unit > 0.0:
        raise DataError("the regressors are zero or missing on every row")
    return unit


def _golden(call: Callable[[float], float], ends: tuple[float, float], tolerance: float) -> float:
    """Return the maximiser of a unimodal function between two ends (golden section)."""
    low, high = ends
    left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
    at_left, at_right = call(left), call(right)
    while high - low > tolerance:
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - GOLDEN * (high - low)
            at_left = call(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + GOLDEN * (high - low)
            at_right = call(right)
    return (low + high) / 2.0
