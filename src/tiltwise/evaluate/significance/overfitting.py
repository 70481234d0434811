"""Selection bias: probability of backtest overfitting and effective number of trials.

Sharpe ratios are per period unless said otherwise. Sources: Bailey, Borwein, Lopez de Prado and
Zhu (2017) for the probability of backtest overfitting; Lopez de Prado and Lewis (2019) for
clustering trials by correlation; Bailey and Lopez de Prado (2014) for the deflated Sharpe ratio.
"""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.inference import NORMAL, dsr, expected_max
from tiltwise.kernels import cscv
from tiltwise.kernels.arrays import matrix
from tiltwise.kernels.cscv import FloatArray, IntArray

MOST_BLOCKS = 20
"""184,756 halves; two more blocks would quadruple them."""
MOST_TRIALS = 10**12
"""Selection among more trials than this is not searched for."""
FAMILY_ERROR = 0.05
"""Probability that chance correlations alone join any two unrelated trials."""
UNRELATED = math.sqrt(0.5)
"""Distance of two uncorrelated trials."""


@dataclasses.dataclass(frozen=True, eq=False)
class PBO:
    """Probability of backtest overfitting, with the selected trials' results.

    C is the number of ways to choose half the blocks as the sample.

    Attributes
    ----------
    probability : float
        Share of selections whose best trial in sample ranks in the lower half out of sample.
    logits : ndarray (C,)
        ln(w / (1 - w)) of the relative rank w = rank / (N + 1) out of sample; at most 0 means the
        lower half.
    slope : float
        Regression slope of the out-of-sample on the in-sample Sharpe ratio of the selected trial.
    probability_of_loss : float
        Share of selections whose trial has a negative Sharpe ratio out of sample.
    first_order, second_order : bool
        Whether, out of sample, the selected trial stochastically dominates a trial drawn at random.
        First order implies second.
    first_order_gap, second_order_gap : float
        How far dominance is missed: the largest amount by which the distribution function (its
        integral) of the selected trial lies above that of a random one; 0 where it never does. The
        second is taken at the values of the selected trial.
    selections : ndarray (C, blocks / 2)
        Blocks in sample.
    selected : ndarray (C,)
        Column of the best trial in sample.
    in_sample, out_of_sample : ndarray (C,)
        Per-period Sharpe ratios of the selected trial.
    dropped : int
        Oldest rows left out so that blocks are equal.
    """

    probability: float
    logits: FloatArray
    slope: float
    probability_of_loss: float
    first_order_gap: float
    second_order_gap: float
    selections: IntArray
    selected: IntArray
    in_sample: FloatArray
    out_of_sample: FloatArray
    dropped: int

    @property
    def first_order(self) -> bool:
        """Whether the selected trial first-order stochastically dominates a random one."""
        return self.first_order_gap == 0.0

    @property
    def second_order(self) -> bool:
        """Whether the selected trial second-order stochastically dominates a random one."""
        return self.first_order or self.second_order_gap == 0.0


def pbo(returns: npt.ArrayLike, blocks: int = 16) -> PBO:
    """Estimate the probability of backtest overfitting by symmetric cross-validation.

    Under pure noise it lies near one half; for one clearly better trial near zero. A trial that
    does not move in a half has a Sharpe ratio of 0 there.

    Parameters
    ----------
    returns : array or DataFrame (T, N)
        Excess returns per period of all trials, not only of the good ones, on the same sessions.
    blocks : int
        Even number of blocks in time order, 2 to 20; 16 give 12,870 selections.

    Raises
    ------
    DataError
        For fewer than two trials, two rows a block, or a missing value.
    """
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ValueError(f"blocks is {blocks}; it must be even and from 2 to {MOST_BLOCKS}")
    values = _trials(returns, 2 * blocks)
    dropped = len(values) % blocks
    sums = cscv.block_sums(values[dropped:], blocks)
    halves = cscv.halves_of(blocks)
    splits = cscv.select(halves, sums)
    share = splits.rank / (values.shape[1] + 1)
    logits = np.log(share / (1.0 - share))
    first, second = _dominance(halves, sums, splits.outside)
    return PBO(
        probability=float(np.mean(logits <= 0.0)),
        logits=logits,
        slope=_slope(splits.inside, splits.outside),
        probability_of_loss=float(np.mean(splits.outside < 0.0)),
        first_order_gap=first,
        second_order_gap=second,
        selections=halves,
        selected=splits.selected,
        in_sample=splits.inside,
        out_of_sample=splits.outside,
        dropped=dropped,
    )


