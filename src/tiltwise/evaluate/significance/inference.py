"""Inference on performance: bootstrap intervals, probabilistic and deflated Sharpe ratio.

Sharpe ratios are **per period** here (mean over standard deviation, not annualised) unless an
argument says annual, and kurtosis is that of a normal = 3. Sources: Lo (2002); Bailey and Lopez de
Prado (2012, 2014); Bailey, Borwein, Lopez de Prado and Zhu (2014); Politis and Romano (1994);
Politis and White (2004) with the correction of Patton, Politis and White (2009).
"""

import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import NormalDist

import numpy as np
import pandas as pd

from tiltwise.kernels.bootstrap.stationary import stationary_means
from tiltwise.kernels.path_metrics import PATH_METRICS, RELATIVE, FloatArray, Path

NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329

DRAWS = 2000
SHORTEST = 10
"""Fewer periods than this get no interval."""
STILL = 1e-12
"""Share of the variance below which a resample does not move and has no Sharpe ratio."""
WITHOUT_INTERVAL = frozenset({"max_drawdown_duration", "best_day", "worst_day"})
"""Extremes and durations: a resample cannot show what the sample has not seen."""
DISPERSION = frozenset(
    {"ann_volatility", "skew", "kurtosis", "var_95", "cvar_95", "tail_ratio"}
    | {"r_squared", "tracking_error"}
)
"""Metrics of spread: their blocks must be as long as volatility clusters."""


