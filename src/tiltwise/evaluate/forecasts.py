"""Forecast evaluation against the expanding mean and zero: out-of-sample R2 and tests.

Everything is measured on the rows and targets that all models forecast and that came true. The loss
of a row is its squared error summed over targets, so that assets that move together count once:

    R2_OOS = 1 - sum(loss of the model) / sum(loss of the expanding mean)

Below zero the model is worse than the mean. *Diebold-Mariano* tests the mean difference of the two
losses, two-sided. A model that contains the mean as a special case has a larger loss than the mean
even where both are right; *Clark-West* takes that noise off and tests, one-sided, that the model
knows more. Both use the standard error of Newey and West. The *model confidence set* holds the
models not significantly worse than the best.

Source: Campbell and Thompson (2008), Review of Financial Studies 21(4), for R2_OOS; Diebold and
Mariano (1995), Journal of Business and Economic Statistics 13(3); Clark and West (2007), Journal of
Econometrics 138(1); Hansen, Lunde and Nason (2011), Econometrica 79(2).
"""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.data_snooping import confidence_set
from tiltwise.evaluate.significance.inference import DRAWS, NORMAL, SHORTEST, block_length
from tiltwise.kernels.bootstrap.stationary import stationary_means
from tiltwise.kernels.path_metrics import NEGLIGIBLE, FloatArray

MEAN, ZERO = "expanding mean", "zero"
COLUMNS = ("mae", "r2_oos", "r2_low", "r2_high", "dm", "dm_p", "cw", "cw_p", "mcs_p", "in_mcs")


@dataclasses.dataclass(frozen=True)
class Measure:
    """Settings of intervals and tests.

    Attributes
    ----------
    level : nominal coverage of the interval of R2_OOS.
    lags : autocovariances in the standard errors; floor(4 (rows / 100)^(2/9)) if None.
    size : of the model confidence set; None leaves it out, and then `arch` is not needed.
    draws, seed : of the bootstrap.
    """

    level: float = 0.9
    lags: int | None = None
    size: float | None = 0.1
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject an invalid coverage."""
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"level is {self.level}; it must lie between 0 and 1")


def expanding_mean(realised: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of all rows before each row (row x target); NaN where there is none.

    Row t of `realised` is the return after t, so the rows before t are those known at t.
    """
    values = realised.to_numpy(np.float64)
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).cumsum(axis=0) - np.where(known, values, 0.0)
    count = known.cumsum(axis=0) - known
    mean = np.full(values.shape, np.nan)
    np.divide(sums, count, out=mean, where=count > 0)
    return pd.DataFrame(mean, realised.index, realised.columns)


def skill(
    forecasts: Mapping[str, pd.DataFrame],
    realised: pd.DataFrame,
    measure: Measure | None = None,
) -> pd.DataFrame:
    """Compare forecasts with the expanding mean; the mean and zero are always in the table.

    Parameters
    ----------
    forecasts : by model, frames (row x target): at row t of the return after t.
    realised : return after each row (row x target), from the first row whose return counts in the
        expanding mean on, so usually long before the first forecast.
    measure : how uncertainty is measured.

    Returns
    -------
    DataFrame, model x: ``mae``; ``r2_oos`` with its bootstrap interval ``r2_low``, ``r2_high``;
    ``dm`` and ``dm_p``, ``cw`` and ``cw_p`` against the expanding mean, positive where the model is
    better, NaN where it equals the mean; ``mcs_p`` and ``in_mcs``, the model confidence set;
    ``rows`` and ``cells`` (row and target) behind every number.

    Raises
    ------
    DataError
        A model has the name of a baseline or none is given, targets differ, or fewer than ten rows
        are common to all.
    MissingData
        A confidence set is required and `arch` is not installed.
    """
    measure = measure or Measure()
    case = _Case.of(forecasts, realised)
    loss, base = case.losses, case.losses[:, case.names.index(MEAN)]
    out = pd.DataFrame(np.nan, pd.Index(case.names, name="model"), list(COLUMNS))
    out["mae"] = np.abs(case.errors).sum(axis=(1, 2)) / case.cells
    for k, name in enumerate(case.names):
        out.loc[name, "r2_oos"] = 1.0 - loss[:, k].sum() / base.sum()
        if name != MEAN:
            out.loc[name, ["r2_low", "r2_high"]] = _interval(loss[:, k], base, measure)
            tests = _tests(case, k, base, measure.lags)
            out.loc[name, ["dm", "dm_p", "cw", "cw_p"]] = tests
    if measure.size is None:
        out = out.drop(columns=["mcs_p", "in_mcs"])
    else:
        p = _confidence(loss, measure)
        out["mcs_p"], out["in_mcs"] = p, p > measure.size
    out["rows"], out["cells"] = len(loss), case.cells
    return out