def _trials(returns: npt.ArrayLike, fewest: int) -> FloatArray:
    values = matrix(returns, "returns of trials")
    if values.shape[1] < 2 or len(values) < fewest:
        raise DataError(
            f"returns of trials of shape {values.shape}: at least {fewest} rows and 2 trials"
        )
    if np.isnan(values).any():
        row, column = np.argwhere(np.isnan(values))[0]
        raise DataError(
            f"the return of trial {_label(returns, 1, column)} is missing at "
            f"{_label(returns, 0, row)}: compare trials on sessions that all of them lived through"
        )
    return values


def _label(returns: npt.ArrayLike, axis: int, position: int) -> str:
    return str(returns.axes[axis][position] if isinstance(returns, pd.DataFrame) else position)


def _slope(inside: FloatArray, outside: FloatArray) -> float:
    centred = inside - inside.mean()
    spread = float((centred * centred).sum())
    return float((centred * outside).sum()) / spread if spread > 0.0 else math.nan


def _dominance(halves: IntArray, sums: cscv.Blocks, outside: FloatArray) -> tuple[float, float]:
    """Return the first- and second-order gaps of the selected against a random trial.

    The integral of a distribution function up to x is the mean of max(x - X, 0), which needs only
    how many values lie below x and their sum.
    """
    mine = np.sort(outside)
    counts, totals = cscv.spread(halves, sums, mine)
    number = int(counts.sum())
    at_most = np.searchsorted(mine, mine, side="right")
    edge = np.minimum(np.searchsorted(mine, mine, side="left"), len(mine) - 1)
    random_count, random_total = np.cumsum(counts)[edge], np.cumsum(totals)[edge]
    first = at_most / len(mine) - random_count / number
    own_total = np.concatenate(([0.0], np.cumsum(mine)))[at_most]
    own_integral = (at_most * mine - own_total) / len(mine)
    random_integral = (random_count * mine - random_total) / number
    rounding = 1e-12 * max(1.0, float(np.abs(mine).max()))
    return _excess(first, rounding), _excess(own_integral - random_integral, rounding)


def _excess(difference: FloatArray, rounding: float) -> float:
    largest = float(difference.max())
    return largest if largest > rounding else 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Effective:
    """Effective number of independent trials.

    Attributes
    ----------
    count : int
        Number of clusters.
    labels : ndarray (N,)
        Cluster of each trial, numbered by first appearance.
    silhouette : float
        Mean silhouette of the clustering; near 0 there is no structure to find.
    interpolated : float
        r + (1 - r) N with the mean correlation r (at least 0): for trials that are all alike to the
        same degree, where clusters mean little.
    """

    count: int
    labels: IntArray
    silhouette: float
    interpolated: float


def effective_trials(returns: npt.ArrayLike) -> Effective:
    """Count clusters of trials whose returns (T, N) move together.

    Average linkage on the distance sqrt((1 - correlation) / 2); the number of clusters has the
    highest mean silhouette, the larger number in a tie. Correlations that all pairs of unrelated
    trials stay below with probability 95 % count as zero, and an uncorrelated trial is taken to
    exist, so that N unrelated trials are N and a single tight group is one. Without randomness.

    Raises
    ------
    DataError
        For fewer than two trials or three rows, or a missing value.
    """
    values = _trials(returns, 3)
    correlation = _correlation(values)
    size = len(correlation)
    distance = np.sqrt(np.clip(0.5 * (1.0 - correlation), 0.0, 1.0))
    best, labels = -math.inf, np.arange(size)
    for candidate, score in _merges(distance):
        if score > best + 1e-9:
            best, labels = score, candidate
    appearance = {label: k for k, label in enumerate(dict.fromkeys(labels.tolist()))}
    mean = max(0.0, float(correlation.sum() - size) / (size * (size - 1)))
    numbered = np.array([appearance[label] for label in labels.tolist()], dtype=np.int64)
    return Effective(len(appearance), numbered, best, mean + (1.0 - mean) * size)


