"""Kelly sizing: full and fractional, with a cap on gross exposure.

With excess means m and covariance S per period, the growth rate of a book f is, to second order,
``g(f) = cash + f'm - f'Sf / 2``. It is greatest at ``f* = S^-1 m``, a single asset at
``(mean - cash) / variance``. A fraction c of f* keeps ``1 - (1 - c)^2`` of the excess growth at c
of the volatility: a quarter keeps 43.75 % at 25 %. Estimated means are the weak point, so they can
be shrunk first, and the gross exposure capped.

Source: Kelly, A new interpretation of information rate, 1956; Thorp, 2006; MacLean, Ziemba,
Blazenko, 1992 (fractions); Jorion, Bayes-Stein estimation for portfolio analysis, 1986.
"""

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.portfolio.optimise import Allocation

FRACTION = 0.25


def kelly(
    mean: pd.Series,
    covariance: pd.DataFrame,
    cash: float = 0.0,
    fraction: float = FRACTION,
    gross: float | None = 1.0,
) -> Allocation:
    """Return a fraction of the book of fastest growth, its gross exposure capped.

    Parameters
    ----------
    mean : expected return by asset.
    covariance : (n, n) of returns by asset, of full rank.
    cash : cash rate of the same period.
    fraction : of the full Kelly book, above 0 and at most 1.
    gross : largest sum of absolute weights; a larger book is scaled down. None for no cap.

    Returns
    -------
    allocation : long and short, the rest in cash; `detail` has the growth per period, the gross
        exposure before the cap and the fraction left after it.

    Raises
    ------
    DataError
        The covariance is singular or has gaps: some mixture of assets would have no risk.
    """
    if not 0 < fraction <= 1:
        raise StrategyError(f"fraction={fraction} must be above 0 and at most 1")
    m, sigma = _checked(mean, covariance)
    full = np.linalg.solve(sigma, m - cash)
    wanted = float(np.abs(full).sum()) * fraction
    applied = fraction
    if gross is not None and wanted > gross:
        applied = fraction * gross / wanted
    weights = pd.Series(full * applied, index=covariance.index)
    status = "optimal" if applied == fraction else f"scaled down to a gross of {gross:g}"
    miss = np.abs(sigma @ full - (m - cash)).max() / max(np.abs(m - cash).max(), 1e-300)
    detail = {
        "growth": growth(weights, mean, covariance, cash),
        "gross_wanted": wanted,
        "fraction": applied,
    }
    return Allocation(weights, status, float(miss), detail)


def growth(
    weights: pd.Series, mean: pd.Series, covariance: pd.DataFrame, cash: float = 0.0
) -> float:
    """Return ``cash + w'(mean - cash) - w'Sw / 2`` per period."""
    m, sigma = _checked(mean, covariance)
    w = weights.reindex(covariance.index, fill_value=0.0).to_numpy(np.float64)
    return float(cash + w @ (m - cash) - w @ sigma @ w / 2.0)


def kept_growth(fraction: float) -> float:
    """Return the share of the greatest excess growth that a fraction of Kelly keeps."""
    return 1.0 - (1.0 - fraction) ** 2


def shrunk_mean(mean: pd.Series, covariance: pd.DataFrame, periods: int) -> pd.Series:
    """Return means drawn towards that of the minimum variance book (Jorion's Bayes-Stein).

    ``(1 - s) mean + s m0`` with ``s = (n + 2) / (n + 2 + T (mean - m0)' S^-1 (mean - m0))``.

    Parameters
    ----------
    mean, covariance : sample moments of returns by asset.
    periods : how many periods T they come from.
    """
    m, sigma = _checked(mean, covariance)
    n = len(m)
    share = np.linalg.solve(sigma, np.ones(n))
    common = float(share @ m / share.sum())
    gap = m - common
    spread = periods * float(gap @ np.linalg.solve(sigma, gap))
    s = (n + 2.0) / (n + 2.0 + spread)
    return pd.Series((1.0 - s) * m + s * common, index=covariance.index)


def _checked(mean: pd.Series, covariance: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the moments as arrays, finite and of full rank."""
    m = mean.reindex(covariance.index).to_numpy(np.float64)
    sigma = covariance.to_numpy(np.float64)
    gaps = ~np.isfinite(m) | ~np.isfinite(sigma).all(axis=1)
    if gaps.any():
        raise DataError(f"{covariance.index[int(gaps.argmax())]} has no mean or covariance")
    deviation = np.sqrt(np.diag(sigma))
    if not (deviation > 0).all():
        flat = covariance.index[int(np.argmin(deviation))]
        raise DataError(f"{flat} never moved: Kelly would hold it without limit; leave it out")
    if np.linalg.eigvalsh(sigma / np.outer(deviation, deviation))[0] < 1e-10:
        raise DataError(
            f"the covariance of {len(m)} assets is singular: some mixture has no risk and Kelly "
            "would hold it without limit; use more periods or shrink the covariance"
        )
    return m, sigma
