"""Paths of loadings by session, asset and factor: filtered and smoothed.

The two are different types, and neither is the other: a function that decides asks for
`FilteredLoadings`, the type checker refuses `SmoothedLoadings` there, and `Decision` refuses every
frame that came out of them.
"""

import abc
import dataclasses
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.models.regimes.smoothed_marker import marked


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class _Paths(abc.ABC):
    """Loadings by session, asset and factor."""

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    factors: tuple[str, ...]
    _betas: Floats  # (T, N, K)
    _covariances: Floats  # (patterns, T, K, K), noise units
    _pattern: NDArray[np.int64]  # (N,)
    _noise: Floats  # (N,)

    def of(self, asset: str) -> pd.DataFrame:
        """Return the loadings of one asset (session x factor)."""
        values = self._betas[:, self._column(asset)]
        return self._label(pd.DataFrame(values, self.dates, list(self.factors)))

    def by(self, factor: str) -> pd.DataFrame:
        """Return the loadings on one factor (session x asset)."""
        if factor not in self.factors:
            raise MissingData(f"no factor {factor!r}; there are {', '.join(self.factors)}")
        values = self._betas[:, :, self.factors.index(factor)]
        return self._label(pd.DataFrame(values, self.dates, list(self.assets)))

    def at(self, t: pd.Timestamp | str) -> pd.DataFrame:
        """Return the loadings after the last session up to `t` (asset x factor)."""
        row = int(self.dates.searchsorted(pd.Timestamp(t), side="right")) - 1
        if row < 0:
            raise MissingData(f"no session up to {t}; the first is {self.dates[0].date()}")
        values = self._betas[row]
        return self._label(pd.DataFrame(values, list(self.assets), list(self.factors)))

    def deviations(self, asset: str) -> pd.DataFrame:
        """Return the standard deviations of one asset's loadings (session x factor)."""
        column = self._column(asset)
        variances = np.diagonal(self._covariances[self._pattern[column]], axis1=1, axis2=2)
        values = np.sqrt(np.maximum(variances, 0.0) * self._noise[column])
        return self._label(pd.DataFrame(values, self.dates, list(self.factors)))

    def __repr__(self) -> str:
        span = f"{self.dates[0].date()} to {self.dates[-1].date()}"
        return f"{type(self).__name__}({span}; {len(self.assets)} assets on {self.factors})"

    def _column(self, asset: str) -> int:
        if asset not in self.assets:
            raise MissingData(f"no asset {asset!r}; there are {', '.join(self.assets)}")
        return self.assets.index(asset)

    @abc.abstractmethod
    def _label(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame, marked as smoothed where it is."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FilteredLoadings(_Paths):
    """Loadings as known after each close: row t uses rows up to t and no other."""

    innovations: pd.DataFrame  # what the day before did not expect
    standardised: pd.DataFrame  # over their forecast deviation
    single: bool = False

    @property
    def betas(self) -> Floats:
        """Loadings (T, N, K), read-only; (T, K) if the returns given were one series."""
        return self._betas[:, 0] if self.single else self._betas

    def _label(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SmoothedLoadings(_Paths):
    """Loadings given all rows; a decision refuses them."""

    hindsight: ClassVar[bool] = True

    def _label(self, frame: pd.DataFrame) -> pd.DataFrame:
        return marked(frame)