def _correlation(values: FloatArray) -> FloatArray:
    """Return correlations (N, N); trials that never move equal each other and nothing else."""
    centred = values - values.mean(axis=0)
    norms = np.sqrt((centred * centred).sum(axis=0))
    still = norms <= 1e-12 * np.sqrt(len(values)) * np.abs(values).max(axis=0)
    unit = np.where(still, 0.0, centred / np.where(still, 1.0, norms))
    # Rounded, so that neither threads nor machines decide between equal distances.
    out = np.round(unit.T @ unit, 10)
    pairs = len(out) * (len(out) - 1) / 2
    noise = NORMAL.inv_cdf(1.0 - FAMILY_ERROR / pairs) / math.sqrt(len(values))
    out[np.abs(out) < noise] = 0.0
    out[np.ix_(still, still)] = 1.0
    np.fill_diagonal(out, 1.0)
    return np.asarray(out)


def _merges(distance: FloatArray) -> Iterator[tuple[IntArray, float]]:
    """Yield labels and mean silhouette from N clusters down to one, by average linkage."""
    size = len(distance)
    to_cluster = distance.copy()
    labels, counts = np.arange(size), np.ones(size)
    between = distance.copy()
    np.fill_diagonal(between, np.inf)
    yield labels.copy(), 0.0
    for _ in range(size - 1):
        keep, gone = sorted(np.unravel_index(int(between.argmin()), between.shape))
        merged = counts[keep] * between[keep] + counts[gone] * between[gone]
        merged = np.round(merged / (counts[keep] + counts[gone]), 12)
        between[keep], between[:, keep] = merged, merged
        between[keep, keep] = np.inf
        between[gone], between[:, gone] = np.inf, np.inf
        to_cluster[:, keep] += to_cluster[:, gone]
        to_cluster[:, gone] = 0.0
        counts[keep] += counts[gone]
        counts[gone] = 0.0
        labels[labels == gone] = keep
        yield labels.copy(), _silhouette(to_cluster, counts, labels)


def _silhouette(to_cluster: FloatArray, counts: FloatArray, labels: IntArray) -> float:
    """Return the mean silhouette from sums of distances (N, clusters) to the clusters.

    A cluster of one scores 0; the nearest other cluster is never farther than an unrelated trial.
    """
    each = np.arange(len(labels))
    own = counts[labels]
    inside = to_cluster[each, labels] / np.maximum(own - 1.0, 1.0)
    mean = np.where(counts > 0.0, to_cluster / np.maximum(counts, 1.0), np.inf)
    mean[each, labels] = np.inf
    outside = np.minimum(mean.min(axis=1), UNRELATED)
    scale = np.maximum(inside, outside)
    score = np.where(scale > 0.0, (outside - inside) / np.where(scale > 0.0, scale, 1.0), 0.0)
    return float(np.where(own > 1.0, score, 0.0).mean())


def failing_trials(
    sharpe: float,
    periods: int,
    variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    level: float = 0.95,
) -> float:
    """Return the number of trials from which on the deflated Sharpe ratio is below `level`.

    Parameters
    ----------
    sharpe : float
        Per-period Sharpe ratio of the selected trial.
    periods : int
        Returns behind it.
    variance : float
        Variance of the per-period Sharpe ratios over the trials.
    skew, kurtosis : float
        Of the returns (normal: 0 and 3).

    Returns
    -------
    float
        A whole number; 1 where the result fails without any selection, inf where 10^12 trials do
        not make it fail, NaN where the deflated ratio is undefined.
    """
    if math.isnan(alone := dsr(sharpe, periods, 1, variance, skew, kurtosis)):
        return math.nan
    if alone < level:
        return 1.0
    if dsr(sharpe, periods, MOST_TRIALS, variance, skew, kurtosis) >= level:
        return math.inf
    passing, failing = 1, MOST_TRIALS
    while failing - passing > 1:
        middle = (passing + failing) // 2
        if dsr(sharpe, periods, middle, variance, skew, kurtosis) < level:
            failing = middle
        else:
            passing = middle
    return float(failing)


def noise_ceiling(n_trials: int, years: float) -> float:
    """Annual Sharpe ratio that the best of `n_trials` without skill is expected to show."""
    return expected_max(n_trials) / math.sqrt(years)
