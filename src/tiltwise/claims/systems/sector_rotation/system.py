"""Sector rotation as a system of claims: its table, its forecast errors, and what each fix changes.

Money is measured in months, as the source does: `numbers`. Forecasts and holdings of each month end
are in `books`.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.account import AsWritten, Source
from tiltwise.claims.engine.card import Card, Cell, Claim
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, Span, ends, rows
from tiltwise.claims.engine.records import Estimate, Evaluated
from tiltwise.claims.engine.refill import refilled
from tiltwise.claims.system import System
from tiltwise.claims.systems.sector_rotation import as_written as source
from tiltwise.claims.systems.sector_rotation import books, numbers
from tiltwise.claims.systems.sector_rotation.books import COSTS, MARKET, OF_MODELS, there
from tiltwise.errors import StrategyError
from tiltwise.recipes.benchmarks import BuyAndHold
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.strategy import Strategy

LABELS = {**numbers.LABELS, MARKET: "Bought and held"}
NAIVE = ("persistence", "mean")  #: models that no feature changes
OF_MARKET = frozenset({"measures", "walk", "simulator"})  #: fixes that change the market's path


class SectorRotationSystem(System):
    """The models of the source by period, and what each fix changes in them."""

    name = "sector_rotation"
    free = (PERIOD,)
    in_simulator_from = frozenset({"simulator"})

    def corrected_grid(self) -> list[dict[str, Any]]:
        """Return the models that can be run here, and the mean of the past for a forecast."""
        return [{"model": name} for name in ("ridge", "tree", "network", "mean") if there(name)]

    def label(self, cell: Cell) -> tuple[str, str]:
        """Return the name of a configuration, and its signal."""
        if PERIOD not in cell:
            return LABELS[cell["model"]], "all years"
        first, last = ends(str(cell[PERIOD]))
        return LABELS[cell["model"]], f"{first.year} to {last.year}"

    def recipe_of(self, card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
        """Return the as-written variant behind a variant, and the fixes that lead to it."""
        if cell["model"] not in LABELS:
            raise StrategyError(f"model={cell['model']!r} is not one of {', '.join(LABELS)}")
        return "notebook", () if variant == "notebook" else card.variants["notebook"].fixes

    def strategy(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str]
    ) -> Strategy:
        """Return what decides once all fixes are applied."""
        return books.strategy(data, str(cell["model"]))

    def simulator(self, fixed: Collection[str]) -> Simulator:
        """Return fills and costs: 5 basis points a side."""
        return Simulator(costs=COSTS)

    def applies(self, fix: str, cell: Cell) -> bool:
        """Whether a fix can change a configuration."""
        model = str(cell["model"])
        if model == MARKET:
            return fix in OF_MARKET
        if fix == "scaled":
            return model == "ridge"
        return model not in NAIVE or fix not in OF_MODELS

    def as_written(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
    ) -> AsWritten | None:
        """Return the source's own account; None where its model cannot be run here."""
        if not there(cell["model"]):
            return None
        held = books.exposures(data, cell["model"], fixed)
        prices = data.market.prices.assign(**{data.reference: _reference(data)})
        rates = data.market.rates
        spread = (COSTS.financing_spread_bps_year or 0.0) / 1e4
        account: AsWritten = source.account(held, prices, None if rates is None else rates + spread)
        if cell.get(PERIOD):
            dates = pd.DatetimeIndex(account.net.index)
            account = account.part(rows(dates, str(cell[PERIOD])))
            if len(account.net) < 2:
                return None
        base = _reference(data).pct_change(fill_method=None).loc[account.net.index]
        recipe = BuyAndHold if cell["model"] == MARKET else SectorRotation
        # It holds the market's fund too; without it in the assets, trials count together.
        words = "as written, positions of month ends"
        described = Source.of(data, variant, cell, fixed, recipe, account=words, cost=0.0)
        return dataclasses.replace(account, strategy=described, benchmark_returns=base)

    def first(self, data: CardData) -> pd.Timestamp:
        """Return the last month end before the tests."""
        return books.first_decision(data)

    def walk(self, data: CardData, chosen: Strategy, span: Span, using: Simulator) -> Backtest:
        """Run a strategy; its decisions are made once and filled anew by other simulators."""
        result = books.walk(data, chosen, *span)
        usual = using == Simulator(costs=COSTS)
        return result if usual else refilled(result, data.market, using)

    def property_of(self, data: CardData, metric: str, fixed: Collection[str]) -> float | None:
        """Return a number of the source's example; None where `metric` is not one."""
        return numbers.of_example(metric, fixed)

    def estimate_of(
        self, card_run: CardRun, claim: Claim, metric: str, fixed: Collection[str] = ()
    ) -> Estimate | None:
        """Return a number of months or of forecasts after some fixes; None where it is neither."""
        return numbers.estimate_of(card_run, claim, metric, fixed)

    def comparisons_of(
        self, card_run: CardRun, claim: Claim, rules: Mapping[str, Evaluated], metric: str
    ) -> Mapping[str, float] | None:
        """Return the months of simple rules, or the errors of forecasts without features."""
        return numbers.comparisons_of(card_run, claim, rules, metric)

    def notes(self, card_run: CardRun) -> list[str]:
        """Return the sizes of the split, and the errors of all forecasts in one line."""
        return numbers.notes(card_run)


SYSTEM = SectorRotationSystem()


def _reference(data: CardData) -> pd.Series:
    prices = data.market.benchmark_prices
    assert prices is not None
    return prices
