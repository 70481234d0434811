"""The variants of a system by name, each ready to run: as its source wrote it, and corrected."""

from collections.abc import Callable
from typing import Any

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.card import Card, Cell, read
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.system import System, load
from tiltwise.errors import MissingData, StrategyError
from tiltwise.market.market import Market

Runner = Callable[..., Backtest | AsWritten]
"""Takes a market, a simulator or None for the variant's own, and fields of the configuration."""


def variants(system: str) -> dict[str, Runner]:
    """Return what runs each variant of a system.

    Raises
    ------
    MissingData
        The system has no card.
    """
    card = read(system)
    return {name: _runner(card, name) for name in card.variants}


def _runner(card: Card, name: str) -> Runner:
    system = load(card.system)

    def run(
        market: Market, simulator: Simulator | None = None, **fields: Any
    ) -> Backtest | AsWritten:
        cell = _cell(card, name, system, fields)
        base, fixes = system.recipe_of(card, name, cell)
        data = card_data(card, market)
        if system.in_simulator(fixes):
            return system.backtest(data, base, cell, fixes, simulator)
        if simulator is not None:
            raise StrategyError(
                f"variant {name} keeps its source's own account: it takes no fill, delay or cost"
            )
        account = system.as_written(data, base, cell, fixes)
        if account is None:
            raise MissingData(f"variant {name}: its source has no account on these data")
        return account

    return run


def _cell(card: Card, name: str, system: System, fields: Cell) -> Cell:
    """Return the configuration asked for, the card's where nothing is said."""
    own = card.variants[name].cell
    known = {**own, **dict.fromkeys(system.free)}
    strangers = [key for key in fields if key not in known]
    if strangers:
        raise StrategyError(f"variant {name} has the fields {', '.join(known)}; not {strangers[0]}")
    return system.used({**own, **fields})
