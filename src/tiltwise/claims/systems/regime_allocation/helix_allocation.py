"""From views to weights as Helix does it, and how it counts the outcome. Defects included.

Weights below zero are cut to .001 and the rest scaled, instead of the best long-only weights being
looked for. The search for a tracking error walks away from it: the multiplier makes views less
certain, so a tracking error too high calls for a larger one, and gets a smaller. Its bracket is
[.1, 50], and half a point counts as met. Source: see the claim card.
"""

import functools
import math

import numpy as np
import pandas as pd

from tiltwise.kernels.arrays import Floats

RISK_AVERSION, TAU, FLOOR = 2.5, 0.025, 0.001
BRACKET, CLOSE, STEPS = (0.1, 50.0), 0.005, 20
HALF_LIFE, ROWS, YEAR = 126, 252, 252
FEES = {"SPY": 3.0, "QUAL": 15.0, "MTUM": 15.0, "USMV": 15.0, "VLUE": 15.0, "SIZE": 15.0}
GROWTH_FEE = 19.0  #: basis points a year


def covariance(returns: Floats) -> Floats:
    """Return the covariance per session of the last 252 returns (T, n).

    The decay is 1 / 126 a session, which halves in 87 of them, not 126; the first product is the
    seed and keeps all the weight left over; nothing is subtracted.
    """
    rows = returns[-ROWS:]
    decay = 1.0 - 1.0 / HALF_LIFE
    weights = decay ** np.arange(len(rows) - 1.0, -1.0, -1.0)
    weights[1:] /= HALF_LIFE
    return np.asarray((rows * weights[:, None]).T @ rows)


def tilted(sigma: Floats, views: Floats, market: int, scale: float) -> Floats:
    """Return Black-Litterman weights (n,) without limits, from equal weights.

    Parameters
    ----------
    sigma, views : (n, n) and (n,), of the same period; the view of the market itself is not used.
    market : place of the market, against which views are.
    scale : multiplies the uncertainty of the views.
    """
    count = len(sigma)
    picks = _picks(count, market)
    equal = np.full(count, 1.0 / count)
    between = picks @ sigma @ picks.T
    unsure = between + scale / TAU * np.diag(np.diag(between))
    surprise = np.delete(views, market) - picks @ (RISK_AVERSION * sigma @ equal)
    return np.asarray(equal + picks.T @ np.linalg.solve(unsure, surprise) / RISK_AVERSION)


@functools.lru_cache
def _picks(count: int, market: int) -> Floats:
    """Return each asset less the market (n - 1, n)."""
    picks = np.delete(np.eye(count), market, axis=0)
    picks[:, market] = -1.0
    picks.setflags(write=False)
    return picks


def clipped(weights: Floats) -> Floats:
    """Return weights cut at .001 and scaled to one: neither the optimum nor its risk."""
    positive = np.maximum(weights, FLOOR)
    return np.asarray(positive / positive.sum())


def tracking_error(weights: Floats, sigma: Floats) -> float:
    """Return the deviation from equal weights, in the unit of `sigma`."""
    active = weights - 1.0 / len(weights)
    return math.sqrt(max(float(active @ sigma @ active), 0.0))


def searched_scale(
    sigma: Floats, views: Floats, market: int, target: float, close: float = CLOSE
) -> float:
    """Return the multiplier where the source's search ends; all arguments of a year."""
    low, high = BRACKET
    for _ in range(STEPS):
        scale = math.sqrt(low * high)
        error = tracking_error(clipped(tilted(sigma, views, market, scale)), sigma)
        if abs(error - target) <= close:
            return scale
        if error > target:
            high = scale  # the wrong way: less uncertainty, a larger tracking error
        else:
            low = scale
    return math.sqrt(low * high)


def blended_fee() -> float:
    """Return the basis points of the seven funds as the code adds them: eight terms over seven."""
    return (FEES["SPY"] + 6 * FEES["QUAL"] + GROWTH_FEE) / 7


def true_fee() -> float:
    """Return the mean basis points of the seven funds."""
    return (sum(FEES.values()) + GROWTH_FEE) / 7


def net_of_fees(returns: pd.Series) -> pd.Series:
    """Return returns less the blended fee, though adjusted prices have borne it already."""
    return returns - blended_fee() / 1e4 / YEAR


def total_return(returns: pd.Series) -> float:
    """Return the growth of the second session on: the first is the base."""
    wealth = np.cumprod(1.0 + returns.to_numpy(np.float64))
    return float(wealth[-1] / wealth[0] - 1.0)


def information_ratio(returns: pd.Series, benchmark: pd.Series) -> float:
    """Return the gap of annual growth over *total* volatility; of a twin it is 0, not undefined."""
    years = len(returns) / YEAR
    grown = [float(np.prod(1.0 + r.to_numpy(np.float64))) for r in (returns, benchmark)]
    gap = grown[0] ** (1.0 / years) - grown[1] ** (1.0 / years)
    return float(gap / (float(returns.std()) * math.sqrt(YEAR)))
