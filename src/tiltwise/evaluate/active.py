"""Active return, tracking error and information ratio of one path against another.

The information ratio divides by the volatility of the *active* return. One that divides by total
volatility gives 0 to a twin of the benchmark; here a twin has none.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance import inference
from tiltwise.kernels import path_metrics as of_path
from tiltwise.kernels.path_metrics import FloatArray
from tiltwise.market.market import Market

NUMBERS = ("active_return", "tracking_error", "information_ratio")
UNREACHABLE, NO_VIEWS = "te_unreachable", "no_views"


@dataclasses.dataclass(frozen=True)
class Expected:
    """The tracking error that a strategy expected when it decided.

    Attributes
    ----------
    decisions : number of decisions with one.
    mean : tracking error a year.
    unreachable : share of the decisions whose target no long-only book reaches.
    no_views : share of the decisions that held the equal-weight book for want of views.
    """

    decisions: int
    mean: float
    unreachable: float
    no_views: float


def expected(evidence: Mapping[str, Any]) -> Expected | None:
    """Return the expected tracking error recorded with the decisions; None if there is none.

    `evidence` is that of a `Decisions`: "tracking_error" by session, a year, and "status".
    """
    predicted = evidence.get("tracking_error")
    if not isinstance(predicted, pd.Series) or not predicted.notna().any():
        return None
    known = predicted.dropna().astype(np.float64)
    status = evidence.get("status")
    shares = dict.fromkeys((UNREACHABLE, NO_VIEWS), math.nan)
    if isinstance(status, pd.Series):
        shares = {name: float((status.loc[known.index] == name).mean()) for name in shares}
    return Expected(len(known), float(known.mean()), shares[UNREACHABLE], shares[NO_VIEWS])


def relative(
    returns: pd.Series,
    other: pd.Series,
    periods_per_year: float | None = None,
    *,
    level: float = 0.9,
    seed: int = 0,
) -> pd.DataFrame:
    """Return active metrics of simple returns against others on common sessions.

    Returns
    -------
    DataFrame (`NUMBERS` x value, low, high)
        Annual mean difference (not compounded), its volatility a year, and their ratio, with
        intervals of the stationary bootstrap. Against a twin the tracking error is 0 and the ratio
        NaN; fewer than 10 sessions have no intervals.

    Raises
    ------
    DataError
        No session in common, a missing value, or an ambiguous frequency.
    """
    common = returns.index.intersection(other.index)
    if not len(common):
        raise DataError("the two series of returns have no session in common")
    measured = path(returns.loc[common], periods_per_year, benchmark=other.loc[common])
    gap = measured.returns - measured.market
    out = pd.DataFrame(
        {
            "value": [
                float(gap.mean()) * measured.periods,
                of_path.tracking_error(measured),
                of_path.information_ratio(measured),
            ]
        },
        index=pd.Index(NUMBERS, name="metric"),
    ).reindex(columns=["value", "low", "high"])
    out.loc[NUMBERS[0], ["low", "high"]] = _mean_bounds(gap, measured.periods, level, seed)
    bounds = inference.interval(measured, NUMBERS[1:], level, seed=seed)
    out.loc[bounds.index, ["low", "high"]] = bounds
    return out


def _mean_bounds(gap: FloatArray, periods: float, level: float, seed: int) -> list[float]:
    """Return the bootstrap interval of an annual mean."""
    if len(gap) < inference.SHORTEST:
        return [math.nan, math.nan]
    from tiltwise.kernels.bootstrap.stationary import stationary_means

    block, centre = max(1.0, inference.block_length(gap)), float(gap.mean())
    draws = stationary_means(gap[:, None] - centre, seed, 0, inference.DRAWS, block)[:, 0]
    tail = (1.0 - level) / 2.0
    return [float(q) * periods for q in centre + np.quantile(draws, [tail, 1.0 - tail])]


def equal_weights(market: Market, assets: Sequence[str], sessions: pd.DatetimeIndex) -> pd.Series:
    """Return the returns of a book rebalanced to equal weights at every close, without costs.

    On each session it is the mean over the assets whose close and the one before printed; NaN
    where none did, and where there is no session before.
    """
    returns = market.select(tuple(assets)).returns()
    return returns.mean(axis=1).reindex(sessions).rename("equal_weights")


def invested(returns: pd.Series, held: pd.DataFrame) -> pd.Series:
    """Return the returns from the first session that begins with a live position.

    Unlike `evaluate.returns.active` this leaves out the session of the first fill: in it the book
    was in cash for a part that a path which is always invested has no counterpart of.

    Parameters
    ----------
    returns : by session.
    held : (session x asset) shares of net asset value at each close.
    """
    live = held.fillna(0.0).ne(0.0).any(axis=1)
    if not live.any():
        return returns.iloc[:0]
    return returns[returns.index > live.idxmax()]
