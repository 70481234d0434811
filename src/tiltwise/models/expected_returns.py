"""Expected annual returns of assets from their past daily returns, and the choice among models.

    historical      252 m                           m the mean daily return
    james_stein     252 ((1-d) m + d m0),           m0 = 1'S^-1 m / 1'S^-1 1,
                    d = (n+2) / ((n+2) + T (m - m0)' S^-1 (m - m0))
    momentum        a + b MOM                       MOM = log return of months 12 to 2 back
    mean_reversion  a + b REV                       REV = minus the log return of the last month
    multi_factor    a + b MOM + c REV + d VOL       VOL = annual volatility of the last quarter
    equilibrium     delta S w                       the prior of Black and Litterman

The coefficients of the middle three are those of a pooled least-squares regression of each month's
return on what was known when it began, over the months that are over. A month here is 21 sessions,
counted back from the last row, a year 252. All functions take a frame of simple returns (session x
asset) without gaps and return a series by asset, decimals a year.

Source: "MTUM Replica Portfolio", expected returns models; for `james_stein` Jorion, Bayes-Stein
estimation for portfolio analysis, Journal of Financial and Quantitative Analysis 21(3), 1986. The
formulas of the source's code are in `claims.systems.sparse_replication.expected_returns`.
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats

Forecast = Callable[[pd.DataFrame], pd.Series]

MONTH, YEAR = 21, 252
QUARTER = 63
LEAST_MONTHS = 6  #: months that are over, of which a regression learns
RISK_AVERSION = 2.5


def historical(returns: pd.DataFrame) -> pd.Series:
    """Return the mean daily return times 252."""
    return _series(returns, YEAR * _values(returns, 1).mean(axis=0))


def james_stein(returns: pd.DataFrame) -> pd.Series:
    """Return means shrunk to that of the portfolio of least variance, by Jorion's share.

    Raises
    ------
    MissingData
        There are not more sessions than assets, so the covariance has no inverse.
    """
    values = _values(returns, returns.shape[1] + 2)
    mean, grand, share = shrinkage(values)
    return _series(returns, YEAR * ((1.0 - share) * mean + share * grand))


def shrinkage(values: Floats) -> tuple[Floats, float, float]:
    """Return daily means (n,), the mean they are shrunk to, and the share of the latter."""
    rows, n = values.shape
    mean = values.mean(axis=0)
    gap = values - mean
    solved = np.linalg.solve(gap.T @ gap / (rows - 1), np.column_stack([np.ones(n), mean]))
    grand = float(solved[:, 1].sum() / solved[:, 0].sum())
    distance = float((mean - grand) @ (solved[:, 1] - grand * solved[:, 0]))
    return mean, grand, (n + 2) / ((n + 2) + rows * max(distance, 0.0))


def momentum(returns: pd.DataFrame) -> pd.Series:
    """Return expected returns by regression on past momentum."""
    return _regressed(returns, ("momentum",))


def mean_reversion(returns: pd.DataFrame) -> pd.Series:
    """Return expected returns by regression on the last month's reversed return."""
    return _regressed(returns, ("reversal",))


def multi_factor(returns: pd.DataFrame) -> pd.Series:
    """Return expected returns by regression on momentum, reversal and volatility."""
    return _regressed(returns, ("momentum", "reversal", "volatility"))


def equilibrium(
    returns: pd.DataFrame, weights: pd.Series | None = None, aversion: float = RISK_AVERSION
) -> pd.Series:
    """Return the means for which `weights` are optimal; equal weights if None.

    Raises
    ------
    DataError
        An asset has no weight.
    """
    values = _values(returns, 2)
    n = values.shape[1]
    held = np.full(n, 1.0 / n)
    if weights is not None:
        given = weights.reindex(returns.columns)
        if given.isna().any():
            raise DataError(f"no weight of {given.index[given.isna()][0]}")
        held = given.to_numpy(np.float64)
    gap = values - values.mean(axis=0)
    covariance = YEAR * (gap.T @ gap) / (len(values) - 1)
    return _series(returns, aversion * covariance @ held)


def characteristics(returns: pd.DataFrame) -> pd.DataFrame:
    """Return characteristics after the last row: asset x (momentum, reversal, ...).

    Raises
    ------
    MissingData
        The frame has less than a year of sessions.
    """
    return pd.DataFrame(
        _characteristics(_values(returns, YEAR)),
        returns.columns,
        ["momentum", "reversal", "volatility"],
    )


MODELS: Mapping[str, Forecast] = MappingProxyType(
    {
        "historical": historical,
        "james_stein": james_stein,
        "momentum": momentum,
        "mean_reversion": mean_reversion,
        "multi_factor": multi_factor,
        "equilibrium": equilibrium,
    }
)


