"""Forecast evaluation of sector rotation: skill, nested model selection, feature importance.

Every forecast of month t + 1 is learnt from months whose return was known at the end of t. Models
are compared with each other, with the expanding mean and with zero on the same months. Nested
selection takes, month by month, the model with the least error so far; its gap to the best model in
hindsight, which could not have been known, is the cost of selection.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from tiltwise.backtest.progress import Progress
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.errors import DataError
from tiltwise.evaluate.forecasts import Measure, skill
from tiltwise.features.macro.table import macro_features
from tiltwise.features.month_end import MOMENTUM, REVERSAL, family_features, month_returns
from tiltwise.market.market import Market
from tiltwise.models.forecasters.contract import Forecast, Forecaster, next_returns
from tiltwise.models.forecasters.ensemble import combined
from tiltwise.models.forecasters.naive import Persistence
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.small_net import SmallNet
from tiltwise.models.forecasters.tree import Tree
from tiltwise.models.forecasters.walk import walk
from tiltwise.models.monthly_forecast import MOST
from tiltwise.models.validation.refits import Refits
from tiltwise.portfolio.rotation import Rotation
from tiltwise.research.studies.family_importance import families, importance
from tiltwise.strategy import from_weights

MODELS: Mapping[str, Forecaster] = MappingProxyType(
    {"ridge": Ridge(), "tree": Tree(depth=3, leaf=8, split=20), "network": SmallNet()}
)
NESTED, AVERAGE, LAST = "nested selection", "ensemble", "persistence"
FAMILIES = (MOMENTUM, REVERSAL)
YEAR = 12


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Settings of training and measurement.

    Attributes
    ----------
    first : months before the first forecast.
    least : months with known errors before a model is chosen by them.
    yearly : models that learn once a year; the others learn every month.
    draws : earlier months drawn for the importance of a family.
    seed : of whatever is drawn at random.
    jobs : threads of the fits; the numbers do not depend on them.
    """

    first: int = 120
    least: int = YEAR
    yearly: tuple[str, ...] = ("network",)
    draws: int = 10
    seed: int = 0
    jobs: int = 1


@dataclasses.dataclass(frozen=True, eq=False)
class RotationEvidence:
    """Results of the forecasts; every row of `skill` has the same months and assets.

    Attributes
    ----------
    skill : (model x numbers) of `evaluate.forecasts.skill`.
    forecasts : by model, (month end x asset), of the return of the month after.
    chosen : (month end) model that nested selection took.
    weights : (month end x model) of the average.
    hindsight, gap : member with the least error over all months, and its R2_OOS less that of
        nested selection.
    importance : ((model, family) x share, low, high), see `family_importance`.
    columns : number of feature columns by family.
    months : month ends behind `skill`; the first and the last one forecast the month after.
    """

    skill: pd.DataFrame
    forecasts: Mapping[str, pd.DataFrame]
    chosen: pd.Series
    weights: pd.DataFrame
    hindsight: str
    gap: float
    importance: pd.DataFrame
    columns: Mapping[str, int]
    months: pd.DatetimeIndex


@dataclasses.dataclass(frozen=True)
class Careful(Forecaster):
    """A forecaster with the recipe's columns, its forecasts clipped to the training returns.

    Columns known in fewer than `MOST` of the training rows are left out.
    """

    model: Forecaster

    @property
    def lookback(self) -> int:
        """Rows that the model needs."""
        return self.model.lookback

    def fit(self, x: pd.DataFrame, y: pd.DataFrame) -> "CarefulForecast":
        """Learn from the columns that are known."""
        own = [str(name) for name in x.columns[x.notna().mean() >= MOST]]
        if not own:
            raise DataError(f"no feature is known in {MOST:.0%} of the {len(x)} rows learnt from")
        return CarefulForecast(self.model.fit(x[own], y), tuple(own), y.min(), y.max())


@dataclasses.dataclass(frozen=True, eq=False)
class CarefulForecast(Forecast):
    """Fitted `Careful` forecaster: columns used, least and greatest return by target."""

    forecast: Forecast
    columns: tuple[str, ...]
    lowest: pd.Series
    highest: pd.Series

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return forecasts (row x target)."""
        forecasts = self.forecast.predict(x[list(self.columns)])
        return forecasts.clip(self.lowest, self.highest, axis="columns")


def tables_of(market: Market) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features (month end x column) and next month's returns (month end x asset).

    Both families of prices, and the real-time changes of macro series where there are vintages.
    """
    x = family_features(market)
    if market.vintages is not None:
        x = pd.concat([x, macro_features(market, "changes")], axis=1)
    return x, next_returns(month_returns(market)).sort_index(axis=1)


