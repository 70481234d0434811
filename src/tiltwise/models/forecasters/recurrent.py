"""A recurrent network over the last twelve months of features: the published one, and a small one.

    12 x features -> LSTM -> layer normalisation -> dense layers, leaky ReLU -> one output a target

The published network has 10.5 million parameters for fewer than 200 rows: it is here as a stress
test. `layers` counts parameters without building anything. Training needs Keras (extra ``nets``,
module `recurrent_keras`); a fitted record is arrays, and forecasts by `forward` in plain NumPy.

Source: the sector rotation of source 3; Hochreiter and Schmidhuber (1997), "Long short-term
memory", Neural Computation 9(8); Ba, Kiros and Hinton (2016), "Layer normalization".
"""

import dataclasses
import itertools

import numpy as np
import pandas as pd

from tiltwise.errors import DataError, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.kernels.blas import one_blas_thread
from tiltwise.models.forecasters.contract import (
    REACH,
    Forecast,
    Forecaster,
    Lesson,
    Scaling,
    features_of,
    table_of,
)
from tiltwise.models.forecasters.small_net import unscaled
from tiltwise.models.forecasters.stopping import Stopping
from tiltwise.models.forecasters.windows import MONTHS, windows

Weights = tuple[Floats, ...]  #: in the order of Keras: LSTM 3, normalisation 2, dense layers 2 each
SLOPE = 0.3  #: of the leaky ReLU below zero
TINY = 1e-3  #: added to the variance by layer normalisation


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What a network is made of.

    Attributes
    ----------
    months : rows of a window.
    units : of the LSTM.
    dense : of the dense layers between LSTM and output.
    recurrent_dropout : share of the recurrent state left out in training.
    hidden_l1, hidden_l2 : penalties on the weights of the dense layers.
    output_l2 : penalty on the weights of the output.
    """

    months: int = MONTHS
    units: int = 16
    dense: tuple[int, ...] = (16,)
    recurrent_dropout: float = 0.2
    hidden_l1: float = 1e-4
    hidden_l2: float = 1e-4
    output_l2: float = 1e-4

    def __post_init__(self) -> None:
        """Refuse a network without units."""
        if min(self.months, self.units, *self.dense) < 1 or not 0 <= self.recurrent_dropout < 1:
            raise StrategyError(f"{self}: months and units are at least 1, dropout below 1")


PUBLISHED = Architecture(MONTHS, 1350, (1280, 512, 160), 0.8, 0.1, 0.1, 0.1)
SMALL = Architecture()


def layers(plan: Architecture, features: int, targets: int) -> list[tuple[str, int]]:
    """Return name and number of parameters of each layer that has any.

    Of the LSTM 4 (features + units + 1) units; of the normalisation 2 units; of a dense layer
    (inputs + 1) outputs.
    """
    told = [
        ("lstm", 4 * (features + plan.units + 1) * plan.units),
        ("layer_normalization", 2 * plan.units),
    ]
    inputs = plan.units
    for number, outputs in enumerate(plan.dense, 1):
        told.append((f"dense_{number}", (inputs + 1) * outputs))
        inputs = outputs
    return [*told, ("output", (inputs + 1) * targets)]


def shapes(plan: Architecture, features: int, targets: int) -> list[tuple[int, ...]]:
    """Return the shape of each array of `Weights`."""
    n = plan.units
    told: list[tuple[int, ...]] = [(features, 4 * n), (n, 4 * n), (4 * n,), (n,), (n,)]
    sizes = [n, *plan.dense, targets]
    for inputs, outputs in itertools.pairwise(sizes):
        told += [(inputs, outputs), (outputs,)]
    return told


def forward(seen: Floats, weights: Weights) -> Floats:
    """Return the output (batch, targets) for windows (batch, months, features), without dropout.

    Gates stand in the order of Keras: input, forget, candidate, output.
    """
    kernel, recurrent, bias, gain, shift = weights[:5]
    units = recurrent.shape[0]
    state = np.zeros((len(seen), units))
    memory = np.zeros((len(seen), units))
    for month in range(seen.shape[1]):
        gates = seen[:, month] @ kernel + state @ recurrent + bias
        enter, forget, fresh, leave = np.split(gates, 4, axis=1)
        memory = _sigmoid(forget) * memory + _sigmoid(enter) * np.tanh(fresh)
        state = _sigmoid(leave) * np.tanh(memory)
    gap = state - state.mean(axis=1, keepdims=True)
    spread = np.sqrt((gap * gap).mean(axis=1, keepdims=True) + TINY)
    z: Floats = gap / spread * gain + shift
    dense = weights[5:]
    for number in range(0, len(dense), 2):
        z = z @ dense[number] + dense[number + 1]
        if number < len(dense) - 2:
            z = np.where(z > 0.0, z, SLOPE * z)
    return z


def _sigmoid(x: Floats) -> Floats:
    told: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return told


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
        from tiltwise.models.forecasters import recurrent_keras

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
