"""The main commands; each is a few lines that hand over to the package."""

from pathlib import Path
from typing import Annotated

import typer

from tiltwise.cli import lab, show, stores
from tiltwise.cli.export import export
from tiltwise.cli.options import (
    Benchmark,
    Calendar,
    Config,
    CostBps,
    Data,
    Delay,
    End,
    Factors,
    Fill,
    Folder,
    Jobs,
    Json,
    Macro,
    Quiet,
    Rates,
    Recipe,
    Seed,
    Settings,
    Start,
    Universe,
)
from tiltwise.cli.replicate import replicate

app = typer.Typer(
    name="tiltwise",
    help="An honest laboratory and trading desk for sector and factor ETF strategies.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)


@app.command()
def claims(
    system: Annotated[str | None, typer.Argument(help="one system; default: all")] = None,
    data: Data = None,
    full: Annotated[bool, typer.Option("--full", help="sweep costs and delays too")] = False,
    benchmark: Benchmark = None,
    macro: Macro = None,
    rates: Rates = None,
    factors: Factors = None,
    calendar: Calendar = None,
    config: Config = None,
    folder: Folder = None,
    jobs: Jobs = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hold every published claim against the evidence and write the report: the main job.

    Example: tiltwise claims residual_momentum --data sample:stocks
    """
    from tiltwise.cli import claims as claiming
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs

    where = configuration.read(config, data=data, folder=folder, jobs=jobs)
    market = inputs.market(
        where.data,
        benchmark=benchmark,
        calendar=calendar,
        macro=macro,
        rates=rates,
        factors=factors,
        quiet=quiet,
    )
    found = claiming.execute(system, where.data, market, where.folder, full, where.jobs, quiet)
    if json:
        show.emit_json(found)
    else:
        claiming.print_rows(found)


@app.command()
def run(
    recipe: Recipe,
    data: Data = None,
    variant: Annotated[
        str | None, typer.Option(help="of the claim card: first, readme, head, corrected")
    ] = None,
    settings: Settings = None,
    start: Start = None,
    end: End = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    macro: Macro = None,
    rates: Rates = None,
    factors: Factors = None,
    calendar: Calendar = None,
    fill: Fill = None,
    delay: Delay = None,
    cost_bps: CostBps = None,
    allow_lookahead: Annotated[
        bool, typer.Option(help="measure a leak; taints the report")
    ] = False,
    open_vault: Annotated[
        str | None, typer.Option(help="the reason for looking into a sealed period")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="also what another library would print: quantstats, ...")
    ] = None,
    config: Config = None,
    folder: Folder = None,
    jobs: Jobs = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Backtest one strategy, record it, and write its report.

    Example: tiltwise run residual_momentum --data sample:stocks --set signal=reversion
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import dialect as dialects
    from tiltwise.cli import inputs
    from tiltwise.cli import run as running
    from tiltwise.cli import vault as vaults

    name = dialects.known(dialect) if dialect else None
    where = configuration.read(config, data=data, folder=folder, jobs=jobs)
    market = inputs.market(
        where.data,
        benchmark=benchmark,
        calendar=calendar,
        macro=macro,
        rates=rates,
        factors=factors,
    )
    vaults.admitted(where.folder, where.data, market, end, open_vault)
    asked = running.Asked(
        recipe=recipe,
        data=where.data,
        market=market,
        settings=tuple(settings or ()),
        universe=universe,
        start=start,
        end=end,
        simulator=inputs.simulator(fill, delay, cost_bps, allow_lookahead),
        folder=where.folder,
        jobs=where.jobs,
        seed=seed,
    )
    if variant:
        from tiltwise.cli import variant as variants

        own = (fill, delay, cost_bps, allow_lookahead) == (None, None, None, False)
        done = variants.execute(asked, variant, None if own else asked.simulator, quiet)
    else:
        done = running.execute(asked, quiet)
    told = dialects.rows(name, done.summary["run_id"], where.folder, market) if name else []
    if json:
        show.emit_json(done.summary | ({"dialect": told} if name else {}))
        return
    running.print_result(done)
    if name:
        dialects.print_rows(name, told)


@app.command()
def recipes(json: Json = False) -> None:
    """List the strategies that come with the package.

    Example: tiltwise recipes
    """
    from tiltwise import recipes as folder
    from tiltwise.cli.inputs import facts

    rows = [facts(name, recipe) for name, recipe in folder.discover().items()]
    if json:
        show.emit_json(rows)
    else:
        show.table(
            "recipes",
            ["recipe", "idea", "refit", "decides", "holds"],
            [
                [r["recipe"], r["idea"], r["refit"], r["decide_on"], ",".join(r["universe"])]
                for r in rows
            ],
        )


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="lower_snake_case; becomes the file and the class")],
    json: Json = False,
) -> None:
    """Write the first file of your own strategy.

    Example: tiltwise new low_volatility
    """
    from tiltwise.cli.new import write

    path = write(name, Path())
    if json:
        show.emit_json({"file": str(path)})
    else:
        print(f"{path} written; edit its decide(), then: tiltwise run {path} --data sample:stocks")


@app.command()
def doctor(
    warmup: Annotated[bool, typer.Option(help="compile every kernel once")] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check the installation; with --warmup, compile everything once.

    Example: tiltwise doctor --warmup
    """
    from tiltwise.cli import doctor as clinic

    findings = clinic.examine(warmup, quiet)
    if json:
        show.emit_json(findings)
    else:
        show.table("doctor", ["what", "found"], [[k, str(v)] for k, v in findings.items()])


app.command()(replicate)
app.add_typer(lab.lab)
app.add_typer(stores.data, name="data")
app.add_typer(stores.ledger, name="ledger")
app.add_typer(stores.vault, name="vault")
app.add_typer(export, name="export")
