"""Contract of forecasters: ``fit(x, y)`` returns a frozen record, ``predict(x)`` a table.

Row t of the features x is what is known at the close of t; row t of the targets y is the return
*after* t, up to the next row. `next_returns` makes y from returns. A forecast for row t may be
learnt from the rows before t only, because the target of row t is not known at t.
"""

import abc
import dataclasses
import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.models.validation.splits import Expanding, Split

Folds = Literal["time", "blocks"]
STILL = 1e-12  #: share of its size below which a column does not vary
REACH = 4.0  #: deviations beyond which a network is not shown a feature
LEAST = 10  #: rows below which nothing is learnt


class Forecast(abc.ABC):
    """Base class of fitted, frozen forecasters."""

    @abc.abstractmethod
    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts (row x target), one for each row of features that can have one."""


class Forecaster(abc.ABC):
    """Base class of multi-target forecasters.

    Attributes
    ----------
    each_row : whether it must be fitted anew for every row that it forecasts.
    """

    each_row: ClassVar[bool] = False

    @property
    def lookback(self) -> int:
        """Rows of features that one forecast needs; the first ``lookback - 1`` rows get none."""
        return 1

    @abc.abstractmethod
    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> Forecast:
        """Learn from features (row x feature) and targets (row x target) of the same rows.

        Rows of which a target is missing are left out; missing features count as average.

        Raises
        ------
        DataError
            Rows differ, do not ascend, are infinite, or too few are complete.
        """

    def settled(self, x: pd.DataFrame, y: pd.DataFrame) -> "Forecaster":
        """Return the forecaster with settings chosen on these rows, to be fitted without search.

        One whose settings are given, or cheap to choose in every fit, is returned as it is.
        """
        return self


def next_returns(returns: pd.DataFrame) -> pd.DataFrame:
    """Return targets (row x asset): row t is the return of row t + 1; the last row is missing."""
    return returns.shift(-1)


@dataclasses.dataclass(frozen=True, eq=False)
class Lesson:
    """Training rows as arrays: `x` (rows, features) with NaN, `y` (rows, targets) without."""

    columns: tuple[str, ...]
    targets: tuple[str, ...]
    x: Floats
    y: Floats

    @classmethod
    def of(cls, x: pd.DataFrame, y: pd.DataFrame, least: int = LEAST) -> Self:
        """Return the rows of which all targets are known.

        Raises
        ------
        DataError
            As for `Forecaster.fit`.
        """
        if not x.index.equals(y.index) or not x.index.is_monotonic_increasing:
            raise DataError("features and targets need the same rows, in ascending order")
        for name, table in (("features", x), ("targets", y)):
            if not len(table.columns):
                raise DataError(f"the {name} have no column")
            refuse_infinite(table, name)
        values = y.to_numpy(np.float64)
        known = ~np.isnan(values).any(axis=1)
        if known.sum() < least:
            empty = [str(name) for name in y if y[name].isna().all()]
            why = f"; {', '.join(empty)} has none" if empty else ""
            raise DataError(
                f"{int(known.sum())} rows with all {y.shape[1]} targets are too few to learn from: "
                f"{least} are needed{why}"
            )
        return cls(
            columns=tuple(map(str, x.columns)),
            targets=tuple(map(str, y.columns)),
            x=np.ascontiguousarray(x.to_numpy(np.float64)[known]),
            y=np.ascontiguousarray(values[known]),
        )


def refuse_infinite(table: pd.DataFrame, name: str) -> None:
    """Raise for an infinite value, naming row and column."""
    bad = np.argwhere(np.isinf(table.to_numpy(np.float64)))
    if bad.size:
        row, column = bad[0]
        raise DataError(
            f"{name} {table.columns[column]} is infinite in row {table.index[row]}: mark it "
            "missing (NaN)"
        )


def features_of(x: pd.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Return features as an array; raises unless they are those of the training rows."""
    if tuple(map(str, x.columns)) != columns:
        absent = [name for name in columns if name not in set(map(str, x.columns))]
        raise DataError(
            f"learnt from {len(columns)} features, given {x.shape[1]}"
            + (f"; {absent[0]} is missing" if absent else "; keep their order")
        )
    refuse_infinite(x, "features")
    return np.ascontiguousarray(x.to_numpy(np.float64))


