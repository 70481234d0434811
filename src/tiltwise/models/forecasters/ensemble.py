"""Forecast combination with weights by past mean squared error.

The weight of a model is one over its mean squared error on rows whose target was known when the
weight was set, raised to a power and scaled to sum to one. Equal weights (power 0) are hard to
beat, since estimated weights add noise.

Source: Bates and Granger (1969), "The combination of forecasts", Operational Research Quarterly 20;
Timmermann (2006), "Forecast combinations", Handbook of Economic Forecasting 1.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.kernels.arrays import Floats
from tiltwise.models.forecasters.contract import Forecast, Forecaster, Lesson, inner_folds, table_of
from tiltwise.models.validation.splits import Split

LEAST = 12  #: rows with known errors before weights differ


@dataclasses.dataclass(frozen=True, eq=False)
class EnsembleForecast(Forecast):
    """Fitted members and the weight of each."""

    members: tuple[Forecast, ...]
    weights: pd.Series

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return the weighted average on the rows that all members forecast."""
        tables = [member.predict(x) for member in self.members]
        rows = min((table.index for table in tables), key=len)
        stacked = np.stack([table.loc[rows].to_numpy() for table in tables])
        values = (stacked * self.weights.to_numpy()[:, None, None]).sum(axis=0)
        return table_of(values, rows, list(tables[0].columns))


@dataclasses.dataclass(frozen=True)
class Ensemble(Forecaster):
    """Members weighted by their errors on inner rows, each block after the rows it was learnt from.

    Attributes
    ----------
    members : at least two; one that must be fitted for each row cannot be a member.
    folds : inner blocks.
    power : of one over the error; 0 weights all alike and needs no folds.
    """

    members: tuple[Forecaster, ...]
    folds: int = 3
    power: float = 1.0

    def __post_init__(self) -> None:
        """Reject fewer than two members, and members fitted for each row."""
        if len(self.members) < 2 or any(member.each_row for member in self.members):
            raise DataError("an ensemble needs two members, none of which is fitted for each row")

    @property
    def lookback(self) -> int:
        """Largest lookback of the members."""
        return max(member.lookback for member in self.members)

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> EnsembleForecast:
        """Learn the weights on inner blocks, then every member from all rows."""
        Lesson.of(x, y)
        errors = np.ones((1, len(self.members)))
        if self.power:
            parts = inner_folds(len(x), "time", self.folds)
            errors = np.vstack([self._errors(x, y, part) for part in parts])
        names = [type(member).__name__ for member in self.members]
        weights = pd.Series(weights_of(errors.mean(axis=0), self.power), names)
        return EnsembleForecast(tuple(member.fit(x, y) for member in self.members), weights)

    def settled(self, x: pd.DataFrame, y: pd.DataFrame) -> "Ensemble":
        """Return the ensemble of settled members; the weights are learnt in every fit."""
        members = tuple(member.settled(x, y) for member in self.members)
        return dataclasses.replace(self, members=members)

    def _errors(self, x: pd.DataFrame, y: pd.DataFrame, part: Split) -> Floats:
        """Return the mean squared error (members,) on a held-out block."""
        training, test = part
        truth = y.iloc[test].to_numpy(np.float64)
        errors = []
        for member in self.members:
            forecast = member.fit(x.iloc[training], y.iloc[training])
            seen = x.iloc[max(int(test[0]) - member.lookback + 1, 0) : int(test[-1]) + 1]
            gap = truth - forecast.predict(seen).reindex(x.index[test]).to_numpy(np.float64)
            errors.append(np.nanmean(gap * gap))
        return np.array(errors)


def weights_of(errors: Floats, power: float = 1.0) -> Floats:
    """Return weights (members,) from mean squared errors; a zero error takes all weight."""
    if (errors <= 0.0).any():
        best = (errors <= 0.0).astype(np.float64)
        share: Floats = best / best.sum()
        return share
    scaled = (errors.min() / errors) ** power
    weights: Floats = scaled / scaled.sum()
    return weights


def combined(
    forecasts: Mapping[str, pd.DataFrame],
    realised: pd.DataFrame,
    power: float = 1.0,
    least: int = LEAST,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Average forecasts row by row, each row with weights from the rows before it.

    Parameters
    ----------
    forecasts : by model, frames (row x target) of the same rows: at row t of the return after t.
    realised : return after each row (row x target); that of row t - 1 is known at t.
    power : of one over the mean squared error.
    least : rows with known errors before weights differ.

    Returns
    -------
    The average (row x target), and the weights (row x model) behind it.

    Raises
    ------
    DataError
        There are fewer than two models, or their rows and targets differ.
    """
    names = list(forecasts)
    tables = list(forecasts.values())
    same = [t.index.equals(tables[0].index) and t.columns.equals(tables[0].columns) for t in tables]
    if len(tables) < 2 or not all(same):
        raise DataError("an average needs two models or more, with the same rows and targets")
    first = tables[0]
    predicted = np.stack([table.to_numpy(np.float64) for table in tables])
    truth = realised.reindex(index=first.index, columns=first.columns).to_numpy(np.float64)
    squares = (predicted - truth) ** 2
    known = ~np.isnan(squares).any(axis=0)
    sums = np.where(known, squares, 0.0).sum(axis=2).cumsum(axis=1)
    cells = known.sum(axis=1).cumsum()
    weights = np.full((len(first), len(names)), 1.0 / len(names))
    for row in range(least, len(first)):
        if cells[row - 1]:
            weights[row] = weights_of(sums[:, row - 1] / cells[row - 1], power)
    average = (predicted * weights.T[:, :, None]).sum(axis=0)
    rows = pd.DataFrame(weights, first.index, names)
    return pd.DataFrame(average, first.index, first.columns), rows
