"""Simple rules that every claim is measured against.

Source: common practice. None of them looks at anything but prices.
"""

import dataclasses

import numpy as np
import pandas as pd

from tiltwise.calendar import MONTHLY, QUARTERLY, Schedule
from tiltwise.market.market import Market
from tiltwise.market.panel import ALIVE_SESSIONS
from tiltwise.market.universes import SELECT_SECTORS
from tiltwise.strategy import Decision, Strategy

ONCE = Schedule("dates")


def _shared(chosen: pd.Series, shares: pd.Series | None = None) -> pd.Series:
    """Return weights proportional to `shares` (default equal) over the chosen assets."""
    size = chosen.astype(float) if shares is None else shares.where(chosen, 0.0)
    total = float(size.sum())
    return size / total if total > 0 else size * 0.0


@dataclasses.dataclass(frozen=True)
class BuyAndHold(Strategy):
    """Buy equal amounts once and never trade again."""

    universe: tuple[str, ...] = ("SPY",)
    lookback: int | None = ALIVE_SESSIONS
    decide_on: Schedule = ONCE

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Buy if nothing is held."""
        return Decision.hold() if held.any() else Decision(_shared(past.alive))


@dataclasses.dataclass(frozen=True)
class EqualWeight(Strategy):
    """The same share in every asset that trades."""

    universe: tuple[str, ...] = SELECT_SECTORS
    lookback: int | None = ALIVE_SESSIONS
    decide_on: Schedule = QUARTERLY

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Return 1/n."""
        return Decision(_shared(past.alive))


@dataclasses.dataclass(frozen=True)
class InverseVolatility(Strategy):
    """Shares in proportion to one over the volatility of the last quarter."""

    universe: tuple[str, ...] = SELECT_SECTORS
    lookback: int | None = 64
    decide_on: Schedule = MONTHLY

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Weigh assets with a return on every row; one that never moved has no volatility."""
        volatility = past.returns().std(skipna=False)
        usable = past.alive & (volatility > 0)
        shares = 1.0 / volatility.where(usable, np.inf)
        return Decision(_shared(usable, shares), {"volatility": volatility})


@dataclasses.dataclass(frozen=True)
class Trend(Strategy):
    """An equal share of each asset that rose over the last year, the rest in cash."""

    universe: tuple[str, ...] = SELECT_SECTORS
    lookback: int | None = 253
    decide_on: Schedule = MONTHLY

    def decide(self, model: None, past: Market, held: pd.Series) -> Decision:
        """Hold 1/n of each riser."""
        prices = past.prices
        change = prices.iloc[-1] / prices.iloc[0] - 1.0
        alive = past.alive
        risen = alive & (change > 0)
        return Decision(risen / max(int(alive.sum()), 1), {"change": change})
