"""Multi-target ridge regression with the penalty chosen on held-out rows.

    min |y - a - z B|^2 + alpha |B|^2,    z the features at mean 0 and deviation 1

One penalty serves all targets: the one with the least mean squared error over the folds. Features
are scaled with the training rows of each fold, since a penalty depends on their unit. The published
choice was made by five blocks that train on later rows too (``folds="blocks"``); folds in time are
the default.

Source: the sector rotation of source 3; Hoerl and Kennard (1970), "Ridge regression", Technometrics
12(1).
"""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.models.forecasters.contract import (
    Folds,
    Forecast,
    Forecaster,
    Lesson,
    Scaling,
    cross_validated,
    features_of,
    inner_folds,
    table_of,
)

ALPHAS = (5.0, 25.0, 50.0, 300.0, 500.0, 1000.0)  #: the published grid


@dataclasses.dataclass(frozen=True, eq=False)
class RidgeForecast(Forecast):
    """A fitted regression.

    Attributes
    ----------
    alpha : the penalty chosen.
    errors : mean squared error on held-out rows, by penalty.
    coefficients : (feature x target) for scaled features.
    intercept : by target.
    scaling : of the training rows.
    """

    alpha: float
    errors: pd.Series
    coefficients: pd.DataFrame
    intercept: pd.Series
    scaling: Scaling

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts (row x target)."""
        columns = tuple(self.coefficients.index)
        z = self.scaling.scaled(features_of(x, columns))
        slopes = self.coefficients.to_numpy()
        values = self.intercept.to_numpy() + (z[:, :, None] * slopes).sum(axis=1)
        return table_of(values, x.index, tuple(self.intercept.index))


@dataclasses.dataclass(frozen=True)
class Ridge(Forecaster):
    """Ridge regression.

    Attributes
    ----------
    alphas : penalties to choose from; one of them needs no folds.
    folds, count : kind and number of inner folds.
    scale : whether features are scaled; the source left them in their units.
    """

    alphas: tuple[float, ...] = ALPHAS
    folds: Folds = "time"
    count: int = 5
    scale: bool = True

    def __post_init__(self) -> None:
        """Reject an invalid penalty."""
        if not self.alphas or min(self.alphas) <= 0.0:
            raise StrategyError(f"alphas={self.alphas} must be positive numbers, at least one")

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> RidgeForecast:
        """Choose the penalty on the folds, then fit on all rows."""
        lesson = Lesson.of(x, y)
        with one_blas_thread():
            errors = np.full(len(self.alphas), np.nan)
            if len(self.alphas) > 1:
                folds = inner_folds(len(lesson.y), self.folds, self.count)
                errors = cross_validated(lesson, folds, self._errors)
            best = int(np.argmin(errors)) if len(self.alphas) > 1 else 0
            scaling = self._scaling(lesson.x)
            z, mean = scaling.scaled(lesson.x), lesson.y.mean(axis=0)
            centre, (slopes,) = _solved(z, lesson.y, (self.alphas[best],))
        names = list(lesson.columns)
        return RidgeForecast(
            alpha=self.alphas[best],
            errors=pd.Series(errors, list(self.alphas), name="squared_error"),
            coefficients=pd.DataFrame(slopes, names, list(lesson.targets)),
            intercept=pd.Series(mean - centre @ slopes, list(lesson.targets)),
            scaling=scaling,
        )

    def _scaling(self, x: Floats) -> Scaling:
        scaling = Scaling.of(x)
        if self.scale:
            return scaling
        return Scaling(scaling.centre, np.where(scaling.factor > 0.0, 1.0, 0.0))

    def _errors(self, x: Floats, y: Floats, ahead: Floats, truth: Floats) -> Floats:
        """Return the squared error of each penalty on held-out rows."""
        scaling = self._scaling(x)
        z, test = scaling.scaled(x), scaling.scaled(ahead)
        centre, every = _solved(z, y, self.alphas)
        gaps = [truth - y.mean(axis=0) - (test - centre) @ slopes for slopes in every]
        return np.array([float((gap * gap).mean()) for gap in gaps])


def _solved(z: Floats, y: Floats, alphas: tuple[float, ...]) -> tuple[Floats, list[Floats]]:
    """Return the mean of the features (p,) and slopes (p, targets) for each penalty.

    The mean is not quite 0 where missing values were filled.
    """
    centre: Floats = z.mean(axis=0)
    gap, rest = z - centre, y - y.mean(axis=0)
    square, cross = gap.T @ gap, gap.T @ rest
    unit = np.eye(len(square))
    return centre, [np.linalg.solve(square + alpha * unit, cross) for alpha in alphas]
