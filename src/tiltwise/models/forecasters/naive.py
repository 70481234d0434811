"""Baseline forecasts without features: zero, historical mean, persistence.

Persistence is a weak baseline: for returns without memory it has about sqrt(2) times the error of
their mean.
"""

import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.models.forecasters.contract import Forecast, Forecaster, table_of


@dataclasses.dataclass(frozen=True, eq=False)
class Constant(Forecast):
    """The same forecast for every row: `values` by target; `rows` is the most rows it may serve."""

    values: pd.Series
    rows: int | None = None

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return the values in every row.

        Raises
        ------
        DataError
            More than `rows` rows.
        """
        if self.rows is not None and len(x) > self.rows:
            raise DataError(
                f"the last return holds for {self.rows} row, not for {len(x)}: fit anew for each"
            )
        values: Floats = np.tile(self.values.to_numpy(np.float64), (len(x), 1))
        return table_of(values, x.index, tuple(self.values.index))


@dataclasses.dataclass(frozen=True)
class Zero(Forecaster):
    """Forecasts of zero."""

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> Constant:
        """Record the names of the targets."""
        return Constant(pd.Series(0.0, list(map(str, y.columns))))


@dataclasses.dataclass(frozen=True)
class HistoricalMean(Forecaster):
    """The historical mean by target; missing returns are left out."""

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> Constant:
        """Learn the means."""
        return Constant(_known(y, y.mean()))


@dataclasses.dataclass(frozen=True)
class Persistence(Forecaster):
    """Forecasts equal to the last known month's return."""

    each_row: ClassVar[bool] = True

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> Constant:
        """Learn the last row."""
        if not len(y):
            raise DataError("persistence needs the return of one row")
        return Constant(_known(y, y.iloc[-1]), rows=1)


def _known(y: pd.DataFrame, values: pd.Series) -> pd.Series:
    if values.isna().any():
        raise DataError(f"{values.index[values.isna()][0]} has no return to learn from")
    return pd.Series(values.to_numpy(np.float64), list(map(str, y.columns)))
