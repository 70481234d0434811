"""Boosted trees by XGBoost, or by scikit-learn where that is not installed.

A fit of many rounds holds the fits of fewer: its first r rounds are the trees of a fit of r rounds,
since neither sampled rows nor splits depend on later rounds. So all numbers of rounds are read off
one fit. Each fit runs on one thread, so its bits depend on rows, parameters and seed only. A fit is
stored as text (JSON), never pickled.
"""

import abc
import importlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from tiltwise.errors import DataError, MissingData
from tiltwise.kernels.arrays import Floats

Point = Mapping[str, float]
ROUNDS = "n_estimators"


class Trees(abc.ABC):
    """A fitted booster."""

    @abc.abstractmethod
    def probability(self, x: Floats, rounds: int) -> Floats:
        """Return the probability (rows,) of label 1 after so many rounds."""

    @abc.abstractmethod
    def importance(self) -> Floats:
        """Return the importance of each feature (columns,), not normalised."""

    @abc.abstractmethod
    def text(self) -> str:
        """Return the fit as JSON."""


class Learner(abc.ABC):
    """Base class of learners of boosted trees.

    Attributes
    ----------
    name : recorded with every model.
    knobs : parameters it heeds, besides the rounds.
    note : what is to be said about it, or "".
    """

    name: str
    knobs: tuple[str, ...]
    note: str = ""

    @abc.abstractmethod
    def matrix(self, x: Floats, y: Floats) -> Any:
        """Return training rows in the form that `fit` takes; for one thread at a time."""

    @abc.abstractmethod
    def fit(self, rows: Any, point: Point, rounds: int, seed: int) -> Trees:
        """Fit so many rounds with the parameters of a point."""

    @abc.abstractmethod
    def read(self, text: str) -> Trees:
        """Return the fit that `Trees.text` wrote."""


def learner(name: str | None = None) -> Learner:
    """Return a learner by name; None for XGBoost, or scikit-learn if that is not installed.

    Raises
    ------
    MissingData
        The library is not installed.
    DataError
        There is no learner of that name.
    """
    if name is None and not _installed("xgboost"):
        engine = Histogram(_module("sklearn.ensemble"))
        engine.note = f"xgboost is not installed; {engine.note}"
        return engine
    name = name or XGBoost.name
    for kind, module in ((XGBoost, "xgboost"), (Histogram, "sklearn.ensemble")):
        if name == kind.name:
            return kind(_module(module))
    raise DataError(f"no learner {name!r}; there are {XGBoost.name} and {Histogram.name}")


class XGBoost(Learner):
    """Gradient boosting of XGBoost, histogram method, logistic loss."""

    name = "xgboost"
    knobs = (
        "max_depth",
        "learning_rate",
        "subsample",
        "colsample_bytree",
        "reg_alpha",
        "reg_lambda",
    )

    def __init__(self, package: Any) -> None:
        self._package = package

    def matrix(self, x: Floats, y: Floats) -> Any:
        """Return the rows cut into bins once, for all points."""
        return self._package.QuantileDMatrix(x, y, nthread=1)

    def fit(self, rows: Any, point: Point, rounds: int, seed: int) -> Trees:
        """Fit with the library's defaults but for the point, seed and threads."""
        settings = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "nthread": 1,
            "seed": seed,
            "verbosity": 0,
            **{name: point[name] for name in self.knobs if name in point},
        }
        return _Booster(self._package, self._package.train(settings, rows, rounds))

    def read(self, text: str) -> Trees:
        """Return a booster from XGBoost's own JSON."""
        booster = self._package.Booster({"nthread": 1})
        booster.load_model(bytearray(text.encode()))
        return _Booster(self._package, booster)


class _Booster(Trees):
    def __init__(self, package: Any, booster: Any) -> None:
        self._package, self._booster = package, booster

    def probability(self, x: Floats, rounds: int) -> Floats:
        rows = self._package.DMatrix(x, nthread=1)
        probabilities = self._booster.predict(rows, iteration_range=(0, rounds))
        return np.asarray(probabilities, dtype=np.float64)

    def importance(self) -> Floats:
        """Return the mean gain of the splits on each feature."""
        gain = self._booster.get_score(importance_type="gain")
        return np.array([gain.get(f"f{i}", 0.0) for i in range(self._booster.num_features())])

    def text(self) -> str:
        return bytes(self._booster.save_raw("json")).decode()


class Histogram(Learner):
    """Histogram gradient boosting of scikit-learn, where XGBoost is not installed.

    Its text holds the training rows: it is fitted again when it is read, since the library keeps
    fits by pickling alone.
    """

    name = "hist_gradient_boosting"
    knobs = ("max_depth", "learning_rate", "colsample_bytree", "reg_lambda")
    note = (
        "learned by scikit-learn's histogram gradient boosting, which has no counterpart of "
        "subsample and reg_alpha"
    )

    def __init__(self, package: Any) -> None:
        self._package = package

    def matrix(self, x: Floats, y: Floats) -> Any:
        """Return both; a feature of which no row knows anything is one constant.

        The library cannot cut such a column into bins; a constant is never split on either.
        """
        return np.where(np.isnan(x).all(axis=0), 0.0, x), y

    def fit(self, rows: Any, point: Point, rounds: int, seed: int) -> Trees:
        """Fit without early stopping, of trees bounded by their depth alone."""
        x, y = rows
        model = self._package.HistGradientBoostingClassifier(
            max_iter=rounds,
            max_depth=int(point["max_depth"]),
            max_leaf_nodes=None,
            learning_rate=point["learning_rate"],
            max_features=point["colsample_bytree"],
            l2_regularization=point["reg_lambda"],
            early_stopping=False,
            random_state=seed,
        )
        with _one_thread():
            model.fit(x, y)
        return _Refitted(model, rows, point, rounds, seed)

    def read(self, text: str) -> Trees:
        """Return the stored model, fitted again."""
        stored = json.loads(text)
        rows = np.array(stored["x"], dtype=np.float64), np.array(stored["y"], dtype=np.float64)
        return self.fit(rows, stored["point"], stored["rounds"], stored["seed"])


class _Refitted(Trees):
    def __init__(self, model: Any, rows: Any, point: Point, rounds: int, seed: int) -> None:
        self._model, self._rows = model, rows
        self._made = {"point": dict(point), "rounds": rounds, "seed": seed}

    def probability(self, x: Floats, rounds: int) -> Floats:
        with _one_thread():
            for stage, values in enumerate(self._model.staged_predict_proba(x), start=1):
                if stage == rounds:
                    return np.asarray(values[:, 1], dtype=np.float64)
        raise DataError(f"{rounds} rounds of {self._made['rounds']} were asked for")

    def importance(self) -> Floats:
        """Return the fall of the area under the ROC curve by permutation, at least zero."""
        x, y = self._rows
        inspection = importlib.import_module("sklearn.inspection")
        with _one_thread():
            importances = inspection.permutation_importance(
                self._model, x, y, scoring="roc_auc", n_repeats=5, random_state=self._made["seed"]
            )
        return np.maximum(np.asarray(importances.importances_mean, dtype=np.float64), 0.0)

    def text(self) -> str:
        x, y = self._rows
        return json.dumps({**self._made, "x": x.tolist(), "y": y.tolist()})


def _one_thread() -> Any:
    return importlib.import_module("threadpoolctl").threadpool_limits(1, user_api="openmp")


def _installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingData(
            f"boosted trees come from {name.partition('.')[0]}, which is not installed: "
            "pip install 'tiltwise[research]'"
        ) from error