@dataclasses.dataclass(frozen=True, eq=False)
class _Case:
    """Forecasts on their common rows and targets.

    Attributes
    ----------
    names : models, the baselines last.
    forecasts : (models, rows, targets), 0 where a cell is not common.
    errors : likewise.
    losses : (rows, models) squared errors summed over targets.
    """

    names: list[str]
    forecasts: FloatArray
    errors: FloatArray
    losses: FloatArray
    cells: int

    @classmethod
    def of(cls, forecasts: Mapping[str, pd.DataFrame], realised: pd.DataFrame) -> "_Case":
        taken = [name for name in (MEAN, ZERO) if name in forecasts]
        if taken or not forecasts:
            why = f"{taken[0]!r} is the name of a baseline" if taken else "no forecast is given"
            raise DataError(f"{why}: give each model a name of its own")
        mean = expanding_mean(realised)
        every = {**forecasts, MEAN: mean, ZERO: mean * 0.0}
        rows = realised.index
        for name, table in forecasts.items():
            if set(table.columns) != set(realised.columns):
                raise DataError(f"{name} forecasts other targets than are realised")
            rows = rows.intersection(table.index)
        stacked = np.stack([_on(table, rows, realised.columns) for table in every.values()])
        truth = _on(realised, rows, realised.columns)
        common = ~np.isnan(stacked).any(axis=0) & ~np.isnan(truth)
        used = common.any(axis=1)
        if used.sum() < SHORTEST:
            raise DataError(
                f"{int(used.sum())} rows are common to all forecasts and came true: {SHORTEST} "
                "are needed"
            )
        stacked, truth, common = stacked[:, used], truth[used], common[used]
        _snap(stacked, stacked[-2], common, NEGLIGIBLE * float(np.abs(truth[common]).max()))
        errors = np.where(common, truth - stacked, 0.0)
        losses = np.ascontiguousarray((errors * errors).sum(axis=2).T)
        return cls(list(every), np.where(common, stacked, 0.0), errors, losses, int(common.sum()))


def _on(table: pd.DataFrame, rows: pd.Index, columns: pd.Index) -> FloatArray:
    return np.asarray(table.reindex(index=rows, columns=columns).to_numpy(np.float64))


def _snap(forecasts: FloatArray, mean: FloatArray, common: NDArray[np.bool_], least: float) -> None:
    """Set forecasts that equal the mean but for rounding to the mean, so that nothing is tested."""
    for own in forecasts:
        if np.abs(np.where(common, own - mean, 0.0)).max() <= least:
            own[:] = mean


def _interval(loss: FloatArray, base: FloatArray, measure: Measure) -> tuple[float, float]:
    """Return the percentile interval of R2_OOS; both losses are resampled together in blocks."""
    centre = np.array([loss.mean(), base.mean()])
    block = max(1.0, block_length(base - loss))
    pair = np.column_stack([loss, base]) - centre
    means = centre + stationary_means(pair, measure.seed, 0, measure.draws, block)
    tail = (1.0 - measure.level) / 2.0
    low, high = np.quantile(1.0 - means[:, 0] / means[:, 1], [tail, 1.0 - tail])
    return float(low), float(high)


def _tests(case: _Case, k: int, base: FloatArray, lags: int | None) -> tuple[float, ...]:
    """Return Diebold-Mariano and Clark-West statistics of model k, each with its p-value."""
    own, mean = case.forecasts[k], case.forecasts[case.names.index(MEAN)]
    noise = ((own - mean) ** 2).sum(axis=1)
    dm = hac_t(base - case.losses[:, k], lags)
    cw = hac_t(base - case.losses[:, k] + noise, lags)
    return dm, 2.0 * NORMAL.cdf(-abs(dm)), cw, NORMAL.cdf(-cw)


def hac_t(values: FloatArray, lags: int | None = None) -> float:
    """Return the t statistic of the mean of values (rows,) with the variance of Newey and West.

    NaN where the values are all zero.
    """
    size = len(values)
    used = int(4.0 * (size / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    gap = values - values.mean()
    variance = float((gap * gap).sum())
    for lag in range(1, min(used, size - 1) + 1):
        variance += 2.0 * (1.0 - lag / (used + 1)) * float((gap[lag:] * gap[:-lag]).sum())
    if variance <= (NEGLIGIBLE * float(np.abs(values).max())) ** 2 * size:
        return math.nan
    return float(values.mean()) * size / math.sqrt(variance)


def _confidence(losses: FloatArray, measure: Measure) -> FloatArray:
    """Return the p-value (models,) of each model; models with equal losses share one."""
    _, first, twin = np.unique(losses, axis=1, return_index=True, return_inverse=True)
    if len(first) < 2:
        return np.ones(losses.shape[1])
    size = measure.size or 0.1
    names = [str(k) for k in first]
    rows = pd.DataFrame(-losses[:, first], columns=names)
    confidence = confidence_set(rows, size, draws=measure.draws, seed=measure.seed)
    p = np.array([confidence.p_values[name] for name in names])
    p_values: FloatArray = p[twin.reshape(-1)]
    return p_values
