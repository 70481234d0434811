"""Comparisons of the claims: simple rules, folds, growth, other costs and delays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.claims.engine.card import NO_DATA, Card, Claim
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.engine.folds import Fold
from tiltwise.claims.engine.periods import PERIOD, covers
from tiltwise.claims.engine.records import Evaluated, FoldRow, Measured
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight, InverseVolatility, Trend
from tiltwise.strategy import Strategy

SWEPT_COSTS = (0.0, 2.0, 5.0, 10.0)
SWEPT_DELAYS = (1, 2, 3, 6)


def money(card: Card) -> list[Claim]:
    """Return the claims about one path of money."""
    return [c for c in card.claims if {"sharpe", "gross_sharpe", "cagr"} & c.claimed.keys()]


def rules(card_run: CardRun) -> dict[str, Strategy]:
    """Return the simple rules that every claim is measured against."""
    names = card_run.data.traded
    if card_run.card.holds_market:
        names = (*names, card_run.data.reference)
    return {
        card_run.data.reference: BuyAndHold(universe=(card_run.data.reference,)),
        "buy and hold": BuyAndHold(universe=names),
        "equal weight": EqualWeight(universe=names),
        "inverse volatility": InverseVolatility(universe=names),
        "trend": Trend(universe=names),
    }


def baseline(card_run: CardRun, rule: Strategy) -> Evaluated:
    """Return a simple rule over all test years, with the usual fills and costs."""
    card_run.on_path()
    start = card_run.data.test_dates[0]
    return card_run.measurement.backtest(walk_forward(rule, card_run.data.market, start))


def by_fold(card_run: CardRun) -> tuple[FoldRow, ...]:
    """Return what each fold earned, as written and corrected."""
    claims = covering(card_run)
    written = {c.id: card_run.path(c).returns for c in claims}
    corrected = {c.id: card_run.path(c, card_run.fixes(c.variant)).returns for c in claims}
    dates = pd.DatetimeIndex(card_run.data.returns.index)
    return tuple(
        FoldRow(
            train=f"{fold.train:%Y-%m-%d}",
            test=f"{fold.test:%Y-%m-%d}",
            stop=f"{fold.stop:%Y-%m-%d}",
            sessions=len(dates[fold.rows(dates)[1]]),
            complete=fold.complete,
            as_written={name: _total(r, fold) for name, r in written.items()},
            corrected={name: _total(r, fold) for name, r in corrected.items()},
        )
        for fold in card_run.data.folds
    )


def covering(card_run: CardRun) -> list[Claim]:
    """Return the claims about money over all test years, not over a period of them."""
    dates = card_run.data.test_dates
    return [c for c in money(card_run.card) if covers(str(c.cell.get(PERIOD, "")), dates)]


def _total(returns: pd.Series, fold: Fold) -> float:
    """Return the total return of the sessions of a test year."""
    values = returns[(returns.index >= fold.test) & (returns.index < fold.stop)].to_numpy()
    return float(np.prod(1.0 + values) - 1.0)


def growth(card_run: CardRun, baselines: Mapping[str, Evaluated]) -> dict[str, pd.Series]:
    """Return the growth of one unit: the first claim of each variant, and the market.

    A claim about all test years goes before one about a period of them.
    """
    paths: dict[str, pd.Series] = {}
    claims = [*covering(card_run), *money(card_run.card)]
    for variant, entry in card_run.card.variants.items():
        first = next((c for c in claims if c.variant == variant), None)
        if first is not None:
            paths[f"{entry.title}, as written"] = card_run.path(first).returns
            fixes = card_run.fixes(variant)
            paths[f"{entry.title}, corrected"] = card_run.path(first, fixes).returns
    paths[card_run.data.reference] = baselines[card_run.data.reference].returns
    shown = {name: r.loc[card_run.data.test_dates[0] :] for name, r in paths.items()}
    return {name: (1.0 + r).cumprod() for name, r in shown.items() if len(r)}


def sweeps(card_run: CardRun) -> tuple[dict[str, Any], ...]:
    """Return the corrected Sharpe ratio of each claim under other costs and delays."""
    rows = []
    settings = [("cost", c, Simulator(costs=Costs(half_spread_bps=c))) for c in SWEPT_COSTS]
    settings += [("delay", float(d), Simulator("close", d)) for d in SWEPT_DELAYS]
    for claim in covering(card_run):
        cell = card_run.cell(claim.variant, claim.cell)
        for kind, setting, using in settings:
            sharpe = card_run.measurement.estimate(
                card_run.under(claim.variant, cell, using), "sharpe"
            )
            rows.append({"claim": claim.id, "kind": kind, "setting": setting, "sharpe": sharpe})
    return tuple(rows)


def measured(card_run: CardRun) -> tuple[Measured, ...]:
    """Return returns and turnover of each configuration, where the source gives no data."""
    if card_run.card.data != NO_DATA:
        return ()
    rows = []
    for variant in dict.fromkeys(c.variant for c in card_run.card.claims):
        for cell in card_run.system.corrected_grid():
            run = card_run.run(variant, cell, card_run.fixes(variant))
            gross, net = (card_run.measurement.estimate(run, m) for m in ("gross_sharpe", "sharpe"))
            name, _ = card_run.system.label(cell)
            rows.append(Measured(name, gross, net, run.points["one_way"]))
    return tuple(rows)


def notes(card_run: CardRun) -> tuple[str, ...]:
    """Return what a reader must know of the data."""
    data = card_run.data
    lines = list(data.notes)
    if card_run.card.data == NO_DATA:
        lines.append(
            f"{card_run.card.title}: {card_run.card.unknown}; what was measured instead is shown"
        )
    if data.substitutes:
        lines.append(f"substitutes: {data.substitutes}; no money claimed can be reproduced on them")
    elif data.shortfall:
        lines.append(data.shortfall)
    if not data.folds[-1].complete:
        lines.append(
            f"fold {len(data.folds)} is cut by the data at {data.test_dates[-1]:%Y-%m-%d}; the "
            f"rule of the source yields {sum(f.complete for f in data.folds)} complete folds here"
        )
    lines += card_run.system.notes(card_run)
    if data.market.rates is None:
        lines.append("no cash rate was given: cash and collateral earn nothing")
    return tuple(lines)
