"""Data-snooping tests of the best of many trials: reality check, SPA, model confidence set.

White (2000), "A reality check for data snooping"; Hansen (2005), "A test for superior predictive
ability"; Hansen, Lunde and Nason (2011), "The model confidence set". Bootstrap, recentring and
elimination are those of `arch`, which comes with the extra `research`. Returns go in, and higher is
better; a test on squared errors or costs takes their negative.
"""

import dataclasses
import importlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.evaluate.significance.inference import SHORTEST, block_length
from tiltwise.kernels.arrays import matrix
from tiltwise.kernels.path_metrics import NEGLIGIBLE, FloatArray

DRAWS = 1000


@dataclasses.dataclass(frozen=True)
class Superiority:
    """Hansen's SPA test: whether any trial beats the benchmark.

    Attributes
    ----------
    statistic : float
        Largest studentised mean difference, at least 0.
    best : str
        Name (or column) of the trial that reaches it.
    lower, consistent, upper : float
        p-values that recentre more and more of the trials that are worse than the benchmark, hence
        in ascending order; `consistent` is the answer, the others bound it.
    block : int
        Mean block length of the bootstrap.
    """

    statistic: float
    best: str
    lower: float
    consistent: float
    upper: float
    block: int


@dataclasses.dataclass(frozen=True)
class ConfidenceSet:
    """Model confidence set: trials not significantly worse than the best.

    Attributes
    ----------
    included : tuple of str
        Names (or columns) of the trials that stay at the given size, in the order of the input.
    p_values : Mapping of str to float
        Smallest size at which each trial would have been eliminated.
    block : int
        Mean block length of the bootstrap.
    """

    included: tuple[str, ...]
    p_values: dict[str, float]
    block: int


