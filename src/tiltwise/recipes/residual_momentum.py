"""Residual momentum: hold the assets that keep beating their own factor exposure.

    r[i,t] = f[t] . b[i,t] + e[i,t],   b[i,t] = b[i,t-1] + w[i,t]

The factors f are the first principal components of a training window; the loadings b of each asset
drift as a random walk that a Kalman filter follows; e is what the filter did not expect. After each
decision session, long the highest e and short the lowest, in equal parts.

Source: "Dynamic Factor Arbitrage". Departures: positions are held until the next decision; both
legs always hold max(1, floor(q n)) names; SPY is a benchmark, not a component. Its later revision
decides weekly on the change of scaled residuals: signal="change", scale="recent", quantile=0.3.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.calendar import DAILY, YEARLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.market.market import Market
from tiltwise.market.universes import SELECT_SECTORS
from tiltwise.models.factors import loadings
from tiltwise.models.factors.loadings import ResidualFactors
from tiltwise.portfolio.ranks import long_short_rows
from tiltwise.strategy import Decision, Decisions, Strategy

CHOICES = {
    "residual": ("kalman", "fixed", "rolling"),
    "signal": loadings.SIGNALS,
    "scale": loadings.SCALES,
}


@dataclasses.dataclass(frozen=True)
class ResidualMomentum(Strategy):
    """Long the highest residuals, short the lowest; "reversion" does the opposite."""

    universe: tuple[str, ...] = SELECT_SECTORS
    factors: int = 3
    residual: str = "kalman"  # or "fixed" or "rolling" components without a filter
    signal: str = "momentum"  # or "reversion", or over the horizon "cumulative" or "change"
    horizon: int = 20  # sessions of a "cumulative" signal or a "change"
    scale: str = "none"  # or over the "forecast" deviation of a filter, or over the "recent" one
    adaptation: float | None = 0.1  # state over observation noise; None: the likeliest in training
    window: int = 60  # returns behind each set of "rolling" components
    quantile: float = 0.1  # share of the universe in each leg
    gross: float = 1.0
    lookback: int | None = 756
    refit: Schedule = YEARLY
    decide_on: Schedule = DAILY

    def __post_init__(self) -> None:
        """Refuse unknown variants and numbers out of range."""
        for field, known in CHOICES.items():
            if getattr(self, field) not in known:
                raise StrategyError(f"{field}={getattr(self, field)!r} is not one of {known}")
        if self.scale == "forecast" and self.residual != "kalman":
            raise StrategyError(f"{self.residual} residuals have no forecast: use scale='recent'")
        if self.horizon < 1:
            raise StrategyError(f"horizon={self.horizon} must be at least one session")
        ratio = 0.0 if self.adaptation is None else self.adaptation
        for field, sound, needed in (
            ("adaptation", 0.0 <= ratio < math.inf, "a ratio of variances: zero or more, finite"),
            ("quantile", 0.0 < self.quantile <= 1.0, "above 0 and at most 1"),
            ("gross", 0.0 < self.gross < math.inf, "positive and finite"),
        ):
            if not sound:
                raise StrategyError(f"{field}={getattr(self, field)} must be {needed}")

    def fit(self, past: Market) -> ResidualFactors:
        """Return the components of the training window, and how fast loadings adapt."""
        return ResidualFactors.learn(past, self.factors, self.adaptation)

    def decide(self, model: ResidualFactors, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        columns = past.prices.columns
        newest = np.array([-1])
        scores, weights = (pd.Series(x[0], columns) for x in self._books(model, past, newest))
        return Decision(weights, {"score": scores})

    def decide_many(
        self, model: ResidualFactors, past: Market, dates: pd.DatetimeIndex
    ) -> Decisions:
        """Return the books of many rows from one pass of the filter."""
        rows, columns = np.searchsorted(past.dates, dates) - len(past), past.prices.columns
        scores, weights = (pd.DataFrame(x, dates, columns) for x in self._books(model, past, rows))
        return Decisions(weights, {"score": scores})

    def _books(self, model: ResidualFactors, past: Market, rows: Any) -> tuple[Any, Any]:
        """Return scores and weights of rows counted from the end."""
        earlier = 0 if self.signal in loadings.LEVELS else self.horizon
        values = self._residuals(model, past, last=earlier - int(rows[0]))
        scores = loadings.signal(values, self.signal, self.horizon, rows)
        scores = loadings.by_asset(scores, model, past)
        return scores, long_short_rows(scores, past.assets, self.quantile, self.gross)

    def _residuals(self, model: ResidualFactors, past: Market, last: int) -> Any:
        """Return at least the last residuals, in the scale asked for."""
        if self.residual == "rolling":
            rows = len(past) - 1 if self.scale == "recent" else min(last, len(past) - 1)
            residuals = loadings.rolling_residuals(past, model, self.window, rows)
        elif self.residual == "fixed":
            residuals = loadings.fixed_residuals(past, model)
        else:
            forecast = self.scale == "forecast"
            residuals = loadings.innovations(past, model, model.ratio, standardised=forecast)
        return loadings.recent_scores(residuals) if self.scale == "recent" else residuals
