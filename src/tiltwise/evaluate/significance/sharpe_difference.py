"""Test of equal Sharpe ratios for dependent, heavy-tailed returns (Ledoit and Wolf, 2008).

The ratio of each series is a smooth function of its mean and its second moment, so the difference
has a delta-method standard error from the long-run covariance of those four moments. The bootstrap
studentises the difference in circular blocks of pairs, which holds its size in small samples.
"""

import dataclasses
import math

import numpy as np

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.inference import NORMAL, block_length
from tiltwise.kernels.path_metrics import NEGLIGIBLE, FloatArray

PARZEN_RATE = 2.6614
"""Andrews (1991): bandwidth = 2.6614 (alpha(2) T) ** (1/5) for the Parzen kernel."""
CIRCULAR = 1.5 ** (1.0 / 3.0)
"""Optimal circular block over optimal mean block of the stationary bootstrap."""
CHUNK = 250
"""Resamples held in memory at once."""


@dataclasses.dataclass(frozen=True)
class SharpeDifference:
    """Difference of two per-period Sharpe ratios, with its standard error and p-values.

    Attributes
    ----------
    difference : float
        First Sharpe ratio less second, per period.
    error : float
        HAC standard error of the difference.
    p_hac : float
        Two-sided p-value of the normal approximation.
    p_bootstrap : float
        Two-sided p-value of the studentised circular block bootstrap.
    block : int
        Block length of the bootstrap.
    reach : float
        Half the width of the symmetric interval that goes with `p_bootstrap`: the bootstrap's
        quantile of the studentised difference times the error.
    """

    difference: float
    error: float
    p_hac: float
    p_bootstrap: float
    block: int
    reach: float = math.nan


def sharpe_difference(
    first: FloatArray,
    second: FloatArray,
    *,
    block: int | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.9,
) -> SharpeDifference:
    """Test that two paired series of excess returns (T,) have the same Sharpe ratio.

    `block` is the circular block length; by default the automatic one of the series or squares
    with the longest memory. `level` is the coverage of the interval. If one series is a multiple of
    the other, p-values and interval are NaN: there is nothing to test.

    Raises
    ------
    DataError
        If the series differ in length, hold missing values, are constant or shorter than 20.
    """
    one, other = _checked(first), _checked(second)
    if len(one) != len(other):
        raise DataError(f"lengths differ: {len(one)} and {len(other)} returns; they must be paired")
    pair = np.column_stack([one, other])
    moments = np.column_stack([pair, pair**2])
    difference, gradient = _difference(moments.mean(axis=0)[None, :])
    size = len(pair)
    if block is None:
        block = max(1, round(CIRCULAR * max(block_length(column) for column in moments.T)))
    if not 1 <= block <= size // 2:
        raise DataError(f"a block of {block} does not fit twice into {size} periods")
    influence = (moments - moments.mean(axis=0)) @ gradient[0]
    scale = float(np.abs(moments * gradient[0]).max())
    error = math.sqrt(max(_long_run_variance(influence), 0.0) / size)
    if error <= NEGLIGIBLE * scale:
        return SharpeDifference(float(difference[0]), 0.0, math.nan, math.nan, block)
    statistic = abs(float(difference[0])) / error
    rng = np.random.default_rng(seed)
    drawn = np.concatenate(
        [
            _studentised(moments, float(difference[0]), rng, block, min(CHUNK, draws - done))
            for done in range(0, draws, CHUNK)
        ]
    )
    p_hac = 2.0 * NORMAL.cdf(-statistic)
    p_bootstrap = (int((drawn >= statistic).sum()) + 1) / (draws + 1)
    reach = error * float(np.nanquantile(drawn, level))
    return SharpeDifference(float(difference[0]), error, p_hac, p_bootstrap, block, reach)


def _checked(series: FloatArray) -> FloatArray:
    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 1 or len(values) < 20 or not np.isfinite(values).all():
        raise DataError(f"returns of shape {values.shape}: 20 or more finite values are needed")
    if values.std() <= NEGLIGIBLE * np.abs(values).max():
        raise DataError("a constant series has no Sharpe ratio")
    return values


def _difference(means: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (B,) Sharpe differences and their (B, 4) gradients at moments (B, 4)."""
    mean, square = means[:, :2], means[:, 2:]
    variance = square - mean**2
    ratio = mean / np.sqrt(variance)
    sign = np.array([1.0, -1.0])
    slopes = sign * square / variance**1.5, -0.5 * sign * mean / variance**1.5
    return ratio[:, 0] - ratio[:, 1], np.hstack(slopes)


def _long_run_variance(values: FloatArray) -> float:
    """Return the Parzen-kernel long-run variance with the AR(1) bandwidth of Andrews (1991)."""
    size = len(values)
    centred = values - values.mean()
    lagged, ahead = centred[:-1], centred[1:]
    power = float(lagged @ lagged)
    rho = min(max(float(lagged @ ahead) / power, -0.97), 0.97) if power > 0.0 else 0.0
    bandwidth = PARZEN_RATE * (4.0 * rho**2 / (1.0 - rho) ** 4 * size) ** 0.2
    total = float(centred @ centred)
    for lag in range(1, min(math.ceil(bandwidth), size)):
        total += 2.0 * _parzen(lag / bandwidth) * float(centred[lag:] @ centred[:-lag])
    return total / (size - 4)  # four estimated moments


def _parzen(x: float) -> float:
    return 1.0 - 6.0 * x**2 + 6.0 * x**3 if x <= 0.5 else 2.0 * (1.0 - x) ** 3


def _studentised(
    moments: FloatArray, difference: float, rng: np.random.Generator, block: int, draws: int
) -> FloatArray:
    """Return the absolute studentised, recentred differences (draws,) of resamples."""
    size = len(moments)
    blocks = size // block
    starts = rng.integers(0, size, (draws, blocks))
    wrapped = np.concatenate([np.zeros((1, 4)), np.cumsum(np.vstack([moments, moments]), axis=0)])
    sums = wrapped[starts + block] - wrapped[starts]  # (draws, blocks, 4)
    means = sums.sum(axis=1) / (blocks * block)
    drawn, gradient = _difference(means)
    influence = np.einsum("dbk,dk->db", sums - block * means[:, None, :], gradient)
    error = np.sqrt((influence**2).mean(axis=1) / block / (blocks * block))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(drawn - difference) / error)
