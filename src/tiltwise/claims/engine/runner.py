"""Run a claim card: as written, fix by fix, corrected; every path recorded, every verdict computed.

The order: the source's grids as it wrote them, the steps of each claim, the corrected cells, the
baselines. Only then are trials counted, so that a deflated Sharpe ratio knows of everything that
was tried.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from tiltwise.backtest.progress import Progress
from tiltwise.claims.engine import comparisons
from tiltwise.claims.engine.card import NO_DATA, Card, Claim, Number
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.engine.data import study
from tiltwise.claims.engine.measure import Measurement
from tiltwise.claims.engine.periods import out_of_data, within
from tiltwise.claims.engine.records import (
    CardResult,
    Cell,
    Estimate,
    Evaluated,
    Grid,
    Row,
    Step,
    Waterfall,
)
from tiltwise.claims.engine.variants import SYSTEMS
from tiltwise.claims.engine.verdict import judge, untestable
from tiltwise.evaluate.significance.overfitting import noise_ceiling
from tiltwise.evaluate.significance.selection import Selection, selection
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market

Profile = Literal["sample", "full"]
DEFLATED = ("sharpe", "total_return", "cagr")
"""Metrics beside which the deflated Sharpe ratio of the path is shown."""


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
    expected = sum(len(system.grid(v)) for v in {c.variant for c in card.claims})
    expected += sum(len(card.variants[c.variant].fixes) + 1 for c in card.claims) + 24
    told = _counter(progress, expected)
    bench = CardRun(card, cut, system, Measurement(ledger, data, jobs), told)
    written = {v: _grid(bench, v) for v in dict.fromkeys(c.variant for c in card.claims)}
    falls = tuple(_waterfall(bench, claim) for claim in card.claims if claim.fall)
    corrected = _corrected_grids(bench)
    baselines = {
        name: comparisons.baseline(bench, rule) for name, rule in comparisons.rules(bench).items()
    }
    sweeps = comparisons.sweeps(bench) if profile == "full" else ()
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
        folds=comparisons.by_fold(bench),
        baselines={
            name: {m: bench.lab.estimate(found, m) for m in found.points}
            for name, found in baselines.items()
        },
        growth=comparisons.growth(bench, baselines),
        trials={family: ledger.count(family) for family in sorted(families)},
        sweeps=sweeps,
        notes=comparisons.notes(bench),
        measured=comparisons.measured(bench),
    )


def _counter(progress: Progress | None, expected: int) -> Callable[[], None]:
    done = 0

    def told() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, max(done, expected))

    return told


def _grid(bench: CardRun, variant: str) -> Grid:
    """Return every cell of a source's grid as it wrote it."""
    named = {
        claim.id: bench.cell(variant, claim.cell)
        for claim in comparisons.money(bench.card)
        if claim.variant == variant
    }
    cells = []
    for cell in bench.system.grid(variant):
        label, signal = bench.system.label(cell)
        claims = tuple(claim for claim, wanted in named.items() if wanted == cell)
        points = bench.run(variant, cell).points
        if math.isfinite(points["sharpe"]):  # else the data hold nothing of it
            cells.append(Cell(label, signal, points, claims))
    ceiling = noise_ceiling(max(len(cells), 1), bench.study.years)
    return Grid(variant, bench.card.variants[variant].title, tuple(cells), ceiling)


def _corrected_grids(bench: CardRun) -> tuple[Grid, ...]:
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


def _waterfall(bench: CardRun, claim: Claim) -> Waterfall:
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
    bench: CardRun, claim: Claim, baselines: Mapping[str, Evaluated], counted: Any
) -> list[Row]:
    """Return each number of a claim with its verdict."""
    fixes = bench.fixes(claim.variant)
    path = bench.path(claim, fixes)
    chosen: Selection = counted(path.run)
    beside_it = {name: within(e, claim.cell) for name, e in baselines.items()}
    found = []
    for number in claim.numbers:
        written = bench.value(claim, number.metric)
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
                dsr=chosen.dsr if number.metric in DEFLATED else math.nan,
                trials=chosen.trials,
                gross_sharpe=path.points.get("gross_sharpe", math.nan),
                net_sharpe=path.points.get("sharpe", math.nan),
                baselines=bench.simple(claim, beside_it, number.metric),
                reproduced=verdict.reproduced,
                survives=verdict.survives,
                verdict=verdict.text,
                reason=verdict.reason,
            )
        )
    return found


def _verdict(
    bench: CardRun, claim: Claim, number: Number, written: float, corrected: Estimate, dsr: float
) -> Any:
    if claim.unknown:
        return untestable(claim.unknown, "not testable")
    short = "" if claim.exact else out_of_data(claim.cell, bench.study.test_dates)
    if math.isnan(written) and not short:
        return untestable("what the source ran is not installed here", "not testable")
    if not claim.exact:
        if bench.card.data == NO_DATA:
            return untestable(bench.card.unknown, "not testable")
        if bench.study.substitutes:
            return untestable(f"substitutes ({bench.study.substitutes})")
        if short or bench.study.shortfall:
            return untestable(short or bench.study.shortfall)
    tolerance = bench.card.variants[claim.variant].tolerance.get(number.metric, 0.0)
    return judge(number, tolerance, written, corrected, dsr)
