"""Regime allocation as a system of claims: its periods and factors, and what each fix changes."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.result import Backtest
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import first_start, shown, walk_forward
from tiltwise.claims.engine.account import AsWritten, Source
from tiltwise.claims.engine.card import Card, read
from tiltwise.claims.engine.data import CardData
from tiltwise.claims.engine.periods import PERIOD, ends
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

Cell = Mapping[str, Any]

COSTS = Costs(half_spread_bps=5.0)
WARMUP = 756  #: sessions before the first decision, where the paper asks for 2016
FREE = ("factor", "target", PERIOD)
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
IN_SIMULATOR = frozenset({"simulator", "model", "protocol"})
EXAMPLE = (
    np.array([[0.0256, 0.0240, 0.0200], [0.0240, 0.0289, 0.0180], [0.0200, 0.0180, 0.0225]]),
    np.array([0.0, 0.03, -0.02]),
)
"""Covariance of three assets a year, the first of them the market, and views on the others."""
TARGET = 0.02


def grid(variant: str) -> list[dict[str, Any]]:
    """Return every configuration that the source shows in a variant."""
    cells = [dict(c.cell) for c in read("regime_allocation").claims if c.variant == variant]
    return [cell for n, cell in enumerate(cells) if cell not in cells[:n]]


def corrected_grid() -> list[dict[str, Any]]:
    """Return what is left once periods are parts of one path: all factors, 2 % tracking error."""
    return [{}]


def label(cell: Cell) -> tuple[str, str]:
    """Return the name of a configuration, and its signal."""
    if "factor" in cell:
        return str(cell["factor"]), "regimes"
    if "target" in cell:
        return f"Tracking error {cell['target']:.0%}", "regimes"
    if PERIOD not in cell:
        return "All factors", "regimes"
    first, last = ends(cell[PERIOD])
    return f"{first.year} to {last.year}", "regimes"


def applies(fix: str, cell: Cell) -> bool:
    """Whether a fix can change a configuration: each can."""
    return True


def recipe_of(card: Card, variant: str, cell: Cell) -> tuple[str, tuple[str, ...]]:
    """Return the as-written variant behind a variant, and the fixes that lead to it."""
    if cell.get("factor") and cell["factor"] not in card.universe:
        raise StrategyError(f"factor={cell['factor']!r} is not one of {', '.join(card.universe)}")
    if variant != "corrected":
        return variant, ("protocol",) if variant == "paper" else ()
    if "factor" in cell:
        return "factors", card.variants["factors"].fixes
    return "helix", card.variants["helix"].fixes


def in_simulator(fixed: Collection[str]) -> bool:
    """Whether the money is the simulator's, not the source's own account."""
    return not IN_SIMULATOR.isdisjoint(fixed)


def _universe(study: CardData) -> tuple[str, ...]:
    return (*study.traded, study.reference)


def _factor(study: CardData, name: str) -> str:
    """Return the fund, or the asset that stands in for it."""
    if name in study.traded:
        return name
    place = read("regime_allocation").universe.index(name)
    return study.traded[place % len(study.traded)]


def helix(study: CardData, fixed: Collection[str] = ()) -> HelixAllocation:
    """Return the source's strategy without the defects that are fixed."""
    flags: dict[str, Any] = {flag: fix not in fixed for fix, flag in FLAGS.items()}
    return HelixAllocation(universe=_universe(study), market=study.reference, **flags)


def strategy(study: CardData, variant: str, cell: Cell, fixed: Collection[str]) -> Strategy:
    """Return the strategy of a variant after some fixes."""
    if variant == "factors" or "factor" in cell:
        factor = _factor(study, cell["factor"]) if "factor" in cell else None
        return FactorTilt(universe=_universe(study), warmup=WARMUP, factor=factor)
    if variant == "paper" or "target" in fixed:
        target = float(cell.get("target") or TARGET)
        return RegimeAllocation(universe=_universe(study), warmup=WARMUP, target=target)
    return helix(study, fixed)


def simulator(fixed: Collection[str]) -> Simulator:
    """Return fills and costs after some fixes."""
    later = not {"fill", "model", "protocol"}.isdisjoint(fixed)
    return Simulator("close", 2 if later else 1, COSTS)


def first_decision(study: CardData) -> pd.Timestamp:
    """Return the session on which the corrected strategy can first decide."""
    recipe = RegimeAllocation(universe=_universe(study), warmup=WARMUP)
    return max(study.test_dates[0], first_start(recipe, study.market))