def evidence(
    market: Market,
    protocol: Protocol | None = None,
    models: Mapping[str, Forecaster] = MODELS,
    progress: Progress | None = None,
) -> RotationEvidence:
    """Forecast every month after the first ones; measure models, selection and families.

    Raises
    ------
    DataError
        There are too few months.
    """
    protocol = protocol or Protocol()
    x, y = tables_of(market)
    careful = {name: Careful(model) for name, model in models.items()}
    forecasts, rated = {}, {}
    for done, (name, model) in enumerate(careful.items()):
        every = YEAR if name in protocol.yearly else 1
        plan = Refits(protocol.first, every)
        forecasts[name] = walk({name: model}, x, y, plan, protocol.jobs).tables[name]
        groups = families(list(map(str, x.columns)), FAMILIES)
        yearly = Refits(protocol.first, YEAR)
        importances = importance(model, x, y, groups, yearly, protocol.draws, protocol.seed)
        rated[name] = importances.table(seed=protocol.seed)
        if progress:
            progress(done + 1, len(careful))
    taken, chosen = nested(forecasts, y, protocol.least)
    average, weights = combined(forecasts, y, least=protocol.least)
    last = walk({LAST: Persistence()}, x, y, Refits(protocol.first)).tables
    every_one = {**forecasts, AVERAGE: average, NESTED: taken, **last}
    table = skill(every_one, y, Measure(seed=protocol.seed))
    hindsight = str(table.loc[list(forecasts), "r2_oos"].idxmax())
    r2 = table["r2_oos"].to_dict()
    return RotationEvidence(
        skill=table,
        forecasts=every_one,
        chosen=chosen,
        weights=weights,
        hindsight=hindsight,
        gap=float(r2[hindsight] - r2[NESTED]),
        importance=pd.concat(rated, names=["model"]),
        columns={family: len(columns) for family, columns in groups.items()},
        months=_months(taken, y),
    )


def nested(
    forecasts: Mapping[str, pd.DataFrame], realised: pd.DataFrame, least: int = YEAR
) -> tuple[pd.DataFrame, pd.Series]:
    """Return, in every row, the forecast of the model with the least past mean squared error.

    Parameters
    ----------
    forecasts : by model, frames (row x target) of the same rows: at row t of the return after t.
    realised : return after each row (row x target); that of row t - 1 is known at t.
    least : rows with known errors before anything is chosen.

    Returns
    -------
    The forecasts taken (row x target), missing before the first choice; and the model by row, from
    the first choice on. Ties go to the model named first.

    Raises
    ------
    DataError
        Rows or targets differ.
    """
    names = list(forecasts)
    first = forecasts[names[0]]
    for name in names[1:]:
        same = forecasts[name].index.equals(first.index)
        if not same or not forecasts[name].columns.equals(first.columns):
            raise DataError(f"{name} and {names[0]} need the same rows and targets to choose from")
    predicted = np.stack([forecasts[name].to_numpy(np.float64) for name in names])
    truth = realised.reindex(index=first.index, columns=first.columns).to_numpy(np.float64)
    squares = (predicted - truth) ** 2
    known = ~np.isnan(squares).any(axis=0)
    sums = np.where(known, squares, 0.0).sum(axis=2).cumsum(axis=1)
    months = known.any(axis=1).cumsum()
    values = np.full(truth.shape, np.nan)
    chosen = {}
    for row in range(1, len(first)):
        if months[row - 1] >= least:
            best = int(np.argmin(sums[:, row - 1]))
            values[row] = predicted[best, row]
            chosen[first.index[row]] = names[best]
    table = pd.DataFrame(values, first.index, first.columns)
    return table, pd.Series(chosen, name="model", dtype=object)


def book(
    forecasts: pd.DataFrame,
    market: Market,
    simulator: Simulator | None = None,
    rotation: Rotation | None = None,
) -> Backtest:
    """Backtest the recipe's book of forecasts (month end x asset) from the first complete row on.

    Raises
    ------
    DataError
        No row is complete.
    """
    whole = forecasts.dropna()
    rows = whole.index.intersection(market.dates)
    if not len(rows):
        raise DataError("no month end has a forecast of every asset: there is no book to hold")
    weights = (rotation or Rotation()).exposures(whole.loc[rows])

    def decided(prices: pd.DataFrame) -> pd.DataFrame:
        return weights.reindex(prices.index)

    strategy = from_weights(decided, universe=tuple(map(str, weights.columns)))
    return walk_forward(strategy, market, rows[0], simulator=simulator)


def _months(taken: pd.DataFrame, y: pd.DataFrame) -> pd.DatetimeIndex:
    """Return the rows with a nested forecast and a realised return."""
    came = taken.notna().any(axis=1) & y.reindex(taken.index).notna().any(axis=1)
    return pd.DatetimeIndex(taken.index[came])
