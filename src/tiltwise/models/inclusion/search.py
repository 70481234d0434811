"""Hyper-parameter search of boosted trees on held-out months.

The published grid has 432 points, among them three numbers of rounds. Those three are read off one
fit, so a fold costs 144 fits; point by point the result is the same. Folds are of whole months: the
rows of one month never stand on both sides, every training month precedes every test month, and
`purge` months between them are left out. Threads run over parameters, each with its own rows.
"""

import dataclasses
import importlib
import itertools
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import DataError, MissingData, StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.models.boosting import ROUNDS, Learner, Point
from tiltwise.models.inclusion.probability_scores import ONE_CLASS, area
from tiltwise.models.validation.splits import Expanding, Split

Grid = Mapping[str, tuple[float, ...]]

GRID: Grid = MappingProxyType(
    {
        "n_estimators": (100, 200, 300),
        "max_depth": (4, 6, 8),
        "learning_rate": (0.05, 0.1, 0.15),
        "subsample": (0.8, 0.9),
        "colsample_bytree": (0.8, 0.9),
        "reg_alpha": (0, 0.1),
        "reg_lambda": (1, 1.5),
    }
)
SMALL: Grid = MappingProxyType(
    {
        "n_estimators": (100, 200, 300),
        "max_depth": (4, 6),
        "learning_rate": (0.05, 0.1),
        "subsample": (0.8,),
        "colsample_bytree": (0.8,),
        "reg_alpha": (0,),
        "reg_lambda": (1,),
    }
)
MIDDLE: Point = MappingProxyType(
    {
        "n_estimators": 200,
        "max_depth": 6,
        "learning_rate": 0.1,
        "subsample": 0.8,
        "colsample_bytree": 0.8,
        "reg_alpha": 0,
        "reg_lambda": 1,
    }
)


def points(grid: Grid = GRID) -> list[dict[str, float]]:
    """Return all points of a grid, in the order of scikit-learn: names ascend, the last runs."""
    names = sorted(grid)
    values = itertools.product(*(grid[name] for name in names))
    return [dict(zip(names, one, strict=True)) for one in values]


def month_folds(dates: pd.DatetimeIndex, folds: int = 3, purge: int = 1) -> list[Split]:
    """Return training and test rows of folds over the months of rows that are ordered by date.

    With ``purge=0`` these are the folds of scikit-learn's `TimeSeriesSplit` over months.

    Raises
    ------
    DataError
        The rows are not ordered, or there are too few months.
    """
    if not dates.is_monotonic_increasing:
        raise DataError("the rows must ascend by date")
    months = dates.unique()
    place = months.get_indexer(dates)
    parts = Expanding(folds, purge).split(len(months))
    return [
        (np.flatnonzero(np.isin(place, training)), np.flatnonzero(np.isin(place, test)))
        for training, test in parts
    ]


@dataclasses.dataclass(frozen=True)
class Search:
    """Settings of a search.

    Attributes
    ----------
    grid : values by parameter.
    folds, purge : of `month_folds`.
    tuner : "grid" for all points, "optuna" for a sample of them that learns from itself.
    trials : fits (of all numbers of rounds) that "optuna" makes.
    seed : of every fit, and of the tuner.
    jobs : threads; the result does not depend on them.
    """

    grid: Grid = dataclasses.field(default_factory=lambda: GRID)
    folds: int = 3
    purge: int = 1
    tuner: str = "grid"
    trials: int = 40
    seed: int = 0
    jobs: int = 1

    def __post_init__(self) -> None:
        """Reject an unknown tuner, and a grid of other parameters."""
        if self.tuner not in ("grid", "optuna"):
            raise StrategyError(f'tuner={self.tuner!r} must be "grid" or "optuna"')
        if set(self.grid) != set(GRID) or not all(self.grid.values()):
            raise StrategyError(f"a grid has values for each of {', '.join(GRID)}")


@dataclasses.dataclass(frozen=True, eq=False)
class SearchResult:
    """Result of a search.

    Attributes
    ----------
    point : the best: highest mean area over the folds that have one; ties go to the first.
    table : one line a point tried: its parameters, the area by fold, and their mean.
    folds : numbers, from 1, of the folds that were run.
    held_out : probability of each test row of each of these folds at the best point.
    fits : boosters fitted.
    notes : folds left out and why.
    """

    point: Point
    table: pd.DataFrame
    folds: tuple[int, ...]
    held_out: tuple[Floats, ...]
    fits: int
    notes: tuple[str, ...]


