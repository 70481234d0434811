"""Winsorising and standardising with the statistics of a training window.

Each column is cut to mean plus or minus `width` standard deviations of the training rows, and then
shifted and scaled by the mean and standard deviation of the training rows so cut. Rows that come
later use the same numbers: nothing of them enters. Deviations are those of the population (over T).
"""

import dataclasses
from typing import Self

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats

WIDTH = 3.0  #: standard deviations
_FLAT = 1e-12  #: relative deviation below which a column never moved


@dataclasses.dataclass(frozen=True, eq=False)
class Scaling:
    """Bounds and moments of a training window, by column.

    Attributes
    ----------
    columns : names, in order.
    low, high : (columns,) bounds of the cut.
    mean, deviation : (columns,) of the training rows after the cut; a column that never moved has
        deviation 1, so it becomes zero.
    """

    columns: tuple[str, ...]
    low: Floats
    high: Floats
    mean: Floats
    deviation: Floats

    @classmethod
    def fit(cls, training: pd.DataFrame, width: float = WIDTH) -> Self:
        """Fit to the complete rows of a frame (date x feature).

        Raises
        ------
        MissingData
            Fewer than two rows are complete.
        """
        rows = np.ascontiguousarray(training.dropna().to_numpy(np.float64))
        if len(rows) < 2:
            gaps = training.isna().sum()
            raise MissingData(
                f"{len(rows)} of {len(training)} training rows are complete, at least 2 are "
                f"needed; {gaps.idxmax()} lacks {gaps.max()}"
            )
        centre, spread = _moments(rows)
        low, high = centre - width * spread, centre + width * spread
        mean, deviation = _moments(np.clip(rows, low, high))
        flat = deviation <= _FLAT * np.maximum(np.abs(mean), 1e-300)
        deviation = np.where(flat, 1.0, deviation)
        return cls(tuple(map(str, training.columns)), low, high, mean, deviation)

    def apply(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the frame cut and scaled; a missing value stays missing.

        Raises
        ------
        DataError
            The columns are not those of the training window.
        """
        if tuple(map(str, features.columns)) != self.columns:
            raise DataError(
                f"trained on the columns {', '.join(self.columns)}, given "
                f"{', '.join(map(str, features.columns))}"
            )
        cut = np.clip(features.to_numpy(np.float64), self.low, self.high)
        return pd.DataFrame((cut - self.mean) / self.deviation, features.index, features.columns)


def _moments(rows: Floats) -> tuple[Floats, Floats]:
    """Return means and population deviations of columns."""
    mean = rows.sum(axis=0) / len(rows)
    gap = rows - mean
    return mean, np.sqrt((gap * gap).sum(axis=0) / len(rows))
