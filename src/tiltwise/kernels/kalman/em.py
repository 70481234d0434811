"""Drift covariance and noise of random-walk coefficients, by expectation and maximisation.

One step smooths all rows with the drift covariance D and the noise at hand, and replaces them by

    D     = mean over t > 1 of E[(b_t - b_{t-1})(b_t - b_{t-1})' | y]
    noise = mean over t of E[(y_t - f_t' b_t)^2 | y]

which never lowers the likelihood. Steps are short near the top, so two of them are extrapolated to
a third where that is likelier still.

Source: Shumway and Stoffer, An approach to time series smoothing and forecasting using the EM
algorithm, Journal of Time Series Analysis 3 (1982).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.kalman import smoother
from tiltwise.kernels.kalman.noise import groups

SHAPES = ("scalar", "diagonal", "full")


class Moments(NamedTuple):
    """Estimates at the last iteration."""

    drift: Floats  #: (K, K)
    noise: float
    loglik: Floats  #: at the start and after every accepted step; never falls


class Point(NamedTuple):
    """Current iterate."""

    drift: Floats
    noise: float


def expectation_maximisation(
    y: ArrayLike,
    x: ArrayLike,
    drift: ArrayLike,
    noise: float,
    *,
    start: ArrayLike = 0.0,
    first: ArrayLike = 1.0,
    shape: str = "full",
    iterations: int = 500,
    tolerance: float = 1e-9,
    leaps: bool = True,
) -> Moments:
    """Maximise the likelihood over drift and noise, starting from those given.

    Parameters
    ----------
    y, x : (T, N) and (T, K). All assets share drift and noise; give one column for its own.
    start, first : the forecast of the first row's coefficients, (N, K), and its covariance; fixed.
    shape : of the drift covariance: "scalar" (delta I), "diagonal" or "full".
    iterations : most passes over the rows.
    tolerance : stop once an iteration adds less than this to the log-likelihood of a row.
    leaps : extrapolate two steps to a third where that is likelier; the way is a tenth as long.
    """
    if shape not in SHAPES:
        raise ValueError(f"shape={shape!r} is not one of {SHAPES}")
    rows, regressors = matrix(y, "y"), matrix(x, "x")
    parts = groups(rows, regressors)
    width = regressors.shape[1]
    beta = np.broadcast_to(np.asarray(start, np.float64), (rows.shape[1], width))
    steps = smoother.covariance(drift, width, "drift")
    first = smoother.covariance(first, width, "first")

    def look(at: Point) -> tuple[float, Point]:
        passes = [
            (a, b, smoother.smooth(a, b, at.drift, at.noise, beta[columns], first))
            for columns, a, b in parts
        ]
        return sum(float(past.loglik.sum()) for _, _, past in passes), _moments(passes, shape)

    least = tolerance * int(np.isfinite(rows).sum())
    path, here = _climb(look, Point(steps, noise), iterations, least, leaps)
    return Moments(here.drift, here.noise, path)


def _climb(
    look: Callable[[Point], tuple[float, Point]],
    here: Point,
    iterations: int,
    least: float,
    leaps: bool,
) -> tuple[Floats, Point]:
    """Iterate ``look`` (likelihood, next point); extrapolate after two steps where likelier.

    Source of the leap: Varadhan and Roland, Simple and globally convergent methods for accelerating
    the convergence of any EM algorithm, Scandinavian Journal of Statistics 35 (2008), scheme S3.
    """
    value, ahead = look(here)
    path, before = [value], None
    for _ in range(iterations):
        leap = _leap(before, here, ahead) if leaps and before is not None else None
        there, beyond = look(ahead if leap is None else leap)
        if leap is not None and there < value:
            before = None  # too far: continue without the leap
            continue
        settled = leap is None and there - value < least
        before, here = (here, ahead) if leap is None else (None, leap)
        value, ahead = there, beyond
        path.append(value)
        if settled:
            break
    return np.array(path), here


def _leap(zero: Point, one: Point, two: Point) -> Point | None:
    """Extrapolate three successive points in logarithms, which keep variances positive."""
    logs = [_logarithm(point) for point in (zero, one, two)]
    step, bend = logs[1] - logs[0], logs[2] - 2.0 * logs[1] + logs[0]
    size = float(np.linalg.norm(bend))
    length = float(np.linalg.norm(step)) / size if size > 0.0 else 0.0
    if length <= 1.0:
        return None
    goal = logs[0] + 2.0 * length * step + length**2 * bend
    if not np.abs(goal).max() < 200.0:
        return None
    values, vectors = np.linalg.eigh(goal[:-1].reshape(zero.drift.shape))
    return Point((vectors * np.exp(values)) @ vectors.T, math.exp(goal[-1]))


def _logarithm(point: Point) -> Floats:
    """Return matrix logarithm of the drift and logarithm of the noise in one array."""
    values, vectors = np.linalg.eigh(point.drift)
    floor = 1e-14 * max(float(values[-1]), 1e-280)
    whole = (vectors * np.log(np.maximum(values, floor))) @ vectors.T
    return np.append(whole, math.log(point.noise))


def _moments(passes: list[tuple[Floats, Floats, smoother.Smoothed]], shape: str) -> Point:
    """Return the drift and noise that make the smoothed paths most likely."""
    drift, errors, moves, seen = np.zeros(()), 0.0, 0, 0
    for y, x, past in passes:
        assets = y.shape[1]
        change = np.diff(past.betas, axis=0)
        p, lag = past.covariances, past.lagged.sum(axis=0)
        spread = p[1:].sum(axis=0) + p[:-1].sum(axis=0) - lag - lag.T
        drift = drift + np.einsum("tij,tik->jk", change, change) + assets * spread
        moves += assets * len(change)
        there = ~np.isnan(y[:, 0] + x.sum(axis=1))
        f = x[there]
        left = y[there] - np.einsum("tk,tik->ti", f, past.betas[there])
        errors += float((left**2).sum() + assets * np.einsum("tj,tjk,tk->", f, p[there], f))
        seen += left.size
    drift = drift / moves
    if shape == "scalar":
        drift = np.eye(len(drift)) * np.trace(drift) / len(drift)
    elif shape == "diagonal":
        drift = np.diag(np.diag(drift))
    return Point(drift, errors / seen)
