"""Turnover reduction: from target and held weights to weights after trading.

All take target and held weights, shares of net asset value by asset, and return weights.
A hard cap inside an optimisation is `constraints.Limits.turnover`, a price on trades `Limits.cost`.
"""

import numpy as np
import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats


def one_way(target: pd.Series, held: pd.Series) -> float:
    """Return half the sum of absolute changes of weight."""
    a, b, _ = _both(target, held)
    return float(np.abs(a - b).sum()) / 2.0


def part_way(target: pd.Series, held: pd.Series, cap: float) -> pd.Series:
    """Go straight towards the target, as far as a one-way turnover allows.

    ``held + min(1, cap / turnover) * (target - held)``: the direction of the trade is unchanged.
    """
    if not cap > 0:
        raise StrategyError(f"a turnover cap of {cap} never trades; it must be positive")
    turnover = one_way(target, held)
    if turnover <= cap:
        return target
    a, b, names = _both(target, held)
    return pd.Series(b + (cap / turnover) * (a - b), index=names)


def no_trade_band(target: pd.Series, held: pd.Series, band: float) -> pd.Series:
    """Trade only assets that are further than `band` from their target.

    The target's net weight is preserved: the gap of the others is spread over the assets that
    trade, in proportion to their trades. Without such an asset nothing trades.
    """
    if not band >= 0:
        raise StrategyError(f"band={band} must not be negative")
    a, b, names = _both(target, held)
    trade = a - b
    far = np.abs(trade) > band
    if not far.any():
        return pd.Series(b, index=names)
    missing = float(trade[~far].sum())
    size = np.where(far, np.abs(trade), 0.0)
    return pd.Series(np.where(far, a, b) + missing * size / size.sum(), index=names)


def smooth(target: pd.Series, held: pd.Series, rate: float) -> pd.Series:
    """Return ``(1 - rate) held + rate target``: exponential smoothing of weights."""
    if not 0 < rate <= 1:
        raise StrategyError(f"rate={rate} must be above 0 and at most 1")
    a, b, names = _both(target, held)
    return pd.Series(b + rate * (a - b), index=names)


def _both(target: pd.Series, held: pd.Series) -> tuple[Floats, Floats, pd.Index]:
    """Return both books over the assets of either; absent is zero."""
    if not target.index.equals(held.index):
        target, held = target.align(held, fill_value=0.0)
    return target.to_numpy(np.float64), held.to_numpy(np.float64), target.index
