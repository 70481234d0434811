"""Comparison of two books: Sharpe ratios and volatilities.

The question behind it is which of two simple books is the harder one to beat. Sharpe ratios are
compared by the test of Ledoit and Wolf (2008), volatilities by the stationary bootstrap of both.
"""

import dataclasses
import math

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.significance.inference import DRAWS, block_length, sharpe_interval
from tiltwise.evaluate.significance.paired import FEWEST
from tiltwise.evaluate.significance.sharpe_difference import sharpe_difference
from tiltwise.kernels.path_metrics import FloatArray


@dataclasses.dataclass(frozen=True)
class BookComparison:
    """First against second on their common sessions; all numbers a year, no riskless rate.

    Attributes
    ----------
    since, sessions : first common session, and how many there are.
    first, first_low, first_high : Sharpe ratio of the first with its interval; `second` likewise.
    sharpe, sharpe_low, sharpe_high, sharpe_p : first less second; interval and two-sided p are
        of the same studentised bootstrap. NaN where one is a multiple of the other: there is
        nothing to test.
    first_volatility, second_volatility : standard deviations.
    volatility, volatility_low, volatility_high : ratio of the two, with its bootstrap interval.
    """

    since: str
    sessions: int
    first: float
    first_low: float
    first_high: float
    second: float
    second_low: float
    second_high: float
    sharpe: float
    sharpe_low: float
    sharpe_high: float
    sharpe_p: float
    first_volatility: float
    second_volatility: float
    volatility: float
    volatility_low: float
    volatility_high: float


def compare_books(
    first: pd.Series,
    second: pd.Series,
    periods_per_year: float | None = None,
    *,
    level: float = 0.9,
    seed: int = 0,
) -> BookComparison:
    """Compare simple returns of two books on the sessions of both.

    Raises
    ------
    DataError
        Fewer than 20 common sessions, missing values, or a book that never moves.
    """
    both = pd.concat([first, second], axis=1, join="inner")
    if len(both) < FEWEST:
        raise DataError(f"{len(both)} sessions in common; {FEWEST} are needed to compare two books")
    periods = periods_per_year or periods_in_year(both.index)
    one, other = (np.ascontiguousarray(both.iloc[:, i], dtype=np.float64) for i in (0, 1))
    difference = sharpe_difference(one, other, seed=seed, level=level)
    year = math.sqrt(periods)
    reach = difference.reach * year
    gap = year * (_sharpe(one) - _sharpe(other))
    low, high = _volatility_bounds(one, other, level, seed)
    spans = [sharpe_interval(series, periods, level, seed=seed) for series in (one, other)]
    deviations = [float(series.std(ddof=1)) * year for series in (one, other)]
    return BookComparison(
        since=f"{both.index[0]:%Y-%m-%d}",
        sessions=len(both),
        first=year * _sharpe(one),
        first_low=spans[0][0],
        first_high=spans[0][1],
        second=year * _sharpe(other),
        second_low=spans[1][0],
        second_high=spans[1][1],
        sharpe=gap,
        sharpe_low=gap - reach,
        sharpe_high=gap + reach,
        sharpe_p=difference.p_bootstrap,
        first_volatility=deviations[0],
        second_volatility=deviations[1],
        volatility=deviations[0] / deviations[1],
        volatility_low=low,
        volatility_high=high,
    )


def _sharpe(series: FloatArray) -> float:
    return float(series.mean()) / float(series.std(ddof=1))


def _volatility_bounds(
    one: FloatArray, other: FloatArray, level: float, seed: int
) -> tuple[float, float]:
    """Return the interval of the ratio of two volatilities, both resampled together."""
    from tiltwise.kernels.bootstrap.stationary import stationary_means

    apart = np.column_stack([one - one.mean(), other - other.mean()])
    squares = apart**2
    block = max(1.0, *(block_length(column) for column in squares.T))
    means = stationary_means(np.column_stack([apart, squares]), seed, 0, DRAWS, block)
    spread = means[:, 2:] - means[:, :2] ** 2
    if not (spread > 0.0).all():
        return math.nan, math.nan
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.sqrt(spread[:, 0] / spread[:, 1]), [tail, 1.0 - tail])
    return float(low), float(high)
