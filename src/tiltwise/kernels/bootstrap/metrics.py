"""Stationary block bootstrap of every path metric at once.

Most metrics are functions of sums over the resampled rows, so the terms of the sums are tabulated
once and a resample only adds rows of that table; the tail quantiles come from counting ranks
instead of sorting. Draws are numbered, and a draw depends only on the seed and its number.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tiltwise.kernels.bootstrap.stationary import stationary_rows
from tiltwise.kernels.jit import kernel
from tiltwise.kernels.path_metrics import ALONE, NEGLIGIBLE, PATH_METRICS, RELATIVE, TAIL, Path

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CHUNK = 16
"""Draws whose row numbers are held at once, so that they stay in the processor's cache."""
WIDTHS = (12, 24)
"""Columns of the term table without and with a benchmark (multiples of 4 for the vector unit)."""


class Terms(NamedTuple):
    """A path, prepared for resampling by row number.

    Attributes
    ----------
    table : ndarray (T, 12 or 24)
        Terms whose sums over rows give the moments, gains and captures.
    centres : ndarray (4,)
        Means that were taken out of the columns: returns, excess, market excess, active.
    growth : ndarray (T,)
        1 + returns.
    ordered : ndarray (T,)
        Returns in ascending order.
    rank : ndarray (T,)
        Position of each row in `ordered`.
    floor : float
        Spreads and losses at or below it count as zero.
    periods : float
        Periods per year.
    """

    table: FloatArray
    centres: FloatArray
    growth: FloatArray
    ordered: FloatArray
    rank: IntArray
    floor: float
    periods: float


