"""Risk budgeting portfolios by cyclical coordinate descent.

::

    minimise  y'Cy / 2 - sum_i b_i log(y_i),   y > 0;   b_i > 0, 1'b = 1

At the minimum ``y_i (Cy)_i = b_i``: contributions to the variance are in the proportions b. Each
unknown in turn has a quadratic equation with one positive root, and a sweep over all of them lowers
the objective, so the method cannot fail on a positive definite C. C is a correlation matrix here,
which makes it insensitive to the assets' different risks.

Source: Griveau-Billion, Richard, Roncalli, A fast algorithm for computing high-dimensional risk
parity portfolios, 2013; Spinu, An algorithm for computing risk parity weights, 2013.
"""

import math

import numpy as np

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel

SWEEPS = 10_000


@kernel()
def parity(correlation, budgets, tolerance, y):  # type: ignore[no-untyped-def]
    """Improve y in place; return the largest error of a share of the risk."""
    n = len(y)
    error = np.inf
    for _ in range(SWEEPS):
        total = 0.0
        for i in range(n):
            for k in range(n):
                total += y[i] * correlation[i, k] * y[k]
        # The best length for this direction: at the minimum y'Cy = 1.
        length = math.sqrt(total)
        for i in range(n):
            y[i] /= length
        for i in range(n):
            others = 0.0
            for k in range(n):
                if k != i:
                    others += correlation[i, k] * y[k]
            own = correlation[i, i]
            y[i] = (math.sqrt(others * others + 4.0 * own * budgets[i]) - others) / (2.0 * own)
        error = _share_error(correlation, budgets, y)
        if error <= tolerance or not np.isfinite(error):
            break
    return error


@kernel()
def _share_error(correlation, budgets, y):  # type: ignore[no-untyped-def]
    """Largest error of a share; infinite where y has run away, as on a mixture without risk."""
    n, total = len(y), 0.0
    for i in range(n):
        for k in range(n):
            total += y[i] * correlation[i, k] * y[k]
    worst = 0.0
    for i in range(n):
        part = 0.0
        for k in range(n):
            part += correlation[i, k] * y[k]
        gap = abs(part * y[i] / total - budgets[i])
        if not np.isfinite(gap):
            return np.inf
        worst = max(worst, gap)
    return worst


def parity_reference(correlation: Floats, budgets: Floats, steps: int = 200) -> Floats:
    """Return the minimum by Newton's method with a line search; plain NumPy."""
    y = np.sqrt(budgets / correlation.sum(axis=1).clip(min=1e-3))

    def value(z: Floats) -> float:
        return float(z @ correlation @ z / 2.0 - budgets @ np.log(z))

    for _ in range(steps):
        gradient = correlation @ y - budgets / y
        step = np.linalg.solve(correlation + np.diag(budgets / y**2), -gradient)
        share = min(1.0, 0.9 / max(float((-step / y).max()), 0.9))
        while value(y + share * step) > value(y) + 1e-16 and share > 1e-12:
            share /= 2.0
        y = y + share * step
    return np.asarray(y)
