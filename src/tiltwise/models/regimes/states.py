"""Regime states by row: filtered and smoothed.

The two are different types, and neither is the other: a function that decides asks for
`FilteredStates`, the type checker refuses `SmoothedStates` there, and `Decision` refuses every
frame that came out of them.
"""

import dataclasses
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from tiltwise.kernels.arrays import Floats
from tiltwise.models.regimes.smoothed_marker import marked


@dataclasses.dataclass(frozen=True, eq=False)
class FilteredStates:
    """States as known after each row: row t uses rows up to t and no other.

    Attributes
    ----------
    labels : (T,) state 0..K-1 by row.
    probabilities : (T, K) of each state by row; zeros and ones from a discrete jump model.
    carry : what the next row needs of the past, to go on with ``filter(X, after=...)``; None if
        each row looked back over a window of its own.
    """

    labels: pd.Series
    probabilities: pd.DataFrame
    carry: Floats | None = None

    @classmethod
    def of(cls, probabilities: pd.DataFrame, carry: Floats | None = None) -> Self:
        """Label each row by its likeliest state, the first of equals."""
        return cls(_likeliest(probabilities), probabilities, carry)

    def averaged(self, half_life: float) -> "FilteredStates":
        """Return the states after averaging probabilities over past rows, half-life in rows."""
        return FilteredStates.of(self.probabilities.ewm(halflife=half_life).mean())


@dataclasses.dataclass(frozen=True, eq=False)
class SmoothedStates:
    """States given all rows; a decision refuses them.

    Attributes
    ----------
    labels : (T,) the cheapest, or likeliest, path over all rows.
    probabilities : (T, K) of each state by row, given all rows.
    objective : cost of the path, or log-likelihood of the rows.
    """

    hindsight: ClassVar[bool] = True

    labels: pd.Series
    probabilities: pd.DataFrame
    objective: float

    @classmethod
    def of(
        cls, probabilities: pd.DataFrame, objective: float, labels: pd.Series | None = None
    ) -> Self:
        """Mark the frames; label each row by its likeliest state unless a path is given."""
        path = _likeliest(probabilities) if labels is None else labels
        return cls(marked(path), marked(probabilities), objective)


def _likeliest(probabilities: pd.DataFrame) -> pd.Series:
    labels = probabilities.to_numpy().argmax(axis=1)
    return pd.Series(labels.astype(np.int64), probabilities.index, name="state")
