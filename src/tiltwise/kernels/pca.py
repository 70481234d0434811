"""Principal components of returns: fit once or on a rolling window, project row by row.

::

    S = (R - m)'(R - m) / (T - 1) = V L V'     W = first K columns of V (N x K)
    scores F = (R - m) W                       fit = F W' + m          residual = R - fit

`principal_components` fits on all rows that it is given. `project`, `reconstruct` and `residuals`
apply a fit row by row: row t of the answer uses row t only, so the answer for the first t rows is,
bit for bit, the first t rows of the answer. (A BLAS product over the rows would not be.)
`rolling_residuals` refits before every row on the window strictly before it.

Missing values. A fit refuses them. In a projection a NaN return counts as its mean, so it adds
nothing to the scores, and its own residual is NaN; a row without any return has NaN scores. A
rolling window that holds a NaN gives a NaN row.

Source: Jolliffe, Principal Component Analysis, 2nd ed., sections 1.1 and 3.5.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats, matrix
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.windows import (
    lag_products,
    off_directions,
    window_directions,
    window_grams,
    window_products,
)

Rows = NDArray[np.int64]

_BLOCK = 1 << 21  #: matrix entries that one batch of decompositions holds
_NOISE = 1e-13  #: share of the largest variance below which a component is rounding
_TINY = 1e-300  #: keeps a window without any variance from fitting its own zeros


class Components(NamedTuple):
    """A fit: N assets, K factors, in order of falling variance."""

    mean: Floats  #: (N,) mean return
    loadings: Floats  #: (N, K) unit columns; the largest entry in magnitude is positive
    shares: Floats  #: (N,) share of the variance explained by each of the N components


def principal_components(returns: ArrayLike, factors: int) -> Components:
    """Fit to returns (T, N) by the eigenvectors of their covariance, divisor T - 1.

    The largest entry in magnitude of each loading is made positive (the first one on a tie).
    """
    rows = matrix(returns, "returns")
    _check(rows.shape[1], len(rows), factors)
    _refuse_missing(rows)
    mean = rows.mean(axis=0)
    centred = rows - mean
    with one_blas_thread():
        values, vectors = np.linalg.eigh(centred.T @ centred / (len(rows) - 1))
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    loadings = vectors[:, :factors]
    largest = np.abs(loadings).argmax(axis=0)
    signs = np.where(loadings[largest, np.arange(factors)] < 0.0, -1.0, 1.0)
    total = values.sum()
    if total == 0.0:
        raise DataError(f"{len(rows)} returns of {rows.shape[1]} assets never vary: nothing to fit")
    return Components(mean, np.ascontiguousarray(loadings * signs), values / total)


def project(returns: ArrayLike, mean: ArrayLike, loadings: ArrayLike) -> Floats:
    """Return the scores (T, K) of returns (T, N): each row's coordinates on the loadings (N, K)."""
    rows, mean, loadings = _fit_arrays(returns, mean, loadings)
    scores = np.empty((len(rows), loadings.shape[1]))
    _project(rows, mean, loadings, scores)
    return scores


def reconstruct(scores: ArrayLike, mean: ArrayLike, loadings: ArrayLike) -> Floats:
    """Return the fitted returns F W' + m (T, N) of scores (T, K)."""
    scores, loadings = matrix(scores, "scores"), matrix(loadings, "loadings")
    mean = np.ascontiguousarray(mean, np.float64)
    if scores.shape[1] != loadings.shape[1] or mean.shape != (len(loadings),):
        raise DataError(
            f"scores {scores.shape}, mean {mean.shape} and loadings {loadings.shape} do not match"
        )
    fit = np.empty((len(scores), len(loadings)))
    _reconstruct(scores, mean, loadings, fit)
    return fit


def residuals(returns: ArrayLike, mean: ArrayLike, loadings: ArrayLike) -> Floats:
    """Return R - (F W' + m), (T, N); NaN where the return is."""
    rows = matrix(returns, "returns")
    return rows - reconstruct(project(rows, mean, loadings), mean, loadings)


