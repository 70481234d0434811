"""Black-Litterman books from views on active returns, at a tracking error to equal weights.

At each session the assets that trade share the benchmark equally; each view is on one of them less
the market, or, where the market itself is not held, less the benchmark. The book is that of
Black-Litterman whose tracking error is the target, long only and fully invested.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.portfolio.black_litterman import Prior, Views
from tiltwise.portfolio.tracking_error import at_tracking_error


@dataclasses.dataclass(frozen=True)
class Aim:
    """Target tracking error, and parameters of the prior.

    Attributes
    ----------
    target : tracking error a year.
    risk_aversion, tau : of the prior, see `black_litterman.Prior`.
    market : the asset that views are measured against, if it is held.
    """

    target: float = 0.02
    risk_aversion: float = 2.5
    tau: float = 0.025
    market: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Book:
    """Weights of one session, with solver status and tracking error.

    Attributes
    ----------
    weights : by asset, 0 for those that do not trade.
    status : "optimal", "te_unreachable", or "no_views" where the benchmark is held.
    tracking_error : expected, a year.
    """

    weights: pd.Series
    status: str
    tracking_error: float


def book(covariance: pd.DataFrame, views: pd.Series, alive: pd.Series, aim: Aim) -> Book:
    """Return the book of one session.

    Parameters
    ----------
    covariance : of annual returns, by asset.
    views : expected active return a year by factor, NaN where there is none.
    alive : whether each asset trades.

    Raises
    ------
    DataError
        No asset trades.
    """
    names = covariance.index[alive.reindex(covariance.index).to_numpy(bool)]
    if not len(names):
        raise DataError("no asset trades, so there is nothing to share the book between")
    benchmark = pd.Series(1.0 / len(names), names)
    prior = Prior(covariance.loc[names, names], benchmark, aim.risk_aversion, aim.tau)
    known = views[views.notna() & views.index.isin(names)]
    known = known[known.index != aim.market]
    if not len(known) or len(names) < 2:
        return Book(benchmark.reindex(covariance.index, fill_value=0.0), "no_views", 0.0)
    solution = at_tracking_error(prior, _relative(known, benchmark, aim.market), aim.target)
    weights = solution.weights.reindex(covariance.index, fill_value=0.0)
    return Book(weights, solution.status, float(solution.detail["tracking_error"]))


def _relative(views: pd.Series, benchmark: pd.Series, market: str | None) -> Views:
    """Return views against the market, or against the benchmark where it is not held."""
    if market in benchmark.index:
        return Views.relative(views, str(market), benchmark.index)
    picks = (benchmark.index.to_numpy() == views.index.to_numpy()[:, None]).astype(np.float64)
    picks = picks - benchmark.to_numpy()
    return Views(pd.DataFrame(picks, views.index, benchmark.index), views)


@dataclasses.dataclass(frozen=True, eq=False)
class Books:
    """The books of many sessions: `weights` (session x asset), `status`, `tracking_error`."""

    weights: pd.DataFrame
    status: pd.Series
    tracking_error: pd.Series


def books(
    covariances: Iterable[pd.DataFrame], views: pd.DataFrame, alive: pd.DataFrame, aim: Aim
) -> Books:
    """Return the books of the sessions of `views` (session x factor), each from its own row.

    Parameters
    ----------
    covariances : of annual returns, one per session.
    alive : (session x asset) whether it trades.
    """
    dates, factors, assets = views.index, views.columns, alive.columns
    rows = zip(covariances, views.to_numpy(), alive.to_numpy(), strict=True)
    solved = [
        book(covariance, pd.Series(view, factors), pd.Series(trades, assets), aim)
        for covariance, view, trades in rows
    ]
    return Books(
        pd.DataFrame([b.weights for b in solved], dates).reindex(columns=assets),
        pd.Series([b.status for b in solved], dates),
        pd.Series([b.tracking_error for b in solved], dates),
    )
