"""Black-Litterman weights.

A benchmark w_b that is taken to be optimal implies means; views ``P mu = v`` tilt them::

    pi    = delta S w_b                                       prior mean
    Omega = c diag(PSP')                                      uncertainty of the views
    mu    = pi + tau S P' (P tau S P' + Omega)^-1 (v - P pi)  posterior mean
    w     = argmax mu'w - delta w'Sw / 2,   w >= 0, 1'w = 1   solved, never clipped

Without limits ``w = w_b + P'(PSP' + Omega / tau)^-1 (v - P pi) / delta``. In the eigenbasis of the
covariance of the views against their uncertainty every c costs one small product; `tracking_error`
searches for the c of a given tracking error that way.

Means and covariances are of the same period, usually a year.

Source: Black and Litterman, Global portfolio optimization, FAJ 48(5), 1992; He and Litterman, The
intuition behind Black-Litterman model portfolios, 1999.
"""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.qp import Solution, solve
from tiltwise.portfolio.constraints import Limits, Polytope
from tiltwise.portfolio.optimise import OPTIMAL, Allocation


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """Prior: covariance and a benchmark taken to be optimal.

    Attributes
    ----------
    covariance : (n, n) of returns by asset.
    benchmark : (n,) weights that are taken to be optimal.
    risk_aversion : delta.
    tau : variance of the prior mean, in units of the covariance.

    Raises
    ------
    DataError
        Weights or covariances are missing, or of different assets.
    """

    covariance: pd.DataFrame
    benchmark: pd.Series
    risk_aversion: float = 2.5
    tau: float = 0.025

    def __post_init__(self) -> None:
        """Check that shapes and names agree."""
        assets = self.covariance.index
        if not self.covariance.columns.equals(assets) or not self.benchmark.index.equals(assets):
            raise DataError("covariance and benchmark must have the same assets in the same order")
        if not (np.isfinite(self.sigma).all() and np.isfinite(self.weights).all()):
            raise DataError("a covariance or benchmark weight is missing; leave the asset out")
        skew = np.abs(self.sigma - self.sigma.T).max(axis=1, initial=0.0)
        if (skew > 1e-8 * np.abs(self.sigma).max(initial=0.0)).any():
            raise DataError(f"the covariance of {assets[int(skew.argmax())]} is not symmetric")
        if not (self.risk_aversion > 0 and self.tau > 0):
            raise StrategyError(
                f"risk_aversion={self.risk_aversion} and tau={self.tau} must be positive"
            )

    @functools.cached_property
    def sigma(self) -> Floats:
        """Covariance as an array."""
        return np.ascontiguousarray(self.covariance.to_numpy(np.float64))

    @functools.cached_property
    def weights(self) -> Floats:
        """Benchmark weights as an array."""
        return self.benchmark.to_numpy(np.float64)

    @property
    def assets(self) -> pd.Index:
        """Names, in the order of every array."""
        return self.covariance.index

    def tracking_error(self, weights: Floats) -> float:
        """Return the standard deviation of the return less the benchmark's."""
        active = weights - self.weights
        return math.sqrt(max(float(active @ self.sigma @ active), 0.0))

    @property
    def mean(self) -> pd.Series:
        """Means that make the benchmark optimal."""
        implied = self.risk_aversion * (self.sigma @ self.weights)
        return pd.Series(implied, self.covariance.index)


@dataclasses.dataclass(frozen=True, eq=False)
class Views:
    """Views: expected returns of some books.

    Attributes
    ----------
    picks : (k, n) weights of each book, view x asset.
    returns : (k,) expected return of each.
    variance : (k,) relative uncertainty, multiplied by c; None means each book's own variance.
    """

    picks: pd.DataFrame
    returns: pd.Series
    variance: pd.Series | None = None

    @classmethod
    def relative(cls, returns: pd.Series, market: str, assets: pd.Index) -> "Views":
        """Return views on the returns of assets less that of the market."""
        place = {name: i for i, name in enumerate(assets)}
        picks = np.zeros((len(returns), len(place)))
        try:
            for row, name in enumerate(returns.index):
                picks[row, place[name]] = 1.0
            picks[:, place[market]] -= 1.0
        except KeyError as error:
            raise DataError(f"a view on {error.args[0]}, which is not among the assets") from None
        return cls(pd.DataFrame(picks, returns.index, assets), returns)


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """Prior and views combined.

    Attributes
    ----------
    mean : posterior mean.
    weights : optimal without limits for the covariance of returns alone.
    mean_covariance : uncertainty M of the mean.
    tracking_error : of `weights` to the benchmark.
    """

    mean: pd.Series
    weights: pd.Series
    mean_covariance: pd.DataFrame
    tracking_error: float


def posterior(prior: Prior, views: Views, scale: float = 1.0) -> Posterior:
    """Return the posterior at ``Omega = scale * diag(PSP')``."""
    tilted = tilt(prior, views)
    names = prior.covariance.index
    w = tilted.weights(scale)
    # tau S - tau S P'(P tau S P' + Omega)^-1 P S tau, in the same eigenbasis
    loads = prior.sigma @ tilted.spread * prior.risk_aversion
    unsure = prior.tau * (prior.sigma - (loads / (tilted.sizes + scale / prior.tau)) @ loads.T)
    return Posterior(
        pd.Series(prior.risk_aversion * (prior.sigma @ w), names),
        pd.Series(w, names),
        pd.DataFrame(unsure, names, names),
        tilted.tracking_error(scale),
    )


