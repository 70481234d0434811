"""Classifier of replica membership: boosted trees tuned on held-out months.

`fit_inclusion` learns from the table of `features.labels`. The record holds the booster as text,
the parameters and their search, scores on months held out by fold, and feature importance. The
parameters are the best on those months, so the scores are biased upwards; a walk-forward of the
strategy is not. With labels of one class the model predicts their base rate and says so.

Source: "MTUM Replica Portfolio", XGBoost classifier configuration.
"""

import dataclasses
import functools
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.models import boosting
from tiltwise.models.boosting import ROUNDS, Learner, Point, Trees
from tiltwise.models.inclusion.probability_scores import ONE_CLASS, Scores, scores
from tiltwise.models.inclusion.search import Search, SearchResult, month_folds, search

CONSTANT = "constant"


@dataclasses.dataclass(frozen=True, eq=False)
class InclusionModel:
    """A fitted classifier.

    Attributes
    ----------
    learner : "xgboost", "hist_gradient_boosting" or "constant".
    columns : features, in order.
    point : the parameters chosen; empty if constant.
    base_rate : share of label 1 among the training rows.
    importance : by feature, sums to one: of XGBoost the mean gain of its splits, else what
        shuffling it costs; zeros if constant or if no split was made.
    by_fold : scores of each fold on the months held out.
    held_out : scores of all of them together; None if there was no fold to score.
    search : the table of points tried.
    notes : what was left out or replaced, and why.
    text : the booster as JSON.
    """

    learner: str
    columns: tuple[str, ...]
    point: Point
    base_rate: float
    importance: pd.Series
    by_fold: tuple[Scores, ...]
    held_out: Scores | None
    search: pd.DataFrame
    notes: tuple[str, ...]
    text: str

    def probability(self, features: pd.DataFrame) -> pd.Series:
        """Return the probability of inclusion of each row (any index x feature); NaN is missing.

        Raises
        ------
        DataError
            The columns are not those of the training rows.
        """
        x = _matrix(features, self.columns)
        if self.learner == CONSTANT:
            return pd.Series(self.base_rate, features.index)
        return pd.Series(self._trees.probability(x, int(self.point[ROUNDS])), features.index)

    @functools.cached_property
    def _trees(self) -> Trees:
        return boosting.learner(self.learner).read(self.text)

    def to_json(self) -> str:
        """Return the model as JSON, with the booster in its own format inside."""
        document: dict[str, Any] = {
            "learner": self.learner,
            "columns": self.columns,
            "point": dict(self.point),
            "base_rate": self.base_rate,
            "importance": self.importance.tolist(),
            "by_fold": [dataclasses.asdict(one) for one in self.by_fold],
            "held_out": dataclasses.asdict(self.held_out) if self.held_out else None,
            "search": self.search.to_dict("list"),
            "notes": self.notes,
            "text": self.text,
        }
        return json.dumps(document)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the model that `to_json` wrote."""
        stored = json.loads(text)
        columns = tuple(stored["columns"])
        return cls(
            learner=stored["learner"],
            columns=columns,
            point=MappingProxyType(stored["point"]),
            base_rate=stored["base_rate"],
            importance=pd.Series(stored["importance"], list(columns), dtype=np.float64),
            by_fold=tuple(Scores(**one) for one in stored["by_fold"]),
            held_out=Scores(**stored["held_out"]) if stored["held_out"] else None,
            search=pd.DataFrame(stored["search"]),
            notes=tuple(stored["notes"]),
            text=stored["text"],
        )


def fit_inclusion(
    features: pd.DataFrame,
    labels: pd.Series,
    plan: Search | None = None,
    learner: str | None = None,
) -> InclusionModel:
    """Tune and fit a classifier.

    Parameters
    ----------
    features : (date, asset) x feature, ascending by date; NaN is missing.
    labels : 0 or 1 by row.
    plan : how parameters are looked for; None for the published grid.
    learner : "xgboost" or "hist_gradient_boosting"; None for the first that is installed.

    Raises
    ------
    DataError
        Labels are not 0 and 1 by row of the features, or there are too few months for the folds.
    """
    plan = plan or Search()
    columns = tuple(map(str, features.columns))
    x, y = _matrix(features, columns), labels.to_numpy(np.float64)
    if not labels.index.equals(features.index) or not np.isin(y, (0.0, 1.0)).all() or not len(y):
        raise DataError("labels must be 0 or 1, one for each row of the features")
    if len(np.unique(y)) < 2:
        return _constant(columns, float(y[0]), len(y))
    engine = boosting.learner(learner)
    dates = pd.DatetimeIndex(features.index.get_level_values("date"))
    result = search(x, y, dates, engine, plan)
    return _fitted(_Lesson(columns, x, y, dates), result, engine, plan)


def importance_table(models: Mapping[pd.Timestamp, InclusionModel]) -> pd.DataFrame:
    """Return the importance of the features by month of the fit (month x feature)."""
    table = pd.DataFrame({month: model.importance for month, model in models.items()}).T
    table.index = pd.DatetimeIndex(table.index, name="date")
    return table.sort_index().fillna(0.0)


def importance_stability(table: pd.DataFrame) -> pd.Series:
    """Return the rank correlation of each month's importance with the month before.

    Spearman's coefficient; NaN for the first month and where all features matter alike.
    """
    ranks = table.rank(axis=1)
    centred = ranks.sub(ranks.mean(axis=1), axis=0).to_numpy(np.float64)
    size = np.sqrt((centred**2).sum(axis=1))
    out = np.full(len(table), np.nan)
    scale = size[1:] * size[:-1]
    products = (centred[1:] * centred[:-1]).sum(axis=1)
    np.divide(products, scale, out=out[1:], where=scale > 0)
    return pd.Series(out, table.index, name="rank_correlation")


@dataclasses.dataclass(frozen=True, eq=False)
class _Lesson:
    columns: tuple[str, ...]
    x: Floats
    y: Floats
    dates: pd.DatetimeIndex


def _fitted(lesson: _Lesson, result: SearchResult, engine: Learner, plan: Search) -> InclusionModel:
    """Fit the chosen point on all rows."""
    rows = engine.matrix(lesson.x, lesson.y)
    trees = engine.fit(rows, result.point, int(result.point[ROUNDS]), plan.seed)
    raw = trees.importance()
    share = raw / raw.sum() if raw.sum() > 0 else np.zeros(len(raw))
    by_fold, whole = _held_out(lesson, result, plan)
    return InclusionModel(
        learner=engine.name,
        columns=lesson.columns,
        point=MappingProxyType(dict(result.point)),
        base_rate=float(lesson.y.mean()),
        importance=pd.Series(share, list(lesson.columns), dtype=np.float64),
        by_fold=by_fold,
        held_out=whole,
        search=result.table,
        notes=(*([engine.note] if engine.note else []), *result.notes),
        text=trees.text(),
    )


def _held_out(
    lesson: _Lesson, result: SearchResult, plan: Search
) -> tuple[tuple[Scores, ...], Scores | None]:
    """Return the scores of the folds that were run, one by one and together."""
    if not result.held_out:
        return (), None
    folds = month_folds(lesson.dates, plan.folds, plan.purge)
    truth = [lesson.y[folds[number - 1][1]] for number in result.folds]
    single = tuple(scores(t, p) for t, p in zip(truth, result.held_out, strict=True))
    return single, scores(np.concatenate(truth), np.concatenate(result.held_out))


def _constant(columns: tuple[str, ...], label: float, rows: int) -> InclusionModel:
    """Return the base-rate model of labels of one class."""
    note = f"{ONE_CLASS}: all {rows} training labels are {int(label)}, so nothing was fitted"
    return InclusionModel(
        learner=CONSTANT,
        columns=columns,
        point=MappingProxyType({}),
        base_rate=label,
        importance=pd.Series(0.0, list(columns)),
        by_fold=(),
        held_out=None,
        search=pd.DataFrame(),
        notes=(note,),
        text="",
    )


def _matrix(features: pd.DataFrame, columns: tuple[str, ...]) -> Floats:
    """Return features as an array."""
    if tuple(map(str, features.columns)) != columns:
        raise DataError(
            f"trained on the columns {', '.join(columns)}, given "
            f"{', '.join(map(str, features.columns))}"
        )
    return np.ascontiguousarray(features.to_numpy(np.float64))
