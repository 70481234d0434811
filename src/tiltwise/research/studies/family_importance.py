"""Permutation importance of feature families, out of sample.

In each forecast the values of one family, all of its columns together, are replaced by those of a
random earlier month; the others stay. The added squared error, out of sample, is the importance of
the family. Only earlier months are drawn, by a stream of the row's own, so later data change
nothing of an earlier row.

Source: Breiman (2001), "Random forests", Machine Learning 45(1), for the permutation.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.evaluate.significance.inference import DRAWS, block_length
from tiltwise.kernels.bootstrap.stationary import stationary_means
from tiltwise.kernels.path_metrics import FloatArray
from tiltwise.models.forecasters.contract import Forecast, Forecaster
from tiltwise.models.validation.refits import Refits

OTHER = "macro"


@dataclasses.dataclass(frozen=True, eq=False)
class Importance:
    """Squared errors by row, summed over targets.

    Attributes
    ----------
    added : (row x family) mean error with the family drawn from another month, less `loss`.
    loss : (row) error of the forecasts as they were.
    """

    added: pd.DataFrame
    loss: pd.Series

    def table(self, level: float = 0.9, seed: int = 0) -> pd.DataFrame:
        """Return (family x share, low, high): error added as a share of the error, with interval.

        A family whose interval lies above zero helped; below zero it did harm.
        """
        rows = {str(f): _share(self.added[f], self.loss, level, seed) for f in self.added}
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["share", "low", "high"])
        return table.rename_axis("family")


def families(columns: Sequence[str], named: Sequence[str]) -> dict[str, list[str]]:
    """Return columns by family: the first word of a column, or `OTHER` where it names none."""
    grouped: dict[str, list[str]] = {}
    for column in map(str, columns):
        first = column.partition(" ")[0]
        grouped.setdefault(first if first in named else OTHER, []).append(column)
    return grouped


def importance(
    model: Forecaster,
    x: pd.DataFrame,
    y: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    plan: Refits | None = None,
    draws: int = 10,
    seed: int = 0,
) -> Importance:
    """Return the permutation importance of each family, out of sample.

    Parameters
    ----------
    model : needs one row of features a forecast.
    x, y : features known at each row, and the return after it; as for `forecasters.walk`.
    groups : columns by family.
    plan : when the model learns, by default every year after ten years of months.
    draws : earlier months drawn a row and family.
    seed : of these.

    Raises
    ------
    DataError
        The model needs several rows, or no row that is forecast came true.
    """
    if model.lookback > 1:
        raise DataError(f"{type(model).__name__} needs {model.lookback} rows a forecast, not one")
    parts = []
    for training, test in (plan or Refits(every=12)).split(len(x)):
        rows = [int(t) for t in test if y.iloc[t].notna().any()]
        if rows:
            forecast = model.fit(x.iloc[training], y.iloc[training])
            parts.append(_added(forecast, x, y.iloc[rows], rows, groups, draws, seed))
    if not parts:
        raise DataError("no row that is forecast came true: importance has nothing to rest on")
    table = pd.concat(parts)
    return Importance(table.drop(columns="loss"), table["loss"])


def _added(
    forecast: Forecast,
    x: pd.DataFrame,
    truth: pd.DataFrame,
    rows: list[int],
    groups: Mapping[str, Sequence[str]],
    draws: int,
    seed: int,
) -> pd.DataFrame:
    """Return the added error by family, and the error itself, on the test rows of one fit."""
    own = x.iloc[rows]
    known = truth.to_numpy(np.float64)
    loss = _loss(forecast.predict(own)[list(truth)].to_numpy(), known)
    drawn = np.array([np.random.default_rng([seed, t]).integers(0, t, draws) for t in rows])
    many = own.iloc[np.repeat(np.arange(len(rows)), draws)].reset_index(drop=True)
    out = {}
    for family, columns in groups.items():
        mixed = many.copy()
        mixed[list(columns)] = x[list(columns)].to_numpy()[drawn.ravel()]
        wrong = _loss(
            forecast.predict(mixed)[list(truth)].to_numpy(), np.repeat(known, draws, axis=0)
        )
        out[family] = wrong.reshape(len(rows), draws).mean(axis=1) - loss
    return pd.DataFrame({**out, "loss": loss}, truth.index)


def _loss(predicted: FloatArray, truth: FloatArray) -> FloatArray:
    gap = np.nan_to_num(truth - predicted)
    loss: FloatArray = (gap * gap).sum(axis=1)
    return loss


def _share(added: pd.Series, loss: pd.Series, level: float, seed: int) -> list[float]:
    """Return mean error added over mean error, with the interval of the block bootstrap."""
    pair = np.column_stack([added.to_numpy(np.float64), loss.to_numpy(np.float64)])
    centre = pair.mean(axis=0)
    if not centre[1] > 0.0:
        return [math.nan, math.nan, math.nan]
    block = max(1.0, block_length(pair[:, 0])) if pair[:, 0].any() else 1.0
    means = centre + stationary_means(pair - centre, seed, 0, DRAWS, block)
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means[:, 0] / means[:, 1], [tail, 1.0 - tail])
    return [float(centre[0] / centre[1]), float(low), float(high)]
