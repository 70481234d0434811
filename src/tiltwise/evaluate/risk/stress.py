"""Stress correlation: mean pairwise correlation in the market's worst months against the others.

Mean correlation of all pairs, over the rows of the tenth of months in which the market did worst,
less that over all other rows. The number alone misleads: rows chosen by the size of a move have
another correlation than all rows even where nothing ever changes. Ten normal series that always
correlate .5, by month, correlate .08 in the worst tenth of months of their mean and .41 in the
others. So the same selection is simulated in normal data of one constant covariance, that of the
data, and the measured difference is compared with theirs.

The interval of the difference is that of the stationary bootstrap over months, each staying as bad
or as good as it was.

Source: Boyer, Gibson and Loretan, Pitfalls in tests for changes in correlations, Federal Reserve
Board, International Finance Discussion Paper 597 (1999); Longin and Solnik, Extreme correlation of
international equity markets, Journal of Finance 56(2), 2001.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.significance import inference
from tiltwise.kernels.arrays import Flags, Floats
from tiltwise.kernels.bootstrap.stationary import stationary_means

WORST = 0.1  #: share of months
FEWEST = 20  #: months below which the worst tenth is one month or none
WORLDS = 500  #: normal worlds behind a baseline
STILL = 1e-12  #: variance, over that of all rows, below which a series has no correlation


@dataclasses.dataclass(frozen=True)
class Stress:
    """Mean pairwise correlation in the worst months and the others, and under the null.

    Attributes
    ----------
    assets, left_out : those measured; those without a return on every row.
    months : how many there are, and `worst` those that count as such ("2020-03"), worst first.
    rows : rows in the worst months.
    inside, outside : mean correlation of all pairs in the worst months, and in the others.
    difference, low, high : inside less outside, with its bootstrap interval.
    baseline, baseline_low, baseline_high : the same difference in normal worlds whose covariance
        never changes: mean and interval over worlds.
    p_value : share of such worlds with a difference at least as high, the measured one included.
    """

    assets: tuple[str, ...]
    left_out: tuple[str, ...]
    months: int
    worst: tuple[str, ...]
    rows: int
    inside: float
    outside: float
    difference: float
    low: float
    high: float
    baseline: float
    baseline_low: float
    baseline_high: float
    p_value: float

    @property
    def rises(self) -> bool:
        """Whether the correlation in the worst months exceeds that under constant correlation."""
        return self.difference > self.baseline_high and self.low > self.baseline


class _Months(NamedTuple):
    """Rows by month.

    Attributes
    ----------
    names : of the months, in order.
    starts : (M,) first row of each.
    rows : (M,) how many it has.
    worst : numbers of the worst months, worst first.
    """

    names: tuple[str, ...]
    starts: NDArray[np.int64]
    rows: Floats
    worst: NDArray[np.int64]

    @property
    def bad(self) -> Flags:
        """Whether each month is among the worst."""
        flags = np.zeros(len(self.rows), dtype=bool)
        flags[self.worst] = True
        return flags


def stress_correlation(
    returns: pd.DataFrame,
    market: pd.Series | None = None,
    *,
    share: float = WORST,
    level: float = 0.9,
    seed: int = 0,
) -> Stress:
    """Return mean correlation in the worst months against the others.

    Parameters
    ----------
    returns : simple returns (date x asset), by session or by month, dates ascending.
    market : simple returns that say which months were bad; the mean of the assets if None.
    share : of the months that count as the worst, rounded up.
    level : nominal coverage of the intervals.
    seed : of resamples and worlds.

    Raises
    ------
    MissingData
        Fewer than two assets with a return on every row, or fewer than 20 months.
    DataError
        The market has no return on a date, or `share` does not lie between 0 and 1.
    """
    if not 0.0 < share < 1.0:
        raise DataError(f"share is {share}; it must lie between 0 and 1")
    table, left_out = _complete(returns)
    base = table.mean(axis=1) if market is None else market.reindex(table.index)
    if base.isna().any():
        raise DataError(f"the market has no return on {base.index[base.isna()][0]:%Y-%m-%d}")
    months = _months(base, share)
    values = table.to_numpy(dtype=np.float64)
    sums = np.add.reduceat(_products(_scaled(values)), months.starts, axis=0)
    inside, outside = (_mean_correlation(sums[side].sum(axis=0)) for side in _sides(months))
    low, high = _interval(sums, months, base.to_numpy(dtype=np.float64), level, seed)
    joint = values if market is None else np.column_stack([values, base.to_numpy(np.float64)])
    worlds = _worlds(joint, values.shape[1], months, seed)
    tail = (1.0 - level) / 2.0
    bounds = np.quantile(worlds, [tail, 1.0 - tail])
    return Stress(
        assets=tuple(map(str, table.columns)),
        left_out=left_out,
        months=len(months.names),
        worst=tuple(months.names[m] for m in months.worst),
        rows=int(months.rows[months.worst].sum()),
        inside=float(inside),
        outside=float(outside),
        difference=float(inside - outside),
        low=low,
        high=high,
        baseline=float(worlds.mean()),
        baseline_low=float(bounds[0]),
        baseline_high=float(bounds[1]),
        p_value=(1.0 + float((worlds >= inside - outside).sum())) / (1.0 + len(worlds)),
    )


def by_month(returns: pd.DataFrame) -> pd.DataFrame:
    """Return simple returns compounded by calendar month, on its last date in the table."""
    months = pd.DatetimeIndex(returns.index).to_period("M")
    grown = (1.0 + returns).groupby(months).prod(min_count=1) - 1.0
    last = returns.index.to_series().groupby(months).last()
    return grown.set_axis(pd.DatetimeIndex(last), axis=0)


def _complete(returns: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the assets that move and have a return on every row, and the names of the others."""
    whole = returns.notna().all() & (returns.std() > 0.0)
    table = returns.loc[:, whole]
    if table.shape[1] < 2 or table.empty:
        raise MissingData(
            f"{table.shape[1]} of {returns.shape[1]} assets have a return on every row; "
            "a correlation needs two"
        )
    return table, tuple(map(str, returns.columns[~whole]))


