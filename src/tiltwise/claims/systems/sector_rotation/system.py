"""Sector rotation as a system of claims: its table, its forecast errors, and what each fix changes.

Money is measured in months, as the source does: `rotation_numbers`. What is told and held at each
month end is in `rotation_books`.
"""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.account import AsWritten, Source
from tiltwise.claims.engine.card import Card, read
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, ends, rows
from tiltwise.claims.systems.regime_allocation.system import filled
from tiltwise.claims.systems.sector_rotation import as_written as source
from tiltwise.claims.systems.sector_rotation import numbers
from tiltwise.claims.systems.sector_rotation.books import (
    COSTS,
    MARKET,
    OF_MODELS,
    exposures,
    there,
    walk,
)
from tiltwise.errors import StrategyError
from tiltwise.recipes.benchmarks import BuyAndHold
from tiltwise.recipes.sector_rotation import SectorRotation

Cell = Mapping[str, Any]

NAME = "sector_rotation"
FREE = (PERIOD,)
LABELS = {**numbers.LABELS, MARKET: "Bought and held"}
NAIVE = ("persistence", "mean")  #: models that no feature changes
OF_MARKET = frozenset({"measures", "walk", "simulator"})  #: fixes that change the market's path

property_of = numbers.property_of
estimate_of = numbers.estimate_of
beside_of = numbers.beside_of
notes = numbers.notes


def grid(variant: str) -> list[dict[str, Any]]:
    """Return every configuration that the source shows."""
    cells = [dict(claim.cell) for claim in read(NAME).claims if claim.variant == variant]
    return [cell for n, cell in enumerate(cells) if cell not in cells[:n]]


def corrected_grid() -> list[dict[str, Any]]:
    """Return the models that can be run here, and the mean of the past for a forecast."""
    return [{"model": name} for name in ("ridge", "tree", "network", "mean") if there(name)]


def label(cell: Cell) -> tuple[str, str]:
    """Return the name of a configuration, and its signal."""
    if PERIOD not in cell:
        return LABELS[cell["model"]], "all years"
    first, last = ends(str(cell[PERIOD]))
    return LABELS[cell["model"]], f"{first.year} to {last.year}"


def applies(fix: str, cell: Cell) -> bool:
    """Whether a fix can change a configuration."""
    model = str(cell["model"])
    if model == MARKET:
        return fix in OF_MARKET
    if fix == "scaled":
        return model == "ridge"
    return model not in NAIVE or fix not in OF_MODELS


def recipe_of(card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
    """Return the as-written variant behind a variant, and the fixes that lead to it."""
    if cell["model"] not in LABELS:
        raise StrategyError(f"model={cell['model']!r} is not one of {', '.join(LABELS)}")
    return "notebook", () if variant == "notebook" else card.variants["notebook"].fixes


def in_simulator(fixed: Collection[str]) -> bool:
    """Whether the money is the simulator's, not the source's own account."""
    return "simulator" in fixed


def simulator(fixed: Collection[str]) -> Simulator:
    """Return fills and costs: 5 basis points a side."""
    return Simulator(costs=COSTS)


def as_written(
    data: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
) -> AsWritten | None:
    """Return the source's own account; None where its model cannot be run here."""
    if not there(cell["model"]):
        return None
    held = exposures(data, cell["model"], fixed)
    prices = data.market.prices.assign(**{data.reference: _reference(data)})
    rates = data.market.rates
    spread = (COSTS.financing_spread_bps_year or 0.0) / 1e4
    found: AsWritten = source.account(held, prices, None if rates is None else rates + spread)
    if cell.get(PERIOD):
        found = _cut(found, str(cell[PERIOD]))
        if len(found.net) < 2:
            return None
    base = _reference(data).pct_change(fill_method=None).loc[found.net.index]
    recipe = BuyAndHold if cell["model"] == MARKET else SectorRotation
    told = Source(
        fields={
            "strategy": recipe.__name__,
            "as_written": variant,
            "fixed": list(fixed),
            "reference": data.reference,
            **cell,
        },
        account={"account": "as written, positions of month ends", "cost": 0.0},
        recipe=recipe,
        market_id=data.market.id,
        assets=data.traded,  # without the fund of the market, so that trials count together
    )
    return dataclasses.replace(found, strategy=told, benchmark_returns=base)


def _reference(data: CardData) -> pd.Series:
    prices = data.market.benchmark_prices
    assert prices is not None
    return prices


def _cut(found: AsWritten, period: str) -> AsWritten:
    """Return the sessions of a period."""
    dates = rows(pd.DatetimeIndex(found.net.index), period)
    names = ("net", "gross", "held", "turnover", "charged", "weights")
    return dataclasses.replace(found, **{name: getattr(found, name).loc[dates] for name in names})


def backtest(
    data: CardData,
    variant: str,
    cell: Cell,
    fixed: Collection[str],
    using: Simulator | None = None,
    jobs: int | None = None,
) -> Backtest:
    """Run a configuration after all fixes, from the month end before the tests on."""
    start, stop = ends(str(cell[PERIOD])) if cell.get(PERIOD) else (None, None)
    found = walk(data, str(cell["model"]), start, stop, jobs)
    return found if using in (None, simulator(fixed)) else filled(found, data.market, using)