@dataclasses.dataclass(frozen=True, eq=False)
class ModelChoice:
    """The model with the highest rank correlation over past months, and all scores.

    Attributes
    ----------
    name : of the model with the highest mean; ties go to the first.
    coefficients : rank correlation of forecast and outcome, by last session of the month x model;
        NaN where a model could not yet speak or gave all assets the same.
    mean : of the coefficients by model.
    """

    name: str
    coefficients: pd.DataFrame
    mean: pd.Series


def choose_model(
    returns: pd.DataFrame,
    models: Mapping[str, Forecast] = MODELS,
    months: int = 12,
    window: int | None = None,
) -> ModelChoice:
    """Choose by the rank correlation of forecast and outcome in the last `months` months.

    The forecast of a month rests on the rows before it, and all months are over at the last row.

    Parameters
    ----------
    window : most rows a forecast rests on; None for all before the month.

    Raises
    ------
    MissingData
        No model could forecast one of the months.
    """
    ends = [len(returns) - MONTH * k for k in range(months)][::-1]
    table: dict[pd.Timestamp, dict[str, float]] = {}
    for end in ends:
        past = returns.iloc[max(0, end - MONTH - (window or end)) : max(0, end - MONTH)]
        outcome = returns.iloc[max(0, end - MONTH) : end].sum()
        if len(past):
            scores = {name: _skill(model, past, outcome) for name, model in models.items()}
            table[returns.index[end - 1]] = scores
    errors = pd.DataFrame(table, index=list(models), dtype=np.float64).T
    mean = errors.mean()
    if mean.isna().all():
        raise MissingData(
            f"{len(returns)} sessions are too few to try {', '.join(models)} on {months} months"
        )
    return ModelChoice(str(mean.idxmax()), errors, mean)


def rank_correlation(x: pd.Series, y: pd.Series) -> float:
    """Return Spearman's coefficient over the entries both have; NaN if a side is all equal."""
    a = x.to_numpy(np.float64)
    b = (y if y.index.equals(x.index) else y.reindex(x.index)).to_numpy(np.float64)
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = _ranks(a[known]), _ranks(b[known])
    scale = float(a @ a) * float(b @ b)
    return float(a @ b) / float(np.sqrt(scale)) if scale > 0.0 else float("nan")


def _ranks(values: Floats) -> Floats:
    """Return ranks less their mean; values that tie share one."""
    ordered = np.sort(values)
    below = np.searchsorted(ordered, values, side="left")
    upto = np.searchsorted(ordered, values, side="right")
    return np.asarray(0.5 * (below + upto) - 0.5 * len(values), dtype=np.float64)


def _skill(model: Forecast, past: pd.DataFrame, outcome: pd.Series) -> float:
    try:
        return rank_correlation(model(past), outcome)
    except MissingData:
        return float("nan")


def _regressed(returns: pd.DataFrame, names: tuple[str, ...]) -> pd.Series:
    """Return the fitted line at the latest characteristics."""
    values = _values(returns, YEAR + LEAST_MONTHS * MONTH)
    columns = [("momentum", "reversal", "volatility").index(name) for name in names]
    starts = np.arange(len(values) - MONTH, YEAR - 1, -MONTH)
    known = _known(values, starts)[:, :, columns].reshape(-1, len(columns))
    after = _ending(values, starts + MONTH, MONTH).mean(axis=1).ravel()
    x = np.column_stack([np.ones(len(known)), known])
    line = np.linalg.lstsq(x, YEAR * after, rcond=None)[0]
    return _series(returns, line[0] + _characteristics(values)[:, columns] @ line[1:])


def _characteristics(values: Floats) -> Floats:
    """Return (n, 3) momentum, reversal and volatility after the last row."""
    latest: Floats = _known(values[-YEAR:], np.array([min(len(values), YEAR)]))[0]
    return latest


def _known(values: Floats, stops: NDArray[np.int64]) -> Floats:
    """Return (stops, n, 3) momentum, reversal and volatility after the rows before each stop."""
    logs = np.log1p(values)
    momentum = _ending(logs, stops - MONTH, YEAR - MONTH).sum(axis=1)
    reversal = -_ending(logs, stops, MONTH).sum(axis=1)
    spread = _ending(values, stops, QUARTER).std(axis=1, ddof=1) * np.sqrt(float(YEAR))
    return np.stack([momentum, reversal, spread], axis=-1)


def _ending(rows: Floats, stops: NDArray[np.int64], count: int) -> Floats:
    """Return the last `count` rows before each stop (stops, count, n)."""
    windows: Floats = rows[stops[:, None] + np.arange(-count, 0)]
    return windows


def _values(returns: pd.DataFrame, least: int) -> Floats:
    values = returns.to_numpy(np.float64)
    gaps = np.isnan(values).any(axis=0)
    if len(values) < least:
        raise MissingData(f"{len(values)} sessions of returns, at least {least} are needed")
    if gaps.any():
        name = returns.columns[gaps][0]
        raise MissingData(f"{name} lacks a return: leave it out, or start when it was listed")
    return values


def _series(returns: pd.DataFrame, values: Floats) -> pd.Series:
    return pd.Series(values, returns.columns, dtype=np.float64)