def _months(base: pd.Series, share: float) -> _Months:
    """Return the months of a market and which of them are the worst."""
    periods = pd.DatetimeIndex(base.index).to_period("M")
    codes = periods.asi8
    starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
    if len(starts) < FEWEST:
        raise MissingData(
            f"{len(starts)} months are too few to speak of the worst, {FEWEST} needed"
        )
    grown = np.multiply.reduceat(1.0 + base.to_numpy(dtype=np.float64), starts)
    order = np.argsort(grown, kind="stable")[: math.ceil(share * len(starts))]
    rows = np.diff(np.append(starts, len(base))).astype(np.float64)
    return _Months(tuple(map(str, periods[starts])), starts, rows, order)


def _sides(months: _Months) -> tuple[Flags, Flags]:
    return months.bad, ~months.bad


def _scaled(values: Floats) -> Floats:
    """Return the columns without mean and scale, which a correlation does not see."""
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def _products(values: Floats) -> Floats:
    """Return for each row (T, V) one, its values and their products i <= j (T, 1 + V + pairs)."""
    i, j = np.triu_indices(values.shape[1])
    return np.column_stack([np.ones(len(values)), values, values[:, i] * values[:, j]])


def _mean_correlation(sums: Floats) -> Floats:
    """Return the mean correlation of all pairs from sums of `_products` (..., 1 + V + pairs)."""
    width = sums.shape[-1]
    size = (math.isqrt(8 * width + 1) - 3) // 2
    i, j = np.triu_indices(size)
    count = np.where(sums[..., :1] > 0.0, sums[..., :1], np.nan)
    mean = sums[..., 1 : 1 + size] / count
    covariance = sums[..., 1 + size :] / count - mean[..., i] * mean[..., j]
    variance = covariance[..., i == j]
    scale = np.sqrt(np.where(variance > STILL, variance, np.nan))
    apart = i != j
    ratio = covariance[..., apart] / (scale[..., i[apart]] * scale[..., j[apart]])
    return np.asarray(ratio.mean(axis=-1))


