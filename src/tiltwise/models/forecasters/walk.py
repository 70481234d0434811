"""Walk-forward forecasts of several models on common rows."""

import dataclasses
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from tiltwise.errors import DataError
from tiltwise.models.forecasters.contract import Forecaster
from tiltwise.models.validation.refits import Holdout, Refits
from tiltwise.models.validation.splits import Split


@dataclasses.dataclass(frozen=True, eq=False)
class Forecasts:
    """Forecasts by model.

    Attributes
    ----------
    tables : by model, a frame (row x target): at row t the forecast of the return after t.
    learnt : (row x model) last row whose target the fit in force had seen; always before the row.
    """

    tables: Mapping[str, pd.DataFrame]
    learnt: pd.DataFrame

    def joined(self, other: "Forecasts") -> "Forecasts":
        """Return the models of both on the rows that both have.

        Raises
        ------
        DataError
            A model is in both, or no row is.
        """
        twice = set(self.tables) & set(other.tables)
        rows = self.learnt.index.intersection(other.learnt.index)
        if twice or not len(rows):
            why = f"both have {sorted(twice)[0]}" if twice else "they share no row"
            raise DataError(f"these forecasts cannot be joined: {why}")
        every = {**self.tables, **other.tables}
        learnt = pd.concat([self.learnt, other.learnt], axis=1).loc[rows]
        return Forecasts({name: table.loc[rows] for name, table in every.items()}, learnt)

    def long(self) -> pd.DataFrame:
        """Return one line a forecast: made, model, target, learnt, value."""
        parts = []
        for name, table in self.tables.items():
            wide = table.rename_axis(index="made", columns="target")
            part = wide.melt(ignore_index=False).reset_index()
            part["model"] = name
            part["learnt"] = self.learnt[name].reindex(part["made"]).to_numpy()
            parts.append(part)
        return pd.concat(parts, ignore_index=True)[["made", "model", "target", "learnt", "value"]]


def walk(
    models: Mapping[str, Forecaster],
    x: pd.DataFrame,
    y: pd.DataFrame,
    plan: Refits | Holdout | None = None,
    jobs: int = 1,
) -> Forecasts:
    """Fit models on earlier rows and forecast later ones.

    Parameters
    ----------
    models : by name.
    x : features known at each row (row x feature).
    y : return after each row (row x target); missing at the last row, which is forecast too.
    plan : when they learn; by default every row after ten years of months.
    jobs : threads; the numbers do not depend on them.

    Raises
    ------
    DataError
        Rows differ, or there are too few before the first forecast.
    """
    if not x.index.equals(y.index):
        raise DataError("features and targets need the same rows")
    parts = list((plan or Refits()).split(len(x)))
    forecasts, learnt = {}, {}
    with ThreadPoolExecutor(jobs) as pool:
        for name, model in models.items():
            own = _each_row(parts) if model.each_row else parts
            tables = list(pool.map(lambda part, m=model: _forecast(m, x, y, part), own))
            forecasts[name] = pd.concat(tables)
            last = [y.index[training[-1]] for training, test in own for _ in test]
            learnt[name] = pd.Series(last, forecasts[name].index)
    return Forecasts(forecasts, pd.DataFrame(learnt))


def _each_row(parts: list[Split]) -> list[Split]:
    return [(np.arange(row), np.array([row])) for _, test in parts for row in test]


def _forecast(model: Forecaster, x: pd.DataFrame, y: pd.DataFrame, part: Split) -> pd.DataFrame:
    training, test = part
    forecast = model.fit(x.iloc[training], y.iloc[training])
    before = model.lookback - 1
    start = int(test[0]) - before
    if start < 0:
        raise DataError(f"row {x.index[test[0]]} has fewer than {before} rows before it")
    predicted = forecast.predict(x.iloc[start : int(test[-1]) + 1])
    return predicted.loc[x.index[test]]
