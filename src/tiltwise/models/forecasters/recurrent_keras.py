"""Training of recurrent networks by Keras 3 on JAX (extra ``nets``)."""

import dataclasses
import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from tiltwise.kernels.arrays import Floats
from tiltwise.models.forecasters.contract import peer
from tiltwise.models.forecasters.recurrent_network import (
    SLOPE,
    TINY,
    Architecture,
    Weights,
    forward,
)
from tiltwise.models.forecasters.stopping import Stopping

NETWORKS = 2  #: compiled networks kept


@dataclasses.dataclass(frozen=True)
class Course:
    """How a network is built and trained; equal courses share one compiled network."""

    plan: Architecture
    rate: float
    batch: int
    seed: int


def trained(
    course: Course, inputs: Floats, goal: Floats, first: int, stopping: Stopping
) -> tuple[Weights, tuple[float, ...]]:
    """Return the weights at the least error on the inner windows, and that error by pass.

    Parameters
    ----------
    inputs, goal : windows (n, months, features) and scaled targets (n, targets).
    first : windows that are learnt from; the rest are the inner ones.
    """
    network = _network(course, inputs.shape[2], goal.shape[1])
    with network.lock:
        network.restart()
        rng = np.random.default_rng([course.seed, 3])

        def once() -> float:
            for rows, weight in batches(first, course.batch, rng):
                network.step(inputs[rows], goal[rows], weight)
            gap = goal[first:] - forward(inputs[first:], network.weights())
            return float((gap * gap).mean())

        return stopping.run(once, network.weights)


def batches(rows: int, size: int, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Yield shuffled row numbers (size,) and their weights; the last batch is filled with weight 0.

    Batches of one shape need one compilation, however many rows there are.
    """
    order = rng.permutation(rows)
    for start in range(0, rows, size):
        chosen = order[start : start + size]
        weight = np.zeros(size, dtype=np.float32)
        weight[: len(chosen)] = 1.0
        yield np.resize(chosen, size), weight


class Network:
    """A compiled network that can be set back to its first weights."""

    def __init__(self, course: Course, features: int, targets: int) -> None:
        self.lock = threading.Lock()
        self.model = build(course, features, targets)
        self._every = [*self.model.variables, *self.model.optimizer.variables]
        self._first = [np.array(one.value) for one in self._every]

    def restart(self) -> None:
        """Set weights, optimiser and dropout back to where they began."""
        for variable, value in zip(self._every, self._first, strict=True):
            variable.assign(value)

    def step(self, inputs: Floats, goal: Floats, weight: Any) -> None:
        """Take one step on a batch."""
        self.model.train_on_batch(
            inputs.astype(np.float32), goal.astype(np.float32), sample_weight=weight
        )

    def weights(self) -> Weights:
        """Return a copy of the weights."""
        return tuple(np.array(one.value, dtype=np.float64) for one in self.model.weights)


@functools.lru_cache(maxsize=NETWORKS)
def _network(course: Course, features: int, targets: int) -> Network:
    return Network(course, features, targets)


def build(course: Course, features: int, targets: int) -> Any:
    """Return the compiled Keras model.

    Raises
    ------
    MissingData
        Keras is not installed.
    """
    keras = _keras()
    plan, layers, penalty = course.plan, keras.layers, keras.regularizers
    seeds = iter(range(course.seed * 64, course.seed * 64 + 64))

    def uniform() -> Any:
        return keras.initializers.GlorotUniform(seed=next(seeds))

    model = keras.Sequential([keras.Input((plan.months, features))])
    model.add(
        layers.LSTM(
            plan.units,
            recurrent_dropout=plan.recurrent_dropout,
            kernel_initializer=uniform(),
            recurrent_initializer=keras.initializers.Orthogonal(seed=next(seeds)),
            seed=next(seeds),
        )
    )
    model.add(layers.LayerNormalization(epsilon=TINY))
    for units in plan.dense:
        both = penalty.L1L2(plan.hidden_l1, plan.hidden_l2)
        model.add(layers.Dense(units, kernel_initializer=uniform(), kernel_regularizer=both))
        model.add(layers.LeakyReLU(negative_slope=SLOPE))
    last = penalty.L2(plan.output_l2)
    model.add(layers.Dense(targets, kernel_initializer=uniform(), kernel_regularizer=last))
    model.compile(optimizer=keras.optimizers.Adam(course.rate), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def _keras() -> Any:
    """Return Keras, on JAX unless the environment says otherwise."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return peer("keras", "recurrent networks", "nets")
