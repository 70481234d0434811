"""XGBoost forecaster: one ensemble per target, on one thread."""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.kernels.arrays import Floats
from tiltwise.models.forecasters.contract import (
    Forecast,
    Forecaster,
    Lesson,
    features_of,
    peer,
    table_of,
)

WHAT = "boosted trees"


@dataclasses.dataclass(frozen=True, eq=False)
class BoostedForecast(Forecast):
    """A fitted booster as XGBoost's JSON text.

    Attributes
    ----------
    columns, targets : names, in order.
    importance : by feature, share of the gain of all splits.
    text : the booster.
    """

    columns: tuple[str, ...]
    targets: tuple[str, ...]
    importance: pd.Series
    text: str

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts (row x target)."""
        xgboost = peer("xgboost", WHAT)
        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(bytearray(self.text.encode()))
        rows = xgboost.DMatrix(features_of(x, self.columns), nthread=1)
        values = np.asarray(booster.predict(rows), dtype=np.float64)
        return table_of(values.reshape(len(x), len(self.targets)), x.index, self.targets)


@dataclasses.dataclass(frozen=True)
class Boosted(Forecaster):
    """Gradient boosting, squared error, histogram method; missing values have a branch.

    Attributes
    ----------
    rounds, depth, rate : trees a target, their depth, and the share of each that is added.
    rows, features : share of them that a tree sees.
    penalty : on the squared value of a leaf.
    seed : of the shares.
    """

    rounds: int = 100
    depth: int = 3
    rate: float = 0.05
    rows: float = 0.8
    features: float = 0.8
    penalty: float = 1.0
    seed: int = 0

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> BoostedForecast:
        """Learn from all rows of which the targets are known."""
        lesson = Lesson.of(x, y)
        xgboost = peer("xgboost", WHAT)
        settings = {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "nthread": 1,
            "verbosity": 0,
            "seed": self.seed,
            "max_depth": self.depth,
            "learning_rate": self.rate,
            "subsample": self.rows,
            "colsample_bytree": self.features,
            "reg_lambda": self.penalty,
        }
        rows = xgboost.QuantileDMatrix(lesson.x, lesson.y, nthread=1)
        booster = xgboost.train(settings, rows, self.rounds)
        gain = booster.get_score(importance_type="total_gain")
        raw = np.array([gain.get(f"f{i}", 0.0) for i in range(len(lesson.columns))])
        share: Floats = raw / raw.sum() if raw.sum() > 0.0 else raw
        return BoostedForecast(
            columns=lesson.columns,
            targets=lesson.targets,
            importance=pd.Series(share, list(lesson.columns)),
            text=bytes(booster.save_raw("json")).decode(),
        )
