"""Risk parity, risk budgeting and maximum diversification weights.

The contribution of an asset to the variance is ``w_i (Sw)_i``; `risk_parity` makes the
contributions proportional to given budgets, all equal by default. The diversification ratio is the
weighted mean volatility over the volatility of the book, ``w'sigma / sqrt(w'Sw)``; to maximise it
is to maximise a Sharpe ratio with volatilities in place of means.

Source: Maillard, Roncalli, Teiletche, The properties of equally weighted risk contribution
portfolios, 2010; Choueifaty and Coignard, Toward maximum diversification, JPM 35(1), 2008.
"""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.parity import parity
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import Allocation, max_sharpe

TOLERANCE = 1e-12  #: largest error of a share of the risk


def risk_parity(covariance: pd.DataFrame, budgets: pd.Series | None = None) -> Allocation:
    """Return the long-only, fully invested book with these shares of the risk.

    Parameters
    ----------
    covariance : (n, n) of returns by asset.
    budgets : (n,) positive shares of the variance, scaled to sum to one; None for equal ones.

    Returns
    -------
    allocation : its `kkt` is the largest error of a share, at most 1e-12; `detail` has the
        deviation.

    Raises
    ------
    DataError
        A covariance is missing, an asset never moved, or a mixture of assets has no risk.
    StrategyError
        A budget is missing or not positive.
    """
    sigma, deviation = _checked(covariance)
    shares = _shares(budgets, covariance.index)
    correlation = sigma / deviation[:, None] / deviation
    y = np.sqrt(shares)
    error = float(parity(correlation, shares, TOLERANCE, y))
    if not error <= TOLERANCE:
        raise DataError(
            f"shares of the risk still miss their budgets by {error:.1e}: a mixture of these "
            f"{len(y)} assets has almost no risk; leave one out or use more periods"
        )
    w = y / deviation
    w /= w.sum()
    detail = {"deviation": float(np.sqrt(w @ sigma @ w))}
    return Allocation(pd.Series(w, covariance.index), kkt=error, detail=detail)


def max_diversification(
    covariance: pd.DataFrame, limits: Limits | None = None, held: pd.Series | None = None
) -> Allocation:
    """Return the book of the highest diversification ratio; by default long only, fully invested.

    `detail` has the ratio and the deviation; `limits` and `held` are those of
    `optimise.max_sharpe`.

    Raises
    ------
    InfeasibleError
        The limits contradict each other.
    DataError
        A covariance is missing or an asset never moved.
    """
    _, deviation = _checked(covariance)
    volatilities = pd.Series(deviation, covariance.index)
    solution = max_sharpe(volatilities, covariance, limits=limits, held=held)
    detail = {"ratio": solution.detail["ratio"], "deviation": solution.detail["deviation"]}
    return dataclasses.replace(solution, detail=detail)


def _checked(covariance: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return covariance and volatilities as arrays, none missing or zero."""
    names = covariance.index
    if not covariance.columns.equals(names):
        raise DataError("the rows and columns of the covariance are in different orders")
    sigma = np.ascontiguousarray(covariance.to_numpy(np.float64))
    gaps = ~np.isfinite(sigma).all(axis=1)
    if gaps.any():
        raise DataError(f"{names[int(gaps.argmax())]} has no covariance; leave it out")
    variance = sigma.diagonal()
    if not (variance > 1e-14 * variance.max()).all():
        raise DataError(f"{names[int(variance.argmin())]} never moved; leave it out")
    return sigma, np.sqrt(variance)


def _shares(budgets: pd.Series | None, names: pd.Index) -> Floats:
    if budgets is None:
        return np.full(len(names), 1.0 / len(names))
    given = budgets.reindex(names).to_numpy(np.float64)
    wrong = ~(np.isfinite(given) & (given > 0.0))
    if wrong.any():
        raise StrategyError(
            f"{names[int(wrong.argmax())]} has no positive risk budget; leave the asset out of "
            "the covariance to hold none of it"
        )
    total: Floats = given / given.sum()
    return total