def superior_ability(
    benchmark: npt.ArrayLike,
    trials: npt.ArrayLike,
    *,
    block: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Superiority:
    """Test that no trial has a higher expected return than the benchmark (Hansen's SPA).

    Differences are studentised before `arch` sees them, because its own test compares raw means and
    one volatile trial would then decide. Where no trial is better the statistic is 0 and every
    p-value 1.

    Parameters
    ----------
    benchmark : array or Series (T,)
        Returns per period.
    trials : array or DataFrame (T, N)
        Returns per period of all trials, on the same sessions.
    block : int, optional
        Mean block length; default the automatic one, averaged over the differences.
    draws, seed : int
        Resamples and the seed that decides them.

    Raises
    ------
    DataError
        For missing values, fewer than 10 rows, or no trial that differs from the benchmark.
    MissingData
        If `arch` is not installed.
    """
    bootstrap = _arch()
    difference, names = _differences(benchmark, trials)
    block = _block(difference) if block is None else block
    studentised = difference / np.sqrt(long_run_variance(difference, block))
    scores = math.sqrt(len(difference)) * studentised.mean(axis=0)
    best = int(scores.argmax())
    if not scores[best] > 0.0:
        return Superiority(0.0, names[best], 1.0, 1.0, 1.0, block)
    test = bootstrap.SPA(
        np.zeros(len(difference)), -studentised, block, draws, studentize=False, seed=seed
    )
    test.compute()
    return Superiority(
        statistic=float(scores[best]),
        best=names[best],
        lower=float(test.pvalues["lower"]),
        consistent=float(test.pvalues["consistent"]),
        upper=float(test.pvalues["upper"]),
        block=block,
    )


def reality_check(
    benchmark: npt.ArrayLike,
    trials: npt.ArrayLike,
    *,
    block: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> float:
    """Return the p-value of White's reality check: no trial beats the benchmark.

    Raw mean differences, all of them recentred, so poor or volatile trials make it conservative.
    Arguments and errors are those of `superior_ability`.
    """
    bootstrap = _arch()
    difference, _ = _differences(benchmark, trials)
    block = _block(difference) if block is None else block
    test = bootstrap.RealityCheck(
        np.zeros(len(difference)), -difference, block, draws, studentize=False, seed=seed
    )
    test.compute()
    return float(test.pvalues["upper"])


def confidence_set(
    trials: npt.ArrayLike,
    size: float = 0.1,
    *,
    block: int | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> ConfidenceSet:
    """Return the model confidence set by the T-max elimination rule.

    Parameters
    ----------
    trials : array or DataFrame (T, N)
        Returns per period of at least two trials, on the same sessions.
    size : float
        Probability of eliminating the best trial, between 0 and 1.
    block, draws, seed
        See `superior_ability`; the automatic block is that of differences to the average trial.

    Raises
    ------
    DataError
        For missing values, fewer than 10 rows or 2 trials, or two trials that are equal.
    MissingData
        If `arch` is not installed.
    """
    if not 0.0 < size < 1.0:
        raise ValueError(f"size is {size}; it must lie between 0 and 1")
    bootstrap = _arch()
    values, names = _complete(trials, "trials")
    if values.shape[1] < 2:
        raise DataError("a confidence set needs at least two trials")
    _, first = np.unique(values, axis=1, return_index=True)
    if len(first) < len(names):
        twin = names[min(set(range(len(names))) - set(first.tolist()))]
        raise DataError(f"trial {twin} equals another trial: leave one of them out")
    block = _block(values - values.mean(axis=1, keepdims=True)) if block is None else block
    test = bootstrap.MCS(-values, size, draws, block, "max", seed=seed)
    test.compute()
    table = test.pvalues["Pvalue"]
    p_values = {name: float(table.loc[k]) for k, name in enumerate(names)}
    included = tuple(name for name in names if p_values[name] > size)
    return ConfidenceSet(included, p_values, block)


def long_run_variance(values: FloatArray, block: float) -> FloatArray:
    """Return the variance (N,) of sqrt(T) times the mean that a stationary bootstrap would find.

    Autocovariances of the columns of (T, N) are weighted as the mean block length implies (Politis
    and Romano, 1994).
    """
    size = len(values)
    centred = values - values.mean(axis=0)
    persist = 1.0 - 1.0 / block
    total = (centred * centred).sum(axis=0) / size
    for lag in range(1, size):
        share = lag / size
        weight = (1.0 - share) * persist**lag + share * persist ** (size - lag)
        if weight > 1e-12:
            total = total + 2.0 * weight * (centred[lag:] * centred[:-lag]).sum(axis=0) / size
    return np.asarray(total)


def _arch() -> Any:
    try:
        return importlib.import_module("arch.bootstrap")
    except ModuleNotFoundError as error:
        raise MissingData(
            "tests for data snooping come from arch, which is not installed: "
            "pip install 'tiltwise[research]'"
        ) from error


def _complete(values: npt.ArrayLike, name: str) -> tuple[FloatArray, list[str]]:
    """Return a matrix without missing values and the names of its columns."""
    array = matrix(values, name)
    names = values.columns if isinstance(values, pd.DataFrame) else range(array.shape[1])
    if len(array) < SHORTEST:
        raise DataError(f"{len(array)} rows of {name} are too few: {SHORTEST} are needed")
    if np.isnan(array).any():
        row, column = np.argwhere(np.isnan(array))[0]
        raise DataError(f"{name} {names[column]} is missing at row {row}: use common sessions")
    return array, [str(label) for label in names]


def _differences(benchmark: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[FloatArray, list[str]]:
    """Return trials less benchmark with their names; trials equal to it are left out."""
    values, names = _complete(trials, "trials")
    against = np.asarray(benchmark, dtype=np.float64)
    sessions = benchmark.index if isinstance(benchmark, pd.Series) else None
    own = trials.index if isinstance(trials, pd.DataFrame) else None
    if own is not None and sessions is not None and not own.equals(sessions):
        raise DataError("benchmark and trials have different sessions: align them first")
    if against.shape != (len(values),) or not np.isfinite(against).all():
        raise DataError(
            f"the benchmark of shape {against.shape} must be {len(values)} returns, none missing"
        )
    difference = values - against[:, None]
    differs = difference.std(axis=0) > NEGLIGIBLE * np.abs(values).max()
    if not differs.any():
        raise DataError("no trial differs from the benchmark by more than a constant")
    return difference[:, differs], [names[k] for k in np.flatnonzero(differs)]


def _block(difference: FloatArray) -> int:
    lengths = [block_length(column) for column in np.ascontiguousarray(difference.T)]
    return max(1, math.ceil(float(np.mean(lengths))))
