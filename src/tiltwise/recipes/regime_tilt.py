"""Regime tilt: hold factors against the market by what their regime has earned.

    position[i] = clip(view[i] / 5 %, -1, 1) / n       of factor i, the opposite of the market

The view is the mean active return of the regime that a sparse jump model sees today. Where the
market is not in the universe, all of it stands in, equally weighted. With one factor and the market
in the universe this is the strategy by which a setting of the model is judged, so it is what a
tuner tries out::

    tiltwise tune regime_tilt --universe MTUM,SPY --space enter=5:150:log

Source: Shu and Mulvey, JPM 51(3), 2025, single-factor long-short strategies. Departures: costs of
entering and of leaving stress may differ.
"""

import dataclasses

import pandas as pd

from tiltwise.calendar import DAILY, MONTHLY, Schedule
from tiltwise.errors import MissingData
from tiltwise.market.market import Market
from tiltwise.models.regimes.factor_regimes import CAP, Setting
from tiltwise.models.regimes.factor_views import FactorViews
from tiltwise.strategy import Decision, Decisions, Strategy


@dataclasses.dataclass(frozen=True)
class RegimeTilt(Strategy):
    """Factors against the market, long or short by the regime each of them is in."""

    universe: tuple[str, ...] = ("MTUM", "SPY")
    against: str | None = None  # the market; None: the benchmark of the data
    enter: float = 50.0  # cost of a jump from calm to stress
    exit: float | None = None  # of the way back; None: the same
    max_features: float = 9.5
    view_cap: float = CAP
    lookback: int | None = 3024
    warmup: int | None = 2016
    refit: Schedule = MONTHLY
    decide_on: Schedule = DAILY

    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of every factor."""
        market = self.against or past.benchmark
        if market is None:
            raise MissingData(f"{self.name} compares with a market: name it as the benchmark")
        factors = [a for a in past.assets if a != market]
        setting = Setting(self.enter, self.exit, self.max_features)
        return FactorViews.learn(past, factors, market, setting, self.needs)

    def decide(self, model: FactorViews, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        return self.decide_many(model, past, past.dates[-1:]).at(past.now)

    def decide_many(self, model: FactorViews, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many sessions from one pass of the models."""
        columns = past.prices.columns
        views, stress = (
            table.reindex(index=dates, columns=columns)
            for table in (model.views(past, self.view_cap), model.stress(past))
        )
        alive = pd.DataFrame(past.alive_rows(), past.dates, columns).loc[dates]
        share = (views / self.view_cap).clip(-1.0, 1.0) / len(model.factors)
        share = share.where(alive, 0.0).fillna(0.0)
        return Decisions(share - _opposite(share, alive, model), {"view": views, "stress": stress})


def _opposite(share: pd.DataFrame, alive: pd.DataFrame, model: FactorViews) -> pd.DataFrame:
    """Return the other side: the market, or all that trade where the market is not held."""
    market = model.factors[0].against
    side = alive.astype(float)
    if market in side:
        side = side.mul(side.columns == market)
    # Where no other side trades, nothing is held at all.
    total = side.sum(axis=1)
    whole = side.div(total.where(total > 0.0, 1.0), axis=0).mul(share.sum(axis=1), axis=0)
    return whole.where(total > 0.0, share)
