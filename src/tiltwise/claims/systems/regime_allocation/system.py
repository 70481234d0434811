"""Regime allocation as a system of claims: its periods and factors, and what each fix changes."""

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, walk_forward
from tiltwise.claims.engine.account import AsWritten, Source
from tiltwise.claims.engine.card import Card, Cell, read
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, Span, ends
from tiltwise.claims.engine.refill import refilled
from tiltwise.claims.system import System
from tiltwise.claims.systems.regime_allocation import as_written as source
from tiltwise.claims.systems.regime_allocation import helix_allocation as allocating
from tiltwise.claims.systems.regime_allocation.as_written import HelixAllocation
from tiltwise.claims.systems.regime_allocation.factor_tilt import FactorTilt
from tiltwise.errors import MissingData, StrategyError
from tiltwise.market.market import Market
from tiltwise.portfolio.black_litterman import Prior, Views
from tiltwise.portfolio.tracking_error import at_tracking_error
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.strategy import Strategy

COSTS = Costs(half_spread_bps=5.0)
WARMUP = 756  #: sessions before the first decision, where the paper asks for 2016
FLAGS = {
    "fill": "lagged",
    "tuned": "tuned",
    "indicators": "on_returns",
    "distance": "squared",
    "starts": "one_start",
    "online": "recent",
    "covariance": "spanned",
    "limits": "clipped",
}
"""By fix, the defect that it removes."""
EXAMPLE = (
    np.array([[0.0256, 0.0240, 0.0200], [0.0240, 0.0289, 0.0180], [0.0200, 0.0180, 0.0225]]),
    np.array([0.0, 0.03, -0.02]),
)
"""Covariance of three assets a year, the first of them the market, and views on the others."""
TARGET = 0.02
ONE_PATH = "history"  #: fix from which on all periods are cut from one path that knows all history


