"""Run of a claim card: as written, fix by fix, corrected; all paths recorded, verdicts computed.

The order: the source's grids as it wrote them, the steps of each claim, the corrected cells, the
baselines. Only then are trials counted, so that a deflated Sharpe ratio knows of everything that
was tried.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Literal

from tiltwise.backtest.progress import Progress
from tiltwise.claims.engine import comparisons
from tiltwise.claims.engine.card import NO_DATA, Card, Claim, Number
from tiltwise.claims.engine.card_run import CardRun
from tiltwise.claims.engine.data import card_data
from tiltwise.claims.engine.measure import Measurement
from tiltwise.claims.engine.periods import out_of_data, within
from tiltwise.claims.engine.records import (
    CardResult,
    Estimate,
    Evaluated,
    Grid,
    GridCell,
    Row,
    Step,
    Waterfall,
)
from tiltwise.claims.engine.verdict import Verdict, judge, untestable
from tiltwise.claims.system import load
from tiltwise.evaluate.significance.overfitting import noise_ceiling
from tiltwise.evaluate.significance.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
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
    cut, system = card_data(card, market), load(card.system)
    expected = sum(len(system.grid(v)) for v in {c.variant for c in card.claims})
    expected += sum(len(card.variants[c.variant].fixes) + 1 for c in card.claims) + 24
    on_path = _counter(progress, expected)
    card_run = CardRun(card, cut, system, Measurement(ledger, data, jobs), on_path)
    written = {v: _grid(card_run, v) for v in dict.fromkeys(c.variant for c in card.claims)}
    waterfalls = tuple(_waterfall(card_run, claim) for claim in card.claims if claim.fall)
    corrected = _corrected_grids(card_run)
    baselines = {
        name: comparisons.baseline(card_run, rule)
        for name, rule in comparisons.rules(card_run).items()
    }
    sweeps = comparisons.sweeps(card_run) if profile == "full" else ()
    selected = functools.cache(lambda run: selection(run, ledger))
    rows = [row for c in card.claims for row in _rows(card_run, c, baselines, selected)]
    families = {e.run.family for e in (*card_run.paths.values(), *baselines.values())}
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
        waterfalls=waterfalls,
        grids=(*written.values(), *corrected),
        folds=comparisons.by_fold(card_run),
        baselines={
            name: {m: card_run.measurement.estimate(path, m) for m in path.points}
            for name, path in baselines.items()
        },
        growth=comparisons.growth(card_run, baselines),
        trials={family: ledger.count(family) for family in sorted(families)},
        sweeps=sweeps,
        notes=comparisons.notes(card_run),
        measured=comparisons.measured(card_run),
    )


def _counter(progress: Progress | None, expected: int) -> Callable[[], None]:
    done = 0

    def on_path() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, max(done, expected))

    return on_path


def _grid(card_run: CardRun, variant: str) -> Grid:
    """Return every cell of a source's grid as it wrote it."""
    named = {
        claim.id: card_run.cell(variant, claim.cell)
        for claim in comparisons.money(card_run.card)
        if claim.variant == variant
    }
    cells = []
    for cell in card_run.system.grid(variant):
        label, signal = card_run.system.label(cell)
        claims = tuple(claim for claim, wanted in named.items() if wanted == cell)
        points = card_run.run(variant, cell).points
        if math.isfinite(points["sharpe"]):  # else the data hold nothing of it
            cells.append(GridCell(label, signal, points, claims))
    ceiling = noise_ceiling(max(len(cells), 1), card_run.data.years)
    return Grid(variant, card_run.card.variants[variant].title, tuple(cells), ceiling)


def _corrected_grids(card_run: CardRun) -> tuple[Grid, ...]:
    """Return the corrected form of every kind of cell, by variant."""
    grids = []
    for variant in dict.fromkeys(c.variant for c in card_run.card.claims):
        fixes = card_run.fixes(variant)
        cells = []
        for cell in card_run.system.corrected_grid():
            label, signal = card_run.system.label(cell)
            cells.append(GridCell(label, signal, card_run.run(variant, cell, fixes).points, ()))
        title = f"{card_run.card.variants[variant].title}, corrected"
        ceiling = noise_ceiling(len(cells), card_run.data.years)
        grids.append(Grid(f"{variant}-corrected", title, tuple(cells), ceiling))
    return tuple(grids)


def _waterfall(card_run: CardRun, claim: Claim) -> Waterfall:
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
            card_run.card.variants[claim.variant].text,
            {m: card_run.estimate(claim, m) for m in metrics},
        ),
    ]
    fixes = card_run.fixes(claim.variant)
    cell = card_run.cell(claim.variant, claim.cell)
    for n, fix in enumerate(fixes, start=1):
        if card_run.system.applies(fix, cell):
            numbers = {m: card_run.estimate(claim, m, fixes[:n]) for m in metrics}
            entry = card_run.card.fixes[fix]
            steps.append(Step(fix, entry.label, entry.text, numbers))
    return Waterfall(claim.id, claim.text, claim.variant, tuple(steps))


def _rows(
    card_run: CardRun,
    claim: Claim,
    baselines: Mapping[str, Evaluated],
    selected: Callable[[Run], Selection],
) -> list[Row]:
    """Return each number of a claim with its verdict."""
    fixes = card_run.fixes(claim.variant)
    path = card_run.path(claim, fixes)
    trials = selected(path.run)
    rules = {name: within(e, claim.cell) for name, e in baselines.items()}
    rows = []
    for number in claim.numbers:
        written = card_run.value(claim, number.metric)
        corrected = card_run.estimate(claim, number.metric, fixes)
        verdict = _verdict(card_run, claim, number, written, corrected, trials.dsr)
        rows.append(
            Row(
                system=card_run.card.system,
                claim=number.id,
                text=claim.text,
                place=claim.place,
                variant=claim.variant,
                metric=number.metric,
                skill=number.skill,
                claimed=number.value,
                as_written=written,
                complete_folds=card_run.complete(claim, number.metric),
                corrected=corrected.value,
                low=corrected.low,
                high=corrected.high,
                dsr=trials.dsr if number.metric in DEFLATED else math.nan,
                trials=trials.trials,
                gross_sharpe=path.points.get("gross_sharpe", math.nan),
                net_sharpe=path.points.get("sharpe", math.nan),
                baselines=card_run.simple(claim, rules, number.metric),
                reproduced=verdict.reproduced,
                survives=verdict.survives,
                verdict=verdict.text,
                reason=verdict.reason,
            )
        )
    return rows


def _verdict(
    card_run: CardRun, claim: Claim, number: Number, written: float, corrected: Estimate, dsr: float
) -> Verdict:
    if claim.unknown:
        return untestable(claim.unknown, "not testable")
    short = "" if claim.exact else out_of_data(claim.cell, card_run.data.test_dates)
    if math.isnan(written) and not short:
        return untestable("what the source ran is not installed here", "not testable")
    if not claim.exact:
        if card_run.card.data == NO_DATA:
            return untestable(card_run.card.unknown, "not testable")
        if card_run.data.substitutes:
            return untestable(f"substitutes ({card_run.data.substitutes})")
        if short or card_run.data.shortfall:
            return untestable(short or card_run.data.shortfall)
    tolerance = card_run.card.variants[claim.variant].tolerance.get(number.metric, 0.0)
    return judge(number, tolerance, written, corrected, dsr)
