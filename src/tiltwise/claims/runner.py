"""Run a claim card: as written, fix by fix, corrected; every path recorded, every verdict computed.

The order: the source's grids as it wrote them, the steps of each claim, the corrected cells, the
baselines. Only then are trials counted, so that a deflated Sharpe ratio knows of everything that
was tried.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd

from tiltwise.backtest.costs import Costs
from tiltwise.backtest.simulator import Simulator
from tiltwise.backtest.walk_forward import walk_forward
from tiltwise.claims.bench import Bench
from tiltwise.claims.card import Card, Claim, Number
from tiltwise.claims.evidence import (
    CardResult,
    Cell,
    Estimate,
    Evaluated,
    FoldRow,
    Grid,
    Row,
    Step,
    Waterfall,
)
from tiltwise.claims.lab import Lab
from tiltwise.claims.study import study
from tiltwise.claims.variants import SYSTEMS
from tiltwise.claims.verdict import judge, untestable
from tiltwise.evaluate.overfitting import noise_ceiling
from tiltwise.evaluate.selection import Selection, selection
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.recipes.benchmarks import BuyAndHold, EqualWeight, InverseVolatility, Trend
from tiltwise.strategy import Strategy

Progress = Callable[[int, int], None]
Profile = Literal["sample", "full"]

SWEPT_COSTS = (0.0, 2.0, 5.0, 10.0)
SWEPT_DELAYS = (1, 2, 3, 6)


def run_card(
    card: Card,
    market: Market,
    ledger: Ledger,
    profile: Profile = "sample",
    progress: Progress | None = None,
    *,
    data: str = "",
    jobs: int | None = None,
) -> CardResult:
    """Return the claims of a card against the evidence of a market.

    Parameters
    ----------
    card, market : what is claimed, and the data; other assets stand in where the card's are absent.
    ledger : where every path is recorded and trials are counted.
    profile : "full" adds sweeps over costs and delays.
    progress : called with (paths done, expected).
    data : what a reader calls the data.
    jobs : threads; the numbers do not depend on it.

    Raises
    ------
    MissingData
        The data hold not one fold of the source's walk-forward.
    """
    cut, system = study(card, market), SYSTEMS[card.system]
    expected = sum(len(system.grid(v)) for v in ("first", "head") if v in card.variants)
    expected += sum(len(card.variants[c.variant].fixes) + 1 for c in card.claims) + 24
    told = _counter(progress, expected)
    bench = Bench(card, cut, system, Lab(ledger, data, jobs), told)
    written = {v: _grid(bench, v) for v in dict.fromkeys(c.variant for c in card.claims)}
    falls = tuple(_waterfall(bench, claim) for claim in card.claims)
    corrected = _corrected_grids(bench)
    baselines = {name: _baseline(bench, rule) for name, rule in _rules(bench).items()}
    sweeps = _sweeps(bench) if profile == "full" else ()
    counted = functools.cache(lambda run: selection(run, ledger))
    rows = [row for c in card.claims for row in _rows(bench, c, baselines, counted)]
    families = {e.run.family for e in (*bench.done.values(), *baselines.values())}
    dates = cut.test_dates
    return CardResult(
        system=card.system,
        number=card.number,
        title=card.title,
        source=card.source,
        data=data,
        data_id=cut.market.id,
        substitutes=cut.substitutes,
        period=(f"{dates[0]:%Y-%m-%d}", f"{dates[-1]:%Y-%m-%d}"),
        years=cut.years,
        rows=tuple(rows),
        waterfalls=falls,
        grids=(*written.values(), *corrected),
        folds=_folds(bench),
        baselines={
            name: {m: bench.lab.estimate(found, m) for m in found.points}
            for name, found in baselines.items()
        },
        growth=_growth(bench, baselines),
        trials={family: ledger.count(family) for family in sorted(families)},
        sweeps=sweeps,
        notes=_notes(bench),
    )


def _counter(progress: Progress | None, expected: int) -> Callable[[], None]:
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, max(done, expected))

    return told


def _grid(bench: Bench, variant: str) -> Grid:
    """Return every cell of a source's grid as it wrote it."""
    named = {
        claim.id: bench.cell(variant, claim.cell)
        for claim in _money(bench.card)
        if claim.variant == variant
    }
    cells = []
    for cell in bench.system.grid(variant):
        label, signal = bench.system.label(cell)
        claims = tuple(claim for claim, wanted in named.items() if wanted == cell)
        cells.append(Cell(label, signal, bench.run(variant, cell).points, claims))
    ceiling = noise_ceiling(len(cells), bench.study.years)
    return Grid(variant, bench.card.variants[variant].title, tuple(cells), ceiling)


