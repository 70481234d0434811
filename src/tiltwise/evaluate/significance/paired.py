"""Paired block bootstrap of two return series on common sessions.

Both are resampled together, in blocks (stationary bootstrap of Politis and Romano, 1994), so common
moves cancel. The mean block is the longest of the automatic lengths of the two series and of their
difference (Politis and White, 2004).
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.inference import block_length, min_track_record
from tiltwise.kernels.bootstrap.stationary import stationary_means
from tiltwise.kernels.path_metrics import NEGLIGIBLE, FloatArray

DRAWS = 2000
STILL = 1e-12
"""Share of a series' variance below which a resample of it does not move."""
FEWEST = 20
"""Sessions in common below which nothing is compared."""


class Earned(Protocol):
    """Anything with net returns by session: a `Backtest` or a `Run`."""

    @property
    def returns(self) -> pd.Series:
        """Net simple returns."""


@dataclasses.dataclass(frozen=True)
class Paired:
    """First less second, a year; intervals are of the bootstrap, p-values two-sided.

    Attributes
    ----------
    sharpe, sharpe_low, sharpe_high, sharpe_p : difference of annual Sharpe ratios.
    mean, mean_low, mean_high, mean_p : difference of mean returns, not compounded.
    min_track_record_years : years of such differences needed to call their mean positive at 95 %
        (minimum track record length of their Sharpe ratio); inf where it is not positive, NaN
        where the series never differ.
    block : mean block length in periods.
    """

    sharpe: float
    sharpe_low: float
    sharpe_high: float
    sharpe_p: float
    mean: float
    mean_low: float
    mean_high: float
    mean_p: float
    min_track_record_years: float
    block: float


def paired(
    first: FloatArray,
    second: FloatArray,
    periods: float = 252.0,
    *,
    level: float = 0.9,
    draws: int = DRAWS,
    seed: int = 0,
) -> Paired:
    """Compare two series of returns (T,) of the same sessions.

    Raises
    ------
    DataError
        They differ in length, are shorter than 20, hold missing values, or one never moves.
    """
    pair = np.column_stack([_checked(first), _checked(second)])
    gap = pair[:, 0] - pair[:, 1]
    block = max(1.0, *(block_length(series) for series in (pair[:, 0], pair[:, 1], gap)))
    centre = pair.mean(axis=0)
    terms = np.column_stack([pair - centre, (pair - centre) ** 2])
    whole = terms.mean(axis=0)
    values = _measures(whole[None, :], centre, whole[2:])[0]
    sample = _measures(stationary_means(terms, seed, 0, draws, block), centre, whole[2:])
    scale = np.array([math.sqrt(periods), periods])
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(sample, [tail, 1.0 - tail], axis=0) * scale
    beyond = (np.abs(sample - values) >= np.abs(values)).sum(axis=0)
    p = (1.0 + beyond) / (1.0 + draws)
    sharpe, mean = values * scale
    return Paired(
        sharpe=float(sharpe),
        sharpe_low=float(low[0]),
        sharpe_high=float(high[0]),
        sharpe_p=float(p[0]),
        mean=float(mean),
        mean_low=float(low[1]),
        mean_high=float(high[1]),
        mean_p=float(p[1]),
        min_track_record_years=_track_record(gap) / periods,
        block=block,
    )


def compare(
    runs: Mapping[str, Earned | pd.Series],
    against: Mapping[str, Earned | pd.Series],
    periods: float = 252.0,
    *,
    level: float = 0.9,
    draws: int = DRAWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare every run with every baseline on the sessions common to all.

    Returns
    -------
    DataFrame ((run, against) x fields of `Paired`)

    Raises
    ------
    DataError
        Fewer than 20 sessions in common, or as for `paired`.
    """
    columns = [*map(returns_of, runs.values()), *map(returns_of, against.values())]
    common = pd.concat(columns, axis=1, join="inner", sort=True, ignore_index=True).dropna()
    if len(common) < FEWEST:
        raise DataError(
            f"{', '.join([*runs, *against])} have {len(common)} sessions in common; "
            f"{FEWEST} are needed to compare them"
        )
    values = np.ascontiguousarray(common.to_numpy().T)
    first, second = values[: len(runs)], values[len(runs) :]
    rows = {
        (run, other): dataclasses.asdict(
            paired(mine, its, periods, level=level, draws=draws, seed=seed)
        )
        for run, mine in zip(runs, first, strict=True)
        for other, its in zip(against, second, strict=True)
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(list(rows), names=["run", "against"])
    return table


def returns_of(given: Earned | pd.Series) -> pd.Series:
    """Return the net returns of a run, or the series itself."""
    return given if isinstance(given, pd.Series) else given.returns


def _measures(means: FloatArray, centre: FloatArray, variance: FloatArray) -> FloatArray:
    """Return differences (B, 2) of per-period Sharpe ratios and means from moments (B, 4).

    `variance` (2,) is that of the whole series.
    """
    mean = centre + means[:, :2]
    spread = means[:, 2:] - means[:, :2] ** 2
    moves = spread > STILL * variance
    ratio = np.where(moves, mean / np.sqrt(np.where(moves, spread, 1.0)), 0.0)
    return np.column_stack([ratio[:, 0] - ratio[:, 1], mean[:, 0] - mean[:, 1]])


def _track_record(gap: FloatArray) -> float:
    """Return the periods after which the mean difference is significantly positive."""
    spread = float(gap.std(ddof=1))
    if spread <= NEGLIGIBLE * float(np.abs(gap).max()):
        return math.nan
    centred = gap - gap.mean()
    scale = float((centred**2).mean())
    skew = float((centred**3).mean()) / scale**1.5
    kurtosis = float((centred**4).mean()) / scale**2
    return min_track_record(float(gap.mean()) / spread, 0.0, skew, kurtosis)


def _checked(series: FloatArray) -> FloatArray:
    values = np.ascontiguousarray(series, dtype=np.float64)
    if values.ndim != 1 or len(values) < FEWEST or not np.isfinite(values).all():
        raise DataError(
            f"returns of shape {values.shape}: {FEWEST} or more finite values are needed"
        )
    if values.std() <= NEGLIGIBLE * np.abs(values).max():
        raise DataError("a series that never moves has no Sharpe ratio to compare")
    return values
