"""The variants of a system by name, each ready to run: as its source wrote it, and corrected."""

from collections.abc import Callable, Mapping
from typing import Any

from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.claims.engine.account import AsWritten
from tiltwise.claims.engine.card import Card, read
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.systems.dynamic_loadings import system as dynamic_loadings
from tiltwise.claims.systems.regime_allocation import system as regime_allocation
from tiltwise.claims.systems.residual_momentum import system as residual_momentum
from tiltwise.claims.systems.sector_rotation import system as sector_rotation
from tiltwise.claims.systems.sparse_replication import system as sparse_replication
from tiltwise.errors import StrategyError
from tiltwise.market.market import Market

SYSTEMS: Mapping[str, Any] = {
    "residual_momentum": residual_momentum,
    "dynamic_loadings": dynamic_loadings,
    "sparse_replication": sparse_replication,
    "sector_rotation": sector_rotation,
    "regime_allocation": regime_allocation,
}
"""What runs each card, by recipe name."""

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
    system = SYSTEMS[card.system]

    def run(
        market: Market, simulator: Simulator | None = None, **fields: Any
    ) -> Backtest | AsWritten:
        cell = _cell(card, name, fields)
        base, fixes = system.recipe_of(card, name, cell)
        cut = card_data(card, market)
        if system.in_simulator(fixes):
            found: Backtest = system.backtest(cut, base, cell, fixes, simulator)
            return found
        if simulator is not None:
            raise StrategyError(
                f"variant {name} keeps its source's own account: it takes no fill, delay or cost"
            )
        account: AsWritten = system.as_written(cut, base, cell, fixes)
        return account

    return run


def _cell(card: Card, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration asked for, the card's where nothing is said."""
    own = card.variants[name].cell
    free: tuple[str, ...] = SYSTEMS[card.system].FREE
    known = {**own, **dict.fromkeys(free)}
    strangers = [key for key in fields if key not in known]
    if strangers:
        raise StrategyError(f"variant {name} has the fields {', '.join(known)}; not {strangers[0]}")
    cell = {**own, **fields}
    if cell.get("residual") in ("fixed", "rolling"):  # they have no filter
        cell = {key: value for key, value in cell.items() if key not in free}
    return cell
