"""Sector rotation: tilt towards sectors whose next month is forecast to rise, levered where sure.

    base      b_i = k / n + (1 - k) max(0, f_i) / sum max(0, f)     k = .3; 1 / n where none is > 0
    exposure  x_i = b_i * (5 where f_i > 15 % a month, else 1), scaled down where sum x > 2

The forecasts f come from macro series as they stood at each month end, or from prices where there
are none. Models learn every month, first after ten years; networks, and the tree's grid, each year.

Source: "Quantitative-Trading", a sector rotation with LSTM, ridge regression and tree. Departures:
the leverage is real (the source divides it out), its sum is capped, SPY is the benchmark and not
one of the assets, features are those published by then, and nothing that is reported chose a model.
"""

import dataclasses

import pandas as pd

from tiltwise.calendar import MONTHLY, YEARLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.market.market import Market
from tiltwise.market.universes import VANGUARD_SECTORS
from tiltwise.models.monthly_forecast import NETWORKS, MonthAhead, learn, require
from tiltwise.portfolio.rotation import Rotation
from tiltwise.strategy import Decision, Decisions, Strategy


@dataclasses.dataclass(frozen=True)
class SectorRotation(Strategy):
    """Forecasts of next month's sector returns as a long book, truly levered."""

    universe: tuple[str, ...] = VANGUARD_SECTORS
    model: str = "ridge"  # tree boosted network lstm ensemble mean: models.month_ahead
    features: str = "macro"  # or "prices", or "both"
    shrinkage: float = 0.3  # towards equal weights
    threshold: float = 0.15  # forecast of a month above which a sector is levered
    factor: float = 5.0  # exposure of a levered sector over its base weight
    cap: float | None = 2.0  # of the sum of exposures
    lookback: int | None = None
    warmup: int | None = 2520  # ten years
    refit: Schedule = MONTHLY
    decide_on: Schedule = MONTHLY

    def __post_init__(self) -> None:
        """Refuse settings of the rotation out of range, and unknown variants."""
        self._rotation()
        require(self.model, self.features)
        if len(self.universe) == 1:
            raise StrategyError(f"{self.name} chooses between assets: {self.universe[0]} is one")

    def fit(self, past: Market) -> MonthAhead:
        """Learn from all months so far; a network from those up to the last year end."""
        end = YEARLY.last(past.calendar, past.now) if self.model in NETWORKS else None
        if end is not None and past.dates.searchsorted(end) + 1 >= self.needs:
            past = past.asof(end)
        return learn(past, self.model, self.features)

    def decide(self, model: MonthAhead, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest month end, over the assets that trade."""
        alive = past.alive
        forecast = model.forecast(past).reindex(past.prices.columns).where(alive)
        known = forecast.dropna()
        weights = pd.Series(0.0, forecast.index)
        if len(known):
            weights.update(self._rotation().exposures(known.to_frame(past.now).T).iloc[0])
        evidence = {
            "forecast": forecast,
            "gross": float(weights.sum()),
            "fallback": not (known > 0.0).any(),
            **model.evidence(past),
        }
        return Decision(weights, evidence)

    def decide_many(self, model: MonthAhead, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of the sessions between two fits, one after the other."""
        nothing = pd.Series(0.0, past.prices.columns)
        answers = [self.decide(model, past.asof(t), nothing) for t in dates]
        return Decisions.stack(dates, answers, past.assets)

    def _rotation(self) -> Rotation:
        return Rotation(self.shrinkage, self.threshold, self.factor, self.cap)
