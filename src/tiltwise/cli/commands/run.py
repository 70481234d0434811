"""``tiltwise run``: one strategy, one market, one recorded result."""

import functools
from typing import TYPE_CHECKING, Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, Json, Quiet, Recipe, Seed

if TYPE_CHECKING:
    from tiltwise.experiment.recorded_run import RecordedRun
    from tiltwise.research.robustness.robustness import Robustness


@spelled_out
def run(
    recipe: Recipe,
    *,
    data: Data = None,
    variant: Annotated[
        str | None, typer.Option(help="of the claim card: first, readme, head, corrected")
    ] = None,
    chosen: Chosen,
    companions: Companions,
    fills: Fills,
    allow_lookahead: Annotated[
        bool, typer.Option(help="measure a leak; taints the report")
    ] = False,
    open_vault: Annotated[
        str | None, typer.Option(help="the reason for looking into a sealed period")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="also what another library would print: quantstats, ...")
    ] = None,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Backtest one strategy, record it, and write its report.

    Example: tiltwise run residual_momentum --data sample:stocks --set signal=reversion
    """
    from tiltwise.cli import choices, holdout, inputs
    from tiltwise.cli import dialect as dialects
    from tiltwise.experiment.describe import describe
    from tiltwise.ledger import Ledger

    name = dialects.known(dialect) if dialect else None
    where = place.where(data)
    market = companions.market(where.data)
    holdout.admitted(where.folder, where.data, market, chosen.end, open_vault)
    bars = functools.partial(console.progress, quiet=quiet)
    label = inputs.label(where.data)
    if variant:
        from tiltwise.claims.engine.experiment import run_variant

        own = fills == Fills() and not allow_lookahead
        result = run_variant(
            recipe,
            variant,
            market,
            None if own else fills.simulator(allow_lookahead),
            choices.variant_fields(chosen),
            ledger=Ledger(where.folder),
            data=label,
            seed=seed,
            jobs=where.jobs,
            bars=bars,
        )
    else:
        from tiltwise.experiment.run import run_experiment

        result = run_experiment(
            choices.recipe_of(recipe, where.data, market, chosen),
            market,
            chosen.start,
            chosen.end,
            fills.simulator(allow_lookahead),
            ledger=where.folder,
            data=label,
            seed=seed,
            jobs=where.jobs,
            bars=bars,
        )
    others = dialects.rows(name, result.id, where.folder, market) if name else []
    if json:
        console.emit_json(describe(result, recipe) | ({"dialect": others} if name else {}))
        return
    print_result(result)
    if name:
        dialects.print_rows(name, others)


def print_result(result: "RecordedRun") -> None:
    """Print the metrics, the assumptions, the checks and where the report is."""
    from tiltwise.cli.benchmark_tables import print_benchmarks
    from tiltwise.cli.commands.risks import counts_text

    record, table = result.run, result.summary
    rows = [
        [name, *(console.number(float(v), unit(name)) for v in table.loc[name].to_numpy())]
        for name in console.side_by_side(list(map(str, table.index)))
    ]
    title = f"{record.strategy['strategy']} on {record.data}, {record.start} to {record.end}"
    console.table(title, ["metric", "value", "low 5 %", "high 95 %"], rows)
    backtest, counted = result.backtest, result.counts.selection
    print(
        f"fills at the {backtest.fill}; earns from session {backtest.delay} after the decision on"
    )
    print(
        f"trials counted: {counted.trials}; best of them without skill: Sharpe "
        f"{console.number(counted.noise_ceiling)}; fails from "
        f"{console.number(counted.fails_at, 'periods')} trials on"
    )
    print_robustness(result.robustness)
    if result.benchmarks is not None:
        print_benchmarks(result.benchmarks)
    console.notes((*record.notes, *result.robustness.notes))
    if result.counts.vault:
        print(f"vault: {result.counts.vault}")
    if result.risks is not None:
        print(f"{counts_text(result.risks)}: tiltwise risks {result.id[:8]}")
    print(f"run {result.id}\nreport {result.page_path}")


def print_robustness(checks: "Robustness") -> None:
    """Print the Sharpe ratio under other assumptions, and the differences to simple rules."""
    curves = {"delay": checks.delay, "cost": checks.cost, "fill": checks.fill}
    rows = [
        [
            f"{name} {point.label}",
            *(console.number(v) for v in (point.sharpe, point.low, point.high)),
        ]
        for name, curve in curves.items()
        for point in (curve.points if curve else ())
    ]
    if rows:
        console.table("Sharpe ratio net of costs if", ["", "value", "low 5 %", "high 95 %"], rows)
    for text in sensitivity_text(checks):
        print(text)
    against = checks.against.to_dict("index")
    rows = [[str(rule), *console.difference(row)] for rule, row in against.items()]
    head = ["this run less", *console.DIFFERENCE]
    if rows:
        console.table("against simple rules, net of costs", head, rows)


def sensitivity_text(checks: "Robustness") -> list[str]:
    """Return break-even cost, spread over starts and placebo p-value in one line."""
    lines = []
    if checks.cost is not None:
        end, free = checks.cost.break_even, checks.cost.points[0].mean
        none = "costs never eat it up" if free > 0 else "no reward even without trading costs"
        lines.append(none if end is None else f"nothing left at {end:.1f} bps a side")
    if checks.start is not None:
        starts = [point.sharpe for point in checks.start.points]
        lines.append(f"{len(starts)} later starts: Sharpe {min(starts):.3f} to {max(starts):.3f}")
    if checks.rotation is not None:
        count, p = len(checks.rotation.rotated), checks.rotation.p_value
        lines.append(f"rotation placebo: p = {p:.3f} over {count} rotations")
    return ["; ".join(lines)] if lines else []


def unit(name: str) -> str:
    """Return the unit of a metric, the counted ones included."""
    from tiltwise.evaluate.metrics import METRICS

    return METRICS[name].unit if name in METRICS else "probability"
