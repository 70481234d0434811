"""Rolling principal components with signs aligned from refit to refit.

An eigenvector has no sign. Learned anew each day, a loading may flip, and with it the factor
return. Here each refit takes, column by column, the sign that agrees with the refit before it; the
first makes the largest entry positive. Columns stand in the order of their variance. Where two
variances cross, two columns change places: `overlap` near zero tells when.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.kernels.pca import project
from tiltwise.kernels.weighted import weighted_moments
from tiltwise.kernels.windows import window_products

Rows = NDArray[np.int64]
BLOCK = 1 << 21  #: matrix entries that one batch of decompositions holds


@dataclasses.dataclass(frozen=True, eq=False)
class FactorPath:
    """Components of N assets at R refits, K of them.

    Attributes
    ----------
    dates : refit sessions, after the close.
    means : (R, N) mean returns.
    loadings : (R, N, K) orthonormal columns.
    shares : (R, K) share of the variance that each explains.
    overlap : (R, K) absolute product of each column with the one before it; NaN at the first.
    """

    dates: pd.DatetimeIndex
    assets: tuple[str, ...]
    means: Floats
    loadings: Floats
    shares: Floats
    overlap: Floats

    def at(self, t: pd.Timestamp | str) -> pd.DataFrame:
        """Return the loadings of the last refit up to `t` (asset x factor number)."""
        row = int(self.dates.searchsorted(pd.Timestamp(t), side="right")) - 1
        if row < 0:
            raise MissingData(f"no refit up to {t}; the first is {self.dates[0].date()}")
        return pd.DataFrame(self.loadings[row], list(self.assets))

    def scores(self, returns: pd.DataFrame) -> pd.DataFrame:
        """Return factor returns (date x factor number) on the last refit before each session.

        A session is never explained by components that saw it; those before the first refit are
        NaN. A missing return counts as its mean.
        """
        table = returns.loc[:, list(self.assets)]
        refit = self.dates.searchsorted(pd.DatetimeIndex(table.index), side="left") - 1
        values = table.to_numpy(np.float64)
        answer = np.full((len(table), self.loadings.shape[2]), np.nan)
        for row in np.unique(refit[refit >= 0]):
            here = refit == row
            answer[here] = project(values[here], self.means[row], self.loadings[row])
        return pd.DataFrame(answer, table.index)


def rolling_components(
    returns: pd.DataFrame, window: int, factors: int, refits: pd.DatetimeIndex | None = None
) -> FactorPath:
    """Fit components on the last `window` complete rows at each refit session, inclusive.

    Parameters
    ----------
    returns : (date x asset); a row with a missing return is left out.
    refits : sessions to learn at, all if None; those with too few rows before them are left out.

    Raises
    ------
    DataError
        More factors than the assets or the window can carry.
    MissingData
        No refit session has a full window.
    """
    rows, dates, ends = _complete(returns, refits, window)
    assets = rows.shape[1]
    _check(factors, assets, window)

    def moments(block: Rows) -> tuple[Floats, Floats]:
        means, products = np.empty((len(block), assets)), np.empty((len(block), assets, assets))
        window_products(rows, block, window, means, products)
        return means, products

    return _path(returns, dates, ends, factors, moments)


def weighted_components(
    returns: pd.DataFrame, half_life: float, factors: int, refits: pd.DatetimeIndex | None = None
) -> FactorPath:
    """Fit components on all complete rows with exponential weights of a half-life.

    Arguments and errors as for `rolling_components`. The first refit needs two half-lives of rows,
    and more rows than assets.
    """
    if not half_life > 0.0:
        raise ValueError(f"a half-life is positive, got {half_life}")
    least = max(int(np.ceil(2.0 * half_life)), returns.shape[1] + 1)
    rows, dates, ends = _complete(returns, refits, least)
    assets = rows.shape[1]
    _check(factors, assets, least)
    state, decay = np.zeros((assets + 2, assets)), 0.5 ** (1.0 / half_life)

    def moments(block: Rows) -> tuple[Floats, Floats]:
        means, products = np.empty((len(block), assets)), np.empty((len(block), assets, assets))
        weighted_moments(rows, block, decay, state, means, products)
        return means, products

    return _path(returns, dates, ends, factors, moments)


def _complete(
    returns: pd.DataFrame, refits: pd.DatetimeIndex | None, least: int
) -> tuple[Floats, pd.DatetimeIndex, Rows]:
    """Return complete rows, refit sessions, and the number of rows known at each."""
    values = returns.to_numpy(np.float64)
    whole = ~np.isnan(values).any(axis=1)
    index = pd.DatetimeIndex(returns.index)
    dates = index if refits is None else pd.DatetimeIndex(refits)
    known = np.append(0, whole.cumsum())[index.searchsorted(dates, side="right")]
    enough = known >= least
    if not enough.any():
        raise MissingData(
            f"{int(whole.sum())} complete rows of {returns.shape[1]} assets, {least} needed before "
            "a refit: shorten the window, or leave out an asset that was listed late"
        )
    rows = np.ascontiguousarray(values[whole])
    return rows, dates[enough], known[enough].astype(np.int64)


def _path(
    returns: pd.DataFrame,
    dates: pd.DatetimeIndex,
    ends: Rows,
    factors: int,
    moments: Callable[[Rows], tuple[Floats, Floats]],
) -> FactorPath:
    """Return the components of each refit with aligned signs."""
    assets = returns.shape[1]
    means = np.empty((len(ends), assets))
    loadings, shares = np.empty((len(ends), assets, factors)), np.empty((len(ends), factors))
    done = 0
    for block in np.array_split(ends, 1 + len(ends) * assets**2 // BLOCK):
        here = slice(done, done + len(block))
        means[here], products = moments(block)
        with one_blas_thread():
            values, vectors = np.linalg.eigh(products)
        loadings[here] = vectors[:, :, : -factors - 1 : -1]
        total = np.maximum(values, 0.0).sum(axis=1, keepdims=True)
        shares[here] = values[:, : -factors - 1 : -1] / total
        done += len(block)
    overlap = _align(loadings)
    return FactorPath(dates, tuple(map(str, returns.columns)), means, loadings, shares, overlap)


def _align(loadings: Floats) -> Floats:
    """Turn the signs of columns in place, each after the one before; return their overlap."""
    refits, _, factors = loadings.shape
    overlap = np.full((refits, factors), np.nan)
    largest = np.abs(loadings[0]).argmax(axis=0)
    loadings[0] *= np.where(loadings[0][largest, np.arange(factors)] < 0.0, -1.0, 1.0)
    for r in range(1, refits):
        product = (loadings[r] * loadings[r - 1]).sum(axis=0)
        loadings[r] *= np.where(product < 0.0, -1.0, 1.0)
        overlap[r] = np.abs(product)
    return overlap


def _check(factors: int, assets: int, rows: int) -> None:
    if not 1 <= factors <= min(assets, rows - 1):
        raise DataError(
            f"{factors} factors of {assets} assets from {rows} rows: "
            f"choose between 1 and {min(assets, rows - 1)}"
        )
