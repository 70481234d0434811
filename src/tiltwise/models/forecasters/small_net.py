"""Neural network of one hidden layer, trained by scikit-learn and stored as arrays.

Training stops early on the last training rows; forecasts need no library. Features are clipped at
four deviations, since months like April 2020 lie far outside the training rows and the network
would extrapolate linearly.
"""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.models.forecasters.contract import (
    REACH,
    Forecast,
    Forecaster,
    Lesson,
    Scaling,
    features_of,
    peer,
    squared_error,
    table_of,
)
from tiltwise.models.forecasters.stopping import Stopping

Layers = tuple[tuple[Floats, Floats], ...]  #: weights (in, out) and biases (out,) of each layer


@dataclasses.dataclass(frozen=True, eq=False)
class NetForecast(Forecast):
    """A fitted network.

    Attributes
    ----------
    layers : weights and biases; every layer but the last is cut off at zero.
    columns, targets : names, in order.
    features, scale : scaling of the features and of the targets.
    inner : error on the inner rows after each pass, in scaled units; it stopped the training.
    """

    layers: Layers
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    features: Scaling
    scale: Scaling
    inner: tuple[float, ...]

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts (row x target)."""
        z = self.features.scaled(features_of(x, self.columns), REACH)
        predicted = unscaled(_forward(z, self.layers), self.scale)
        return table_of(predicted, x.index, self.targets)


@dataclasses.dataclass(frozen=True)
class SmallNet(Forecaster):
    """A network with one hidden layer of rectified units, trained by Adam on squared error.

    Attributes
    ----------
    units : in the hidden layer.
    penalty : on squared weights.
    rate : first step of Adam.
    stopping : when training ends.
    seed : of the first weights and of the order of rows.
    """

    units: int = 32
    penalty: float = 1.0
    rate: float = 1e-3
    stopping: Stopping = dataclasses.field(default_factory=Stopping)
    seed: int = 0

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> NetForecast:
        """Train on all rows but the inner ones, which stop the training."""
        lesson = Lesson.of(x, y)
        first = self.stopping.divide(len(lesson.y))
        features, scale = Scaling.of(lesson.x[:first]), Scaling.of(lesson.y[:first])
        z, goal = features.scaled(lesson.x, REACH), scale.scaled(lesson.y)
        model = peer("sklearn.neural_network", "small networks").MLPRegressor(
            hidden_layer_sizes=(self.units,),
            alpha=self.penalty,
            learning_rate_init=self.rate,
            random_state=self.seed,
        )
        # One target is a vector to scikit-learn.
        known = goal[:first, 0] if goal.shape[1] == 1 else goal[:first]

        def once() -> float:
            model.partial_fit(z[:first], known)
            return squared_error(goal[first:], _forward(z[first:], _copied(model)))

        with one_blas_thread():
            layers, inner = self.stopping.run(once, lambda: _copied(model))
        return NetForecast(layers, lesson.columns, lesson.targets, features, scale, inner)


def unscaled(values: Floats, scale: Scaling) -> Floats:
    """Return forecasts of scaled targets in the targets' unit; of a constant one, the constant."""
    spread = np.zeros(len(scale.factor))
    np.divide(1.0, scale.factor, out=spread, where=scale.factor > 0.0)
    original: Floats = scale.centre + values * spread
    return original


def _copied(model: Any) -> Layers:
    pairs = zip(model.coefs_, model.intercepts_, strict=True)
    return tuple((np.array(w, dtype=np.float64), np.array(b, dtype=np.float64)) for w, b in pairs)


def _forward(z: Floats, layers: Layers) -> Floats:
    """Return the output (rows, targets); sums run over features, row by row."""
    for number, (weights, bias) in enumerate(layers):
        z = (z[:, :, None] * weights).sum(axis=1) + bias
        if number < len(layers) - 1:
            z = np.maximum(z, 0.0)
    return z