def terms(path: Path) -> Terms:
    """Tabulate a path of at least one period."""
    returns, excess = path.returns, path.excess
    market = path.market - path.rf if path.benchmark is not None else np.zeros_like(returns)
    active = returns - path.benchmark if path.benchmark is not None else np.zeros_like(returns)
    centres = np.array([values.mean() for values in (returns, excess, market, active)])
    d, e, f, a = (v - c for v, c in zip((returns, excess, market, active), centres, strict=True))
    shortfall, win = np.minimum(excess, 0.0), returns > 0.0
    gain, surplus = np.maximum(returns, 0.0), np.maximum(excess, 0.0)
    columns = [d, d**2, d**3, d**4, e, e**2, shortfall**2, surplus, -shortfall, gain]
    columns += [gain - returns, win]
    if path.benchmark is not None:
        up, down = path.benchmark > 0.0, path.benchmark < 0.0
        columns += [f, f**2, e * f, a, a**2]
        columns += [side * series for side in (up, down) for series in (returns, path.benchmark)]
        columns += [np.zeros_like(returns)] * (WIDTHS[1] - len(columns))
    order = np.argsort(returns, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    table = np.ascontiguousarray(np.column_stack(columns), dtype=np.float64)
    ordered, growth = returns[order], 1.0 + returns
    return Terms(table, centres, growth, ordered, rank, path.floor, float(path.periods))


@kernel()
def _add_rows(table: Any, rows: Any, sums: Any) -> None:
    sums[:] = 0.0
    for t in range(rows.shape[0]):
        row = rows[t]
        for column in range(sums.shape[0]):
            sums[column] += table[row, column]


@kernel()
def _wealth_figures(growth: Any, rows: Any) -> Any:
    """Return final wealth, worst drawdown, longest drawdown duration, sum of squared drawdowns.

    The drawdown obeys x[t] = min(x[t-1] (1 + r[t]), 1), so no peak is stored and nothing divided.
    """
    final, x, worst, squares = 1.0, 1.0, 0.0, 0.0
    longest, spell = 0, 0
    for t in range(rows.shape[0]):
        if x > 0.0:
            g = growth[rows[t]]
            final *= g
            x = min(x * g, 1.0)
        drawdown = x - 1.0 if x - 1.0 <= -NEGLIGIBLE else 0.0
        worst = min(worst, drawdown)
        squares += drawdown * drawdown
        spell = spell + 1 if drawdown < 0.0 else 0
        longest = max(longest, spell)
    return final, worst, longest, squares


@kernel()
def _lower_tail(ordered: Any, counts: Any, size: Any) -> Any:
    """Return the tail quantile of the counted values and the mean of those at or below it."""
    position = (size - 1) * TAIL
    low = int(position)
    seen, j = counts[0], 0
    while seen <= low:
        j += 1
        seen += counts[j]
    below = ordered[j]
    while seen <= min(low + 1, size - 1):
        j += 1
        seen += counts[j]
    quantile = below + (ordered[j] - below) * (position - low)
    total, number, j = 0.0, 0, 0
    while j < ordered.shape[0] and ordered[j] <= quantile:
        total += counts[j] * ordered[j]
        number += counts[j]
        j += 1
    return quantile, total / number


@kernel()
def _upper_tail(ordered: Any, counts: Any, size: Any) -> Any:
    position = (size - 1) * (1.0 - TAIL)
    low = int(position)
    j = ordered.shape[0] - 1
    seen = size - counts[j]
    while seen > min(low + 1, size - 1):
        j -= 1
        seen -= counts[j]
    above = ordered[j]
    while seen > low:
        j -= 1
        seen -= counts[j]
    return ordered[j] + (above - ordered[j]) * (position - low)


@kernel()
def _quotient(numerator: Any, denominator: Any, floor: Any) -> Any:
    return numerator / denominator if abs(denominator) > floor else np.nan


@kernel()
def _spread(first: Any, second: Any, size: Any, floor: Any) -> Any:
    """Return the standard deviation (n - 1) from sums of values and of squares."""
    if size < 2:
        return np.nan
    std = np.sqrt(max(second - first * first / size, 0.0) / (size - 1))
    return std if std > floor else 0.0


@kernel()
def _ranks(t: Any, rows: Any, counts: Any, out: Any) -> None:
    """Write quantiles, tail mean and extremes from counts of ranks."""
    size = rows.shape[0]
    counts[:] = 0
    lowest, highest = size, -1
    for i in range(size):
        place = t.rank[rows[i]]
        counts[place] += 1
        lowest = min(lowest, place)
        highest = max(highest, place)
    out[11], out[12] = _lower_tail(t.ordered, counts, size)
    out[13] = _quotient(abs(_upper_tail(t.ordered, counts, size)), abs(out[11]), t.floor)
    out[17], out[18] = t.ordered[highest], t.ordered[lowest]


@kernel()
def _shape(sums: Any, size: Any, out: Any) -> None:
    """Write skewness and excess kurtosis from sums of powers about a fixed centre."""
    m, m2, m3, m4 = sums[0] / size, sums[1] / size, sums[2] / size, sums[3] / size
    variance = m2 - m * m
    third = m3 - 3.0 * m * m2 + 2.0 * m**3
    fourth = m4 - 4.0 * m * m3 + 6.0 * m * m * m2 - 3.0 * m**4
    out[9] = third / variance**1.5
    out[10] = fourth / variance**2 - 3.0


@kernel()
def _alone(sums: Any, t: Any, size: Any, rows: Any, out: Any) -> None:
    root = np.sqrt(t.periods)
    final, worst, longest, squares = _wealth_figures(t.growth, rows)
    spread = _spread(sums[0], sums[1], size, t.floor)
    mean_excess = t.centres[1] + sums[4] / size
    out[0] = final - 1.0
    out[1] = final ** (t.periods / size) - 1.0 if final >= 0.0 else np.nan
    out[2] = spread * root
    out[3] = _quotient(mean_excess, _spread(sums[4], sums[5], size, t.floor), 0.0) * root
    out[4] = _quotient(mean_excess, np.sqrt(sums[6] / size), t.floor) * root
    out[5] = _quotient(out[1], -worst, 0.0)
    out[6], out[7], out[8] = worst, longest, np.sqrt(squares / size)
    if spread > 0.0:
        _shape(sums, size, out)
    else:
        out[9] = out[10] = np.nan
    out[14] = _quotient(sums[7], sums[8], t.floor)
    out[15] = sums[11] / size
    out[16] = _quotient(sums[9], sums[10], t.floor)


@kernel()
def _relative(sums: Any, t: Any, size: Any, out: Any) -> None:
    spread = _spread(sums[4], sums[5], size, t.floor)
    market_spread = _spread(sums[12], sums[13], size, t.floor)
    covariance = (sums[14] - sums[4] * sums[12] / size) / (size - 1)
    beta = covariance / market_spread**2 if market_spread > 0.0 else np.nan
    mean_excess, mean_market = t.centres[1] + sums[4] / size, t.centres[2] + sums[12] / size
    out[19] = beta
    out[20] = (mean_excess - beta * mean_market) * t.periods
    out[21] = _quotient((beta * market_spread) ** 2, spread**2, 0.0)
    out[22] = _spread(sums[15], sums[16], size, t.floor) * np.sqrt(t.periods)
    out[23] = _quotient((t.centres[3] + sums[15] / size) * t.periods, out[22], 0.0)
    out[24] = _quotient(sums[17], sums[18], t.floor)
    out[25] = _quotient(sums[19], sums[20], t.floor)


@kernel()
def _measure(t: Any, rows: Any, sums: Any, counts: Any, out: Any) -> None:
    size = rows.shape[0]
    _add_rows(t.table, rows, sums)
    _alone(sums, t, size, rows, out)
    _ranks(t, rows, counts, out)
    if sums.shape[0] > 12:
        _relative(sums, t, size, out)


@kernel()
def _measure_rows(t: Any, rows: Any, out: Any) -> None:
    size = rows.shape[1]
    counts, sums = np.empty(size, np.int32), np.empty(t.table.shape[1])
    for draw in range(rows.shape[0]):
        _measure(t, rows[draw], sums, counts, out[draw])


def measure(prepared: Terms, rows: IntArray) -> FloatArray:
    """Return (B, 26) metrics of the B resamples given as (B, T) row numbers."""
    out = np.full((len(rows), len(PATH_METRICS)), np.nan)
    _measure_rows(prepared, np.ascontiguousarray(rows, dtype=np.int64), out)
    return out


def bootstrap(prepared: Terms, seed: int, first: int, draws: int, block: float) -> FloatArray:
    """Return (draws, 26) metrics of draws `first`, `first + 1`, ... of a seed.

    Columns follow `PATH_METRICS`; those that need a benchmark are NaN without one. `block` is the
    mean block length in rows, at least 1.
    """
    size = len(prepared.growth)
    parts = [
        measure(
            prepared, stationary_rows(seed, start, min(CHUNK, first + draws - start), size, block)
        )
        for start in range(first, first + draws, CHUNK)
    ]
    return np.concatenate([np.empty((0, len(PATH_METRICS))), *parts])


def measure_reference(path: Path, rows: IntArray) -> FloatArray:
    """Return `measure(terms(path), rows)` from the plain definitions, resample by resample."""
    out = np.full((len(rows), len(PATH_METRICS)), np.nan)
    for draw, index in enumerate(rows):
        benchmark = None if path.benchmark is None else path.benchmark[index]
        drawn = Path(path.returns[index], path.rf[index], path.periods, benchmark)
        functions = ALONE if benchmark is None else ALONE + RELATIVE
        out[draw, : len(functions)] = [function(drawn) for function in functions]
    return out
