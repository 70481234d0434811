"""Refit schedules of forecasters: a single split, or an expanding walk-forward.

Row numbers only. The target of row t ends at row t + 1, so a forecast for row t may be learnt from
rows up to t - 1, whose targets are known at t: training rows and test rows meet without a gap.

Source: the sector rotation of source 3, which claims a walk-forward and made one split of 80 to 20.
"""

import dataclasses
import math
from collections.abc import Iterator, Sized

import numpy as np

from tiltwise.errors import DataError
from tiltwise.models.validation.splits import Split


@dataclasses.dataclass(frozen=True)
class Holdout:
    """A single split: train once on the first rows, forecast all others.

    Attributes
    ----------
    share : of the rows that are learnt from, rounded down; .8 of 245 are 196 and leave 49.
    """

    share: float = 0.8

    def __post_init__(self) -> None:
        """Reject a share that leaves one side empty."""
        if not 0.0 < self.share < 1.0:
            raise ValueError(f"share is {self.share}; it must lie between 0 and 1")

    def split(self, x: int | Sized) -> Iterator[Split]:
        """Yield training and test rows of `x`, or of so many rows.

        Raises
        ------
        DataError
            If one side would be empty.
        """
        rows = x if isinstance(x, int) else len(x)
        first = math.floor(self.share * rows + 1e-9)
        if not 0 < first < rows:
            raise DataError(f"{rows} rows are too few for a split at {self.share}")
        yield np.arange(first), np.arange(first, rows)


@dataclasses.dataclass(frozen=True)
class Refits:
    """An expanding walk-forward: train on all rows so far, forecast the next few, repeat.

    Attributes
    ----------
    first : rows before the first forecast; ten years of months.
    every : rows that are forecast before the next fit.
    """

    first: int = 120
    every: int = 1

    def __post_init__(self) -> None:
        """Reject a walk without steps."""
        if self.first < 1 or self.every < 1:
            raise ValueError(f"first is {self.first} and every {self.every}; both at least 1")

    def split(self, x: int | Sized) -> Iterator[Split]:
        """Yield training and test rows of `x`, or of so many rows; the last test may be shorter.

        Raises
        ------
        DataError
            If no row is left to forecast.
        """
        rows = x if isinstance(x, int) else len(x)
        if rows <= self.first:
            raise DataError(f"{rows} rows leave none to forecast after the first {self.first}")
        for start in range(self.first, rows, self.every):
            yield np.arange(start), np.arange(start, min(start + self.every, rows))
