"""Input of the metrics: returns checked, aligned, and with their frequency."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.path_metrics import FloatArray, Path

Returns: TypeAlias = pd.Series | npt.ArrayLike

SPACINGS = {52.0: (5, 9), 12.0: (25, 37), 4.0: (80, 100), 1.0: (350, 380)}
"""Periods per year and the days that may lie between two of their dates."""
LONGEST_CLOSURE = 12
"""Days that an exchange was closed at most; one daily gap in fifty may exceed a long weekend."""
EXPLICIT = "pass periods_per_year (252 daily, 52 weekly, 12 monthly, 4 quarterly, 1 yearly)"


def active(returns: pd.Series, held: pd.DataFrame) -> pd.Series:
    """Return the returns from the first session that ends with a live position.

    Parameters
    ----------
    returns : Series
        Returns by session.
    held : DataFrame (session x asset)
        Holdings as shares of NAV at each close; NaN counts as nothing held.

    Returns
    -------
    Series
        A tail of `returns`, empty where nothing was ever held. Idle days after the first position
        stay: being in cash is then a decision.
    """
    live = held.fillna(0.0).ne(0.0).any(axis=1)
    if not live.any():
        return returns.iloc[:0]
    return returns.loc[live.idxmax() :]


def periods_in_year(index: pd.Index) -> float:
    """Infer periods per year (252, 52, 12, 4 or 1) from the dates of a series.

    Raises
    ------
    DataError
        If the index holds no dates, fewer than three, dates out of order, weekend dates of a daily
        series (its year may have 365 periods), or spacing that is not that of one frequency.
    """
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(f"an index of {index.dtype} has no frequency: {EXPLICIT}")
    if len(index) < 3:
        raise DataError(f"{len(index)} dates are too few to infer a frequency: {EXPLICIT}")
    days = (index[1:] - index[:-1]).days.to_numpy()
    if (days < 1).any():
        late = index[int(np.argmax(days < 1)) + 1]
        raise DataError(f"dates are not strictly increasing, first at {late:%Y-%m-%d}: sort them")
    if np.median(days) == 1 and days.max() <= LONGEST_CLOSURE:
        if (index.day_of_week > 4).any():
            day = index[int(np.argmax(index.day_of_week > 4))]
            raise DataError(f"daily dates with a weekend ({day:%Y-%m-%d}): {EXPLICIT}")
        if (days > 4).sum() <= max(1, len(days) // 50):
            return 252.0
    for periods, (shortest, longest) in SPACINGS.items():
        if days.min() >= shortest and days.max() <= longest:
            return periods
    raise DataError(
        f"mixed spacing, {days.min()} to {days.max()} days between dates from "
        f"{index[0]:%Y-%m-%d} to {index[-1]:%Y-%m-%d}: {EXPLICIT}"
    )


def path(
    returns: Returns,
    periods_per_year: float | None = None,
    *,
    benchmark: Returns | None = None,
    rf: Returns | None = None,
    rf_annual: float | None = None,
) -> Path:
    """Return a checked path of returns with its riskless rate and benchmark.

    Parameters
    ----------
    returns : Series or array (T,)
        Simple returns per period. Prices are never recognised as such: convert them first.
    periods_per_year : float, optional
        Needed for an array; otherwise inferred by `periods_in_year`.
    benchmark : Series or array, optional
        Simple benchmark returns; a Series must cover every date of `returns`.
    rf : Series or array, optional
        Riskless simple return of each period; a Series must cover every date of `returns`.
    rf_annual : float, optional
        Riskless rate per year as a decimal, compounded: (1 + rf_annual) ** (1 / A) - 1 a period.

    Raises
    ------
    DataError
        For no or missing values (naming the first), misfit lengths or dates, an ambiguous
        frequency, a single number as `rf`, or both kinds of riskless rate.
    """
    values = _values(returns, "returns")
    if periods_per_year is None:
        if not isinstance(returns, pd.Series):
            raise DataError(f"an array has no frequency: {EXPLICIT}")
        periods_per_year = periods_in_year(returns.index)
    if not 0.0 < periods_per_year < np.inf:
        raise DataError(f"periods_per_year is {periods_per_year}; it must be positive")
    riskless = _riskless(returns, len(values), periods_per_year, rf, rf_annual)
    market = None if benchmark is None else _aligned(benchmark, returns, "benchmark")
    return Path(values, riskless, float(periods_per_year), market)


def _riskless(
    returns: Returns, size: int, periods: float, rf: Returns | None, rf_annual: float | None
) -> FloatArray:
    if rf is not None and rf_annual is not None:
        raise DataError("both rf and rf_annual are given: pass one")
    if rf is not None:
        if np.ndim(rf) == 0:
            raise DataError(f"rf={rf} is one number of unknown unit: pass rf_annual, or a Series")
        return _aligned(rf, returns, "rf")
    return np.full(size, (1.0 + (rf_annual or 0.0)) ** (1.0 / periods) - 1.0)


def _aligned(other: Returns, returns: Returns, name: str) -> FloatArray:
    """Return `other` on the rows of `returns`."""
    if isinstance(other, pd.Series) and isinstance(returns, pd.Series):
        missing = returns.index.difference(other.index)
        if len(missing):
            raise DataError(f"{name} has no value on {_day(missing[0])}: it must cover the returns")
        other = other.reindex(returns.index)
    values = _values(other, name)
    if len(values) != np.size(returns):
        raise DataError(f"{name} has {len(values)} values for {np.size(returns)} returns")
    return values


def _values(series: Returns, name: str) -> FloatArray:
    values = np.ascontiguousarray(series, dtype=np.float64)
    if values.ndim != 1:
        raise DataError(f"{name} of shape {values.shape}: one series is needed")
    if not len(values):
        raise DataError(f"{name} is empty")
    if isinstance(series, pd.Series) and not series.index.is_unique:
        twice = series.index[series.index.duplicated()][0]
        raise DataError(f"{name} has two values on {_day(twice)}")
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        where = _day(series.index[row]) if isinstance(series, pd.Series) else f"row {row}"
        raise DataError(f"{name} is {values[row]} on {where}: start later, or drop the period")
    return values


def _day(label: object) -> str:
    return f"{label:%Y-%m-%d}" if isinstance(label, pd.Timestamp) else str(label)
