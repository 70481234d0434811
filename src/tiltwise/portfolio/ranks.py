"""Weights from the ranks of scores."""

import math

import numpy as np
import pandas as pd

from tiltwise.kernels.arrays import Floats


def names_per_leg(names: int, quantile: float) -> int:
    """Return how many of `names` ranked assets each leg holds: max(1, floor(q n)), at most half.

    The floor allows for rounding, so 0.3 of ten names is three.
    """
    if names < 2:
        return 0
    return min(max(1, math.floor(quantile * names + 1e-9)), names // 2)


def long_short_rows(
    scores: Floats, names: tuple[str, ...], quantile: float, gross: float = 1.0
) -> Floats:
    """Return dollar-neutral weights, row by row: long the highest scores, short the lowest.

    Parameters
    ----------
    scores : (rows, assets); NaN is not ranked.
    names : of the assets; equal scores are ordered by name, never by position.
    quantile : share of the ranked assets in each leg.
    gross : sum of absolute weights; each leg holds half of it in equal parts.

    Returns
    -------
    weights : (rows, assets), a row of zeros where fewer than two assets are ranked.
    """
    by_name = np.argsort(np.array(names), kind="stable")
    scores = np.where(np.isfinite(scores), scores, np.nan)
    ordered = np.argsort(scores[:, by_name], axis=1, kind="stable")  # NaN goes last
    order = by_name[ordered]
    weights = np.zeros_like(scores)
    ranked = np.isfinite(scores).sum(axis=1)
    for n in np.unique(ranked):
        k = names_per_leg(int(n), quantile)
        if not k:
            continue
        rows = np.flatnonzero(ranked == n)[:, None]
        weights[rows, order[rows[:, 0], :k]] = -0.5 * gross / k
        weights[rows, order[rows[:, 0], n - k : n]] = 0.5 * gross / k
    return weights


def long_short(scores: pd.Series, quantile: float, gross: float = 1.0) -> pd.Series:
    """Return `long_short_rows` of one cross-section of scores by asset."""
    row = scores.to_numpy(dtype=np.float64)[None, :]
    weights = long_short_rows(row, tuple(scores.index), quantile, gross)[0]
    return pd.Series(weights, index=scores.index)
