"""What the sector rotation tells and holds at each month end, after some of its fixes.

From the walk-forward on all of it is what the recipe decides.
"""

import dataclasses
import importlib.util
from collections.abc import Collection

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.calendar import MONTHLY, Schedule
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.systems.sector_rotation import as_written as source
from tiltwise.features.macro.table import macro_features
from tiltwise.features.month_end import month_returns, price_features, recent
from tiltwise.market.market import Market
from tiltwise.models.forecasters.contract import next_returns
from tiltwise.portfolio.rotation import Rotation
from tiltwise.recipes.benchmarks import BuyAndHold
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.strategy import Decision, Strategy

MARKET = "market"  #: the fund compared with, where a model is asked for
LEARNT = ("tree", "network")  #: models of scikit-learn
PERSISTENCE = "persistence"
OF_MODELS = frozenset({"vintages", "scaled", "folds"})  #: fixes of what a model learns from
GROSS = SectorRotation.cap
COSTS = Costs(half_spread_bps=5.0)
FIRST_PERCENT = 4  #: codes of FRED-MD from which on a change is a percent change


def cap(data: CardData) -> float | None:
    """Return the most that is held, as a share of capital: without a rate nothing is borrowed."""
    return GROSS if data.market.rates is not None else 1.0


def first_row(data: CardData) -> int:
    """Return the row of the last month end before the tests: months learnt from by then."""
    dates = month_returns(data.market).index
    return max(int(dates.searchsorted(data.test_dates[0])) - 1, 1)


def first_decision(data: CardData) -> pd.Timestamp:
    """Return the last month end before the tests."""
    return pd.Timestamp(month_returns(data.market).index[first_row(data)])


def there(model: str) -> bool:
    """Whether what the model needs is installed."""
    if model not in LEARNT:
        return True
    return importlib.util.find_spec("sklearn") is not None


def assets(data: CardData, fixed: Collection[str]) -> Market:
    """Return the market of what is held: SPY too, as long as it is not only compared with."""
    names = data.traded if "benchmark" in fixed else (*data.traded, data.reference)
    return data.market.select(names)


@dataclasses.dataclass(frozen=True)
class LastMonthRotation(Strategy):
    """The rotation of a forecast that the recipe has not: last month's return once more."""

    universe: tuple[str, ...] = ()
    model: str = PERSISTENCE
    cap: float | None = GROSS
    lookback: int | None = None
    decide_on: Schedule = MONTHLY

    family = SectorRotation.__name__

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest month end."""
        forecast = month_returns(recent(past, 1)).iloc[[-1]]
        weights = Rotation(cap=self.cap).exposures(forecast).iloc[0]
        return Decision(weights, {"forecast": forecast.iloc[0], "gross": float(weights.sum())})


def strategy(data: CardData, model: str) -> Strategy:
    """Return what decides in the end; the mean of the past where a model cannot be run.

    It learns from ten years of sessions, or where there are fewer before the tests from those.
    """
    if model == MARKET:
        return BuyAndHold(universe=(data.reference,))
    if model == PERSISTENCE:
        return LastMonthRotation(universe=data.traded, cap=cap(data))
    learner = model if there(model) else "mean"
    rows = int(data.market.dates.searchsorted(first_decision(data))) + 1
    return SectorRotation(universe=data.traded, model=learner, cap=cap(data)).shorter(rows)


def walk(
    data: CardData, chosen: Strategy, start: pd.Timestamp, stop: pd.Timestamp | None = None
) -> Backtest:
    """Run a strategy from one session to another, once for each period."""
    market = data.market
    until = None if stop is None or stop >= market.now else stop

    def run() -> Backtest:
        using = Simulator(costs=COSTS)
        return walk_forward(chosen, market, start, until, simulator=using)

    result: Backtest = data.walks.get((chosen.key, start, until), run)
    return result


def forecasts(data: CardData, model: str, fixed: Collection[str]) -> pd.DataFrame:
    """Return what a model tells after some fixes, of all months or of those walked through.

    Rows are month ends, columns assets; a row is about the month after.

    Raises
    ------
    MissingData
        The model needs scikit-learn, which is not installed; the walk has the mean then.
    """
    if "walk" in fixed:
        walked = walk(data, strategy(data, model), first_decision(data))
        table = walked.decisions.evidence["forecast"]
        assert isinstance(table, pd.DataFrame)
        return table
    features = tuple(f for f in fixed if f in OF_MODELS | {"benchmark"})

    def run() -> pd.DataFrame:
        returns = month_returns(assets(data, fixed))
        y = next_returns(returns).iloc[1:]
        if model == PERSISTENCE:
            return returns.iloc[1:]
        x = _features(data.market, fixed).loc[y.index]
        return source.OneSplit(model, "scaled" in fixed, "folds" in fixed).forecasts(x, y)

    forecast: pd.DataFrame = data.market.cached(("sector_rotation", model, features), run)
    return forecast


def _features(market: Market, fixed: Collection[str]) -> pd.DataFrame:
    """Return features in the source's unit, percent: an unscaled regression depends on it."""
    if market.vintages is None:
        return 100.0 * price_features(market)
    if "vintages" in fixed:
        x = macro_features(market, "changes")
        codes = market.vintages.tcodes().reindex(x.columns)
        return x * np.where(codes >= FIRST_PERCENT, 100.0, 1.0)
    return source.latest_changes(market, pd.DatetimeIndex(month_returns(market).index))


def exposures(data: CardData, model: str, fixed: Collection[str]) -> pd.DataFrame:
    """Return what is held after each month end (month end x asset), as shares of the capital."""
    if model == MARKET:
        rows = month_returns(data.market).index[1:]
        whole = pd.DataFrame(1.0, rows, [data.reference])
        return whole.iloc[first_row(data) - 1 :] if "walk" in fixed else whole
    table = forecasts(data, model, fixed)
    if "leverage" not in fixed:
        return source.positions(table, source.TEXT if "settings" in fixed else source.NOTEBOOK)
    return Rotation(cap=cap(data)).exposures(table)
