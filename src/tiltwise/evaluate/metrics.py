"""The performance metrics: one definition each, one table, and the summary drawn from it.

A line of the table has the unit, heading and label too: a new metric is its function and a line.

A metric is called with returns and answers a number::

    from tiltwise.evaluate.metrics import METRICS, sharpe

    sharpe(monthly, 12, rf_annual=0.02)
    METRICS["beta"](daily, benchmark=index)      # frequency inferred from the dates

Returns are simple returns per period; A is the number of periods per year. What is undefined is
NaN. The definitions stand in `tiltwise.kernels.path_metrics` and `tiltwise.evaluate.traded_path`.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.evaluate import traded_path as of_book
from tiltwise.evaluate.metric import ACTIVE, Metric, Number
from tiltwise.evaluate.returns import Returns, path
from tiltwise.evaluate.significance import inference
from tiltwise.evaluate.traded_path import Measurable, TradedPath
from tiltwise.kernels import path_metrics as of_path
from tiltwise.kernels.path_metrics import PATH_METRICS, FloatArray, Path
from tiltwise.ledger import Ledger


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


METRICS: dict[str, Metric] = {}
"""Every metric by name, in the order of the summary."""


def _listed(metric: Metric) -> Metric:
    METRICS[metric.name] = metric
    return metric


# fmt: off
total_return = _listed(Metric(
    "total_return", "share", "Return", "Total return", of_path.total_return))
cagr = _listed(Metric(
    "cagr", "share a year", "Return", "Growth a year (CAGR)", of_path.cagr, annual=True))
ann_volatility = _listed(Metric(
    "ann_volatility", "share a year", "Risk", "Volatility a year",
    of_path.ann_volatility, annual=True))
sharpe = _listed(Metric(
    "sharpe", "ratio", "Return for risk", "Sharpe ratio", of_path.sharpe, annual=True))
sortino = _listed(Metric(
    "sortino", "ratio", "Return for risk", "Sortino ratio", of_path.sortino, annual=True))
calmar = _listed(Metric(
    "calmar", "ratio", "Return for risk", "Calmar ratio", of_path.calmar, annual=True, last=True))
max_drawdown = _listed(Metric(
    "max_drawdown", "share", "Risk", "Maximum drawdown", of_path.max_drawdown))
max_drawdown_duration = _listed(Metric(
    "max_drawdown_duration", "periods", "Risk", "Longest drawdown, sessions",
    of_path.max_drawdown_duration))
ulcer_index = _listed(Metric("ulcer_index", "share", "Risk", "Ulcer index", of_path.ulcer_index))
skew = _listed(Metric("skew", "ratio", "Risk", "Skewness", of_path.skew, last=True))
kurtosis = _listed(Metric(
    "kurtosis", "ratio", "Risk", "Excess kurtosis", of_path.kurtosis, last=True))
var_95 = _listed(Metric(
    "var_95", "share", "Risk", "Value at risk 95 %, daily", of_path.var_95, fine=True))
cvar_95 = _listed(Metric(
    "cvar_95", "share", "Risk", "Expected shortfall 95 %, daily", of_path.cvar_95, fine=True))
tail_ratio = _listed(Metric(
    "tail_ratio", "ratio", "Risk", "Tail ratio", of_path.tail_ratio, last=True))
omega = _listed(Metric(
    "omega", "ratio", "Return for risk", "Omega ratio", of_path.omega, last=True))
win_rate = _listed(Metric(
    "win_rate", "share", "Return", "Sessions that gained", of_path.win_rate, last=True))
profit_factor = _listed(Metric(
    "profit_factor", "ratio", "Return", "Profit factor", of_path.profit_factor, last=True))
best_day = _listed(Metric("best_day", "share", "Return", "Best session", of_path.best_day))
worst_day = _listed(Metric("worst_day", "share", "Return", "Worst session", of_path.worst_day))
beta = _listed(Metric("beta", "ratio", ACTIVE, "Beta", of_path.beta))
alpha = _listed(Metric("alpha", "share a year", ACTIVE, "Alpha a year", of_path.alpha, annual=True))
r_squared = _listed(Metric("r_squared", "ratio", ACTIVE, "R squared", of_path.r_squared))
tracking_error = _listed(Metric(
    "tracking_error", "share a year", ACTIVE, "Tracking error a year",
    of_path.tracking_error, annual=True))
information_ratio = _listed(Metric(
    "information_ratio", "ratio", ACTIVE, "Information ratio",
    of_path.information_ratio, annual=True))
up_capture = _listed(Metric("up_capture", "ratio", ACTIVE, "Up capture", of_path.up_capture))
down_capture = _listed(Metric(
    "down_capture", "ratio", ACTIVE, "Down capture", of_path.down_capture))
turnover_one_way = _listed(Metric(
    "turnover_one_way", "share a year", "Trading", "Turnover a year, one-way",
    of_book.turnover_one_way, annual=True, needs_book=True))
turnover_two_way = _listed(Metric(
    "turnover_two_way", "share a year", "Trading", "Turnover a year, two-way",
    of_book.turnover_two_way, annual=True, needs_book=True))
cost_drag = _listed(Metric(
    "cost_drag", "share a year", "Trading", "Cost drag a year",
    of_book.cost_drag, annual=True, needs_book=True, fine=True))
avg_holdings = _listed(Metric(
    "avg_holdings", "count", "Trading", "Holdings, average", of_book.avg_holdings, needs_book=True))
gross_sharpe = _listed(Metric(
    "gross_sharpe", "ratio", "Return for risk", "Sharpe ratio before costs",
    of_book.gross_sharpe, annual=True, needs_book=True))
psr = _listed(Metric("psr", "probability", "Luck and search", "Probabilistic Sharpe ratio", _psr))
min_track_record_years = _listed(Metric(
    "min_track_record_years", "years", "Luck and search", "Minimum track record",
    _min_track_record_years, annual=True, last=True))
# fmt: on

COUNTED: dict[str, Number] = {
    number.name: number
    for number in (
        Number("dsr", "probability", "Luck and search", "Deflated Sharpe ratio"),
        Number("pbo", "probability", "Luck and search", "Probability of overfitting"),
    )
}
"""The numbers that `summary` adds from a count of trials."""


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
    index = pd.Index(list(COUNTED), name="metric")
    return pd.DataFrame({"value": [found.dsr, found.pbo]}, index=index).reindex(
        columns=["value", "low", "high"]
    )
