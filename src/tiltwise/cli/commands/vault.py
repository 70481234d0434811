"""``tiltwise vault``: a sealed final period, and every recorded look into it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console, options
from tiltwise.cli.groups import Chosen, Companions, Fills, spelled_out

if TYPE_CHECKING:
    from tiltwise.ledger import Run

vault = typer.Typer(help="A final period that nobody sees by accident.", no_args_is_help=True)
SHOWN = (
    "gross_sharpe",
    "sharpe",
    "sortino",
    "cagr",
    "max_drawdown",
    "turnover_one_way",
    "cost_drag",
)


@vault.command("seal")
def vault_seal(
    start: Annotated[str, typer.Argument(help="first sealed day; it is never moved")],
    data: options.Data = None,
    config: options.Config = None,
    folder: options.Folder = None,
    json: options.Json = False,
) -> None:
    """Seal the end of a data set: runs that reach into it need --open-vault and a reason.

    Example: tiltwise vault seal 2020-01-01 --data sample:stocks
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs
    from tiltwise.ledger import Ledger
    from tiltwise.research.holdout import Holdout

    where = configuration.read(config, data=data, folder=folder)
    sealed = Holdout(Ledger(where.folder)).seal(inputs.label(where.data), start)
    first = f"{sealed.start:%Y-%m-%d}"
    if json:
        console.emit_json({"data": sealed.label, "sealed_from": first, "row": sealed.row})
    else:
        print(f"{sealed.label} is sealed from {first}")


@vault.command("score")
@spelled_out
def vault_score(
    recipe: options.Recipe,
    *,
    data: options.Data = None,
    settings: options.Settings = None,
    start: options.Start = None,
    end: Annotated[str | None, typer.Option(help="last session; default: before the seal")] = None,
    universe: options.Universe = None,
    benchmark: options.Benchmark = None,
    calendar: options.Calendar = None,
    fills: Fills,
    open_vault: Annotated[
        str | None, typer.Option(help="score the sealed period too; the reason")
    ] = None,
    config: options.Config = None,
    folder: options.Folder = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score a strategy before the seal, by the engine that will score the sealed period.

    Example: tiltwise vault score residual_momentum --data sample:stocks
    """
    from tiltwise.cli import choices, inputs
    from tiltwise.cli import config as configuration
    from tiltwise.ledger import Ledger
    from tiltwise.research.holdout import Holdout

    where = configuration.read(config, data=data, folder=folder)
    market = Companions(benchmark, calendar=calendar).market(where.data)
    chosen = Chosen(settings, start, end, universe)
    strategy = choices.recipe_of(recipe, where.data, market, chosen)
    simulator, label = fills.simulator(), inputs.label(where.data)
    holdout = Holdout(Ledger(where.folder))
    period = (start, end)
    with console.progress(f"{strategy.name} on {label}", quiet):
        runs = {
            "validation": holdout.validate(strategy, market, label, *period, simulator, seed=seed)
        }
        if open_vault is not None:
            runs["sealed"] = holdout.evaluate(
                strategy, market, label, open_vault, simulator=simulator, seed=seed
            )
    rows = [_scored(name, run, holdout.statement(label)) for name, run in runs.items()]
    console.emit(rows, json, print_scores)


@vault.command("status")
def vault_status(
    config: options.Config = None, folder: options.Folder = None, json: options.Json = False
) -> None:
    """Say what is sealed, how often it was opened and why.

    Example: tiltwise vault status
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import holdout

    rows = holdout.status(configuration.read(config, folder=folder).folder)
    console.emit(rows, json, print_status)


def _scored(period: str, run: "Run", statement: str) -> dict[str, Any]:
    metrics = {name: run.metrics[name] for name in SHOWN}
    facts = {"period": period, "run_id": run.id, "start": run.start, "end": run.end}
    return {**facts, "sessions": len(run.returns), "metrics": metrics, "vault": statement}


def print_scores(rows: list[dict[str, Any]]) -> None:
    """Print a column for each period, Sharpe ratios with their intervals."""
    from tiltwise.evaluate.metrics import METRICS

    table = [["sessions", *(str(row["sessions"]) for row in rows)]]
    for name in SHOWN:
        cells = []
        for metric in (row["metrics"][name] for row in rows):
            value, low, high = (metric[k] for k in ("value", "low", "high"))
            cells.append(console.interval(value, low, high, METRICS[name].unit))
        table.append([name, *cells])
    head = [f"{row['period']}, {row['start']} to {row['end']}" for row in rows]
    console.table("one engine, two periods; 90 % intervals", ["", *head], table)
    print(f"vault: {rows[-1]['vault']}")


def print_status(rows: list[dict[str, Any]]) -> None:
    """Print seals and openings."""
    for row in rows:
        print(f"{row['data']}: sealed from {row['sealed_from']}, opened {len(row['opened'])} times")
        for reason in row["opened"]:
            print(f"  opened: {reason}")
        for family, looks in row["looks"].items():
            print(f"  {family}: {looks} recorded runs reach into it")
    if not rows:
        print("nothing is sealed here")