def psr(
    sharpe: float, periods: int, skew: float = 0.0, kurtosis: float = 3.0, target: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio exceeds `target` (probabilistic Sharpe ratio)."""
    if periods < 2 or not (spread := _shape_factor(sharpe, skew, kurtosis)) > 0.0:
        return math.nan
    return NORMAL.cdf((sharpe - target) * math.sqrt(periods - 1) / math.sqrt(spread))


def dsr(
    sharpe: float,
    periods: int,
    trials: int,
    variance: float,
    skew: float = 0.0,
    kurtosis: float = 3.0,
) -> float:
    """Deflated Sharpe ratio: `psr` against the luck of the best of `trials`.

    `variance` is that of the per-period Sharpe ratios over the trials.
    """
    return psr(sharpe, periods, skew, kurtosis, math.sqrt(variance) * expected_max(trials))


def trial_variance(sharpes: Sequence[float], periods: int) -> float:
    """Variance of per-period Sharpe ratios over trials, at least that of one without skill.

    Trials that move together spread less than their common luck: the variance over trials alone
    would deflate too little (1.6 % instead of under 1 % of skill-free searches pass where trials
    correlate .5). The luck of a single trial, 1 / `periods`, is the floor.
    """
    known = np.asarray([s for s in sharpes if not math.isnan(s)], dtype=np.float64)
    spread = float(known.var(ddof=1)) if len(known) > 1 else 0.0
    return max(spread, 1.0 / periods)


def expected_max(trials: int) -> float:
    """Expected maximum of `trials` independent standard normal draws (approximation); 0 for one."""
    if trials < 1:
        raise ValueError(f"at least one trial is needed, got {trials}")
    if trials == 1:
        return 0.0
    first = NORMAL.inv_cdf(1.0 - 1.0 / trials)
    second = NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return (1.0 - EULER_GAMMA) * first + EULER_GAMMA * second


def min_track_record(
    sharpe: float,
    target: float = 0.0,
    skew: float = 0.0,
    kurtosis: float = 3.0,
    confidence: float = 0.95,
) -> float:
    """Periods needed to call `sharpe` above `target` at `confidence`; inf where it is not above."""
    if math.isnan(sharpe) or not (spread := _shape_factor(sharpe, skew, kurtosis)) > 0.0:
        return math.nan
    if sharpe <= target:
        return math.inf
    return 1.0 + spread * (NORMAL.inv_cdf(confidence) / (sharpe - target)) ** 2


def min_backtest_length(trials: int, annual_sharpe: float = 1.0) -> float:
    """Years in which the best of `trials` without skill is expected to reach `annual_sharpe`."""
    return (expected_max(trials) / annual_sharpe) ** 2


def sharpe_error(sharpe: float, periods: int) -> float:
    """Standard error of a per-period Sharpe ratio of independent normal returns (Lo, 2002)."""
    return math.sqrt((1.0 + 0.5 * sharpe**2) / periods)


def aggregated_sharpe(sharpe: float, periods: int, autocorrelations: Sequence[float] = ()) -> float:
    """Sharpe ratio over `periods` periods of autocorrelated returns (Lo, 2002).

    `autocorrelations` are those at lags 1, 2, ...; lags not given count as zero, so without any
    this is `sharpe * sqrt(periods)`.
    """
    rho = np.asarray(autocorrelations, dtype=np.float64)[: periods - 1]
    weights = periods - np.arange(1, len(rho) + 1)
    return sharpe * periods / math.sqrt(periods + 2.0 * float((weights * rho).sum()))


def _shape_factor(sharpe: float, skew: float, kurtosis: float) -> float:
    return 1.0 - skew * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2


def block_length(values: FloatArray) -> float:
    """Mean block length for the stationary bootstrap of the mean of a series (T,).

    The automatic rule of Politis and White (2004) as corrected by Patton, Politis and White (2009).
    The bandwidth starts at the first lag of the first run of insignificant autocorrelations. May be
    below 1 for a series without memory; 1 for a constant one. At least 10 values are needed.
    """
    n = len(values)
    if n < SHORTEST:
        raise ValueError(f"{n} values are too few for a block length, {SHORTEST} are needed")
    e = values - values.mean()
    if not np.abs(e).max() > 1e-12 * np.abs(values).max():
        return 1.0
    run = max(5, int(math.log10(n)))
    largest = math.ceil(math.sqrt(n)) + run
    lags = range(min(largest, n - 2) + 1)
    products = np.array([float((e[k:] * e[: n - k]).sum()) for k in lags])
    squares = np.concatenate(([0.0], np.cumsum(e * e)))
    norms = np.array([squares[n - k - 1] * (squares[n] - squares[k + 1]) for k in lags])
    quiet = np.abs(products) < 2.0 * math.sqrt(math.log10(n) / n) * np.sqrt(norms)
    runs = np.convolve(quiet[:-1], np.ones(run), "valid") == run
    start = int(np.argmax(runs)) if runs.any() else largest
    bandwidth = min(2 * max(start, 1), largest, len(products) - 1)
    k = np.arange(1, bandwidth + 1)
    flat_top = np.minimum(1.0, 2.0 * (1.0 - k / bandwidth))
    weighted = 2.0 * flat_top * products[1 : bandwidth + 1]
    slope, level = float((k * weighted).sum()), float(products[0] + weighted.sum())
    cap = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    return float(min((slope**2 / level**2 * n) ** (1.0 / 3.0), cap)) if level != 0.0 else float(cap)


def interval(
    path: Path,
    names: Iterable[str] | None = None,
    level: float = 0.9,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    jobs: int = 1,
) -> pd.DataFrame:
    """Bootstrap intervals of path metrics.

    Percentile intervals of the stationary block bootstrap, benchmark and riskless rate resampled
    with the returns. The automatic block length is that of the returns, of their squares for
    metrics of spread, and of the difference to the benchmark (or its square) for metrics relative
    to it. The measured coverage is printed by `benchmarks/bootstrap_coverage.py`: near nominal for
    means and ratios, clearly below it for volatility and tails when volatility is persistent.

    Parameters
    ----------
    path : Path
        From `tiltwise.evaluate.returns.path`.
    names : iterable of str, optional
        Metrics of `PATH_METRICS`; default all.
    level : float
        Nominal coverage, between 0 and 1.
    draws, seed : int
        Number of resamples and the seed that decides them.
    jobs : int
        Threads; the numbers do not depend on it.

    Returns
    -------
    DataFrame (metric x low, high)
        NaN for extremes and durations, without a benchmark where one is needed, for fewer than 10
        periods, and where more than one draw in a hundred is undefined.
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; it must lie between 0 and 1")
    wanted = list(PATH_METRICS if names is None else names)
    out = pd.DataFrame(np.nan, index=pd.Index(wanted, name="metric"), columns=["low", "high"])
    if len(path.returns) < SHORTEST:
        return out
    for block, members in _by_block(path, wanted).items():
        sample = _draw(path, block, draws, seed, jobs)
        for name in members:
            out.loc[name] = _percentiles(sample[:, PATH_METRICS.index(name)], level)
    return out


def sharpe_interval(
    returns: FloatArray,
    periods: float,
    level: float = 0.9,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap interval of the annual Sharpe ratio of returns (T,) without a riskless rate.

    It is that of `interval`, from the same resamples, several times faster since only the ends of
    blocks are looked at.
    """
    if len(returns) < SHORTEST:
        return math.nan, math.nan
    centre, size = returns.mean(), len(returns)
    apart = returns - centre
    block = max(1.0, block_length(returns))
    moments = stationary_means(np.column_stack([apart, apart**2]), seed, 0, draws, block)
    variance = (moments[:, 1] - moments[:, 0] ** 2) * size / (size - 1)
    moves = variance > STILL * float((apart**2).mean())
    spread = np.sqrt(np.where(moves, variance, np.nan))
    low, high = _percentiles((centre + moments[:, 0]) / spread * math.sqrt(periods), level)
    return float(low), float(high)


def _by_block(path: Path, names: Iterable[str]) -> dict[float, list[str]]:
    """Group metrics by the mean block length that suits them."""
    relative = {function.__name__ for function in RELATIVE}
    lengths: dict[tuple[bool, bool], float] = {}
    groups: dict[float, list[str]] = {}
    for name in names:
        if name in WITHOUT_INTERVAL or (name in relative and path.benchmark is None):
            continue
        kind = (name in relative, name in DISPERSION)
        if kind not in lengths:
            series = path.returns - path.market if kind[0] else path.returns
            lengths[kind] = max(1.0, block_length(series**2 if kind[1] else series))
        groups.setdefault(lengths[kind], []).append(name)
    return groups


def _draw(path: Path, block: float, draws: int, seed: int, jobs: int) -> FloatArray:
    """Return (draws, metrics) resampled metrics, the draws shared out over threads."""
    from tiltwise.kernels.bootstrap.metrics import bootstrap, terms

    prepared = terms(path)
    if jobs <= 1:
        return bootstrap(prepared, seed, 0, draws, block)
    edges = np.linspace(0, draws, jobs + 1).astype(int)
    with ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(
            lambda first, last: bootstrap(prepared, seed, int(first), int(last - first), block),
            edges[:-1],
            edges[1:],
        )
        return np.concatenate(list(parts))


def _percentiles(sample: FloatArray, level: float) -> FloatArray:
    defined = sample[~np.isnan(sample)]
    if len(defined) < 0.99 * len(sample):
        return np.array([np.nan, np.nan])
    tail = (1.0 - level) / 2.0
    return np.asarray(np.quantile(defined, [tail, 1.0 - tail]))
