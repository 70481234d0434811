"""Rolling moments of columns, summed in one order for every row.

The terms of a window are added oldest first, column by column, so the bits of a row depend neither
on the rows after it nor on how many there are. A window with a missing value is missing; nothing is
filled, and columns are independent.
"""

import numpy as np

from tiltwise.kernels import indicators
from tiltwise.kernels.arrays import Floats, matrix


def log_changes(prices: Floats) -> Floats:
    """Return ``ln(P_t / P_{t-1})`` of columns (rows, n); the first row is NaN."""
    ratio = np.full(prices.shape, np.nan)
    ratio[1:] = prices[1:] / prices[:-1]
    return logs(ratio)


def logs(values: Floats) -> Floats:
    """Return natural logarithms (rows, n), one value at a time; NaN stays."""
    out = np.empty(values.shape)
    indicators.log_levels(matrix(values, "ratios of prices"), out)
    return out


def total(rows: Floats, window: int) -> Floats:
    """Return sums of the last `window` rows, NaN before there are so many."""
    out = np.full(rows.shape, np.nan)
    count = len(rows) - window + 1
    if count > 0:
        sums = np.zeros((count, *rows.shape[1:]))
        for k in range(window):
            sums += rows[k : k + count]
        out[window - 1 :] = sums
    return out


def covariance(x: Floats, y: Floats, window: int) -> Floats:
    """Return covariances over the last `window` rows, divided by ``window - 1``.

    Of the same shape, or `y` with one column. Deviations are taken from the means of the window
    itself, so a large mean costs no digits.
    """
    x, y = np.broadcast_arrays(x, y)
    out = np.full(x.shape, np.nan)
    count = len(x) - window + 1
    if count > 0:
        mean_x = total(x, window)[window - 1 :] / window
        mean_y = total(y, window)[window - 1 :] / window
        sums = np.zeros(mean_x.shape)
        for k in range(window):
            sums += (x[k : k + count] - mean_x) * (y[k : k + count] - mean_y)
        out[window - 1 :] = sums / (window - 1)
    return out


def deviation(rows: Floats, window: int) -> Floats:
    """Return standard deviations over the last `window` rows."""
    return np.sqrt(covariance(rows, rows, window))


def correlation(x: Floats, y: Floats, window: int) -> Floats:
    """Return correlations over the last `window` rows, NaN where a side stood still."""
    spread = deviation(x, window) * deviation(y, window)
    joint = covariance(x, y, window)
    # Of a constant column only rounding remains: that is no correlation.
    moved = spread > 1e-20
    out = np.full(joint.shape, np.nan)
    np.divide(joint, spread, out=out, where=moved)
    result: Floats = np.clip(out, -1.0, 1.0)
    return result
