"""What the thread's snippets compute, taken at their word.

The optimiser maximises the Sharpe ratio itself by sequential quadratic programming, with bounds of
0 and .1, and returns the last point whether or not the solver found one: nine such bounds add up to
.9, so no weights that sum to one exist, and what comes back are nine tenths.
"""

import importlib
from typing import Any

import numpy as np

from tiltwise.errors import MissingData
from tiltwise.kernels.arrays import Floats

MOST = 0.1
WINDOWS, EMBARGO = 5, 21


def max_sharpe(returns: Floats, cash: float = 0.0, most: float = MOST) -> tuple[Floats, bool]:
    """Return the thread's weights for returns (T, n), and whether its solver says it succeeded.

    Raises
    ------
    MissingData
        SciPy is not installed.
    """
    count = returns.shape[1]

    def loss(weights: Floats) -> float:
        path = returns @ weights
        return -float((path.mean() - cash) / path.std())

    solution = _scipy().minimize(
        loss,
        np.full(count, 1.0 / count),
        method="SLSQP",
        bounds=[(0.0, most)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1.0},
    )
    return np.asarray(solution.x), bool(solution.success)


def windows(rows: int) -> list[tuple[int, int]]:
    """Return end of training (exclusive) and start of test of each expanding window."""
    size = rows // (WINDOWS + 1)
    starts = [rows - (WINDOWS - k) * size for k in range(WINDOWS)]
    return [(start - EMBARGO, start) for start in starts]


def _scipy() -> Any:
    try:
        return importlib.import_module("scipy.optimize")
    except ModuleNotFoundError as error:
        raise MissingData(
            "the thread's optimiser is SciPy's, which is not installed: "
            "pip install 'tiltwise[research]'"
        ) from error