@dataclasses.dataclass(frozen=True, eq=False)
class Scaling:
    """Mean and spread of the training rows; they scale every later row.

    Attributes
    ----------
    centre : mean by column, 0 where nothing was known.
    factor : one over the standard deviation; 0 where a column did not vary, so it has no say.
    """

    centre: Floats
    factor: Floats

    @classmethod
    def of(cls, x: Floats) -> Self:
        """Measure columns of (rows, features); NaN is left out."""
        known = ~np.isnan(x)
        count = np.maximum(known.sum(axis=0), 1)
        centre = np.where(known, x, 0.0).sum(axis=0) / count
        gap = np.where(known, x - centre, 0.0)
        spread = np.sqrt((gap * gap).sum(axis=0) / count)
        size = np.where(known, np.abs(x), 0.0).max(axis=0, initial=0.0)
        varies = spread > STILL * size
        factor = np.zeros(len(centre))
        np.divide(1.0, spread, out=factor, where=varies)
        return cls(centre, factor)

    def scaled(self, x: Floats, reach: float = math.inf) -> Floats:
        """Return rows with mean 0 and deviation 1 on the training rows; NaN becomes 0.

        Values further than `reach` deviations from the mean are drawn in to there.
        """
        values: Floats = np.clip(np.nan_to_num((x - self.centre) * self.factor), -reach, reach)
        return values

    def filled(self, x: Floats) -> Floats:
        """Return rows in their own unit, NaN replaced by the mean."""
        values: Floats = np.where(np.isnan(x), self.centre, x)
        return values


def inner_folds(rows: int, kind: Folds = "time", count: int = 5) -> list[Split]:
    """Return training and test rows of `count` folds within a training sample.

    "time": each test block after all its training rows, as scikit-learn's `TimeSeriesSplit`; the
    target of the last training row ends where the test block begins, so no gap is needed.
    "blocks": each block in turn against all others, later ones too, as `KFold` without shuffling.
    """
    if kind == "time":
        return list(Expanding(count, gap=0).split(rows))
    if rows < count or count < 2:
        raise DataError(f"{rows} rows do not make {count} folds")
    every = np.arange(rows)
    return [(np.setdiff1d(every, test), test) for test in np.array_split(every, count)]


def squared_error(truth: Floats, predicted: Floats) -> float:
    """Return the mean squared error over all rows and targets."""
    gap = truth - predicted
    return float((gap * gap).mean())


def table_of(values: Floats, rows: pd.Index, targets: Sequence[str]) -> pd.DataFrame:
    """Return forecasts as a frame."""
    return pd.DataFrame(values, rows, pd.Index(list(targets), dtype=object))


def cross_validated(
    lesson: Lesson,
    folds: Sequence[Split],
    errors: Callable[[Floats, Floats, Floats, Floats], Floats],
) -> Floats:
    """Return the mean over folds of ``errors(x, y, x_test, y_test)``, one per candidate.

    Nothing of a test fold is passed on but to be scored.
    """
    by_fold = [
        errors(lesson.x[training], lesson.y[training], lesson.x[test], lesson.y[test])
        for training, test in folds
    ]
    mean: Floats = np.mean(by_fold, axis=0)
    return mean


def peer(name: str, what: str, extra: str = "research") -> Any:
    """Return an optional library; raises with the command that installs it.

    Raises
    ------
    MissingData
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingData(
            f"{what} come from {name.partition('.')[0]}, which is not installed: "
            f"pip install 'tiltwise[{extra}]'"
        ) from error
