"""Dynamic loadings: hold the book of the highest Sharpe ratio that drifting factor loadings expect.

    r[t,i] = f[t] . b[t,i] + v[t,i],   b[t,i] = b[t-1,i] + w[t,i]
    mean[i] = b[i] . premium,   covariance = b F b' + noise

The factors f are principal components, or those of Fama and French; a Kalman filter follows b;
noises, premium and F are learned on all rows up to `embargo` sessions before a refit. Where no book
earns more than cash, that of least variance is held. Quarter Kelly and 8 % a day are overlays::

    TurnoverLimit(FractionalKelly(DynamicLoadings(), 0.25), 0.08)

Source: a forum thread, "Kalman filters for dynamic factor loading estimation". Departures: noises
are learned, not left at the identity; the Sharpe ratio is a quadratic programme; the cap of .1,
which nine assets cannot meet, is .25.
"""

import dataclasses

import pandas as pd

from tiltwise.calendar import DAILY, YEARLY, Schedule
from tiltwise.errors import InfeasibleError, StrategyError
from tiltwise.market.market import Market
from tiltwise.market.universes import SELECT_SECTORS
from tiltwise.models.factors.dynamic_loadings import METHODS
from tiltwise.models.factors.model import SOURCES, FactorModel
from tiltwise.portfolio.constraints import Limits
from tiltwise.portfolio.optimise import max_sharpe
from tiltwise.strategy import Decision, Decisions, Strategy


@dataclasses.dataclass(frozen=True)
class DynamicLoadings(Strategy):
    """Long only, highest Sharpe ratio on Kalman-filtered factor loadings."""

    universe: tuple[str, ...] = SELECT_SECTORS
    factors: str = "pca"  # or "french": the market's own five
    components: int = 3
    noises: str = "likelihood"  # or "em": how they are learned
    cap: float = 0.25  # of one asset
    embargo: int = 21  # sessions between the last training row and a refit
    lookback: int | None = None
    warmup: int | None = 504
    refit: Schedule = YEARLY
    decide_on: Schedule = DAILY

    def __post_init__(self) -> None:
        """Refuse unknown variants, and a cap that no fully invested book meets."""
        for field, known in (("factors", SOURCES), ("noises", METHODS)):
            if getattr(self, field) not in known:
                raise StrategyError(f"{field}={getattr(self, field)!r} is not one of {known}")
        if self.embargo < 0:
            raise StrategyError(f"embargo={self.embargo} must not be negative")
        n = len(self.universe)
        if n and not n * self.cap >= 1.0:
            message = (
                f"cap={self.cap:g} of {n} assets adds up to {n * self.cap:g}, not to a whole book"
            )
            raise InfeasibleError(f"{message}: it must be at least {1.0 / n:.4g}")

    def fit(self, past: Market) -> FactorModel:
        """Learn on all rows but the newest, as many as the embargo."""
        known = past.asof(past.calendar.back(past.now, self.embargo))
        return FactorModel.learn(known, self.factors, self.components, self.noises)

    def decide(self, model: FactorModel, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        return self.decide_many(model, past, past.dates[-1:]).at(past.now)

    def decide_many(self, model: FactorModel, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the best books of the assets that trade, row by row of one pass of the filter."""
        known = model.expectations(past, dates)
        limits = Limits(upper=self.cap)
        results = [max_sharpe(e.mean, e.covariance, e.cash, limits) for e in known]
        columns = past.prices.columns
        weights, expected = (
            pd.DataFrame([x.reindex(columns) for x in table], dates, columns)
            for table in ([f.weights for f in results], [e.mean for e in known])
        )
        status = pd.Series([f.status for f in results], dates)
        return Decisions(weights.fillna(0.0), {"expected": expected, "status": status})
