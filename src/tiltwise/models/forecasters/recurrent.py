"""A recurrent network over the last twelve months of features: the published one, and a small one.

    12 x features -> LSTM -> layer normalisation -> dense layers, leaky ReLU -> one output a target

The published network has 10.5 million parameters for fewer than 200 rows: it is here as a stress
test. `recurrent_network.layers` counts parameters without building anything. Training needs Keras
(extra ``nets``, module `recurrent_keras`); a fitted record is arrays, and forecasts by `forward` in
plain NumPy.

Source: the sector rotation of source 3; Hochreiter and Schmidhuber (1997), "Long short-term
memory", Neural Computation 9(8); Ba, Kiros and Hinton (2016), "Layer normalization".
"""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.models.forecasters import recurrent_keras
from tiltwise.models.forecasters.contract import (
    REACH,
    Forecast,
    Forecaster,
    Lesson,
    Scaling,
    features_of,
    table_of,
)
from tiltwise.models.forecasters.recurrent_network import SMALL, Architecture, Weights, forward
from tiltwise.models.forecasters.small_net import unscaled
from tiltwise.models.forecasters.stopping import Stopping
from tiltwise.models.forecasters.windows import windows


@dataclasses.dataclass(frozen=True, eq=False)
class RecurrentForecast(Forecast):
    """A fitted network.

    Attributes
    ----------
    plan : its architecture.
    weights : see `Weights`.
    columns, targets : names, in order.
    features, scale : scaling of the features and of the targets.
    inner : error on the inner windows after each pass; it stopped the training.
    """

    plan: Architecture
    weights: Weights
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    features: Scaling
    scale: Scaling
    inner: tuple[float, ...]

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(array.size for array in self.weights)

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts for the rows that end a window: all but the first ``months - 1``.

        One window at a time, so that a forecast has the same bits whatever is asked with it.
        """
        z = self.features.scaled(features_of(x, self.columns), REACH)
        with one_blas_thread():
            each = [forward(one[None], self.weights) for one in windows(z, self.plan.months)]
        told = np.concatenate(each)
        return table_of(unscaled(told, self.scale), x.index[self.plan.months - 1 :], self.targets)


@dataclasses.dataclass(frozen=True)
class Recurrent(Forecaster):
    """An LSTM trained by Adam on squared error, stopped early on the last training windows.

    Attributes
    ----------
    plan : `SMALL`, or `PUBLISHED`.
    stopping : when training ends; 100 passes at the most, as published.
    rate : first step of Adam.
    batch : windows between two steps.
    seed : of the first weights, the dropout and the order of windows.
    """

    plan: Architecture = SMALL
    stopping: Stopping = dataclasses.field(default_factory=Stopping)
    rate: float = 1e-3
    batch: int = 32
    seed: int = 0

    @property
    def lookback(self) -> int:
        """Rows of a window."""
        return self.plan.months

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> RecurrentForecast:
        """Train on all windows but the inner ones, which say when to stop.

        Networks of one shape are compiled once and trained from the same first weights each time.
        Windows need consecutive rows: missing targets may stand at the end only.

        Raises
        ------
        DataError
            A target is missing between others, or there are too few windows.
        MissingData
            Keras is not installed.
        """
        lesson = Lesson.of(x, y, least=self.plan.months + 2)
        refuse_gaps(y)
        count = len(lesson.y) - self.plan.months + 1
        first = self.stopping.divide(count)
        seen = first + self.plan.months - 1  # rows in the windows that are learnt from
        features = Scaling.of(lesson.x[:seen])
        scale = Scaling.of(lesson.y[self.plan.months - 1 : seen])
        inputs = windows(features.scaled(lesson.x, REACH), self.plan.months)
        goal = scale.scaled(lesson.y[self.plan.months - 1 :])
        course = recurrent_keras.Course(self.plan, self.rate, self.batch, self.seed)
        weights, inner = recurrent_keras.trained(course, inputs, goal, first, self.stopping)
        return RecurrentForecast(
            self.plan, weights, lesson.columns, lesson.targets, features, scale, inner
        )


def refuse_gaps(y: pd.DataFrame) -> None:
    """Raise where a target is missing between complete rows: a window has no gaps."""
    complete = np.flatnonzero(y.notna().all(axis=1).to_numpy())
    jumps = np.flatnonzero(np.diff(complete) > 1)
    if len(jumps):
        row = y.index[complete[jumps[0]] + 1]
        raise DataError(f"a target is missing in row {row}, between others: windows need all rows")
