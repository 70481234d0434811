"""Exponentially weighted mean and covariance of returns, by half-life.

The return k sessions back has weight ``0.5 ** (k / half_life)``: at lag `half_life` it counts half.
(A span s, a centre of mass c or a factor a are other numbers for the same thing: a half-life of 126
is a span of 364, not of 251.) Covariances are taken around the weighted mean and divided by the sum
of the weights, so they are positive semi-definite. A session on which any asset lacks a return is
left out. The sums run session by session: what stands at a session depends on no later one.
"""

import dataclasses

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.calendar import SESSIONS_PER_YEAR
from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.weighted import weighted_moments

HALF_LIFE = 126.0  #: sessions


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Mean and covariance per period, and the number of periods used.

    Attributes
    ----------
    mean : (n,) by asset.
    covariance : (n, n).
    half_life : periods; infinite where all count the same.
    rows : periods used.
    """

    mean: pd.Series
    covariance: pd.DataFrame
    half_life: float
    rows: int

    def annual(self, periods: int = SESSIONS_PER_YEAR) -> "Moments":
        """Return the moments of a year of independent periods."""
        return dataclasses.replace(
            self, mean=self.mean * periods, covariance=self.covariance * periods
        )


@dataclasses.dataclass(frozen=True, eq=False)
class MomentPath:
    """Moments at each of R sessions, per period.

    Attributes
    ----------
    dates : sessions after whose close the moments are known.
    means : (R, n).
    covariances : (R, n, n).
    rows : (R,) periods used.
    """

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    means: Floats
    covariances: Floats
    half_life: float
    rows: NDArray[np.int64]

    def at(self, t: pd.Timestamp | str) -> Moments:
        """Return the moments of the last of these sessions up to `t`."""
        row = int(self.dates.searchsorted(pd.Timestamp(t), side="right")) - 1
        if row < 0:
            first = self.dates[0].date()
            raise MissingData(f"no moments are known on {t}; the first are of {first}")
        names = pd.Index(self.assets, name="asset", dtype=object)
        return Moments(
            pd.Series(self.means[row], names),
            pd.DataFrame(self.covariances[row], names, names),
            self.half_life,
            int(self.rows[row]),
        )


def ewma_moments(returns: pd.DataFrame, half_life: float = HALF_LIFE) -> Moments:
    """Return the moments after the last session of a frame (date x asset).

    Raises
    ------
    MissingData
        Fewer than two sessions have a return of every asset.
    DataError
        The half-life is not positive.
    """
    last = pd.DatetimeIndex(returns.index[-1:])
    path = ewma_path(returns, half_life, last)
    return path.at(path.dates[-1])


def ewma_path(
    returns: pd.DataFrame, half_life: float = HALF_LIFE, dates: pd.DatetimeIndex | None = None
) -> MomentPath:
    """Return the moments after each session of `dates` (all, if None), bit for bit `ewma_moments`.

    Sessions with fewer than two complete ones up to them are left out. Errors are those of
    `ewma_moments`.
    """
    if not half_life > 0:
        raise DataError(f"half_life={half_life} must be positive; infinity weighs all the same")
    if not len(returns):
        raise MissingData("no session has a return: moments need at least 2")
    values = returns.to_numpy(np.float64)
    whole = ~np.isnan(values).any(axis=1)
    index = pd.DatetimeIndex(returns.index)
    refits = index if dates is None else pd.DatetimeIndex(dates)
    known = np.append(0, whole.cumsum())[index.searchsorted(refits, side="right")]
    enough = known >= 2
    if not enough.any():
        gaps = returns.isna().sum()
        raise MissingData(
            f"{int(whole.sum())} of {len(returns)} sessions have a return of all "
            f"{returns.shape[1]} assets, 2 are needed; {gaps.idxmax()} lacks {gaps.max()}"
        )
    ends, n = known[enough].astype(np.int64), returns.shape[1]
    means, products = np.empty((len(ends), n)), np.empty((len(ends), n, n))
    decay, state = 0.5 ** (1.0 / half_life), np.zeros((n + 2, n))
    weighted_moments(np.ascontiguousarray(values[whole]), ends, decay, state, means, products)
    names = tuple(map(str, returns.columns))
    return MomentPath(refits[enough], names, means, products, half_life, ends)