def _interval(
    sums: Floats, months: _Months, base: Floats, level: float, seed: int
) -> tuple[float, float]:
    """Return the bootstrap interval of the difference; months are resampled."""
    grown = np.multiply.reduceat(1.0 + base, months.starts) - 1.0
    # Correlation is of second order, so blocks are as long as volatility clusters.
    block = max(1.0, inference.block_length((grown - grown.mean()) ** 2))
    sides = np.column_stack([sums * side[:, None] for side in _sides(months)])
    centre = sides.mean(axis=0)
    means = centre + stationary_means(sides - centre, seed, 0, inference.DRAWS, block)
    means[:, [0, sums.shape[1]]] = np.round(means[:, [0, sums.shape[1]]], 9)  # counts: 0 is 0
    inside, outside = np.split(means, 2, axis=1)
    differences = _mean_correlation(inside) - _mean_correlation(outside)
    differences = differences[np.isfinite(differences)]
    if len(differences) < 0.99 * inference.DRAWS:
        return math.nan, math.nan
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(differences, [tail, 1.0 - tail])
    return float(low), float(high)


def _worlds(joint: Floats, assets: int, months: _Months, seed: int) -> Floats:
    """Return the simulated difference under constant covariance of `joint` (T, V).

    The market is the mean of the first `assets` columns, or the column after them. What rows of a
    normal month scatter around their mean does not depend on that mean, hence not on which months
    are the worst: it is drawn at once for all months of a side, as a Wishart matrix.
    """
    scaled = _scaled(joint)
    size, rng = scaled.shape[1], np.random.default_rng([seed, 33])
    covariance = np.einsum("ti,tj->ij", scaled, scaled) / len(scaled) + 1e-9 * np.eye(size)
    root = np.linalg.cholesky(covariance)
    drawn = rng.standard_normal((WORLDS, len(months.rows), size))
    totals = np.einsum("dmk,vk->dmv", drawn, root) * np.sqrt(months.rows)[:, None]
    weights = joint[:, :assets].std(axis=0) / assets
    market = totals[..., assets] if size > assets else np.einsum("dmv,v->dm", totals, weights)
    # As with the data: a month is as bad as what it earned, its mean return included.
    mean = joint[:, assets].mean() / joint[:, assets].std() if size > assets else joint.mean()
    order = np.argsort(market + mean * months.rows, axis=1, kind="stable")
    bad = np.zeros(market.shape, dtype=bool)
    np.put_along_axis(bad, order[:, : len(months.worst)], True, axis=1)
    sides = [_side(totals[..., :assets], flags, months.rows, root, rng) for flags in (bad, ~bad)]
    return _mean_correlation(sides[0]) - _mean_correlation(sides[1])


def _side(
    totals: Floats, flags: Flags, rows: Floats, root: Floats, rng: np.random.Generator
) -> Floats:
    """Return the sums of `_products` over the flagged months of each world."""
    size = totals.shape[2]
    count = (flags * rows).sum(axis=1)
    # Months differ by a few rows; the scatter is drawn for the mean count of degrees of freedom.
    freedom = round(float((flags * (rows - 1.0)).sum(axis=1).mean()))
    scatter = _wishart(freedom, root[:size, :size], len(totals), rng)
    between = np.einsum("dmi,dmj,dm->dij", totals, totals, flags / rows)
    i, j = np.triu_indices(size)
    summed = np.einsum("dmi,dm->di", totals, flags.astype(np.float64))
    return np.column_stack([count, summed, (scatter + between)[:, i, j]])


def _wishart(freedom: int, root: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Return Wishart matrices (draws, V, V) of scale root root', by Bartlett's decomposition."""
    size = len(root)
    if freedom < size:
        rows = np.einsum("dfk,vk->dfv", rng.standard_normal((draws, freedom, size)), root)
        return np.asarray(np.einsum("dfi,dfj->dij", rows, rows))
    lower = np.tril(rng.standard_normal((draws, size, size)), -1)
    diagonal = np.arange(size)
    lower[:, diagonal, diagonal] = np.sqrt(rng.chisquare(freedom - diagonal, (draws, size)))
    spread = np.einsum("ij,djk->dik", root, lower)
    return np.asarray(np.einsum("dik,djk->dij", spread, spread))
