"""Searchers: full grid, random points, or tree-structured Parzen estimator.

A searcher proposes a batch of points and then receives their values. Batches have the same size
whatever the number of workers, so the points do not depend on it.

Source of the third: J. Bergstra and others, "Algorithms for hyper-parameter optimization", Advances
in Neural Information Processing Systems 24 (2011), as Optuna has it.
"""

import contextlib
import itertools
import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from tiltwise.errors import StrategyError
from tiltwise.research.search.axes import Axis
from tiltwise.research.search.spaces import Point, Space

BATCH = 8
"""Points proposed before any value is reported."""

STARTUP = 10
"""Points drawn at random before earlier ones guide the choice."""

NO_OPTUNA = "optuna is not installed, so the search was random: pip install 'tiltwise[research]'"


class Searcher(Protocol):
    """Protocol of a searcher.

    Attributes
    ----------
    name : "grid", "random" or "optuna".
    size : points there are; None for no end of them.
    """

    name: str
    size: int | None

    def ask(self, count: int) -> list[Point]:
        """Return the next `count` points."""
        ...

    def tell(self, values: Sequence[float]) -> None:
        """Take the values of the points last proposed, in order; NaN for a failure."""
        ...


class Grid:
    """Every combination, the last axis varying fastest.

    Raises
    ------
    StrategyError
        An axis is a continuum, or there are more combinations than trials.
    """

    name = "grid"
    size: int | None

    def __init__(self, space: Space, trials: int) -> None:
        sizes = {name: _counted(name, axis) for name, axis in space.items()}
        self.size = math.prod(sizes.values())
        if self.size > trials:
            raise StrategyError(
                f"the grid has {self.size} combinations but {trials} trials are allowed: allow "
                "more, or take fewer values"
            )
        places = itertools.product(*(range(size) for size in sizes.values()))
        self._left = (dict(zip(sizes, place, strict=True)) for place in places)

    def ask(self, count: int) -> list[Point]:
        """Return the next combinations."""
        return list(itertools.islice(self._left, count))

    def tell(self, values: Sequence[float]) -> None:
        """Ignore the values."""


class Random:
    """Independent points, each from a generator seeded by (seed, number)."""

    name = "random"
    size: int | None = None

    def __init__(self, space: Space, seed: int) -> None:
        self._space, self._seed, self._asked = space, seed, 0

    def ask(self, count: int) -> list[Point]:
        """Draw points."""
        first = self._asked
        self._asked += count
        return [self._drawn(number) for number in range(first, first + count)]

    def tell(self, values: Sequence[float]) -> None:
        """Ignore the values."""

    def _drawn(self, number: int) -> Point:
        draw = np.random.default_rng([self._seed, number])
        return {
            name: float(draw.random()) if axis.size is None else int(draw.integers(axis.size))
            for name, axis in self._space.items()
        }


class Optuna:
    """Optuna's tree-structured Parzen estimator; the seed determines its points.

    Points of a batch without a value yet count as bad, which keeps them apart.
    """

    name = "optuna"
    size: int | None = None

    def __init__(self, space: Space, seed: int) -> None:
        import optuna

        self._space = space
        self._failed = optuna.trial.TrialState.FAIL
        self._open: list[Any] = []
        with _quiet(optuna):
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=STARTUP, multivariate=True, constant_liar=True
            )
            self._study = optuna.create_study(direction="maximize", sampler=sampler)

    def ask(self, count: int) -> list[Point]:
        """Return the points with the highest expected improvement, given the values so far."""
        self._open = [self._study.ask() for _ in range(count)]
        return [
            {name: _suggested(trial, name, axis) for name, axis in self._space.items()}
            for trial in self._open
        ]

    def tell(self, values: Sequence[float]) -> None:
        """Take the values of the batch; failures are reported as such."""
        for trial, value in zip(self._open, values, strict=True):
            if math.isfinite(value):
                self._study.tell(trial, value)
            else:
                self._study.tell(trial, state=self._failed)


def searcher(name: str, space: Space, trials: int, seed: int) -> tuple[Searcher, tuple[str, ...]]:
    """Return a searcher by name, and remarks on it.

    Raises
    ------
    StrategyError
        The name is unknown, or the grid is endless or too large.
    """
    if name == "grid":
        return Grid(space, trials), ()
    if name == "random":
        return Random(space, seed), ()
    if name != "optuna":
        raise StrategyError(f"searcher={name!r} must be 'optuna', 'grid' or 'random'")
    try:
        return Optuna(space, seed), ()
    except ImportError:
        return Random(space, seed), (NO_OPTUNA,)


def _counted(name: str, axis: Axis) -> int:
    if axis.size is None:
        raise StrategyError(
            f"{name}={axis} is a continuum: a grid needs values, as in a,b,c or 5:150:log:8"
        )
    return axis.size


def _suggested(trial: Any, name: str, axis: Axis) -> float:
    if axis.size is None:
        return float(trial.suggest_float(name, 0.0, 1.0))
    if axis.ordered:
        return int(trial.suggest_int(name, 0, axis.size - 1))
    return int(trial.suggest_categorical(name, list(range(axis.size))))


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Silence Optuna's study messages and warnings within the block."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        logger.setLevel(level)
