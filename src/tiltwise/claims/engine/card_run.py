"""The paths behind a card: each is run, measured and recorded once."""

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any

import pandas as pd

from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.card import Card, Claim
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.information_ratio import BASES, base, information_ratio
from tiltwise.claims.engine.measure import Measurement, gap
from tiltwise.claims.engine.periods import PERIOD, nothing, within
from tiltwise.claims.engine.records import Estimate, Evaluated

Cell = Mapping[str, Any]
Key = tuple[Any, ...]
ONE_PATH = "history"
"""Fix from which on all periods are cut from one path that knows all history."""


@dataclasses.dataclass(eq=False)
class CardRun:
    """A card, its data, the module of its system, and what was evaluated so far.

    Attributes
    ----------
    told : called after each new path.
    done : by configuration, what was evaluated.
    parts : periods of these; they are no trials.
    bases : by metric, the other book of an information ratio.
    """

    card: Card
    data: CardData
    system: Any
    measurement: Measurement
    told: Callable[[], None]
    done: dict[Key, Evaluated] = dataclasses.field(default_factory=dict)
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
        if key not in self.done:
            self.done[key] = self._evaluate(variant, cell, fixes)
            self.told()
        return self.done[key]

    def one_path(self, fixes: Collection[str]) -> bool:
        """Whether periods are cut from one path, not run each by itself: on stand-ins always."""
        told = bool(self.system.in_simulator(fixes)) or ONE_PATH in fixes
        return told or bool(self.data.substitutes)

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
        self.told()
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
        found = self.system.property_of(self.data, metric, fixed)
        if found is not None:
            return Estimate(found)
        own = getattr(self.system, "estimate_of", None)
        told: Estimate | None = own(self, claim, metric, fixed) if own else None
        if told is not None:
            return told
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
        found = self.system.property_of(self.data.complete(), metric, ())
        if found is not None:
            return float(found)
        if metric == "sharpe_gap":
            return own["sharpe"] - self.other(claim).complete["sharpe"]
        return own.get(metric, math.nan)

    def simple(
        self, claim: Claim, rules: Mapping[str, Evaluated], metric: str
    ) -> Mapping[str, float]:
        """Return a metric of simple rules, or forecasts, over the sessions of a claim."""
        own = getattr(self.system, "beside_of", None)
        told: Mapping[str, float] | None = own(self, claim, rules, metric) if own else None
        if told is not None:
            return told
        return {name: e.points[metric] for name, e in rules.items() if metric in e.points}

    def _base(self, claim: Claim, metric: str) -> pd.Series:
        """Return the book that an active return is measured against, with the claim's fills."""
        if metric not in self.bases:
            using = self.system.simulator(self.fixes(claim.variant))
            self.bases[metric] = base(self.data, metric, using)
        return self.bases[metric]
