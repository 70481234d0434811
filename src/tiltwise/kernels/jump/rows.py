"""Data layout of the rows that a jump model is fitted to.

Features are stored one after another, so that the loss of many rows is one pass per feature; and
as running sums, so that the mean of a run of rows is one subtraction. Columns are centred first,
which changes no distance and keeps those sums small.

A missing value adds nothing to the loss of its row, and nothing to the mean of its feature. A row
weight multiplies the loss of the row.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.jit import kernel

UNREACHABLE = 1e100  #: loss of a state that has no rows, hence no centre


class Rows(NamedTuple):
    """T rows of D features. M is 1, or D where a value is missing."""

    plain: Floats  #: (D, T) centred, 0 where missing
    values: Floats  #: (D, T) the same times the weight of the row
    seen: Floats  #: (M, T) weight of the row, 0 where missing
    sums: Floats  #: (T + 1, D) running sums of values
    counts: Floats  #: (T + 1, M) running sums of seen
    squares: Floats  #: (D,) weighted sum of squares
    shift: Floats  #: (D,) weighted means, subtracted
    weights: Floats  #: (T,) row weights


def prepare(x: ArrayLike, weights: ArrayLike | None = None) -> Rows:
    """Lay out x (T, D), NaN where missing, and its row weights (T,), 1 if not given.

    Raises
    ------
    DataError
        Without rows; if a weight is negative or missing, or none is positive; if a feature has no
        value.
    """
    rows = matrix(x, "x")
    w = np.ones(len(rows)) if weights is None else np.array(weights, np.float64)
    if w.shape != (len(rows),) or not (w >= 0.0).all() or not 0.0 < w.sum() < np.inf:
        raise DataError(
            f"{len(rows)} rows need as many finite weights, none negative and not all zero"
        )
    there = ~np.isnan(rows)
    complete = bool(there.all())
    seen = w[:, None] if complete else np.where(there, w[:, None], 0.0)
    totals = seen.sum(axis=0)
    if not (totals > 0.0).all():
        raise DataError(f"feature {int(np.argmin(totals))} has no value in a row with weight")
    weighted = np.where(there, rows, 0.0) * w[:, None]
    shift = weighted.sum(axis=0) / totals
    plain = np.where(there, rows - shift, 0.0)
    weighted = plain * w[:, None]
    return Rows(
        plain=np.ascontiguousarray(plain.T),
        values=np.ascontiguousarray(weighted.T),
        seen=np.ascontiguousarray(seen.T),
        sums=_running(weighted),
        counts=_running(seen),
        squares=(weighted * plain).sum(axis=0),
        shift=shift,
        weights=w,
    )


def _running(values: Floats) -> Floats:
    """Return sums over the rows before each of 0..T."""
    out = np.zeros((len(values) + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=out[1:])
    return out


@kernel()
def add_scaled(scale, values, out):  # type: ignore[no-untyped-def]
    """Add a multiple of values to ``out``; slices that are arguments become vector code."""
    if scale != 0.0:
        for t in range(out.shape[0]):
            out[t] += scale * values[t]


@kernel()
def losses(x, centers, weights, points, discrete):  # type: ignore[no-untyped-def]
    """Half weighted squared distances (T, N) of rows to states; each from its row alone.

    ``centers`` (K, D) may be NaN; ``points`` (N, K) are the shares of the centres in each state,
    which with ``discrete`` are the centres themselves (N = K).
    """
    rows, width = x.shape
    states = centers.shape[0]
    out = np.empty((rows, points.shape[0]))
    half = np.empty(states)
    for t in range(rows):
        for k in range(states):
            total = 0.0
            for j in range(width):
                value = x[t, j]
                if value == value and weights[j] > 0.0:  # a NaN differs from itself
                    gap = value - centers[k, j]
                    total += weights[j] * gap * gap
            half[k] = 0.5 * total if centers[k, 0] == centers[k, 0] else UNREACHABLE
        for n in range(points.shape[0]):
            if discrete:
                out[t, n] = half[n]
                continue
            mixed = 0.0
            for k in range(states):
                mixed += points[n, k] * half[k]
            out[t, n] = mixed
    return out


def losses_reference(x: Floats, centers: Floats, weights: Floats, points: Floats) -> Floats:
    """Plain twin of `losses`."""
    gaps = np.nan_to_num(x[:, None, :] - np.nan_to_num(centers)[None])
    half = 0.5 * (weights * gaps**2).sum(axis=2)
    half[:, np.isnan(centers[:, 0])] = UNREACHABLE
    mixed: Floats = half @ points.T
    return mixed