def _corrected_grids(bench: Bench) -> tuple[Grid, ...]:
    """Return the corrected form of every kind of cell, by variant."""
    grids = []
    for variant in dict.fromkeys(c.variant for c in bench.card.claims):
        fixes = bench.fixes(variant)
        cells = []
        for cell in bench.system.corrected_grid():
            label, signal = bench.system.label(cell)
            cells.append(Cell(label, signal, bench.run(variant, cell, fixes).points, ()))
        title = f"{bench.card.variants[variant].title}, corrected"
        ceiling = noise_ceiling(len(cells), bench.study.years)
        grids.append(Grid(f"{variant}-corrected", title, tuple(cells), ceiling))
    return tuple(grids)


def _money(card: Card) -> list[Claim]:
    """Return the claims about one path of money."""
    return [c for c in card.claims if "sharpe" in c.claimed]


def _waterfall(bench: Bench, claim: Claim) -> Waterfall:
    """Return the numbers of a claim from publication to correction, one change at a time."""
    metrics = tuple(claim.claimed)
    steps = [
        Step(
            "published",
            "published",
            claim.place,
            {m: Estimate(v) for m, v in claim.claimed.items()},
        ),
        Step(
            "as written",
            "as written",
            bench.card.variants[claim.variant].text,
            {m: bench.estimate(claim, m) for m in metrics},
        ),
    ]
    fixes = bench.fixes(claim.variant)
    cell = bench.cell(claim.variant, claim.cell)
    for n, fix in enumerate(fixes, start=1):
        if bench.system.applies(fix, cell):
            numbers = {m: bench.estimate(claim, m, fixes[:n]) for m in metrics}
            told = bench.card.fixes[fix]
            steps.append(Step(fix, told.label, told.text, numbers))
    return Waterfall(claim.id, claim.text, claim.variant, tuple(steps))


def _rows(
    bench: Bench, claim: Claim, baselines: Mapping[str, Evaluated], counted: Any
) -> list[Row]:
    """Return each number of a claim with its verdict."""
    fixes = bench.fixes(claim.variant)
    chosen: Selection = counted(bench.path(claim, fixes).run)
    found = []
    for number in claim.numbers:
        written = bench.estimate(claim, number.metric).value
        corrected = bench.estimate(claim, number.metric, fixes)
        verdict = _verdict(bench, claim, number, written, corrected, chosen.dsr)
        found.append(
            Row(
                system=bench.card.system,
                claim=number.id,
                text=claim.text,
                place=claim.place,
                variant=claim.variant,
                metric=number.metric,
                skill=number.skill,
                claimed=number.value,
                as_written=written,
                complete_folds=bench.complete(claim, number.metric),
                corrected=corrected.value,
                low=corrected.low,
                high=corrected.high,
                dsr=chosen.dsr if number.metric in ("sharpe", "total_return") else math.nan,
                trials=chosen.trials,
                baselines={
                    name: e.points[number.metric]
                    for name, e in baselines.items()
                    if number.metric in e.points
                },
                reproduced=verdict.reproduced,
                survives=verdict.survives,
                verdict=verdict.text,
                reason=verdict.reason,
            )
        )
    return found


