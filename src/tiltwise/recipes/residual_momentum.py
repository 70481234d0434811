"""Residual momentum: hold the assets that keep beating their own factor exposure.

    r[i,t] = f[t] . b[i,t] + e[i,t],   b[i,t] = b[i,t-1] + w[i,t]

The factors f are the first principal components of a training window; the loadings b of each asset
drift as a random walk that a Kalman filter follows; e is what the filter did not expect. After each
decision session, long the highest e and short the lowest, in equal parts.

Source: "Dynamic Factor Arbitrage". Departures: positions are held until the next decision; both
legs always hold max(1, floor(q n)) names; SPY is a benchmark, not a component.
"""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.calendar import DAILY, YEARLY, Schedule
from tiltwise.errors import StrategyError
from tiltwise.market.market import Market
from tiltwise.market.universes import SELECT_SECTORS
from tiltwise.models import loadings
from tiltwise.models.factors import PCAFactors
from tiltwise.portfolio.ranks import long_short_rows
from tiltwise.strategy import Decision, Decisions, Strategy

RESIDUALS = ("kalman", "fixed", "rolling")
SIGN = {"momentum": 1.0, "reversion": -1.0}


@dataclasses.dataclass(frozen=True)
class ResidualMomentum(Strategy):
    """Long the highest residuals, short the lowest; "reversion" does the opposite."""

    universe: tuple[str, ...] = SELECT_SECTORS
    factors: int = 3
    residual: str = "kalman"  # or "fixed" or "rolling" components without a filter
    signal: str = "momentum"  # or "reversion"
    adaptation: float = 0.1  # state noise over observation noise: only the ratio matters
    window: int = 60  # returns behind each set of "rolling" components
    quantile: float = 0.1  # share of the universe in each leg
    gross: float = 1.0
    lookback: int | None = 756
    refit: Schedule = YEARLY
    decide_on: Schedule = DAILY

    def __post_init__(self) -> None:
        """Refuse words that name no variant."""
        for field, known in (("residual", RESIDUALS), ("signal", tuple(SIGN))):
            if getattr(self, field) not in known:
                raise StrategyError(f"{field}={getattr(self, field)!r} is not one of {known}")

    def fit(self, past: Market) -> PCAFactors:
        """Return the components of the training window."""
        return PCAFactors.of(past, self.factors)

    def decide(self, model: PCAFactors, past: Market, held: pd.Series) -> Decision:
        """Return the book of the newest row."""
        columns = past.prices.columns
        scores, weights = (pd.Series(x[0], columns) for x in self._books(model, past, [-1]))
        return Decision(weights, {"score": scores})

    def decide_many(self, model: PCAFactors, past: Market, dates: pd.DatetimeIndex) -> Decisions:
        """Return the books of many rows from one pass of the filter."""
        rows, columns = np.searchsorted(past.dates, dates) - len(past), past.prices.columns
        scores, weights = (pd.DataFrame(x, dates, columns) for x in self._books(model, past, rows))
        return Decisions(weights, {"score": scores})

    def _books(self, model: PCAFactors, past: Market, rows: Any) -> tuple[np.ndarray, np.ndarray]:
        scores = SIGN[self.signal] * self._residuals(model, past, last=-int(rows[0]))[rows]
        scores = loadings.by_asset(scores, model, past)
        return scores, long_short_rows(scores, past.assets, self.quantile, self.gross)

    def _residuals(self, model: PCAFactors, past: Market, last: int) -> np.ndarray:
        if self.residual == "rolling":
            return loadings.rolling_residuals(past, model, self.window, last)
        if self.residual == "fixed":
            return loadings.fixed_residuals(past, model)
        return loadings.innovations(past, model, self.adaptation)