def backtest(
    study: CardData,
    variant: str,
    cell: Cell,
    fixed: Collection[str],
    using: Simulator | None = None,
    jobs: int | None = None,
) -> Backtest:
    """Run a variant after some fixes through the simulator, over all test years or a period."""
    chosen, start, stop = strategy(study, variant, cell, fixed), first_decision(study), None
    if cell.get(PERIOD):
        first, stop = ends(cell[PERIOD])
        start = max(start, first)
    using = using or simulator(fixed)
    key = (chosen.key, str(start), str(stop), str(using.describe()))

    def run() -> Backtest:
        return filled(_decisions(chosen, study.market, start, stop, jobs), study.market, using)

    found: Backtest = study.market.cached(("backtest", *key), run)
    return found


def filled(result: Backtest, market: Market, using: Simulator) -> Backtest:
    """Return the same decisions with other fills and costs; nobody asked what is held."""
    dates = result.decisions.dates
    view = shown(result.strategy, market.asof(result.simulated.tape.dates[-1]))
    tape = using.tape(view, int(view.dates.searchsorted(dates[0])))
    rows = np.searchsorted(tape.dates.asi8, dates.asi8)
    simulated = using.run(tape, result.decisions.weights.to_numpy(), sessions=rows)
    return Backtest.make(result.strategy, view, using, result.decisions, result.refits, simulated)


def _decisions(
    chosen: Strategy, market: Market, start: Any, stop: Any, jobs: int | None = None
) -> Backtest:
    """Return the decisions from a session on, made once whatever becomes of them."""

    def run() -> Backtest:
        return walk_forward(chosen, market, start, stop, simulator=simulator(()), jobs=jobs)

    found: Backtest = market.cached(("decided", chosen.key, str(start), str(stop)), run)
    return found


def as_written(
    study: CardData, variant: str, cell: Cell, fixed: Collection[str] = ()
) -> AsWritten | None:
    """Return the source's own account; None where it has none on these data."""
    if variant == "paper":
        return None
    try:
        result = _decided(study, cell, fixed)
    except MissingData:
        return None
    returns = pd.DataFrame(np.expm1(study.returns))
    if variant == "factors":
        found = source.tilt_account(
            result, returns, _factor(study, cell["factor"]), study.reference
        )
    else:
        found = source.account(result, returns, _dead(study, cell, result, fixed))
    market = returns[study.reference].loc[found.net.index]
    told = Source(
        fields={
            "strategy": RegimeAllocation.__name__,
            "as_written": variant,
            "fixed": list(fixed),
            "reference": study.reference,
            **cell,
        },
        account={"account": f"as written, {variant}", "cost": source.COST},
        recipe=RegimeAllocation,
        market_id=study.market.id,
        assets=_universe(study),
    )
    return dataclasses.replace(found, strategy=told, benchmark_returns=market)


def _decided(study: CardData, cell: Cell, fixed: Collection[str]) -> Backtest:
    """Return decisions from the session before a period on, known from 504 days before it."""
    chosen, market, stop = helix(study, fixed), study.market, None
    start = first_decision(study)
    if cell.get(PERIOD):
        first, stop = ends(cell[PERIOD])
        market = market.asof(stop, since=first - source.FETCHED)
        if market.now < first:
            raise MissingData(f"no session from {first.date()} on")
        before = market.dates[max(int(market.dates.searchsorted(first)) - 1, 0)]
        start = max(before, first_start(chosen, market))
    return _decisions(chosen, market, start, stop)


def _dead(
    study: CardData, cell: Cell, result: Backtest, fixed: Collection[str]
) -> pd.DatetimeIndex:
    """Return the sessions that the source counts before its first trade."""
    dates = study.market.dates
    if "dead" in fixed or not cell.get(PERIOD):
        return dates[:0]
    begin = int(dates.searchsorted(ends(cell[PERIOD])[0] - source.FETCHED)) + source.WARMUP
    return dates[begin : int(dates.searchsorted(result.weights.index[0])) + 1]


def property_of(study: CardData, metric: str, fixed: Collection[str]) -> float | None:
    """Return a number that no path of money has; None where `metric` is not one."""
    if metric == "blended_fee":
        return allocating.true_fee() if "limits" in fixed else allocating.blended_fee()
    if metric != "tracking_error":
        return None
    sigma, views = EXAMPLE
    if "target" not in fixed:
        scale = allocating.searched_scale(sigma, views, 0, TARGET)
        found = allocating.clipped(allocating.tilted(sigma, views, 0, scale))
        return allocating.tracking_error(found, sigma)
    names = pd.Index(["market", "first", "second"])
    prior = Prior(pd.DataFrame(sigma, names, names), pd.Series(1.0 / len(names), names))
    wanted = Views.relative(pd.Series(views, names).iloc[1:], "market", names)
    return float(at_tracking_error(prior, wanted, TARGET).detail["tracking_error"])
