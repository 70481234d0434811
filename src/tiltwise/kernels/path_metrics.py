"""Performance metrics of a return path, one plain function per metric.

These definitions are the point estimates that every table prints, and the reference that the
compiled bootstrap in `tiltwise.kernels.bootstrap.metrics` is tested against. Returns are simple
returns per period, standard deviations divide by n - 1, wealth starts at 1 and that 1 is the first
peak. What is undefined is NaN: a ratio whose denominator vanishes is not zero and not infinite.
"""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

NEGLIGIBLE = 1e-12
"""A spread or loss below this share of the largest return is rounding, hence zero."""
TAIL = 0.05
"""Probability of each tail in value at risk, expected shortfall and the tail ratio."""


@dataclasses.dataclass(frozen=True, eq=False)
class Path:
    """Return path of at least one period, with riskless and benchmark returns.

    Attributes
    ----------
    returns : ndarray (T,)
        Simple returns per period.
    rf : ndarray (T,)
        Simple riskless returns per period.
    periods : float
        Periods per year; NaN where no requested metric is annual.
    benchmark : ndarray (T,), optional
        Simple returns of the benchmark in the same periods.
    """

    returns: FloatArray
    rf: FloatArray
    periods: float
    benchmark: FloatArray | None = None

    @property
    def excess(self) -> FloatArray:
        """Returns above the riskless return."""
        return self.returns - self.rf

    @property
    def market(self) -> FloatArray:
        """Benchmark returns."""
        if self.benchmark is None:
            raise ValueError("this path has no benchmark")
        return self.benchmark

    @property
    def floor(self) -> float:
        """Size at or below which a denominator is rounding: a share of the largest input."""
        parts = [self.returns, self.rf]
        if self.benchmark is not None:
            parts.append(self.benchmark)
        return NEGLIGIBLE * max(float(np.abs(part).max()) for part in parts)


def ratio(numerator: float, denominator: float, floor: float = 0.0) -> float:
    """Return the quotient, NaN where the denominator is not larger than `floor`."""
    return numerator / denominator if abs(denominator) > floor else math.nan


def deviation(values: FloatArray, floor: float) -> float:
    """Return the standard deviation (n - 1), exactly 0 where it is not larger than `floor`."""
    if len(values) < 2:
        return math.nan
    std = float(values.std(ddof=1))
    return std if std > floor else 0.0


def wealth(returns: FloatArray) -> FloatArray:
    """Return the T + 1 values of 1 invested at the start; at or below 0 it stays where it is."""
    path = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    ruined = np.flatnonzero(path <= 0.0)
    if len(ruined):
        path[ruined[0] :] = path[ruined[0]]
    return path


def drawdowns(returns: FloatArray) -> FloatArray:
    """Return the T drawdowns (0 or negative) from the highest wealth so far, the start included."""
    path = wealth(returns)
    fall = (path / np.maximum.accumulate(path) - 1.0)[1:]
    fall[fall > -NEGLIGIBLE] = 0.0
    return fall


def total_return(p: Path) -> float:
    """Growth of 1 over the whole path, less 1."""
    return float(wealth(p.returns)[-1]) - 1.0


def cagr(p: Path) -> float:
    """(1 + total return) ** (A / T) - 1: years are counted periods, not calendar days."""
    end = 1.0 + total_return(p)
    return math.nan if not end >= 0.0 else float(end ** (p.periods / len(p.returns)) - 1.0)


def ann_volatility(p: Path) -> float:
    """Standard deviation of returns times sqrt(A)."""
    return deviation(p.returns, p.floor) * math.sqrt(p.periods)


def sharpe(p: Path) -> float:
    """Mean over standard deviation of excess returns, times sqrt(A)."""
    return ratio(float(p.excess.mean()), deviation(p.excess, p.floor)) * math.sqrt(p.periods)


def sortino(p: Path) -> float:
    """Mean excess return over its root mean squared shortfall (all periods), times sqrt(A)."""
    shortfall = math.sqrt(float(np.mean(np.minimum(p.excess, 0.0) ** 2)))
    return ratio(float(p.excess.mean()), shortfall, p.floor) * math.sqrt(p.periods)


def calmar(p: Path) -> float:
    """CAGR over the absolute maximum drawdown."""
    return ratio(cagr(p), abs(max_drawdown(p)))


def max_drawdown(p: Path) -> float:
    """Worst drawdown of compounded wealth, negative."""
    return float(drawdowns(p.returns).min())


def max_drawdown_duration(p: Path) -> float:
    """Most consecutive periods that end below an earlier peak."""
    under = drawdowns(p.returns) < 0.0
    longest = run = 0
    for below in under:
        run = run + 1 if below else 0
        longest = max(longest, run)
    return float(longest)