def search(
    x: Floats, y: Floats, dates: pd.DatetimeIndex, learner: Learner, plan: Search
) -> SearchResult:
    """Evaluate the points of a grid on folds of months.

    A fold whose training or test labels are of one class is left out and named in the notes; if
    none is left the middle of the published grid is taken.

    Parameters
    ----------
    x : (rows, columns) features, NaN where missing.
    y : (rows,) labels 0 and 1.
    dates : (rows,) month end of each row, ascending.
    """
    parts, notes = [], []
    for number, (training, test) in enumerate(month_folds(dates, plan.folds, plan.purge), 1):
        if reason := _one_class(y, training, test):
            notes.append(f"fold {number} left out: {reason}")
        else:
            parts.append((number, training, test))
    if not parts:
        note = "no fold is left: the middle of the published grid is taken"
        return SearchResult(MIDDLE, pd.DataFrame(), (), (), 0, (*notes, note))
    course = _Course(x, y, parts, learner, plan)
    families = list(dict.fromkeys(course.family(p) for p in points(plan.grid)))
    if plan.tuner == "grid":
        with ThreadPoolExecutor(plan.jobs) as pool:
            probabilities = dict(zip(families, pool.map(course.run, families), strict=True))
    else:
        probabilities = _sampled(course, plan)
    return _result(course, probabilities, plan, tuple(notes))


Family = tuple[float, ...]
HeldOut = dict[int, list[Floats]]


class _Course:
    """The folds of a search, and fits on them."""

    def __init__(
        self,
        x: Floats,
        y: Floats,
        parts: list[tuple[int, NDArray[np.intp], NDArray[np.intp]]],
        learner: Learner,
        plan: Search,
    ) -> None:
        self.x, self.y, self.parts, self.learner, self.plan = x, y, parts, learner, plan
        self.rounds = sorted(int(r) for r in plan.grid[ROUNDS])
        self._own = threading.local()

    def family(self, point: Point) -> Family:
        """Return the parameters of a point besides the rounds."""
        return tuple(point[name] for name in self.learner.knobs)

    def run(self, family: Family) -> HeldOut:
        """Return held-out probabilities by number of rounds and fold."""
        probabilities: HeldOut = {count: [] for count in self.rounds}
        point = dict(zip(self.learner.knobs, family, strict=True))
        for rows, (_, _, test) in zip(self._matrices(), self.parts, strict=True):
            trees = self.learner.fit(rows, point, self.rounds[-1], self.plan.seed)
            for count in self.rounds:
                probabilities[count].append(trees.probability(self.x[test], count))
        return probabilities

    def areas(self, probabilities: Sequence[Floats]) -> list[float]:
        """Return the area under the ROC curve of each fold."""
        pairs = zip(probabilities, self.parts, strict=True)
        return [area(self.y[test], values) for values, (_, _, test) in pairs]

    def _matrices(self) -> list[Any]:
        """Return the training rows of each fold, one copy for each thread."""
        if not hasattr(self._own, "rows"):
            self._own.rows = [
                self.learner.matrix(self.x[training], self.y[training])
                for _, training, _ in self.parts
            ]
        rows: list[Any] = self._own.rows
        return rows


def _result(
    course: _Course, probabilities: Mapping[Family, HeldOut], plan: Search, notes: tuple[str, ...]
) -> SearchResult:
    """Return the best of the points tried."""
    lines, best = [], (-math.inf, 0)
    numbers = tuple(number for number, _, _ in course.parts)
    names = [f"fold {number}" for number in numbers]
    tried = [p for p in points(plan.grid) if course.family(p) in probabilities]
    for place, point in enumerate(tried):
        areas = course.areas(probabilities[course.family(point)][int(point[ROUNDS])])
        mean = float(np.mean(areas))
        lines.append({**point, **dict(zip(names, areas, strict=True)), "mean": mean})
        if mean > best[0]:
            best = (mean, place)
    chosen = tried[best[1]]
    held_out = tuple(probabilities[course.family(chosen)][int(chosen[ROUNDS])])
    fits = len(probabilities) * len(course.parts)
    return SearchResult(chosen, pd.DataFrame(lines), numbers, held_out, fits, notes)


def _sampled(course: _Course, plan: Search) -> dict[Family, HeldOut]:
    """Return the fits proposed by a tree-structured Parzen sampler."""
    optuna = _optuna()
    choices = optuna.distributions.CategoricalDistribution
    spaces = {name: choices(plan.grid[name]) for name in course.learner.knobs}
    sampler = optuna.samplers.TPESampler(seed=plan.seed)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    fits: dict[Family, HeldOut] = {}
    for _ in range(plan.trials):
        trial = study.ask(spaces)
        family = course.family(trial.params)
        if family not in fits:
            fits[family] = course.run(family)
        areas = [float(np.mean(course.areas(fits[family][count]))) for count in course.rounds]
        study.tell(trial, max(areas))
    return fits


def _optuna() -> Any:
    try:
        optuna = importlib.import_module("optuna")
    except ImportError as error:
        raise MissingData(
            "the sampling tuner comes from optuna, which is not installed: "
            "pip install 'tiltwise[research]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _one_class(y: Floats, training: NDArray[np.intp], test: NDArray[np.intp]) -> str:
    """Return the reason a fold cannot be scored, or an empty text."""
    for name, rows in (("training", training), ("test", test)):
        if len(np.unique(y[rows])) < 2:
            return f"{ONE_CLASS}: all {len(rows)} {name} labels are {int(y[rows[0]])}"
    return ""
