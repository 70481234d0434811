"""The contract of a system of claims: what a folder of `claims/systems` provides to be judged.

A folder holds ``card.toml``, what is claimed, and ``system.py``, whose `SYSTEM` runs it. Nothing
else names it: a new folder is a new card.
"""

import abc
import importlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.card import SYSTEMS, Card, Cell, Claim, read
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, Span, ends
from tiltwise.claims.engine.records import Estimate, Evaluated
from tiltwise.errors import StrategyError
from tiltwise.strategy import Strategy

if TYPE_CHECKING:
    from tiltwise.claims.engine.card_run import CardRun


class System(abc.ABC):
    """One published system: its configurations, and how each fix changes what is run.

    In all methods `cell` is a configuration, and `fixed` holds the ids of the fixes applied so far.

    Attributes
    ----------
    name : of the folder, and of the system on its card.
    free : fields that a user may set although a variant does not.
    in_simulator_from : fixes from any of which on the money is the simulator's; None if it always
        is.
    """

    name: str
    free: tuple[str, ...] = ()
    in_simulator_from: frozenset[str] | None = None

    def grid(self, variant: str) -> list[dict[str, Any]]:
        """Return every configuration that the source shows: by default those of its claims."""
        cells = [dict(claim.cell) for claim in read(self.name).claims if claim.variant == variant]
        return [cell for n, cell in enumerate(cells) if cell not in cells[:n]]

    @abc.abstractmethod
    def corrected_grid(self) -> list[dict[str, Any]]:
        """Return the configurations that differ once all fixes are applied."""

    @abc.abstractmethod
    def label(self, cell: Cell) -> tuple[str, str]:
        """Return the name of a configuration, and its signal."""

    @abc.abstractmethod
    def recipe_of(self, card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
        """Return the as-written variant behind a variant, and the fixes that lead to it.

        Raises
        ------
        StrategyError
            A field of the configuration has a value that the system does not know.
        """

    @abc.abstractmethod
    def strategy(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str]
    ) -> Strategy:
        """Return what decides after some fixes."""

    @abc.abstractmethod
    def simulator(self, fixed: Collection[str]) -> Simulator:
        """Return fills and costs after some fixes."""

    def applies(self, fix: str, cell: Cell) -> bool:
        """Whether a fix can change a configuration."""
        return True

    def used(self, cell: Cell) -> Cell:
        """Return a configuration without the fields that have no effect in it."""
        return cell

    def in_simulator(self, fixed: Collection[str]) -> bool:
        """Whether the money is the simulator's, not the source's own account."""
        return self.in_simulator_from is None or not self.in_simulator_from.isdisjoint(fixed)

    def one_path(self, fixed: Collection[str]) -> bool:
        """Whether periods are cut from one path, not run each by itself."""
        return self.in_simulator(fixed)

    def as_written(
        self, data: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
    ) -> AsWritten | None:
        """Return the source's own account; None where it has none on these data.

        Raises
        ------
        StrategyError
            The source has no account at all: every path is the simulator's.
        """
        raise StrategyError(f"{self.name}: its source has no back-test of its own to run")

    def backtest(
        self,
        data: CardData,
        variant: str,
        cell: Cell,
        fixed: Collection[str],
        using: Simulator | None = None,
    ) -> Backtest:
        """Run a configuration after some fixes over all test years, or over its period.

        `using` replaces the simulator of the system.
        """
        chosen = self.strategy(data, variant, cell, fixed)
        span: Span = (self.first(data), None)
        if cell.get(PERIOD):
            first, last = ends(str(cell[PERIOD]))
            span = max(span[0], first), last
        return self.walk(data, chosen, span, using or self.simulator(fixed))

    def first(self, data: CardData) -> pd.Timestamp:
        """Return the first session on which a path decides."""
        return pd.Timestamp(data.test_dates[0])

    def walk(self, data: CardData, chosen: Strategy, span: Span, using: Simulator) -> Backtest:
        """Run a strategy from one session to another; a system may keep what it has run."""
        return walk_forward(chosen, data.market, *span, simulator=using)

    def property_of(self, data: CardData, metric: str, fixed: Collection[str]) -> float | None:
        """Return a number that no path of money has; None where `metric` is not one."""
        return None

    def estimate_of(
        self, card_run: "CardRun", claim: Claim, metric: str, fixed: Collection[str] = ()
    ) -> Estimate | None:
        """Return a number that this system measures itself; None where it does not."""
        return None

    def comparisons_of(
        self, card_run: "CardRun", claim: Claim, rules: Mapping[str, Evaluated], metric: str
    ) -> Mapping[str, float] | None:
        """Return a metric of simple rules or forecasts by name; None for the usual measurement."""
        return None

    def notes(self, card_run: "CardRun") -> list[str]:
        """Return remarks on the data and the results of this system."""
        return []


def load(name: str) -> System:
    """Return the system of a folder.

    Raises
    ------
    StrategyError
        Its ``system.py`` has no `SYSTEM`.
    """
    module = importlib.import_module(f"{SYSTEMS}.{name}.system")
    system = vars(module).get("SYSTEM")
    if not isinstance(system, System):
        raise StrategyError(f"{module.__file__} must define SYSTEM, a {System.__qualname__}")
    return system
