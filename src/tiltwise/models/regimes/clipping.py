"""Feature scaling for jump models: clip, then standardise."""

import dataclasses
from typing import Self

import numpy as np
import pandas as pd

from tiltwise.errors import DataError

DEVIATIONS = 3.0


@dataclasses.dataclass(frozen=True, eq=False)
class ClippedScale:
    """Bounds and moments of training rows, by feature; they apply to later rows as they are.

    Attributes
    ----------
    low, high : mean plus and minus three standard deviations (divided by n) of the training rows.
    mean, deviation : of the clipped training rows; a constant feature has deviation 1.
    """

    low: pd.Series
    high: pd.Series
    mean: pd.Series
    deviation: pd.Series

    @classmethod
    def fit(cls, rows: pd.DataFrame, deviations: float = DEVIATIONS) -> Self:
        """Return the scale of training rows; missing values are left out."""
        mean, spread = rows.mean(), rows.std(ddof=0)
        if mean.isna().any():
            raise DataError(f"no training value of {', '.join(map(str, mean.index[mean.isna()]))}")
        if np.isinf(mean).any():
            lost = ", ".join(map(str, mean.index[np.isinf(mean)]))
            raise DataError(f"an infinite training value of {lost}: mark it missing (NaN)")
        low, high = mean - deviations * spread, mean + deviations * spread
        clipped = rows.clip(low, high, axis=1)
        return cls(low, high, clipped.mean(), clipped.std(ddof=0).replace(0.0, 1.0))

    def apply(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows clipped and standardised; NaN stays."""
        if not rows.columns.equals(self.mean.index):
            raise DataError(f"features must be {list(self.mean.index)}, got {list(rows.columns)}")
        scaled = (rows.clip(self.low, self.high, axis=1) - self.mean) / self.deviation
        return scaled.astype(np.float64)
