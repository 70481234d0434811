"""Exponentially weighted means and covariances.

The row k rows back has weight ``decay ** k``, so a half-life of h rows is ``decay = 0.5 ** (1/h)``.
"""

import numpy as np
from numpy.typing import NDArray

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.jit import kernel


@kernel()
def weighted_moments(rows, ends, decay, state, means, products):  # type: ignore[no-untyped-def]
    """Weighted means and covariances of the rows before each of ``ends``, rising.

    ``state`` is (N + 2, N), zero at first: the mean so far, in the last row the weight and the
    number of rows seen, and between them the products; so a later call goes on where one stopped.
    Sums run row by row: the values of a row depend on no later one.
    """
    assets = rows.shape[1]
    change = np.empty(assets)
    mean, total = state[0], state[1 : assets + 1]
    weight, row = state[assets + 1, 0], int(state[assets + 1, 1])
    for r in range(ends.shape[0]):
        while row < ends[r]:
            old = decay * weight
            weight = old + 1.0
            for i in range(assets):
                change[i] = rows[row, i] - mean[i]
                mean[i] += change[i] / weight
            for i in range(assets):
                for j in range(i + 1):
                    total[i, j] = decay * total[i, j] + change[i] * change[j] * old / weight
            row += 1
        for i in range(assets):
            means[r, i] = mean[i]
            for j in range(i + 1):
                products[r, i, j] = total[i, j] / weight
                products[r, j, i] = products[r, i, j]
    state[assets + 1, 0], state[assets + 1, 1] = weight, row


def weighted_moments_reference(
    rows: Floats, ends: NDArray[np.int64], decay: float
) -> tuple[Floats, Floats]:
    """Plain twin: the weights written out anew for every end."""
    means, products = [], []
    for end in ends:
        past = rows[:end]
        weights = decay ** np.arange(end - 1, -1, -1.0)
        weights /= weights.sum()
        mean = weights @ past
        means.append(mean)
        products.append((past - mean).T @ ((past - mean) * weights[:, None]))
    return np.array(means), np.array(products)
