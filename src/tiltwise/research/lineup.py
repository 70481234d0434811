"""Lineup of the comparison: systems and rules with their assets, rows and settings."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tiltwise.calendar import QUARTERLY, YEARLY
from tiltwise.errors import MissingData, StrategyError
from tiltwise.market.market import Market
from tiltwise.market.universes import FACTOR_FUNDS, SELECT_SECTORS, VANGUARD_SECTORS
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight, InverseVolatility, Trend
from tiltwise.recipes.dynamic_loadings import DynamicLoadings
from tiltwise.recipes.regime_allocation import RegimeAllocation
from tiltwise.recipes.residual_momentum import ResidualMomentum
from tiltwise.recipes.sector_rotation import SectorRotation
from tiltwise.recipes.sparse_replication import SparseReplication
from tiltwise.strategy import Strategy

SYSTEMS: Mapping[str, Callable[..., Strategy]] = {
    "residual_momentum": ResidualMomentum,
    "dynamic_loadings": DynamicLoadings,
    "sparse_replication": SparseReplication,
    "sector_rotation": SectorRotation,
    "regime_allocation": RegimeAllocation,
}
EQUAL, HELD = "equal_weight", "buy_and_hold"
RULES: Mapping[str, Callable[..., Strategy]] = {
    EQUAL: EqualWeight,
    "inverse_volatility": InverseVolatility,
    "trend": Trend,
}
FEW = 12  #: assets up to which only a classifier is too slow for its own settings


@dataclasses.dataclass(frozen=True)
class Entry:
    """One system or rule of the comparison, before it has run.

    Attributes
    ----------
    name, kind : what it is called; "system" or "rule".
    strategy : None where it cannot be constructed; `reason` says why.
    settings : what differs from the defaults of the recipe, in words.
    """

    name: str
    kind: str
    strategy: Strategy | None
    settings: str = ""
    reason: str = ""


def chosen_universe(market: Market) -> tuple[str, ...]:
    """Return the first named set of funds that the market has whole, else all of its assets."""
    for names in (SELECT_SECTORS, VANGUARD_SECTORS, FACTOR_FUNDS):
        own = tuple(name for name in names if name != market.benchmark)
        if set(own) <= set(market.assets):
            return own
    return tuple(market.assets)


def common_history(market: Market, universe: Sequence[str]) -> Market:
    """Return the market from the first session on which all assets and the benchmark printed.

    Raises
    ------
    MissingData
        There is no such session.
    """
    view = market.select(tuple(universe))
    whole = view.prices.notna().all(axis=1)
    if view.benchmark_prices is not None:
        whole &= view.benchmark_prices.notna()
    if not whole.any():
        raise MissingData(f"{', '.join(universe)} never have a price on the same session")
    return view.asof(view.now, since=int(np.argmax(whole.to_numpy())))


def lineup(market: Market, full: bool = False) -> tuple[Entry, ...]:
    """Return the systems and rules on the assets of a market, in the order of the table.

    What costs more than it tells is set cheaper, and the row says so: the classifier of the replica
    learns yearly; of more than `FEW` assets it is left out, forecasts are learned quarterly and
    regimes yearly. `full` keeps the recipes' own settings. In either case a recipe that asks for
    more than half of the rows makes do with half.
    """
    entries = []
    for name, recipe in SYSTEMS.items():
        try:
            given = {} if full else _cheaper(name, len(market.assets))
            strategy = recipe(universe=market.assets, **_fitting(name, market), **given)
            strategy = strategy.shorter(len(market) // 2)
            settings = _settings(strategy, recipe(universe=strategy.universe[:0]))
            entries.append(Entry(name, "system", strategy, settings))
        except StrategyError as error:
            entries.append(Entry(name, "system", None, reason=str(error)))
    held = (market.benchmark,) if market.benchmark else market.assets
    entries.append(Entry(HELD, "rule", BuyAndHold(universe=held), ",".join(held)))
    rules = [Entry(name, "rule", rule(universe=market.assets)) for name, rule in RULES.items()]
    return (*entries, *rules)


def _cheaper(name: str, assets: int) -> dict[str, Any]:
    if assets <= FEW:
        return {"refit": YEARLY} if name == "sparse_replication" else {}
    many: dict[str, dict[str, Any]] = {
        "sparse_replication": {"select": "momentum"},
        "sector_rotation": {"refit": QUARTERLY},
        "regime_allocation": {"refit": YEARLY},
    }
    return many.get(name, {})


def _fitting(name: str, market: Market) -> dict[str, Any]:
    """Return the settings for universes smaller than the recipe's default holdings."""
    most = SparseReplication.holdings
    few = name == "sparse_replication" and most is not None and len(market.assets) < most
    return {"holdings": len(market.assets)} if few else {}


def _settings(strategy: Strategy, default: Strategy) -> str:
    own, usual = strategy.describe(), default.describe()
    return " ".join(f"{k}={v}" for k, v in own.items() if k != "universe" and v != usual[k])
