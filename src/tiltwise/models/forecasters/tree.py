"""Multi-target regression tree, with the published settings or the published grid.

The grid has 64 points: leaves, rows a split needs, rows a leaf keeps. A tree with few leaves is the
beginning of the tree with many, because the best split is made first; so the four numbers of leaves
are read off one fit, and a fold costs thirteen fits. A walk that learns every month searches once a
year (`Tree.settled`) and grows one tree a month. The fitted tree is stored as arrays.

Source: the sector rotation of source 3; Breiman, Friedman, Olshen and Stone (1984), "Classification
and Regression Trees".
"""

import dataclasses
import itertools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiltwise.errors import StrategyError
from tiltwise.kernels.arrays import Floats
from tiltwise.models.forecasters.contract import (
    Folds,
    Forecast,
    Forecaster,
    Lesson,
    Scaling,
    cross_validated,
    features_of,
    inner_folds,
    peer,
    squared_error,
    table_of,
)

Grid = Mapping[str, tuple[int, ...]]
GRID: Grid = MappingProxyType(
    {"leaves": (10, 20, 50, 100), "split": (2, 5, 10, 20), "leaf": (1, 2, 4, 8)}
)
NO_CHILD = -1


def points(grid: Grid = GRID) -> list[dict[str, int]]:
    """Return all points of a grid, the last name running fastest."""
    return [dict(zip(grid, one, strict=True)) for one in itertools.product(*grid.values())]


@dataclasses.dataclass(frozen=True, eq=False)
class TreeForecast(Forecast):
    """A fitted tree.

    Attributes
    ----------
    settings : leaves, split and leaf in force.
    errors : mean squared error on held-out rows by point of the grid; empty if none was searched.
    importance : by feature, what its splits took off the squared error; sums to one or is zero.
    columns, targets : names, in order.
    """

    settings: Mapping[str, int]
    errors: pd.DataFrame
    importance: pd.Series
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    scaling: Scaling
    nodes: "Nodes"

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts (row x target)."""
        rows = self.scaling.filled(features_of(x, self.columns))
        return table_of(self.nodes.predict(rows), x.index, self.targets)


@dataclasses.dataclass(frozen=True, eq=False)
class Nodes:
    """A tree as arrays by node, in order of creation.

    Attributes
    ----------
    feature, threshold : a row goes left where the feature, as float32, is at most the threshold.
    left, right : numbers of the children, `NO_CHILD` at a leaf.
    value : mean of the targets, (nodes, targets).
    """

    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Floats

    @classmethod
    def of(cls, model: Any) -> Self:
        """Copy the arrays of a fitted tree of scikit-learn."""
        tree = model.tree_
        return cls(
            np.array(tree.feature, dtype=np.int64),
            np.array(tree.threshold, dtype=np.float64),
            np.array(tree.children_left, dtype=np.int64),
            np.array(tree.children_right, dtype=np.int64),
            np.array(tree.value[:, :, 0], dtype=np.float64),
        )

    def predict(self, x: Floats, leaves: int | None = None) -> Floats:
        """Return the forecast (rows, targets) of the tree, or of its first `leaves` leaves.

        A tree of L leaves has 2 L - 1 nodes: a node whose children come later is a leaf of it.
        """
        count = len(self.left) if leaves is None else min(2 * leaves - 1, len(self.left))
        single = x.astype(np.float32)
        at = np.zeros(len(x), dtype=np.int64)
        moving = np.arange(len(x))
        while len(moving):
            here = at[moving]
            inner = (self.left[here] != NO_CHILD) & (self.right[here] < count)
            moving, here = moving[inner], here[inner]
            goes = single[moving, self.feature[here]] <= self.threshold[here]
            at[moving] = np.where(goes, self.left[here], self.right[here])
        values: Floats = self.value[at]
        return values


@dataclasses.dataclass(frozen=True)
class Tree(Forecaster):
    """A regression tree of scikit-learn, squared error.

    Attributes
    ----------
    leaves, split, leaf : most leaves, rows that a split needs, rows that a leaf keeps.
    depth : greatest depth, unlimited if None.
    search : whether leaves, split and leaf are chosen from `GRID` on inner folds.
    folds, count : kind and number of these.
    seed : orders splits that are equally good.
    """

    leaves: int = 50
    split: int = 10
    leaf: int = 1
    depth: int | None = None
    search: bool = False
    folds: Folds = "time"
    count: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        """Reject a tree without a split."""
        if self.leaves < 2 or self.split < 2 or self.leaf < 1:
            raise StrategyError("a tree needs two leaves, two rows to split, one row in a leaf")

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> TreeForecast:
        """Choose the grid point if required, then grow a tree on all rows."""
        lesson = Lesson.of(x, y)
        chosen, errors = self, pd.DataFrame()
        if self.search:
            chosen, errors = self._searched(lesson)
        scaling = Scaling.of(lesson.x)
        model = chosen.grown(scaling.filled(lesson.x), lesson.y)
        return TreeForecast(
            settings=MappingProxyType(
                {"leaves": chosen.leaves, "split": chosen.split, "leaf": chosen.leaf}
            ),
            errors=errors,
            importance=pd.Series(model.feature_importances_, list(lesson.columns)),
            columns=lesson.columns,
            targets=lesson.targets,
            scaling=scaling,
            nodes=Nodes.of(model),
        )

    def settled(self, x: pd.DataFrame, y: pd.DataFrame) -> "Tree":
        """Return the tree with the grid point chosen on these rows."""
        if not self.search:
            return self
        return dataclasses.replace(self._searched(Lesson.of(x, y))[0], search=False)

    def grown(self, x: Floats, y: Floats, leaves: int | None = None) -> Any:
        """Return a fitted tree of scikit-learn; `x` without NaN."""
        tree = peer("sklearn.tree", "regression trees")
        model = tree.DecisionTreeRegressor(
            max_leaf_nodes=leaves or self.leaves,
            min_samples_split=self.split,
            min_samples_leaf=self.leaf,
            max_depth=self.depth,
            random_state=self.seed,
        )
        return model.fit(x, y)

    def _searched(self, lesson: Lesson) -> tuple["Tree", pd.DataFrame]:
        folds = inner_folds(len(lesson.y), self.folds, self.count)
        errors = cross_validated(lesson, folds, self._errors)
        table = pd.DataFrame(points())
        table["squared_error"] = errors
        best = points()[int(np.argmin(errors))]
        chosen = dataclasses.replace(
            self, leaves=best["leaves"], split=best["split"], leaf=best["leaf"]
        )
        return chosen, table

    def _errors(self, x: Floats, y: Floats, ahead: Floats, truth: Floats) -> Floats:
        """Return the squared error (64,) of each grid point on held-out rows."""
        scaling = Scaling.of(x)
        known, test = scaling.filled(x), scaling.filled(ahead)
        errors, grown = {}, {}
        for split, leaf in itertools.product(GRID["split"], GRID["leaf"]):
            least = max(split, 2 * leaf)  # fewer rows cannot fill two leaves
            if (least, leaf) not in grown:
                plan = dataclasses.replace(self, split=least, leaf=leaf)
                grown[least, leaf] = Nodes.of(plan.grown(known, y, max(GRID["leaves"])))
            nodes = grown[least, leaf]
            for leaves in GRID["leaves"]:
                errors[leaves, split, leaf] = squared_error(truth, nodes.predict(test, leaves))
        return np.array([errors[p["leaves"], p["split"], p["leaf"]] for p in points()])