def ulcer_index(p: Path) -> float:
    """Root mean square of the drawdowns."""
    return math.sqrt(float(np.mean(drawdowns(p.returns) ** 2)))


def _standardised_moment(p: Path, order: int) -> float:
    if not deviation(p.returns, p.floor) > 0.0:
        return math.nan
    centred = p.returns - p.returns.mean()
    return float(np.mean(centred**order) / np.mean(centred**2) ** (order / 2))


def skew(p: Path) -> float:
    """Third standardised moment (population moments)."""
    return _standardised_moment(p, 3)


def kurtosis(p: Path) -> float:
    """Excess kurtosis: fourth standardised moment (population moments) less 3."""
    return _standardised_moment(p, 4) - 3.0


def var_95(p: Path) -> float:
    """Value at risk: the 5 % quantile of returns (linear interpolation), negative for a loss."""
    return float(np.quantile(p.returns, TAIL))


def cvar_95(p: Path) -> float:
    """Expected shortfall: mean of the returns at or below `var_95`."""
    return float(p.returns[p.returns <= var_95(p)].mean())


def tail_ratio(p: Path) -> float:
    """Absolute 95 % quantile over absolute 5 % quantile of returns."""
    return ratio(abs(float(np.quantile(p.returns, 1.0 - TAIL))), abs(var_95(p)), p.floor)


def omega(p: Path) -> float:
    """Sum of excess gains over the sum of excess losses."""
    gains, losses = np.maximum(p.excess, 0.0).sum(), np.maximum(-p.excess, 0.0).sum()
    return ratio(float(gains), float(losses), p.floor)


def win_rate(p: Path) -> float:
    """Share of all periods with a positive return."""
    return float(np.mean(p.returns > 0.0))


def profit_factor(p: Path) -> float:
    """Sum of gains over the sum of losses."""
    gains, losses = np.maximum(p.returns, 0.0).sum(), np.maximum(-p.returns, 0.0).sum()
    return ratio(float(gains), float(losses), p.floor)


def best_day(p: Path) -> float:
    """Highest return of one period (a day where periods are days)."""
    return float(p.returns.max())


def worst_day(p: Path) -> float:
    """Lowest return of one period (a day where periods are days)."""
    return float(p.returns.min())


def beta(p: Path) -> float:
    """Covariance of excess returns with those of the benchmark over the variance of the latter."""
    market = p.market - p.rf
    if not deviation(market, p.floor) > 0.0:
        return math.nan
    own, market = p.excess - p.excess.mean(), market - market.mean()
    return float((own * market).sum() / (market * market).sum())


def alpha(p: Path) -> float:
    """(mean excess return - beta * mean excess return of the benchmark) * A, not compounded."""
    slope = beta(p)
    return float(p.excess.mean() - slope * (p.market - p.rf).mean()) * p.periods


def r_squared(p: Path) -> float:
    """Squared correlation of excess returns with those of the benchmark."""
    spread, market_spread = deviation(p.excess, p.floor), deviation(p.market - p.rf, p.floor)
    return ratio((beta(p) * market_spread) ** 2, spread**2) if spread > 0.0 else math.nan


def tracking_error(p: Path) -> float:
    """Standard deviation of the difference to the benchmark times sqrt(A)."""
    return deviation(p.returns - p.market, p.floor) * math.sqrt(p.periods)


def information_ratio(p: Path) -> float:
    """Annual mean difference to the benchmark over the tracking error."""
    active = p.returns - p.market
    return ratio(float(active.mean()) * p.periods, tracking_error(p))


def up_capture(p: Path) -> float:
    """Mean return over mean benchmark return in periods with a positive benchmark return."""
    up = p.market > 0.0
    return ratio(float(p.returns[up].sum()), float(p.market[up].sum()), p.floor)


def down_capture(p: Path) -> float:
    """Mean return over mean benchmark return in periods with a negative benchmark return."""
    down = p.market < 0.0
    return ratio(float(p.returns[down].sum()), float(p.market[down].sum()), p.floor)


ALONE = (
    total_return,
    cagr,
    ann_volatility,
    sharpe,
    sortino,
    calmar,
    max_drawdown,
    max_drawdown_duration,
    ulcer_index,
    skew,
    kurtosis,
    var_95,
    cvar_95,
    tail_ratio,
    omega,
    win_rate,
    profit_factor,
    best_day,
    worst_day,
)
"""Definitions of a return path by itself, in the order of the compiled kernel's output."""
RELATIVE = (
    beta,
    alpha,
    r_squared,
    tracking_error,
    information_ratio,
    up_capture,
    down_capture,
)
"""Definitions that need a benchmark, which follow `ALONE` in the kernel's output."""
PATH_METRICS = tuple(function.__name__ for function in ALONE + RELATIVE)
"""Names of all of them, in that order."""
