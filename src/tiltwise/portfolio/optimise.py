"""Weights from moments: minimum variance, mean-variance and the highest Sharpe ratio.

All are quadratic programmes whose optimality is proved on each solve (`kernels.qp`). The Sharpe
ratio is not concave, but scaling the weights by k makes it so (Charnes and Cooper, 1962)::

    minimise y'Sy   subject to   (mean - cash)'y = 1,  y in the cone over the limits;   w = y / k

It exists only if some allowed book earns more than cash. Otherwise the answer is the minimum
variance and its status says so.

Means, covariances and the cash rate are per period, all of the same period.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, InfeasibleError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.qp import Solution, solve
from tiltwise.portfolio.constraints import Limits, Polytope

OPTIMAL = "optimal"
NO_EXCESS = "minimum variance, since no allowed book earns more than cash"

_FLAT = 1e-14  #: share of the largest variance below which an asset never moved


@dataclasses.dataclass(frozen=True, eq=False)
class Allocation:
    """Weights with the proof of their optimality.

    Attributes
    ----------
    weights : share of net asset value by asset.
    status : "optimal", or what was done instead.
    kkt : largest relative violation of the optimality conditions.
    detail : numbers worth recording: objective values, assets left out.
    """

    weights: pd.Series
    status: str = OPTIMAL
    kkt: float = 0.0
    detail: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def minimum_variance(
    covariance: pd.DataFrame, limits: Limits | None = None, held: pd.Series | None = None
) -> Allocation:
    """Return the weights of least variance.

    Parameters
    ----------
    covariance : (n, n) of returns by asset.
    limits : constraints; by default long only, fully invested.
    held : weights before trading, for limits on turnover.

    Raises
    ------
    InfeasibleError
        The limits contradict each other.
    DataError
        The covariance has gaps, or no asset moved.
    """
    solution = mean_variance(pd.Series(0.0, index=covariance.index), covariance, 1.0, limits, held)
    return dataclasses.replace(solution, detail={"deviation": solution.detail["deviation"]})


def mean_variance(
    mean: pd.Series,
    covariance: pd.DataFrame,
    risk_aversion: float,
    limits: Limits | None = None,
    held: pd.Series | None = None,
) -> Allocation:
    """Return the weights of greatest ``mean'w - risk_aversion * w'Sw / 2`` less trading costs.

    Parameters and errors are those of `minimum_variance`.
    """
    if not risk_aversion > 0:
        raise StrategyError(f"risk_aversion={risk_aversion} must be positive")
    mu, sigma, flat = _moments(mean, covariance)
    space = (limits or Limits()).polytope(covariance.index, held, flat)
    hessian, linear = space.lifted(risk_aversion * sigma, -mu)
    solution = solve(hessian, linear + space.prices, space.region)
    return _allocation(space, solution.x, solution.kkt, mu, sigma, OPTIMAL)


def max_sharpe(
    mean: pd.Series,
    covariance: pd.DataFrame,
    cash: float = 0.0,
    limits: Limits | None = None,
    held: pd.Series | None = None,
) -> Allocation:
    """Return the weights of the highest Sharpe ratio, expected trading costs deducted.

    Parameters
    ----------
    mean : expected return by asset.
    covariance : (n, n) of returns by asset.
    cash : cash rate of the same period as the mean: an annual rate over 252 for daily returns.
    limits : constraints with a positive net weight; by default long only, fully invested.
    held : weights before trading, for limits on turnover.

    Returns
    -------
    allocation : of minimum variance, saying so in `status`, if no allowed book earns more than
        cash. `detail` holds the ratio per period.

    Raises
    ------
    InfeasibleError
        The limits contradict each other, such as n upper bounds that add up to less than one.
    """
    mu, sigma, flat = _moments(mean, covariance)
    space = (limits or Limits()).polytope(covariance.index, held, flat)
    best = best_ratio(space, mu - cash, *space.lifted(sigma, np.zeros(len(mu))))
    if best is not None:
        return _allocation(space, space.unscaled(best.x), best.kkt, mu - cash, sigma, OPTIMAL)
    hessian, linear = space.lifted(sigma, np.zeros(len(mu)))
    best = solve(hessian, linear + space.prices, space.region)
    return _allocation(space, best.x, best.kkt, mu - cash, sigma, NO_EXCESS)


def best_ratio(space: Polytope, gain: Floats, hessian: Floats, linear: Floats) -> Solution | None:
    """Return the scaled book of least ``z'Hz / 2 + q'z`` that earns one, None if none earns.

    Raises
    ------
    InfeasibleError
        The limits contradict each other even without the gain.
    """
    earning = space.earning(gain)
    if earning is None:
        return None
    try:
        return solve(hessian, linear, earning)
    except InfeasibleError:
        blocking = space.region.binding()
        if blocking:
            raise InfeasibleError(f"these contradict each other: {'; '.join(blocking)}") from None
        return None


def _moments(mean: pd.Series, covariance: pd.DataFrame) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return mean, covariance and which assets have zero variance, as arrays in one order."""
    assets = covariance.index
    if not covariance.columns.equals(assets):
        raise DataError("the rows and columns of the covariance are in different orders")
    if not mean.index.equals(assets):
        missing = assets.difference(mean.index)
        if len(missing):
            raise DataError(f"{missing[0]} has a covariance but no mean")
        mean = mean.reindex(assets)
    mu = mean.to_numpy(np.float64)
    sigma = np.ascontiguousarray(covariance.to_numpy(np.float64))
    gaps = np.isnan(mu) | np.isnan(sigma).any(axis=1)
    if gaps.any():
        raise DataError(f"{assets[int(gaps.argmax())]} has no mean or covariance; leave it out")
    variance = sigma.diagonal()
    flat = variance <= _FLAT * variance.max(initial=0.0)
    if flat.all():
        raise DataError(f"none of the {len(assets)} assets ever moved: there is no risk to weigh")
    return mu, sigma, flat


def _allocation(
    space: Polytope, x: Floats, kkt: float, gain: Floats, sigma: Floats, status: str
) -> Allocation:
    """Return the solver's answer with its moments."""
    w = space.weights(x)
    deviation = float(np.sqrt(max(float(w @ sigma @ w), 0.0)))
    detail: dict[str, Any] = {"mean": float(gain @ w), "deviation": deviation}
    detail["ratio"] = detail["mean"] / deviation if deviation > 0 else float("nan")
    return Allocation(pd.Series(w, index=space.assets), status, kkt, detail)
