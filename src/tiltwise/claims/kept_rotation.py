"""The corrected sector rotation, all its months forecast in one go.

Its forecasts are those of the recipe, but for the tree, which searches the published grid once a
year instead of every month. A walk over all months shares the table of features, and the answers of
single sessions are checked against it by every back-test.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY, Schedule
from tiltwise.features.macro_table import macro_features
from tiltwise.features.month_end import month_returns, price_features
from tiltwise.market.market import Market
from tiltwise.models.forecasters.contract import Forecast, Forecaster, next_returns
from tiltwise.models.forecasters.naive import HistoricalMean, Persistence
from tiltwise.models.forecasters.ridge import Ridge
from tiltwise.models.forecasters.small_net import SmallNet
from tiltwise.models.forecasters.tree import Tree, TreeForecast
from tiltwise.models.month_ahead import MOST
from tiltwise.portfolio.rotation import Rotation
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.strategy import Decision, Decisions, Strategy

MODELS = {
    "ridge": Ridge(),
    "tree": Tree(search=True),
    "network": SmallNet(),
    "mean": HistoricalMean(),
    "persistence": Persistence(),
}
DECEMBER = 12


@dataclasses.dataclass(frozen=True)
class KeptRotation(Strategy):
    """The rotation with forecasts worked out for all months at once.

    Attributes
    ----------
    model : of `MODELS`.
    least : months learnt from before the first forecast.
    cap : of the sum of exposures.
    """

    universe: tuple[str, ...] = ()
    model: str = "ridge"
    least: int = 120
    cap: float = 2.0
    lookback: int | None = None
    decide_on: Schedule = MONTHLY

    @property
    def name(self) -> str:
        """The recipe's, so that its trials are counted together with the recipe's."""
        return SectorRotation.__name__

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest month end."""
        x, y = rows_of(past)
        told = expanding(x, y, self.model, [len(x) - 1], self.least, _share(past))
        return self._book(told.iloc[-1], past.prices.columns)

    def decide_many(self, model: None, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of all month ends, from one walk."""
        told = walked(past, self.model, self.least)
        last = told.index.searchsorted(dates, side="right") - 1
        books = [self._book(told.iloc[row], past.prices.columns) for row in last]
        return Decisions.stack(dates, books, past.assets)

    def _book(self, told: pd.Series, columns: pd.Index) -> Decision:
        forecast = told.reindex(columns)
        weights = Rotation(cap=self.cap).exposures(forecast.to_frame().T).iloc[0]
        return Decision(weights, {"forecast": forecast, "gross": float(weights.sum())})


def rows_of(market: Market) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features and next month's returns by month end, as the recipe sees them."""
    prices = market.vintages is None
    x = price_features(market) if prices else macro_features(market, "changes")
    return x, next_returns(month_returns(market)).sort_index(axis=1)


def walked(market: Market, model: str, least: int) -> pd.DataFrame:
    """Return the forecasts of all months from row `least` on, worked out once."""

    def run() -> pd.DataFrame:
        x, y = rows_of(market)
        return expanding(x, y, model, range(least, len(x)), least, _share(market))

    found: pd.DataFrame = market.cached(("walked rotation", model, least), run)
    return found


def expanding(
    x: pd.DataFrame, y: pd.DataFrame, model: str, rows: Iterable[int], least: int, share: float
) -> pd.DataFrame:
    """Return forecasts of some rows, each learnt from the rows before it (row x asset).

    Series known in a `share` of the rows so far are used, and a forecast is drawn in to the range
    of the returns learnt from. The network learns, and the tree searches, at the ends of years;
    before the first of these that leaves `least` rows, at the row itself.
    """
    settings: dict[int, Forecaster] = {}
    learnt: dict[int, _Learnt] = {}
    told = []
    for t in rows:
        year = _year_end(x, t, least)
        last = year if model == "network" else t
        if model == "tree" and year not in settings:
            found = _Learnt.of(MODELS[model], x, y, year, share).found
            assert isinstance(found, TreeForecast)
            best = found.settings
            settings[year] = Tree(best["leaves"], best["split"], best["leaf"])
        if last not in learnt:
            learnt[last] = _Learnt.of(settings.get(year, MODELS[model]), x, y, last, share)
        told.append(learnt[last].told(x.iloc[[t]]))
    return pd.concat(told)


@dataclasses.dataclass(frozen=True, eq=False)
class _Learnt:
    """What the rows before one taught: a record, its features, and the returns seen."""

    found: Forecast
    columns: list[str]
    seen: pd.DataFrame

    @classmethod
    def of(
        cls, how: Forecaster, x: pd.DataFrame, y: pd.DataFrame, last: int, share: float
    ) -> "_Learnt":
        """Learn from the rows before `last`, whose targets are known there."""
        known = x.iloc[: last + 1].notna().mean() >= share
        columns = [str(name) for name in x.columns[known]]
        seen = y.iloc[:last]
        found = how.fit(x.iloc[:last][columns], seen)
        return cls(found, columns, seen)

    def told(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return the forecast of a row, drawn in to what was seen."""
        told, seen = self.found.predict(x[self.columns]), self.seen.to_numpy(np.float64)
        held = np.clip(told.to_numpy(np.float64), seen.min(axis=0), seen.max(axis=0))
        return pd.DataFrame(held, told.index, told.columns)


def _share(market: Market) -> float:
    """Return the share of months in which a feature must be known: columns of prices need none."""
    return 0.0 if market.vintages is None else MOST


def _year_end(x: pd.DataFrame, t: int, least: int) -> int:
    """Return the last row of a December up to row t; t where it leaves too few rows."""
    dates = pd.DatetimeIndex(x.index)
    last = t - dates[t].month % DECEMBER
    return last if last >= least else t
