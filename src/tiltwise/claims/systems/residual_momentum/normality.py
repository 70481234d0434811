"""Normality of residuals: Q-Q points, excess kurtosis, Jarque-Bera test."""

import math
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.evaluate.significance.inference import NORMAL
from tiltwise.kernels.arrays import Floats


def shape(values: Floats) -> dict[str, float]:
    """Return the moments of a sample (n,) and what a normal would make of them.

    Jarque-Bera is n / 6 (S^2 + K^2 / 4) with skewness S and excess kurtosis K from moments with
    divisor n; for independent normal values it is chi-squared with two degrees of freedom, so p is
    exp(-JB / 2). Daily residuals are not independent: p is too small, the kurtosis is not.

    Source: Jarque and Bera (1980).
    """
    gaps = values - values.mean()
    variance = float((gaps**2).mean())
    skew = float((gaps**3).mean()) / variance**1.5
    excess = float((gaps**4).mean()) / variance**2 - 3.0
    statistic = len(values) / 6.0 * (skew**2 + excess**2 / 4.0)
    return {
        "values": len(values),
        "deviation": float(values.std(ddof=1)),
        "skew": skew,
        "excess_kurtosis": excess,
        "jarque_bera": statistic,
        "p": math.exp(-0.5 * statistic),
    }


def pooled(residuals: pd.DataFrame) -> Floats:
    """Return all residuals, each over the standard deviation of its asset."""
    known = residuals.dropna(how="all")
    values = (known / known.std(ddof=1)).to_numpy().ravel()
    return np.asarray(values[~np.isnan(values)])


def shapes(residuals: pd.DataFrame) -> dict[str, Any]:
    """Return the shape of the pooled residuals, and of each asset's own."""
    by_asset = {str(a): shape(residuals[a].dropna().to_numpy()) for a in residuals}
    return {
        "rows": len(residuals),
        "undefined_rows": int(residuals.isna().any(axis=1).sum()),
        "pooled": shape(pooled(residuals)),
        "by_asset": by_asset,
    }


def quantiles(values: Floats, shown: int) -> tuple[list[float], list[float]]:
    """Return normal and observed quantiles of a sample, at most `shown`, the far ends all kept.

    The i-th of n ordered values stands at the probability (i - 1/2) / n. Between the ends points
    are even in the normal quantile, so that they are as dense in the tails as in the middle.
    """
    ordered, n = np.sort(values), len(values)
    ends = min(shown // 10, n // 2)
    reach = NORMAL.inv_cdf(1.0 - 0.5 / n)
    even = [NORMAL.cdf(z) for z in np.linspace(-reach, reach, max(shown - 2 * ends, 2))]
    middle = np.clip((np.array(even) * n).astype(int), 0, n - 1)
    rows = np.unique(np.concatenate([np.arange(ends), middle, np.arange(n - ends, n)]))
    normal = [NORMAL.inv_cdf((int(i) + 0.5) / n) for i in rows]
    return normal, ordered[rows].tolist()