def _verdict(
    bench: Bench, claim: Claim, number: Number, written: float, corrected: Estimate, dsr: float
) -> Any:
    if bench.study.substitutes:
        return untestable(f"substitutes ({bench.study.substitutes})")
    if bench.study.shortfall:
        return untestable(bench.study.shortfall)
    tolerance = bench.card.variants[claim.variant].tolerance.get(number.metric, 0.0)
    return judge(number, tolerance, written, corrected, dsr)


def _rules(bench: Bench) -> dict[str, Strategy]:
    """Return the simple rules that every claim is measured against."""
    names = bench.study.traded
    return {
        bench.study.reference: BuyAndHold(universe=(bench.study.reference,)),
        "buy and hold": BuyAndHold(universe=names),
        "equal weight": EqualWeight(universe=names),
        "inverse volatility": InverseVolatility(universe=names),
        "trend": Trend(universe=names),
    }


def _baseline(bench: Bench, rule: Strategy) -> Evaluated:
    bench.told()
    start = bench.study.test_dates[0]
    return bench.lab.backtest(walk_forward(rule, bench.study.market, start))


def _folds(bench: Bench) -> tuple[FoldRow, ...]:
    """Return what each fold earned, as written and corrected."""
    claims = _money(bench.card)
    written = {c.id: bench.path(c).returns for c in claims}
    corrected = {c.id: bench.path(c, bench.fixes(c.variant)).returns for c in claims}
    dates = pd.DatetimeIndex(bench.study.returns.index)
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
        for fold in bench.study.folds
    )


def _total(returns: pd.Series, fold: Any) -> float:
    """Return the total return of the sessions of a test year."""
    values = returns[(returns.index >= fold.test) & (returns.index < fold.stop)].to_numpy()
    return float(np.prod(1.0 + values) - 1.0)


def _growth(bench: Bench, baselines: Mapping[str, Evaluated]) -> dict[str, pd.Series]:
    """Return the growth of one unit: the first claim of each variant, and the market."""
    paths: dict[str, pd.Series] = {}
    for variant, entry in bench.card.variants.items():
        first = next((c for c in _money(bench.card) if c.variant == variant), None)
        if first is not None:
            paths[f"{entry.title}, as written"] = bench.path(first).returns
            fixes = bench.fixes(variant)
            paths[f"{entry.title}, corrected"] = bench.path(first, fixes).returns
    paths[bench.study.reference] = baselines[bench.study.reference].returns
    return {name: (1.0 + r).cumprod() for name, r in paths.items()}


def _sweeps(bench: Bench) -> tuple[dict[str, Any], ...]:
    """Return the corrected Sharpe ratio of each claim under other costs and delays."""
    made = []
    settings = [("cost", c, Simulator(costs=Costs(half_spread_bps=c))) for c in SWEPT_COSTS]
    settings += [("delay", float(d), Simulator("close", d)) for d in SWEPT_DELAYS]
    for claim in _money(bench.card):
        cell = bench.cell(claim.variant, claim.cell)
        for kind, setting, using in settings:
            found = bench.lab.estimate(bench.under(claim.variant, cell, using), "sharpe")
            made.append({"claim": claim.id, "kind": kind, "setting": setting, "sharpe": found})
    return tuple(made)


def _notes(bench: Bench) -> tuple[str, ...]:
    cut = bench.study
    found = list(cut.notes)
    if cut.substitutes:
        found.append(f"substitutes: {cut.substitutes}; no claim can be reproduced on them")
    elif cut.shortfall:
        found.append(cut.shortfall)
    if not cut.folds[-1].complete:
        found.append(
            f"fold {len(cut.folds)} is cut by the data at {cut.test_dates[-1]:%Y-%m-%d}; the rule "
            f"of the source yields {sum(f.complete for f in cut.folds)} complete folds here"
        )
    if cut.market.rates is None:
        found.append("no cash rate was given: cash and collateral earn nothing")
    return tuple(found)
