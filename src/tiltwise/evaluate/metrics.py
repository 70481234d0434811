"""The performance metrics: one definition each, one table, and the summary drawn from it.

A metric is called with returns and answers a number::

    from tiltwise.evaluate.metrics import METRICS, sharpe

    sharpe(monthly, 12, rf_annual=0.02)
    METRICS["beta"](daily, benchmark=index)      # frequency inferred from the dates

Returns are simple returns per period; A is the number of periods per year. What is undefined is
NaN. The definitions stand in `tiltwise.kernels.path_metrics` and `tiltwise.evaluate.traded_path`.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate import traded_path as of_book
from tiltwise.evaluate.returns import Returns, path
from tiltwise.evaluate.significance import inference
from tiltwise.evaluate.traded_path import Measurable, TradedPath
from tiltwise.kernels import path_metrics as of_path
from tiltwise.kernels.path_metrics import PATH_METRICS, FloatArray, Path
from tiltwise.ledger import Ledger

Unit = Literal["share", "share a year", "ratio", "periods", "years", "count", "probability"]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A performance number: its meaning and unit, callable on returns.

    Attributes
    ----------
    name : str
        Key in every table and file.
    function : callable
        Definition: of a `Path`, or of a `TradedPath` where `needs_book`.
    unit : str
        Unit of the value.
    annual : bool
        Whether it depends on the number of periods per year.
    needs_benchmark : bool
        Whether it compares with a benchmark.
    needs_book : bool
        Whether it needs holdings or costs and so comes only from a backtest.
    """

    name: str
    function: Callable[[Any], float]
    unit: Unit
    annual: bool = False
    needs_benchmark: bool = False
    needs_book: bool = False

    @property
    def definition(self) -> str:
        """The definition in a sentence."""
        return (self.function.__doc__ or "").strip()

    def __call__(
        self,
        returns: Returns,
        periods_per_year: float | None = None,
        *,
        benchmark: Returns | None = None,
        rf: Returns | None = None,
        rf_annual: float | None = None,
    ) -> float:
        """Measure simple returns per period; arguments are those of `evaluate.returns.path`.

        Raises
        ------
        DataError
            If the input is unfit, the frequency ambiguous, or the benchmark or book missing.
        """
        if self.needs_book:
            raise DataError(f"{self.name} needs holdings and costs: call summary on a backtest")
        if self.needs_benchmark and benchmark is None:
            raise DataError(f"{self.name} compares with a benchmark: pass benchmark=")
        if not self.annual and periods_per_year is None and rf_annual is None:
            periods_per_year = 1.0  # the value does not depend on it
        return self.function(
            path(returns, periods_per_year, benchmark=benchmark, rf=rf, rf_annual=rf_annual)
        )


def _sharpe_moments(p: Path) -> tuple[float, int, float, float]:
    """Return per-period Sharpe ratio, periods, skewness and kurtosis (normal = 3) of excess."""
    excess = dataclasses.replace(p, returns=p.excess, rf=np.zeros_like(p.rf), benchmark=None)
    per_period = of_path.sharpe(excess) / math.sqrt(p.periods)
    return per_period, len(p.returns), of_path.skew(excess), of_path.kurtosis(excess) + 3.0


def _psr(p: Path) -> float:
    """Probability that the true Sharpe ratio is above zero, given skewness and kurtosis."""
    return inference.psr(*_sharpe_moments(p))


def _min_track_record_years(p: Path) -> float:
    """Years needed to call the Sharpe ratio positive at 95 %; inf where it is not positive."""
    per_period, _, skewness, kurtosis_ = _sharpe_moments(p)
    return inference.min_track_record(per_period, 0.0, skewness, kurtosis_) / p.periods


total_return = Metric("total_return", of_path.total_return, "share")
cagr = Metric("cagr", of_path.cagr, "share a year", annual=True)
ann_volatility = Metric("ann_volatility", of_path.ann_volatility, "share a year", annual=True)
sharpe = Metric("sharpe", of_path.sharpe, "ratio", annual=True)
sortino = Metric("sortino", of_path.sortino, "ratio", annual=True)
calmar = Metric("calmar", of_path.calmar, "ratio", annual=True)
max_drawdown = Metric("max_drawdown", of_path.max_drawdown, "share")
max_drawdown_duration = Metric("max_drawdown_duration", of_path.max_drawdown_duration, "periods")
ulcer_index = Metric("ulcer_index", of_path.ulcer_index, "share")
skew = Metric("skew", of_path.skew, "ratio")
kurtosis = Metric("kurtosis", of_path.kurtosis, "ratio")
var_95 = Metric("var_95", of_path.var_95, "share")
cvar_95 = Metric("cvar_95", of_path.cvar_95, "share")
tail_ratio = Metric("tail_ratio", of_path.tail_ratio, "ratio")
omega = Metric("omega", of_path.omega, "ratio")
win_rate = Metric("win_rate", of_path.win_rate, "share")
profit_factor = Metric("profit_factor", of_path.profit_factor, "ratio")
best_day = Metric("best_day", of_path.best_day, "share")
worst_day = Metric("worst_day", of_path.worst_day, "share")
beta = Metric("beta", of_path.beta, "ratio", needs_benchmark=True)
alpha = Metric("alpha", of_path.alpha, "share a year", annual=True, needs_benchmark=True)
r_squared = Metric("r_squared", of_path.r_squared, "ratio", needs_benchmark=True)
tracking_error = Metric(
    "tracking_error", of_path.tracking_error, "share a year", annual=True, needs_benchmark=True
)
information_ratio = Metric(
    "information_ratio", of_path.information_ratio, "ratio", annual=True, needs_benchmark=True
)
up_capture = Metric("up_capture", of_path.up_capture, "ratio", needs_benchmark=True)
down_capture = Metric("down_capture", of_path.down_capture, "ratio", needs_benchmark=True)
turnover_one_way = Metric(
    "turnover_one_way", of_book.turnover_one_way, "share a year", annual=True, needs_book=True
)
turnover_two_way = Metric(
    "turnover_two_way", of_book.turnover_two_way, "share a year", annual=True, needs_book=True
)
cost_drag = Metric("cost_drag", of_book.cost_drag, "share a year", annual=True, needs_book=True)
avg_holdings = Metric("avg_holdings", of_book.avg_holdings, "count", needs_book=True)
gross_sharpe = Metric("gross_sharpe", of_book.gross_sharpe, "ratio", annual=True, needs_book=True)
psr = Metric("psr", _psr, "probability")
min_track_record_years = Metric(
    "min_track_record_years", _min_track_record_years, "years", annual=True
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
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
        beta,
        alpha,
        r_squared,
        tracking_error,
        information_ratio,
        up_capture,
        down_capture,
        turnover_one_way,
        turnover_two_way,
        cost_drag,
        avg_holdings,
        gross_sharpe,
        psr,
        min_track_record_years,
    )
}
"""Every metric by name, in the order of the summary."""


