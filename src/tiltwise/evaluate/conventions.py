"""Conventions of other libraries: the value each reports for the same returns, and why it differs.

The formulas are written out here, with the libraries' default arguments; nothing is imported from
them. Goldens made with the libraries themselves (versions in `tests/golden/make_dialects.py`) hold
the formulas to 1e-10.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError
from tiltwise.evaluate.metrics import METRICS
from tiltwise.evaluate.returns import path
from tiltwise.evaluate.significance.inference import NORMAL
from tiltwise.kernels.path_metrics import TAIL, FloatArray, Path

COMPARED = (
    *("cagr", "ann_volatility", "sharpe", "sortino", "calmar", "max_drawdown"),
    *("alpha", "beta", "information_ratio", "var_95", "cvar_95"),
)
"""Metrics of every table, in this order."""
CALENDAR_DAYS = 365.0
SECONDS_OF_YEAR = 31_557_600.0
"""A year of 365.25 days."""
AGREE = 1e-9
"""Relative difference that is rounding."""

Numbers = dict[str, float]


def _ratio(mean: float, spread: float, periods: float = 1.0) -> float:
    return mean / spread * math.sqrt(periods) if spread > 0.0 else math.nan


def _std(values: FloatArray) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan


def _shortfall(values: FloatArray) -> float:
    return math.sqrt(float(np.mean(np.minimum(values, 0.0) ** 2)))


def _excess(p: Path, rf_annual: float, periods: float) -> FloatArray:
    """Subtract the riskless return of one of `periods` periods a year."""
    out: FloatArray = p.returns - ((1.0 + rf_annual) ** (1.0 / periods) - 1.0)
    return out


def _growth(p: Path, periods: float) -> float:
    return float(np.prod(1.0 + p.returns) ** (periods / len(p.returns)) - 1.0)


def _drawdown(returns: FloatArray, *, from_start: bool) -> float:
    wealth = np.cumprod(1.0 + returns)
    peaks = np.maximum.accumulate(np.maximum(wealth, 1.0) if from_start else wealth)
    return float((wealth / peaks - 1.0).min())


def _slope(p: Path) -> float:
    """Beta of raw returns, without a riskless rate."""
    market = p.market - p.market.mean()
    spread = float((market * market).mean())
    return float((market * p.returns).mean()) / spread if spread > 0.0 else math.nan


def _compound_alpha(p: Path, rf: float, periods: float) -> float:
    daily = float(np.mean(p.returns - rf - _slope(p) * (p.market - rf)))
    return float((1.0 + daily) ** periods - 1.0)


def _common(p: Path, rf_annual: float, periods: float) -> Numbers:
    """Return the numbers that quantstats, empyrical, ffn and vectorbt share."""
    excess = _excess(p, rf_annual, periods)
    numbers = {
        "cagr": _growth(p, periods),
        "ann_volatility": _std(p.returns) * math.sqrt(periods),
        "sharpe": _ratio(float(excess.mean()), _std(excess), periods),
        "sortino": _ratio(float(excess.mean()), _shortfall(excess), periods),
        "max_drawdown": _drawdown(p.returns, from_start=True),
    }
    if p.benchmark is not None:
        active = p.returns - p.market
        numbers["beta"] = _slope(p)
        numbers["information_ratio"] = _ratio(float(active.mean()), _std(active))
    return numbers


def _calmar(numbers: Numbers) -> float:
    """Return growth over drawdown, NaN where there was no drawdown."""
    fall = abs(numbers["max_drawdown"])
    return numbers["cagr"] / fall if fall > 0.0 else math.nan


def _empirical_tail(returns: FloatArray) -> Numbers:
    """Return the linear quantile, and the mean of the floor((T - 1) * 0.05) + 1 lowest returns."""
    lowest = np.sort(returns)[: int((len(returns) - 1) * TAIL) + 1]
    return {"var_95": float(np.quantile(returns, TAIL)), "cvar_95": float(lowest.mean())}


def _quantstats(p: Path, rf_annual: float, dates: pd.Index) -> Numbers:
    numbers = _common(p, rf_annual, SESSIONS_PER_YEAR)
    mean, std, z = float(p.returns.mean()), _std(p.returns), NORMAL.inv_cdf(TAIL)
    numbers["calmar"] = _calmar(numbers)
    numbers["var_95"] = mean + z * std
    numbers["cvar_95"] = mean - std * NORMAL.pdf(z) / TAIL
    if p.benchmark is not None:
        numbers["alpha"] = (mean - _slope(p) * float(p.market.mean())) * SESSIONS_PER_YEAR
    return numbers


def _empyrical(p: Path, rf_annual: float, dates: pd.Index) -> Numbers:
    numbers = _common(p, rf_annual, SESSIONS_PER_YEAR) | _empirical_tail(p.returns)
    numbers["calmar"] = _calmar(numbers)
    if p.benchmark is not None:
        numbers["alpha"] = _compound_alpha(
            p, (1.0 + rf_annual) ** (1.0 / SESSIONS_PER_YEAR) - 1.0, SESSIONS_PER_YEAR
        )
    return numbers


def _ffn(p: Path, rf_annual: float, dates: pd.Index) -> Numbers:
    """Measure prices that start at 1 on the business day before the first return."""
    if not isinstance(dates, pd.DatetimeIndex) or p.periods != SESSIONS_PER_YEAR:
        raise DataError("ffn counts years in calendar days: pass daily returns with their dates")
    first = dates[0] - pd.offsets.BusinessDay(1)
    years = (dates[-1] - first).total_seconds() / SECONDS_OF_YEAR
    numbers = _common(p, rf_annual, SESSIONS_PER_YEAR)
    numbers["cagr"] = float(np.prod(1.0 + p.returns) ** (1.0 / years) - 1.0)
    numbers["calmar"] = _calmar(numbers)
    numbers.pop("beta", None)
    return numbers


def _skfolio(p: Path, rf_annual: float, dates: pd.Index) -> Numbers:
    """Measure returns that are summed, not compounded; losses are positive."""
    returns, size = p.returns, len(p.returns)
    premium = float(_excess(p, rf_annual, SESSIONS_PER_YEAR).mean())
    summed = np.cumsum(returns)
    fall = float((np.maximum(np.maximum.accumulate(summed), 0.0) - summed).max())
    below = _shortfall(returns - returns.mean()) * math.sqrt(size / max(size - 1, 1))
    ordered, tail = np.sort(returns), (1.0 - (1.0 - TAIL)) * size
    whole = max(0, math.ceil(tail) - 1)
    beyond = -float(ordered[:whole].sum()) / tail + float(ordered[whole]) * (whole / tail - 1.0)
    exceeded = min(size - 1, math.floor(tail + 4.0 * np.finfo(float).eps * size))
    return {
        "ann_volatility": _std(returns) * math.sqrt(SESSIONS_PER_YEAR),
        "sharpe": _ratio(premium, _std(returns), SESSIONS_PER_YEAR),
        "sortino": _ratio(premium, below, SESSIONS_PER_YEAR),
        "calmar": _ratio(premium, fall),
        "max_drawdown": fall,
        "var_95": -float(ordered[exceeded]),
        "cvar_95": beyond,
    }


def _vectorbt(p: Path, rf_annual: float, dates: pd.Index) -> Numbers:
    """Measure with a year of 365 observations; the riskless rate is given per observation."""
    if p.periods != SESSIONS_PER_YEAR:
        raise DataError("vectorbt divides its year by the spacing: pass daily returns")
    rf = (1.0 + rf_annual) ** (1.0 / SESSIONS_PER_YEAR) - 1.0
    excess = p.returns - rf
    numbers = _common(p, rf_annual, CALENDAR_DAYS) | _empirical_tail(p.returns)
    numbers["sharpe"] = _ratio(float(excess.mean()), _std(excess), CALENDAR_DAYS)
    numbers["sortino"] = _ratio(float(excess.mean()), _shortfall(excess), CALENDAR_DAYS)
    numbers["max_drawdown"] = _drawdown(p.returns, from_start=False)
    numbers["calmar"] = _calmar(numbers)
    if p.benchmark is not None:
        numbers["alpha"] = _compound_alpha(p, rf, CALENDAR_DAYS)
    return numbers


_PER_PERIOD = "is left per period, not multiplied by sqrt(A)"
_COMPOUND = "compounds the daily alpha, (1 + a) ** A - 1, where we multiply by A"
_COUNTED_TAIL = "averages a counted number of the lowest returns, not those at or below the VaR"
_LONG_YEAR = "takes daily returns as 365 a year by default, not 252"

_WHY: dict[str, dict[str, str]] = {
    "quantstats": {
        "alpha": "regresses raw returns: a riskless rate does not enter",
        "information_ratio": _PER_PERIOD,
        "var_95": "is the quantile of a normal distribution with the same mean and deviation",
        "cvar_95": "is the shortfall of a normal distribution with the same mean and deviation",
    },
    "empyrical": {
        "alpha": _COMPOUND,
        "information_ratio": _PER_PERIOD,
        "cvar_95": _COUNTED_TAIL,
    },
    "ffn": {
        "cagr": "counts years in calendar days (365.25 a year), not in sessions",
        "calmar": "divides a growth rate per calendar year by the drawdown",
        "information_ratio": _PER_PERIOD,
    },
    "skfolio": {
        "sortino": "measures shortfall below the mean return, not below the riskless rate",
        "calmar": "divides the mean return of one day by a drawdown of summed returns",
        "max_drawdown": "sums returns instead of compounding them, and losses are positive",
        "var_95": "takes an observed return instead of interpolating, and losses are positive",
        "cvar_95": "averages exactly 5 % of the probability, and losses are positive",
    },
    "vectorbt": {
        "cagr": _LONG_YEAR,
        "ann_volatility": _LONG_YEAR,
        "sharpe": _LONG_YEAR,
        "sortino": _LONG_YEAR,
        "calmar": _LONG_YEAR,
        "max_drawdown": "starts at the wealth after the first return, so misses a first loss",
        "alpha": f"{_LONG_YEAR}, and {_COMPOUND}",
        "information_ratio": _PER_PERIOD,
        "cvar_95": _COUNTED_TAIL,
    },
}

_TOOLS: dict[str, Callable[[Path, float, pd.Index], Numbers]] = {
    "quantstats": _quantstats,
    "empyrical": _empyrical,
    "ffn": _ffn,
    "skfolio": _skfolio,
    "vectorbt": _vectorbt,
}
DIALECTS = tuple(_TOOLS)
"""Libraries whose numbers are known."""


def dialect(
    name: str,
    returns: pd.Series,
    benchmark: pd.Series | None = None,
    *,
    rf_annual: float = 0.0,
    periods_per_year: float | None = None,
) -> pd.DataFrame:
    """Return another library's numbers for these returns, and why they differ from ours.

    Parameters
    ----------
    name : str
        One of `DIALECTS`.
    returns : Series
        Simple returns per period with their dates.
    benchmark : Series, optional
        Simple benchmark returns that cover the dates.
    rf_annual : float
        Riskless rate per year as a decimal, handed to the library in the unit that it expects.
    periods_per_year : float, optional
        Ours; inferred from the dates by default. The libraries keep their own defaults.

    Returns
    -------
    DataFrame (metric x value, why)
        NaN where the library prints no such number, or has no benchmark to compare with.

    Raises
    ------
    DataError
        For unfit returns, or a spacing for which the library has no default.
    """
    if name not in _TOOLS:
        raise ValueError(f"no dialect {name!r}; known are {', '.join(DIALECTS)}")
    p = path(returns, periods_per_year, benchmark=benchmark, rf_annual=rf_annual)
    theirs = _TOOLS[name](p, rf_annual, returns.index)
    rows: list[dict[str, Any]] = []
    for metric in COMPARED:
        value = theirs.get(metric, math.nan)
        rows.append({"value": value, "why": _why(name, metric, value, p)})
    return pd.DataFrame(rows, index=pd.Index(COMPARED, name="metric"))


def _why(name: str, metric: str, value: float, p: Path) -> str:
    """Return the reason for one number in a sentence."""
    definition = METRICS[metric]
    if definition.needs_benchmark and p.benchmark is None:
        return "there is no benchmark to compare with."
    if math.isnan(value):
        return f"{name} prints no such number."
    if _agrees(value, definition.function(p)):
        return "the same as ours."
    if p.periods != SESSIONS_PER_YEAR and definition.annual:
        return f"{name} annualises with 252 periods by default, whatever the dates say."
    reason = _WHY[name].get(metric)
    return f"{name} {reason}." if reason else f"{name} rounds or treats a special case otherwise."


def _agrees(value: float, ours: float) -> bool:
    return math.isclose(value, ours, rel_tol=AGREE, abs_tol=1e-12)