def rolling_residuals(
    returns: ArrayLike, window: int, factors: int, last: int | None = None
) -> Floats:
    """Return residuals (T, N), row t on the loadings of rows t - window .. t - 1.

    Rows before the first full window are NaN. ``last=n`` returns only the last n rows, with the
    bits that they have in the whole answer: a row depends on its window and itself, and on nothing
    else. Components whose variance is rounding noise are left out, so a window of lower rank than
    ``factors`` has a smaller fit. Needs 1 <= factors <= N and factors < window.
    """
    rows = matrix(returns, "returns")
    count, assets = rows.shape
    _check(assets, window, factors)
    first = 0 if last is None else max(0, count - last)
    out = np.full((count - first, assets), np.nan)
    span = rows[max(0, first - window) :]
    offset = count - len(span)  # row of `returns` at which the span starts
    gaps = np.concatenate([[0], np.isnan(span).any(axis=1).cumsum()])
    ends = np.arange(window, len(span))  # the rows, counted in the span, to be explained
    ends = ends[(gaps[ends] == gaps[ends - window]) & (ends + offset >= first)]
    lags = lag_products(span, window) if assets > window else None
    for block in np.array_split(ends, 1 + len(ends) * min(assets, window) ** 2 // _BLOCK):
        if lags is None:
            means, values, directions = _by_covariance(span, block, window, factors)
        else:
            means, values, directions = _by_gram(span, lags, block, window, factors)
        floor = _NOISE * np.maximum(values[:, -1:], _TINY)
        directions[values[:, -factors:] <= floor] = 0.0
        answer = np.empty(means.shape)
        off_directions(span, block, means, directions, answer)
        out[block + offset - first] = answer
    return out


def rolling_residuals_reference(returns: Floats, window: int, factors: int) -> Floats:
    """Plain twin of the rolling residuals: one singular value decomposition a row."""
    out = np.full(returns.shape, np.nan)
    for t in range(window, len(returns)):
        past, now = returns[t - window : t], returns[t]
        if np.isnan(past).any():
            continue
        mean = past.mean(axis=0)
        _, lengths, directions = np.linalg.svd(past - mean, full_matrices=False)
        solid = lengths[:factors] ** 2 > _NOISE * max(lengths[0] ** 2, _TINY)
        w = directions[:factors][solid].T
        centred = np.where(np.isnan(now), 0.0, now - mean)
        out[t] = np.where(np.isnan(now), np.nan, centred - w @ (w.T @ centred))
    return out


def _by_covariance(
    span: Floats, ends: Rows, window: int, factors: int
) -> tuple[Floats, Floats, Floats]:
    """Return window means and, from N x N products, eigenvalues and directions (n, K, N)."""
    means = np.empty((len(ends), span.shape[1]))
    products = np.empty((len(ends), span.shape[1], span.shape[1]))
    window_products(span, ends, window, means, products)
    with one_blas_thread():
        values, vectors = np.linalg.eigh(products)
    top = vectors[:, :, -factors:].transpose(0, 2, 1)
    return means, values, np.array(top, order="C")


def _by_gram(
    span: Floats, lags: Floats, ends: Rows, window: int, factors: int
) -> tuple[Floats, Floats, Floats]:
    """Return the same from the window x window Gram matrices X X' of the centred windows X.

    If X X' u = l u, then X'u / sqrt(l) is a unit eigenvector of X'X for the same l.
    """
    means = np.empty((len(ends), span.shape[1]))
    products = np.empty((len(ends), window, window))
    window_grams(lags, ends, products)
    with one_blas_thread():
        values, vectors = np.linalg.eigh(products)
    top = values[:, -factors:]
    scaled = vectors[:, :, -factors:] / np.sqrt(np.where(top > 0.0, top, 1.0))[:, None, :]
    directions = np.zeros((len(ends), factors, span.shape[1]))
    window_directions(span, ends, np.ascontiguousarray(scaled), means, directions)
    return means, values, directions


@kernel()
def _project(rows, mean, loadings, scores):  # type: ignore[no-untyped-def]
    """Scores of each row, the sum running over the assets in their order."""
    factors = loadings.shape[1]
    for t in range(rows.shape[0]):
        seen = 0
        for k in range(factors):
            scores[t, k] = 0.0
        for i in range(rows.shape[1]):
            centred = rows[t, i] - mean[i]
            if centred == centred:
                seen += 1
                for k in range(factors):
                    scores[t, k] += centred * loadings[i, k]
        if seen == 0:
            for k in range(factors):
                scores[t, k] = np.nan


def project_reference(rows: Floats, mean: Floats, loadings: Floats) -> Floats:
    """Plain twin of the projection."""
    scores = np.nan_to_num(rows - mean) @ loadings
    scores[np.isnan(rows).all(axis=1)] = np.nan
    return scores


@kernel()
def _reconstruct(scores, mean, loadings, fit):  # type: ignore[no-untyped-def]
    """F W' + m of each row, the sum running over the factors in their order."""
    for t in range(scores.shape[0]):
        for i in range(loadings.shape[0]):
            total = 0.0
            for k in range(loadings.shape[1]):
                total += scores[t, k] * loadings[i, k]
            fit[t, i] = total + mean[i]


def reconstruct_reference(scores: Floats, mean: Floats, loadings: Floats) -> Floats:
    """Plain twin of the reconstruction."""
    return np.asarray(scores @ loadings.T + mean)


def _check(assets: int, rows: int, factors: int) -> None:
    """Refuse more factors than assets, or than rows can carry once their mean is removed."""
    if not 1 <= factors <= min(assets, rows - 1):
        raise DataError(
            f"{factors} factors of {assets} assets from {rows} rows: "
            f"choose between 1 and {min(assets, rows - 1)}"
        )


def _refuse_missing(rows: Floats) -> None:
    bad = ~np.isfinite(rows)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise MissingData(
            f"{bad.sum()} of {rows.size} returns are missing or infinite, the first at row {row}, "
            f"column {column}: drop those rows or assets before a fit"
        )


def _fit_arrays(
    returns: ArrayLike, mean: ArrayLike, loadings: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    rows, weights = matrix(returns, "returns"), matrix(loadings, "loadings")
    centre = np.ascontiguousarray(mean, np.float64)
    if centre.shape != (rows.shape[1],) or len(weights) != rows.shape[1]:
        raise DataError(
            f"returns {rows.shape}, mean {centre.shape} and loadings {weights.shape} do not match"
        )
    return rows, centre, weights
