"""The commands of doubt: audit, sweep, compare, null worlds, and reports of earlier runs."""

from typing import Annotated

import typer

from tiltwise.cli import show
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
    Grid,
    Jobs,
    Json,
    Macro,
    Quiet,
    Rates,
    Recipe,
    Seed,
    Settings,
    Space,
    Start,
    Universe,
)

lab = typer.Typer()


@lab.command()
def audit(
    target: Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:NAME")],
    data: Data = None,
    settings: Settings = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    macro: Macro = None,
    rates: Rates = None,
    factors: Factors = None,
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
    seed: Seed = 0,
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
        inputs.market(
            where.data,
            benchmark=benchmark,
            macro=macro,
            rates=rates,
            factors=factors,
            calendar=calendar,
        ),
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


@lab.command()
def sweep(
    recipe: Recipe,
    grid: Grid = None,
    turnover: Annotated[
        str | None, typer.Option(help="caps instead of a grid: none,0.16,0.08,0.04,0.02")
    ] = None,
    data: Data = None,
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
    config: Config = None,
    folder: Folder = None,
    jobs: Jobs = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run every combination of settings; each is a counted trial.

    Example: tiltwise sweep residual_momentum --grid factors=1,2,3 --grid signal=momentum,reversion

    What a limit on turnover costs and saves: --turnover none,0.16,0.08,0.04,0.02
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs
    from tiltwise.cli import sweep as sweeping
    from tiltwise.cli import vault as vaults

    where = configuration.read(config, data=data, folder=folder, jobs=jobs)
    market = inputs.market(
        where.data,
        benchmark=benchmark,
        macro=macro,
        rates=rates,
        factors=factors,
        calendar=calendar,
    )
    vaults.admitted(where.folder, where.data, market, end, None)
    asked = sweeping.Asked(
        recipe=recipe,
        data=where.data,
        market=market,
        settings=tuple(settings or ()),
        grid=tuple(grid or ()),
        turnover=turnover,
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


@lab.command()
def tune(
    recipe: Recipe,
    space: Space = None,
    data: Data = None,
    settings: Settings = None,
    trials: Annotated[int, typer.Option(min=1, help="how many")] = 50,
    searcher: Annotated[str, typer.Option(help="optuna, grid or random")] = "optuna",
    objective: Annotated[
        str, typer.Option(help="sharpe, sortino, calmar, omega, cagr or total_return, after costs")
    ] = "sharpe",
    start: Start = None,
    end: Annotated[
        str | None, typer.Option(help="last session of validation; default: before the seal")
    ] = None,
    seal: Annotated[
        str | None, typer.Option(help="first day of the holdout; it is never moved")
    ] = None,
    embargo: Annotated[int, typer.Option(min=0, help="sessions between periods")] = 21,
    trained: Annotated[
        str | None, typer.Option(help="last day of the rows the space was made with")
    ] = None,
    case: Annotated[str, typer.Option(help="a name to declare the search by")] = "",
    universe: Universe = None,
    benchmark: Benchmark = None,
    macro: Macro = None,
    rates: Rates = None,
    factors: Factors = None,
    calendar: Calendar = None,
    fill: Fill = None,
    delay: Delay = None,
    cost_bps: CostBps = None,
    config: Config = None,
    folder: Folder = None,
    jobs: Jobs = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search for the best settings before a sealed period; each trial is counted.

    Example: tiltwise tune residual_momentum --space quantile=.1:.4 --space factors=1..4
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs
    from tiltwise.cli import tune as tuning

    where = configuration.read(config, data=data, folder=folder, jobs=jobs)
    asked = tuning.Asked(
        recipe=recipe,
        data=where.data,
        market=inputs.market(
            where.data,
            benchmark=benchmark,
            macro=macro,
            rates=rates,
            factors=factors,
            calendar=calendar,
        ),
        settings=tuple(settings or ()),
        universe=universe,
        start=start,
        end=end,
        simulator=inputs.simulator(fill, delay, cost_bps, False),
        folder=where.folder,
        jobs=where.jobs,
        seed=seed,
        space=tuple(space or ()),
        trials=trials,
        searcher=searcher,
        objective=objective,
        trained=trained,
        seal=seal,
        embargo=embargo,
        case=case,
    )
    done = tuning.execute(asked, quiet)
    if json:
        show.emit_json(done.summary)
    else:
        tuning.print_result(done)


@lab.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(help="two or more ids, beginnings of ids, or aliases")
    ],
    periods: Annotated[
        str | None, typer.Option(help="2024:,2022:2024,... also these, with benchmarks and fees")
    ] = None,
    folder: Folder = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Set recorded runs side by side, difference by difference, and period by period.

    Example: tiltwise compare champion 22fa784e --periods 2022:2024,2024:
    """
    from tiltwise.cli import compare as comparing
    from tiltwise.cli import config as configuration

    where = configuration.read(None, folder=folder).folder
    done = comparing.execute(runs, where, seed, periods)
    if json:
        show.emit_json(done.summary)
    else:
        comparing.print_result(done)


@lab.command()
def report(
    run: Annotated[str, typer.Argument(help="id, the beginning of one, or an alias")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Draw the report of a recorded run again, its trials counted anew.

    Example: tiltwise report 22fa784e
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli.report import rebuild

    drawn = rebuild(run, configuration.read(None, folder=folder).folder)
    if json:
        show.emit_json({"run_id": drawn.run, "report": str(drawn.path)})
    else:
        print(f"run {drawn.run}\nreport {drawn.path}")


@lab.command()
def null(
    recipe: Recipe,
    grid: Grid = None,
    data: Data = None,
    settings: Settings = None,
    worlds: Annotated[int, typer.Option(min=19, help="markets without skill")] = 200,
    skill: Annotated[bool, typer.Option("--skill", help="also: the smallest skill seen")] = False,
    start: Start = None,
    end: End = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    macro: Macro = None,
    rates: Rates = None,
    factors: Factors = None,
    calendar: Calendar = None,
    cost_bps: CostBps = None,
    config: Config = None,
    jobs: Jobs = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Repeat the whole search where there is nothing to find; the p-value is the real one's rank.

    Example: tiltwise null residual_momentum --grid signal=momentum,reversion --worlds 99
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs
    from tiltwise.cli import null as nothing

    where = configuration.read(config, data=data, jobs=jobs)
    done = nothing.execute(
        nothing.Asked(
            recipe=recipe,
            data=where.data,
            market=inputs.market(
                where.data,
                benchmark=benchmark,
                macro=macro,
                rates=rates,
                factors=factors,
                calendar=calendar,
            ),
            settings=tuple(settings or ()),
            grid=tuple(grid or ()),
            universe=universe,
            start=start,
            end=end,
            simulator=inputs.simulator(None, None, cost_bps, False),
            folder=where.folder,
            worlds=worlds,
            skill=skill,
            jobs=where.jobs,
            seed=seed,
        ),
        quiet,
    )
    if json:
        show.emit_json(done.summary)
    else:
        nothing.print_result(done)
