"""What the factors of a walk-forward leave of returns, and how much they explain.

Tables are (date x asset). A row that no fold tests, or that has no full window before it, is NaN:
nothing is ever explained by components that saw it.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.claims.engine.folds import Fold
from tiltwise.claims.systems.residual_momentum.calendar_folds_strategy import RATIOS
from tiltwise.errors import DataError
from tiltwise.kernels import pca
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.kalman import filter
from tiltwise.models.factors.loadings import NOISE

FACTORS, WINDOW = 3, 60
SHOWN = 400  #: quantiles that a Q-Q plot shows


@dataclasses.dataclass(frozen=True, eq=False)
class FoldFit:
    """A fold on its rows: `seen` are those of training and test, the first `train` of training.

    Attributes
    ----------
    centred : (rows, N) returns less the training mean.
    scores : (rows, K) factor returns.
    fit : components of the training rows.
    """

    fold: Fold
    seen: slice
    train: int
    centred: Floats
    scores: Floats
    fit: pca.Components

    @property
    def tested(self) -> slice:
        """Rows of the test in the whole table."""
        return slice(self.seen.start + self.train, self.seen.stop)


def fold_fits(
    returns: pd.DataFrame, folds: Sequence[Fold], factors: int = FACTORS
) -> list[FoldFit]:
    """Fit each fold on its training rows of log returns (date x asset)."""
    values, dates = returns.to_numpy(np.float64), pd.DatetimeIndex(returns.index)
    fits = []
    for fold in folds:
        train, test = fold.rows(dates)
        fit = pca.principal_components(values[train], factors)
        seen = slice(train.start, test.stop)
        scores = pca.project(values[seen], fit.mean, fit.loadings)
        size = train.stop - train.start
        fits.append(FoldFit(fold, seen, size, values[seen] - fit.mean, scores, fit))
    return fits


def fixed(returns: pd.DataFrame, fits: Sequence[FoldFit]) -> pd.DataFrame:
    """Return residuals of each test year on the components of its training years."""

    def left(f: FoldFit) -> Floats:
        nothing = np.zeros(len(f.fit.mean))  # the mean is already taken off
        return f.centred - pca.reconstruct(f.scores, nothing, f.fit.loadings)

    return _tested(returns, fits, left)


def rolling(returns: pd.DataFrame, window: int = WINDOW, factors: int = FACTORS) -> pd.DataFrame:
    """Return residuals on components of the `window` rows strictly before each row."""
    if window >= len(returns):
        raise DataError(
            f"{len(returns)} returns up to {returns.index[-1].date()} hold no row after a "
            f"window of {window}: export a longer period"
        )
    values = pca.rolling_residuals(returns.to_numpy(np.float64), window, factors)
    return pd.DataFrame(values, returns.index, returns.columns)


def filtered(returns: pd.DataFrame, fits: Sequence[FoldFit]) -> pd.DataFrame:
    """Return innovations of loadings that a Kalman filter follows through training and test.

    The ratio of noises is chosen on each training window by the likelihood of its forecasts.
    """

    def innovations(f: FoldFit) -> Floats:
        y, x = f.centred[: f.train], f.scores[: f.train]
        ratio = RATIOS[int(filter.concentrated_loglik(y, x, RATIOS).loglik.argmax())]
        return filter.innovations(f.centred, f.scores, ratio * NOISE, NOISE)

    return _tested(returns, fits, innovations)


def deviations(returns: pd.DataFrame, fits: Sequence[FoldFit]) -> pd.DataFrame:
    """Return returns of each test year less the mean of its training years."""
    return _tested(returns, fits, lambda f: f.centred)


def _tested(
    returns: pd.DataFrame, fits: Sequence[FoldFit], residuals_of: Callable[[FoldFit], Floats]
) -> pd.DataFrame:
    out = np.full(returns.shape, np.nan)
    for f in fits:
        out[f.tested] = residuals_of(f)[f.train :]
    return pd.DataFrame(out, returns.index, returns.columns)


def scree(fits: Sequence[FoldFit], claimed: float, factors: int = FACTORS) -> dict[str, Any]:
    """Return shares of variance by training window, and whether `factors` explain `claimed`."""
    windows, fewest = [], 0
    for number, f in enumerate(fits, start=1):
        cumulative = f.fit.shares.cumsum()
        fewest = max(fewest, int(np.argmax(cumulative > claimed)) + 1)
        windows.append(
            {
                "fold": number,
                "train_start": f"{f.fold.train:%Y-%m-%d}",
                "train_end": f"{f.fold.test - pd.Timedelta(days=1):%Y-%m-%d}",
                "rows": f.train,
                "shares": f.fit.shares.tolist(),
                "cumulative": cumulative.tolist(),
            }
        )
    smallest = min(float(f.fit.shares[:factors].sum()) for f in fits)
    return {
        "factors": factors,
        "claimed": claimed,
        "smallest": smallest,
        "enough": smallest > claimed,
        "fewest": fewest,
        "windows": windows,
    }
