"""Moments of every window of a panel, for the rolling principal components.

A window is the ``window`` rows before a row; its moments are summed over its own rows only. So they
do not depend on where the panel starts or stops, and a NaN spoils only the windows that hold it.
"""

import numpy as np

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel


@kernel()
def window_products(rows, ends, window, means, products):  # type: ignore[no-untyped-def]
    """Means and lower triangles of X'X of the centred windows that stop before ``ends``."""
    assets = rows.shape[1]
    centred = np.empty(assets)
    for w in range(ends.shape[0]):
        mean, product = means[w], products[w]
        mean[:] = 0.0
        product[:] = 0.0
        for s in range(ends[w] - window, ends[w]):
            for i in range(assets):
                mean[i] += rows[s, i]
        for i in range(assets):
            mean[i] /= window
        for s in range(ends[w] - window, ends[w]):
            for i in range(assets):
                centred[i] = rows[s, i] - mean[i]
            for i in range(assets):
                for j in range(i + 1):
                    product[i, j] += centred[i] * centred[j]


def lag_products(rows: Floats, window: int) -> Floats:
    """Return r_t' r_(t - l) for every lag l below the window, (window, T)."""
    products = np.zeros((window, len(rows)))
    _sum_lag_products(np.array(rows.T, order="C"), products)
    return products


@kernel()
def _sum_lag_products(columns, products):  # type: ignore[no-untyped-def]
    """Sum over the assets in their order; every pair of rows is multiplied once."""
    for i in range(columns.shape[0]):
        for lag in range(products.shape[0]):
            for t in range(lag, columns.shape[1]):
                products[lag, t] += columns[i, t] * columns[i, t - lag]


@kernel()
def window_grams(lags, ends, grams):  # type: ignore[no-untyped-def]
    """Lower triangles of X X' of centred windows: raw products less row, column, plus mean."""
    window = lags.shape[0]
    row_mean = np.empty(window)
    for w in range(ends.shape[0]):
        gram = grams[w]
        start = ends[w] - window
        row_mean[:] = 0.0
        for a in range(window):
            for b in range(a + 1):
                value = lags[a - b, start + a]
                gram[a, b] = value
                row_mean[a] += value
                if b < a:
                    row_mean[b] += value
        total = 0.0
        for a in range(window):
            row_mean[a] /= window
            total += row_mean[a]
        total /= window
        for a in range(window):
            for b in range(a + 1):
                gram[a, b] += total - row_mean[a] - row_mean[b]


@kernel()
def window_directions(rows, ends, vectors, means, directions):  # type: ignore[no-untyped-def]
    """Means of the windows and X'u for each scaled vector u; ``directions`` starts at zero."""
    window, factors = vectors.shape[1], vectors.shape[2]
    centred = np.empty(rows.shape[1])
    for w in range(ends.shape[0]):
        mean = means[w]
        start = ends[w] - window
        mean[:] = 0.0
        for s in range(window):
            for i in range(rows.shape[1]):
                mean[i] += rows[start + s, i]
        for i in range(rows.shape[1]):
            mean[i] /= window
        for s in range(window):
            for i in range(rows.shape[1]):
                centred[i] = rows[start + s, i] - mean[i]
            for k in range(factors):
                weight = vectors[w, s, k]
                for i in range(rows.shape[1]):
                    directions[w, k, i] += weight * centred[i]


@kernel()
def off_directions(rows, ends, means, directions, out):  # type: ignore[no-untyped-def]
    """Part of each row that its window's directions do not explain; NaN counts as the mean."""
    for w in range(ends.shape[0]):
        row, mean = rows[ends[w]], means[w]
        for i in range(rows.shape[1]):
            out[w, i] = row[i] - mean[i]
        for k in range(directions.shape[1]):
            score = 0.0
            for i in range(rows.shape[1]):
                centred = row[i] - mean[i]
                if centred == centred:
                    score += centred * directions[w, k, i]
            for i in range(rows.shape[1]):
                out[w, i] -= score * directions[w, k, i]