def metrics_of(
    returns: FloatArray,
    periods_per_year: float,
    *,
    benchmark: FloatArray | None = None,
    rf: FloatArray | None = None,
) -> pd.DataFrame:
    """Measure many return paths at once with the compiled kernel.

    Parameters
    ----------
    returns : ndarray (B, T)
        Simple returns, one path a row.
    periods_per_year : float
        A.
    benchmark, rf : ndarray (T,), optional
        Simple benchmark and riskless returns that the paths share.

    Returns
    -------
    DataFrame (B x metric)
        Columns are `PATH_METRICS`; those that need a benchmark are NaN without one.
    """
    from tiltwise.kernels.bootstrap.metrics import measure, terms

    rows = np.arange(np.shape(returns)[1])[None, :]
    values = [
        measure(terms(path(one, periods_per_year, benchmark=benchmark, rf=rf)), rows)[0]
        for one in returns
    ]
    return pd.DataFrame(np.vstack(values), columns=pd.Index(PATH_METRICS, name="metric"))


def summary(
    backtest: Measurable | pd.Series,
    benchmark: pd.Series | None = None,
    ci: float = 0.9,
    *,
    periods_per_year: float | None = None,
    rf: Returns | None = None,
    rf_annual: float | None = None,
    seed: int = 0,
    ledger: Ledger | None = None,
) -> pd.DataFrame:
    """Every metric with its bootstrap interval.

    Parameters
    ----------
    backtest : Backtest or Series
        A backtest, measured net of costs from its first live position on, or simple returns.
    benchmark : Series, optional
        Simple benchmark returns that cover the sessions; default those of the backtest, if any.
    ci : float
        Nominal coverage of the intervals.
    periods_per_year, rf, rf_annual
        See `tiltwise.evaluate.returns.path`.
    seed : int
        Seed of the bootstrap; the same seed gives the same table.
    ledger : Ledger, optional
        Where trials are counted: a backtest is recorded there if it is new, and the table gains
        ``dsr`` and ``pbo``.

    Returns
    -------
    DataFrame (metric x value, low, high)
        All of `METRICS`; NaN where undefined, where a benchmark or book is missing, or where a
        number has no interval (extremes, durations, trading, and what is itself inference).

    Raises
    ------
    DataError
        If returns are missing on a date, or their frequency is ambiguous.
    """
    out = pd.DataFrame(
        np.nan, index=pd.Index(list(METRICS), name="metric"), columns=["value", "low", "high"]
    )
    held: TradedPath | None = None
    if isinstance(backtest, pd.Series):
        net = path(backtest, periods_per_year, benchmark=benchmark, rf=rf, rf_annual=rf_annual)
    else:
        index = backtest.benchmark_returns if benchmark is None else benchmark
        held = of_book.book(backtest, index, periods_per_year, rf=rf, rf_annual=rf_annual)
        if held is None:
            return out
        net = held.net
    for name, metric in METRICS.items():
        subject = held if metric.needs_book else net
        if subject is None or (metric.needs_benchmark and net.benchmark is None):
            continue
        out.loc[name, "value"] = metric.function(subject)
    bounds = inference.interval(net, level=ci, seed=seed)
    out.loc[bounds.index, ["low", "high"]] = bounds
    if held is not None:
        gross = inference.interval(held.gross, ["sharpe"], ci, seed=seed)
        out.loc["gross_sharpe", ["low", "high"]] = gross.loc["sharpe"]
        if ledger is not None:
            out = pd.concat([out, _counted(backtest, out, seed, ledger)])
    return out


def _counted(backtest: Any, table: pd.DataFrame, seed: int, ledger: Ledger) -> pd.DataFrame:
    """Return the rows that only a count of trials can give."""
    from tiltwise.evaluate.record import run_of
    from tiltwise.evaluate.significance.selection import selection

    found = selection(run_of(backtest, table, seed=seed), ledger)
    index = pd.Index(["dsr", "pbo"], name="metric")
    return pd.DataFrame({"value": [found.dsr, found.pbo]}, index=index).reindex(
        columns=["value", "low", "high"]
    )
