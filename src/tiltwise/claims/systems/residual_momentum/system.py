"""Residual momentum as a system of claims: its grids, and how each fix changes what is run."""

import dataclasses
from collections.abc import Collection
from typing import Any

import numpy as np

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.calendar import DAILY, WEEKLY
from tiltwise.claims.engine.account import AsWritten, Source
from tiltwise.claims.engine.card import Card, Cell
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.system import System
from tiltwise.claims.systems.residual_momentum import as_written as source
from tiltwise.claims.systems.residual_momentum.calendar_folds_strategy import FoldedMomentum
from tiltwise.recipes.residual_momentum import ResidualMomentum

SPREAD_ONLY = Costs(half_spread_bps=2.0, borrow_bps_year=0.0, financing_spread_bps_year=0.0)
LABELS = {"kalman": "Kalman", "fixed": "Fixed PCA", "rolling": "Rolling PCA"}
SIGNALS = ("momentum", "reversion")
README = ("simple", "book", "legs")
"""Fixes after which the first code does what the source's text says."""


class ResidualMomentumSystem(System):
    """The two grids of the source, and what each fix changes in them."""

    name = "residual_momentum"
    free = ("delta", "noise")
    in_simulator_from = frozenset({"book"})

    def grid(self, variant: str) -> list[dict[str, Any]]:
        """Return every configuration that the source evaluated in a variant."""
        return source.head_grid() if variant == "head" else source.first_grid()

    def corrected_grid(self) -> list[dict[str, Any]]:
        """Return what is left of a grid once the noises are chosen by likelihood."""
        return [{"residual": r, "signal": s} for r in LABELS for s in SIGNALS]

    def label(self, cell: Cell) -> tuple[str, str]:
        """Return the name of a configuration, and its signal."""
        name = LABELS[cell["residual"]]
        if "delta" in cell:
            name += f" {_power(cell['delta'])}, {_power(cell['noise'])}"
        return name, cell["signal"]

    def recipe_of(self, card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
        """Return the as-written variant behind a variant, and the fixes that lead to it."""
        if variant in ("first", "head"):
            return variant, ()
        fixes = README if variant == "readme" else card.variants["first"].fixes
        return "first", tuple(fix for fix in fixes if self.applies(fix, cell))

    def strategy(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str]
    ) -> FoldedMomentum:
        """Return the strategy of a variant after some fixes."""
        fields: dict[str, Any] = {"residual": cell["residual"], "signal": cell["signal"]}
        if "delta" in cell:
            fields |= {"adaptation": cell["delta"] / cell["noise"], "noise": cell["noise"]}
        if cell["residual"] == "kalman" and ("ratio" in fixed or "delta" not in cell):
            fields["adaptation"] = None
            fields.pop("noise", None)
        if "sectors" not in fixed:
            fields |= {"universe": (*data.traded, data.reference), "market": data.reference}
            fields["ranked"] = variant != "head"
        if "legs" not in fixed:
            fields["legs"] = "projected" if variant == "head" else "percentile"
        if variant == "head":
            fields |= {"decide_on": WEEKLY, "score": "standardised", "quantile": source.BOTTOM}
        else:
            fields["decide_on"] = DAILY
        return FoldedMomentum.on(data, **fields)

    def simulator(self, fixed: Collection[str]) -> Simulator:
        """Return fills and costs after some fixes."""
        costs = Costs() if "borrow" in fixed else SPREAD_ONLY
        return Simulator(costs=costs) if "fill" in fixed else Simulator("close", 1, costs)

    def used(self, cell: Cell) -> Cell:
        """Return a configuration without noises where it has no filter."""
        if cell["residual"] not in ("fixed", "rolling"):
            return cell
        return {key: value for key, value in cell.items() if key not in self.free}

    def applies(self, fix: str, cell: Cell) -> bool:
        """Whether a fix can change a configuration: only a filter has a ratio of noises."""
        return fix != "ratio" or cell["residual"] == "kalman"

    def as_written(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
    ) -> AsWritten:
        """Return the source's own account, with those of its fixes that need no simulator."""
        if variant == "head":
            account = source.head(data, cell, hold="hold" in fixed, calendar="calendar" in fixed)
        else:
            account = source.first(data, cell, simple="simple" in fixed)
        market = np.expm1(data.returns[data.reference]).loc[account.net.index]
        described = _described(data, variant, cell, fixed)
        return dataclasses.replace(account, strategy=described, benchmark_returns=market)

    def property_of(self, data: CardData, metric: str, fixed: Collection[str]) -> float | None:
        """Return a number that no path of money has; None where `metric` is not one."""
        if metric != "explained":
            return None
        assets = list(data.traded) if "sectors" in fixed else [*data.traded, data.reference]
        return source.explained(data, assets)


SYSTEM = ResidualMomentumSystem()


def _power(value: float) -> str:
    return f"{value:.0e}".replace("e-0", "e-")


def _described(data: CardData, variant: str, cell: Cell, fixed: Collection[str]) -> Source:
    """Return what tells this account from others in the ledger."""
    whole = (*data.traded, data.reference)
    return Source(
        fields={
            "strategy": ResidualMomentum.__name__,
            "as_written": variant,
            "fixed": list(fixed),
            "folds": len(data.folds),
            "reference": data.reference,
            **cell,
        },
        account={"account": f"as written, {variant}", "cost": source.COST},
        recipe=ResidualMomentum,
        market_id=data.market.id,
        assets=whole if variant == "first" else data.traded,
    )