def black_litterman(
    prior: Prior,
    views: Views,
    scale: float = 1.0,
    limits: Limits | None = None,
    held: pd.Series | None = None,
) -> Allocation:
    """Return the best weights for the posterior mean; by default long only, fully invested.

    `detail` has the tracking error. `limits` and `held` are those of `optimise.mean_variance`.

    Raises
    ------
    InfeasibleError
        The limits contradict each other.
    """
    space = polytope(prior, limits, held)
    solution = optimum(prior, tilt(prior, views).weights(scale), space)
    return allocation(prior, space, solution, OPTIMAL, {"scale": scale})


def polytope(prior: Prior, limits: Limits | None, held: pd.Series | None) -> Polytope:
    """Return the limits laid out for the solver; the default ones are cached."""
    if limits is None:
        return _long_only(len(prior.weights))
    return limits.polytope(prior.assets, held)


@functools.lru_cache(maxsize=16)
def _long_only(assets: int) -> Polytope:
    # Never infeasible, so no error will have to name an asset.
    return Limits().polytope(pd.RangeIndex(assets))


def optimum(prior: Prior, tilted: Floats, space: Polytope) -> Solution:
    """Return the best weights for the mean that makes `tilted` optimal without limits."""
    hessian = prior.risk_aversion * prior.sigma
    curve, linear = space.lifted(hessian, -(hessian @ tilted))
    return solve(curve, linear + space.prices, space.region)


def allocation(
    prior: Prior, space: Polytope, solution: Solution, status: str, detail: Mapping[str, Any]
) -> Allocation:
    """Return a solution as weights by asset with their tracking error."""
    w = space.weights(solution.x)
    known = {**detail, "tracking_error": prior.tracking_error(w)}
    return Allocation(pd.Series(w, index=prior.assets), status, solution.kkt, known)


@dataclasses.dataclass(frozen=True, eq=False)
class Tilt:
    """Weights without limits at any scale c: ``benchmark + spread @ (pull / (sizes + c / tau))``.

    Attributes
    ----------
    benchmark : (n,) weights.
    spread : (n, k) books of the eigenvectors of the views.
    pull : (k,) surprise of the views in them.
    sizes : (k,) eigenvalues.
    """

    benchmark: Floats
    spread: Floats
    pull: Floats
    sizes: Floats
    tau: float
    risk_aversion: float

    def weights(self, scale: float) -> Floats:
        """Return the weights (n,)."""
        return self.benchmark + self.spread @ (self.pull / (self.sizes + scale / self.tau))

    def tracking_error(self, scale: float) -> float:
        """Return their tracking error, from the eigenvalues alone."""
        share = self.pull / (self.sizes + scale / self.tau)
        return math.sqrt(float(self.sizes @ (share * share))) / self.risk_aversion


def tilt(prior: Prior, views: Views) -> Tilt:
    """Diagonalise the covariance of the views against their uncertainty."""
    assets, picks = prior.covariance.index, views.picks
    if not picks.columns.equals(assets):
        unknown = picks.columns.difference(assets)
        if len(unknown):
            raise DataError(f"a view on {unknown[0]}, which has no covariance")
        picks = picks.reindex(columns=assets, fill_value=0.0)
    p, v = picks.to_numpy(np.float64), _by_view(views.returns, picks.index, "return")
    between = p @ prior.sigma @ p.T
    omega = between.diagonal()
    if views.variance is not None:
        omega = _by_view(views.variance, picks.index, "variance")
    if (between.diagonal() < -1e-10 * np.abs(between).max(initial=0.0)).any():
        worst = picks.index[int(np.argmin(between.diagonal()))]
        raise DataError(
            f"the book of the view {worst} has a negative variance: the covariance is not positive "
            "semidefinite; estimate it from returns without gaps"
        )
    if not (omega > 0).all():
        raise DataError(
            f"the view {picks.index[int(np.argmin(omega))]} has no uncertainty: its book has no "
            "risk, so no view on it can be weighed"
        )
    root = np.sqrt(omega)
    sizes, basis = np.linalg.eigh(between / root[:, None] / root)
    into = basis / root[:, None]
    surprise = v - prior.risk_aversion * (p @ (prior.sigma @ prior.weights))
    spread = p.T @ into / prior.risk_aversion
    pull = into.T @ surprise
    sizes = np.maximum(sizes, 0.0)
    return Tilt(prior.weights, spread, pull, sizes, prior.tau, prior.risk_aversion)


def _by_view(values: pd.Series, names: pd.Index, what: str) -> Floats:
    if not values.index.equals(names):
        values = values.reindex(names)
    out = values.to_numpy(np.float64)
    if not np.isfinite(out).all():
        raise DataError(f"the view {names[int(np.argmin(np.isfinite(out)))]} has no {what}")
    return out
