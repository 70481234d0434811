"""The run of a card: each path is run, measured and recorded once."""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.card import Card, Cell, Claim
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.information_ratio import BASES, base, information_ratio
from tiltwise.claims.engine.measure import Measurement, gap
from tiltwise.claims.engine.periods import PERIOD, nothing, within
from tiltwise.claims.engine.records import Estimate, Evaluated
from tiltwise.claims.system import System

Key = tuple[str, tuple[tuple[str, Any], ...], tuple[str, ...]]
"""Variant, sorted fields of the configuration, fixes."""


@dataclasses.dataclass(eq=False)
class CardRun:
    """A card, its data, its system, and the paths evaluated so far.

    Attributes
    ----------
    on_path : called after each new path.
    paths : evaluated paths by configuration.
    parts : periods of these; they are no trials.
    bases : by metric, returns of the other book of an information ratio.
    """

    card: Card
    data: CardData
    system: System
    measurement: Measurement
    on_path: Callable[[], None]
    paths: dict[Key, Evaluated] = dataclasses.field(default_factory=dict)
    parts: dict[Key, Evaluated] = dataclasses.field(default_factory=dict)
    bases: dict[str, pd.Series] = dataclasses.field(default_factory=dict)

    def run(self, variant: str, cell: Cell, fixed: Collection[str] = ()) -> Evaluated:
        """Return a configuration after some fixes."""
        fixes = tuple(f for f in fixed if self.system.applies(f, cell))
        key = (variant, tuple(sorted(cell.items())), fixes)
        if PERIOD in cell and self.one_path(fixes):
            if key not in self.parts:
                whole = {name: value for name, value in cell.items() if name != PERIOD}
                self.parts[key] = within(self.run(variant, whole, fixes), cell)
            return self.parts[key]
        if key not in self.paths:
            self.paths[key] = self._evaluate(variant, cell, fixes)
            self.on_path()
        return self.paths[key]

    def one_path(self, fixes: Collection[str]) -> bool:
        """Whether periods are cut from one path, not run each by itself: on stand-ins always."""
        return self.system.one_path(fixes) or bool(self.data.substitutes)

    def _evaluate(self, variant: str, cell: Cell, fixes: tuple[str, ...]) -> Evaluated:
        if self.system.in_simulator(fixes):
            return self.measurement.backtest(self.system.backtest(self.data, variant, cell, fixes))
        account = self.system.as_written(self.data, variant, cell, fixes)
        if account is None:
            return nothing(self.run(variant, cell, self.fixes(variant)))
        return self.measurement.as_written(account, self.data.whole_until)

    def under(self, variant: str, cell: Cell, using: Simulator) -> Evaluated:
        """Return the corrected configuration under another simulator."""
        fixes = tuple(f for f in self.fixes(variant) if self.system.applies(f, cell))
        result = self.system.backtest(self.data, variant, cell, fixes, using)
        self.on_path()
        return self.measurement.backtest(result)

    def fixes(self, variant: str) -> tuple[str, ...]:
        """Return all fixes of a variant, in order."""
        return self.card.variants[variant].fixes

    def cell(self, variant: str, wanted: Cell) -> Cell:
        """Return the cell of the source's grid that a claim is about.

        Where the claim leaves something open, the source shows its best: so do we, by the Sharpe
        ratio of the cells as written.
        """
        matching = [c for c in self.system.grid(variant) if wanted.items() <= c.items()]
        return max(matching, key=lambda c: self.run(variant, c).points["sharpe"])

    def path(self, claim: Claim, fixed: Collection[str] = ()) -> Evaluated:
        """Return the path that a claim is about, after some fixes."""
        return self.run(claim.variant, self.cell(claim.variant, claim.cell), fixed)

    def other(self, claim: Claim, fixed: Collection[str] = ()) -> Evaluated:
        """Return the path that a claim compares its own with."""
        assert claim.against is not None
        return self.run(claim.variant, self.cell(claim.variant, claim.against), fixed)

    def estimate(self, claim: Claim, metric: str, fixed: Collection[str] = ()) -> Estimate:
        """Return a claimed metric after some fixes."""
        value = self.system.property_of(self.data, metric, fixed)
        if value is not None:
            return Estimate(value)
        estimate = self.system.estimate_of(self, claim, metric, fixed)
        if estimate is not None:
            return estimate
        if metric == "sharpe_gap":
            return gap(self.path(claim, fixed), self.other(claim, fixed))
        if metric in BASES:
            return information_ratio(
                self.path(claim, fixed), self._base(claim, metric), self.measurement
            )
        return self.measurement.estimate(self.path(claim, fixed), metric)

    def value(self, claim: Claim, metric: str) -> float:
        """Return a claimed metric as written: a number of the path needs no interval."""
        points = {} if claim.against or claim.exact else self.path(claim).points
        return points[metric] if metric in points else self.estimate(claim, metric).value

    def complete(self, claim: Claim, metric: str) -> float:
        """Return a claimed metric as written, on complete folds only; NaN where there is none."""
        own = self.path(claim).complete
        if not own:
            return math.nan
        value = self.system.property_of(self.data.complete(), metric, ())
        if value is not None:
            return float(value)
        if metric == "sharpe_gap":
            return own["sharpe"] - self.other(claim).complete["sharpe"]
        return own.get(metric, math.nan)

    def simple(
        self, claim: Claim, rules: Mapping[str, Evaluated], metric: str
    ) -> Mapping[str, float]:
        """Return a metric of simple rules, or forecasts, over the sessions of a claim."""
        values = self.system.comparisons_of(self, claim, rules, metric)
        if values is not None:
            return values
        return {name: e.points[metric] for name, e in rules.items() if metric in e.points}

    def _base(self, claim: Claim, metric: str) -> pd.Series:
        """Return the book that an active return is measured against, with the claim's fills."""
        if metric not in self.bases:
            using = self.system.simulator(self.fixes(claim.variant))
            self.bases[metric] = base(self.data, metric, using)
        return self.bases[metric]
