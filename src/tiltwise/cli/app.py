"""The commands; each is a few lines that hand over to the package."""

from pathlib import Path
from typing import Annotated

import typer

from tiltwise.cli import show

app = typer.Typer(
    name="tiltwise",
    help="An honest laboratory and trading desk for sector and factor ETF strategies.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
data = typer.Typer(help="Look at data before using it.", no_args_is_help=True)
ledger = typer.Typer(help="The record of every result that was computed.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(ledger, name="ledger")

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="store, CSV or Parquet file, sample:stocks (default), sample:factors, synthetic:SEED",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON value on stdout")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="no progress, no remarks")]
Benchmark = Annotated[str | None, typer.Option(help="asset compared with, not held by default")]
Calendar = Annotated[str | None, typer.Option(help='exchange code, or "rows" for the rows present')]
Universe = Annotated[str | None, typer.Option(help='"all" or assets A,B,C; default: the recipe\'s')]
Settings = Annotated[list[str] | None, typer.Option("--set", help="a field of the strategy: k=v")]
Config = Annotated[Path | None, typer.Option(help="tiltwise.toml: where things are")]
Folder = Annotated[Path | None, typer.Option(help="where results go; default .tiltwise")]
Jobs = Annotated[int | None, typer.Option(min=1, help="threads; results do not depend on it")]


@app.command()
def claims(
    system: Annotated[str | None, typer.Argument(help="one system; default: all")] = None,
    data: Data = None,
    full: Annotated[bool, typer.Option("--full", help="sweep costs and delays too")] = False,
    benchmark: Benchmark = None,
    rates: Annotated[
        str | None, typer.Option(help="FILE:COLUMN, or FILE:COLUMN% for percent")
    ] = None,
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
    market = inputs.market(where.data, benchmark=benchmark, rates=rates, calendar=calendar)
    found = claiming.execute(system, where.data, market, where.folder, full, where.jobs, quiet)
    if json:
        show.emit_json(found)
    else:
        claiming.print_rows(found)


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:Class")],
    data: Data = None,
    variant: Annotated[
        str | None, typer.Option(help="of the claim card: first, readme, head, corrected")
    ] = None,
    settings: Settings = None,
    start: Annotated[
        str | None, typer.Option(help="first decision; default: as early as data allow")
    ] = None,
    end: Annotated[str | None, typer.Option(help="last session; default: the newest")] = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    macro: Annotated[str | None, typer.Option(help="records series, period, known, value")] = None,
    rates: Annotated[
        str | None, typer.Option(help="FILE:COLUMN, or FILE:COLUMN% for percent")
    ] = None,
    factors: Annotated[str | None, typer.Option(help="decimal factor returns by date")] = None,
    calendar: Calendar = None,
    fill: Annotated[
        str | None, typer.Option(help="open or close; default: what the data allow")
    ] = None,
    delay: Annotated[
        int | None, typer.Option(min=0, help="first earning session after the decision")
    ] = None,
    cost_bps: Annotated[
        float | None, typer.Option(min=0, help="half-spread per side; default 2")
    ] = None,
    allow_lookahead: Annotated[
        bool, typer.Option(help="measure a leak; taints the report")
    ] = False,
    config: Config = None,
    folder: Folder = None,
    jobs: Jobs = None,
    seed: Annotated[int, typer.Option(help="of the intervals' resampling")] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Backtest one strategy, record it, and write its report.

    Example: tiltwise run residual_momentum --data sample:stocks --set signal=reversion
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs
    from tiltwise.cli import run as running

    where = configuration.read(config, data=data, folder=folder, jobs=jobs)
    asked = running.Asked(
        recipe=recipe,
        data=where.data,
        market=inputs.market(
            where.data,
            benchmark=benchmark,
            calendar=calendar,
            macro=macro,
            rates=rates,
            factors=factors,
        ),
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
    if json:
        show.emit_json(done.summary)
    else:
        running.print_result(done)


@app.command()
def audit(
    target: Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:NAME")],
    data: Data = None,
    settings: Settings = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    calendar: Calendar = None,
    rows: Annotated[
        str, typer.Option(help='row t of a frame is "decided" after t, or "held" in t')
    ] = "decided",
    start: Annotated[str | None, typer.Option(help="first session that may be cut")] = None,
    cuts: Annotated[
        int | None, typer.Option(min=1, help="how many; default: what the budget allows")
    ] = None,
    budget: Annotated[
        float, typer.Option(min=1, help="seconds for a function of whole panels")
    ] = 30.0,
    seed: Annotated[int, typer.Option(help="of the perturbations")] = 0,
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Prove that a strategy or a function does not look ahead; exit 4 if it does.

    Example: tiltwise audit residual_momentum --data sample:stocks
    """
    from tiltwise.cli import audit as auditing
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs

    where = configuration.read(config, data=data)
    report = auditing.examine(
        target,
        where.data,
        inputs.market(where.data, benchmark=benchmark, calendar=calendar),
        settings=tuple(settings or ()),
        universe=universe,
        quiet=quiet,
        rows=rows,
        start=start,
        cuts=cuts,
        budget=budget,
        seed=seed,
    )
    if json:
        show.emit_json(report.to_json())
    else:
        auditing.print_report(report, target)
    if not report.passed:
        raise typer.Exit(4)


@app.command()
def sweep(
    recipe: Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:Class")],
    grid: Annotated[
        list[str] | None, typer.Option("--grid", help="k=v1,v2,...: every combination is a trial")
    ] = None,
    data: Data = None,
    settings: Settings = None,
    start: Annotated[
        str | None, typer.Option(help="first decision; default: as early as data allow")
    ] = None,
    end: Annotated[str | None, typer.Option(help="last session; default: the newest")] = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    calendar: Calendar = None,
    fill: Annotated[
        str | None, typer.Option(help="open or close; default: what the data allow")
    ] = None,
    delay: Annotated[
        int | None, typer.Option(min=0, help="first earning session after the decision")
    ] = None,
    cost_bps: Annotated[
        float | None, typer.Option(min=0, help="half-spread per side; default 2")
    ] = None,
    config: Config = None,
    folder: Folder = None,
    jobs: Jobs = None,
    seed: Annotated[int, typer.Option(help="of the intervals' resampling")] = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run every combination of settings; each is a counted trial.

    Example: tiltwise sweep residual_momentum --grid factors=1,2,3 --grid signal=momentum,reversion
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs
    from tiltwise.cli import sweep as sweeping

    where = configuration.read(config, data=data, folder=folder, jobs=jobs)
    asked = sweeping.Asked(
        recipe=recipe,
        data=where.data,
        market=inputs.market(where.data, benchmark=benchmark, calendar=calendar),
        settings=tuple(settings or ()),
        grid=tuple(grid or ()),
        universe=universe,
        start=start,
        end=end,
        simulator=inputs.simulator(fill, delay, cost_bps, False),
        folder=where.folder,
        jobs=where.jobs,
        seed=seed,
    )
    done = sweeping.execute(asked, quiet)
    if json:
        show.emit_json(done.summary)
    else:
        sweeping.print_result(done)


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


@data.command("check")
def data_check(
    path: Annotated[str, typer.Argument(help="as --data: a store, a file or a sample")],
    calendar: Calendar = "XNYS",
    json: Json = False,
) -> None:
    """Report gaps, stale runs, bad prices and the like; exit 3 if any is an error.

    Example: tiltwise data check sample:stocks
    """
    from tiltwise.cli import check

    report = check.examine(path, calendar or "XNYS")
    if json:
        print(report.to_json())
    else:
        check.print_report(report, path)
    if not report.passed:
        raise typer.Exit(3)


@ledger.command("list")
def ledger_list(folder: Folder = None, json: Json = False) -> None:
    """List recorded runs.

    Example: tiltwise ledger list
    """
    from tiltwise.cli import config, records

    rows = records.rows(config.read(None, folder=folder).folder)
    if json:
        show.emit_json(rows)
    else:
        records.print_rows(rows)


@ledger.command("verify")
def ledger_verify(folder: Folder = None, json: Json = False) -> None:
    """Check that no record was edited, deleted or reordered; exit 4 if one was.

    Example: tiltwise ledger verify
    """
    from tiltwise.cli import config, records

    findings = records.verify(config.read(None, folder=folder).folder)
    if json:
        show.emit_json({"passed": not findings, "findings": findings})
    else:
        records.print_findings(findings)
    if findings:
        raise typer.Exit(4)
