"""Architecture of the recurrent networks: layers, shapes of the weights, and the forward pass."""

import dataclasses
import itertools

import numpy as np

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.models.forecasters.windows import MONTHS

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
