"""Regime allocation: tilt an equal-weight book of factors by the regime each of them is in.

    v[i]   = mean active return of factor i in its regime, at most 5 % a year either way
    mu     = pi + tau S P' (P tau S P' + Omega)^-1 (v - P pi)
    w      = argmax mu'w - delta w'Sw / 2,  w >= 0, 1'w = 1,  Omega scaled to the tracking error

A sparse jump model of two states per factor is refitted monthly on 8 to 12 years; the state of a
day uses that day and those before. One setting serves all factors; `tuned_regime_allocation`
chooses one per factor. Trade it two sessions after the decision.

Source: "Helix", a factor allocation project, after Shu and Mulvey, JPM 51(3), 2025. Departures:
states are sorted, so that costs of entering and leaving stress have a meaning; weights are long
only by optimisation, not by clipping; the tracking error is solved for; no value is filled
backwards.
"""

import abc
import dataclasses

import pandas as pd

from tiltwise.calendar import DAILY, MONTHLY, Schedule
from tiltwise.errors import MissingData
from tiltwise.market.market import Market
from tiltwise.market.universes import FACTOR_FUNDS
from tiltwise.models.moments import HALF_LIFE, ewma_path
from tiltwise.models.regimes.factor_regimes import CAP, Setting
from tiltwise.models.regimes.factor_views import FactorViews
from tiltwise.portfolio.views_to_weights import Aim, books
from tiltwise.strategy import Decision, Decisions, Strategy


@dataclasses.dataclass(frozen=True)
class ViewBook(Strategy):
    """Book of factor views at a target tracking error; subclasses learn the views."""

    universe: tuple[str, ...] = FACTOR_FUNDS
    against: str | None = None  # what factors are compared with; None: the benchmark of the data
    target: float = 0.02  # tracking error a year to equal weights
    view_cap: float = CAP
    half_life: float = HALF_LIFE  # sessions, of the covariance
    risk_aversion: float = 2.5
    tau: float = 0.025
    refit: Schedule = MONTHLY
    decide_on: Schedule = DAILY

    @abc.abstractmethod
    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of every factor."""

    def decide(self, model: FactorViews, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        return self.decide_many(model, past, past.dates[-1:]).at(past.now)

    def decide_many(self, model: FactorViews, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many sessions from one pass of the models."""
        views, stress = model.views(past, self.view_cap), model.stress(past)
        moments = ewma_path(past.returns(), self.half_life, dates)
        covariances = (moments.at(t).annual().covariance for t in dates)
        columns = past.prices.columns
        alive = pd.DataFrame(past.alive_rows(), past.dates, columns).loc[dates]
        aim = Aim(self.target, self.risk_aversion, self.tau, self.market(past))
        result = books(covariances, views.loc[dates], alive, aim)
        tables = {"view": views, "stress": stress}
        evidence = {k: v.reindex(index=dates, columns=columns) for k, v in tables.items()}
        solved = {"status": result.status, "tracking_error": result.tracking_error}
        return Decisions(result.weights, {**evidence, **solved})

    def market(self, past: Market) -> str:
        """Return what factors are compared with."""
        market = self.against or past.benchmark
        if market is None:
            raise MissingData(
                f"{self.name} compares factors with a market: name it as the benchmark"
            )
        return market

    def factors(self, past: Market) -> list[str]:
        """Return the assets that are held."""
        return [a for a in past.assets if a != self.market(past)]


@dataclasses.dataclass(frozen=True)
class RegimeAllocation(ViewBook):
    """Black-Litterman on factor regimes, at a tracking error; one setting for all factors."""

    enter: float = 50.0  # cost of a jump from calm to stress
    exit: float | None = None  # of the way back; None: the same
    max_features: float = 9.5
    lookback: int | None = 3024
    warmup: int | None = 2016

    def fit(self, past: Market) -> FactorViews:
        """Learn the regimes of every factor."""
        setting = Setting(self.enter, self.exit, self.max_features)
        return FactorViews.learn(past, self.factors(past), self.market(past), setting, self.needs)