class RegimeAllocationSystem(System):
    """The periods, factors and targets of the source, and what each fix changes in them."""

    name = "regime_allocation"
    free = ("factor", "target", PERIOD)
    in_simulator_from = frozenset({"simulator", "model", "protocol"})

    def corrected_grid(self) -> list[dict[str, Any]]:
        """Return what is left once periods are parts of one path: all factors at 2 %."""
        return [{}]

    def label(self, cell: Cell) -> tuple[str, str]:
        """Return the name of a configuration, and its signal."""
        if "factor" in cell:
            return str(cell["factor"]), "regimes"
        if "target" in cell:
            return f"Tracking error {cell['target']:.0%}", "regimes"
        if PERIOD not in cell:
            return "All factors", "regimes"
        first, last = ends(cell[PERIOD])
        return f"{first.year} to {last.year}", "regimes"

    def recipe_of(self, card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
        """Return the as-written variant behind a variant, and the fixes that lead to it."""
        if cell.get("factor") and cell["factor"] not in card.universe:
            raise StrategyError(
                f"factor={cell['factor']!r} is not one of {', '.join(card.universe)}"
            )
        if variant != "corrected":
            return variant, ("protocol",) if variant == "paper" else ()
        if "factor" in cell:
            return "factors", card.variants["factors"].fixes
        return "helix", card.variants["helix"].fixes

    def strategy(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str]
    ) -> Strategy:
        """Return the strategy of a variant after some fixes."""
        if variant == "factors" or "factor" in cell:
            factor = _factor(data, cell["factor"]) if "factor" in cell else None
            return FactorTilt(universe=_universe(data), warmup=WARMUP, factor=factor)
        if variant == "paper" or "target" in fixed:
            target = float(cell.get("target") or TARGET)
            return RegimeAllocation(universe=_universe(data), warmup=WARMUP, target=target)
        return helix(data, fixed)

    def simulator(self, fixed: Collection[str]) -> Simulator:
        """Return fills and costs after some fixes."""
        later = not {"fill", "model", "protocol"}.isdisjoint(fixed)
        return Simulator("close", 2 if later else 1, COSTS)

    def one_path(self, fixed: Collection[str]) -> bool:
        """Whether periods are cut from one path: also from the fix on that gives it all history."""
        return self.in_simulator(fixed) or ONE_PATH in fixed

    def as_written(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
    ) -> AsWritten | None:
        """Return the source's own account; None where it has none on these data."""
        if variant == "paper":
            return None
        try:
            result = self._decided(data, cell, fixed)
        except MissingData:
            return None
        returns = pd.DataFrame(np.expm1(data.returns))
        if variant == "factors":
            account = source.tilt_account(
                result, returns, _factor(data, cell["factor"]), data.reference
            )
        else:
            account = source.account(result, returns, _dead(data, cell, result, fixed))
        market = returns[data.reference].loc[account.net.index]
        charges = {"account": f"as written, {variant}", "cost": source.COST}
        described = Source.of(data, variant, cell, fixed, RegimeAllocation, **charges)
        described = dataclasses.replace(described, assets=_universe(data))
        return dataclasses.replace(account, strategy=described, benchmark_returns=market)

    def first(self, data: CardData) -> pd.Timestamp:
        """Return the session on which the corrected strategy can first decide."""
        recipe = RegimeAllocation(universe=_universe(data), warmup=WARMUP)
        return max(data.test_dates[0], first_start(recipe, data.market))

    def walk(self, data: CardData, chosen: Strategy, span: Span, using: Simulator) -> Backtest:
        """Run a strategy; its decisions are made once and filled anew by each simulator."""
        key = ("backtest", chosen.key, *map(str, span), str(using.describe()))

        def run() -> Backtest:
            return refilled(self._decisions(chosen, data.market, span), data.market, using)

        result: Backtest = data.market.cached(key, run)
        return result

    def _decisions(self, chosen: Strategy, market: Market, span: Span) -> Backtest:
        """Return the decisions from a session on, made once whatever becomes of them."""

        def run() -> Backtest:
            return walk_forward(chosen, market, *span, simulator=self.simulator(()))

        result: Backtest = market.cached(("decided", chosen.key, *map(str, span)), run)
        return result

    def _decided(self, data: CardData, cell: Cell, fixed: Collection[str]) -> Backtest:
        """Return decisions from the session before a period on, known from 504 days before it."""
        chosen, market, stop = helix(data, fixed), data.market, None
        start = self.first(data)
        if cell.get(PERIOD):
            first, stop = ends(cell[PERIOD])
            market = market.asof(stop, since=first - source.FETCHED)
            if market.now < first:
                raise MissingData(f"no session from {first.date()} on")
            before = market.dates[max(int(market.dates.searchsorted(first)) - 1, 0)]
            start = max(before, first_start(chosen, market))
        return self._decisions(chosen, market, (start, stop))

    def property_of(self, data: CardData, metric: str, fixed: Collection[str]) -> float | None:
        """Return a number that no path of money has; None where `metric` is not one."""
        if metric == "blended_fee":
            return allocating.true_fee() if "limits" in fixed else allocating.blended_fee()
        if metric != "tracking_error":
            return None
        sigma, views = EXAMPLE
        if "target" not in fixed:
            scale = allocating.searched_scale(sigma, views, 0, TARGET)
            weights = allocating.clipped(allocating.tilted(sigma, views, 0, scale))
            return allocating.tracking_error(weights, sigma)
        names = pd.Index(["market", "first", "second"])
        prior = Prior(pd.DataFrame(sigma, names, names), pd.Series(1.0 / len(names), names))
        relative = Views.relative(pd.Series(views, names).iloc[1:], "market", names)
        return float(at_tracking_error(prior, relative, TARGET).detail["tracking_error"])


SYSTEM = RegimeAllocationSystem()


def _universe(data: CardData) -> tuple[str, ...]:
    return (*data.traded, data.reference)


def _factor(data: CardData, name: str) -> str:
    """Return the fund, or the asset that stands in for it."""
    if name in data.traded:
        return name
    place = read(SYSTEM.name).universe.index(name)
    return data.traded[place % len(data.traded)]


def helix(data: CardData, fixed: Collection[str] = ()) -> HelixAllocation:
    """Return the source's strategy without the defects that are fixed."""
    flags: dict[str, Any] = {flag: fix not in fixed for fix, flag in FLAGS.items()}
    return HelixAllocation(universe=_universe(data), market=data.reference, **flags)


def _dead(data: CardData, cell: Cell, result: Backtest, fixed: Collection[str]) -> pd.DatetimeIndex:
    """Return the sessions that the source counts before its first trade."""
    dates = data.market.dates
    if "dead" in fixed or not cell.get(PERIOD):
        return dates[:0]
    begin = int(dates.searchsorted(ends(cell[PERIOD])[0] - source.FETCHED)) + source.WARMUP
    return dates[begin : int(dates.searchsorted(result.weights.index[0])) + 1]
