"""``tiltwise replicate``: track a benchmark with a few funds, in five stages."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console, options
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.groups import Chosen, Companions, spelled_out

if TYPE_CHECKING:
    from tiltwise.market.gaps import Policy


@spelled_out
def replicate(
    folder: Annotated[Path, typer.Option(help="where the files go")],
    *,
    stage: Annotated[
        str | None,
        typer.Option(help="data, features, labels, model or portfolio alone; default: all"),
    ] = None,
    data: options.Data = None,
    chosen: Chosen,
    benchmark: options.Benchmark = None,
    macro: options.Macro = None,
    rates: options.Rates = None,
    calendar: options.Calendar = None,
    gaps: Annotated[
        list[str] | None,
        typer.Option(help="what stands for a missing value: prices=forward:3; default: nothing"),
    ] = None,
    fill: options.Fill = None,
    delay: options.Delay = None,
    cost_bps: Annotated[
        float, typer.Option("--cost-bps", min=0, help="half-spread per side")
    ] = 5.0,
    save_monthly_charts: Annotated[
        bool, typer.Option(envvar="SAVE_MONTHLY_CHARTS", help="weights, chances by month as SVG")
    ] = False,
    save_expected_returns_plots: Annotated[
        bool, typer.Option(envvar="SAVE_EXPECTED_RETURNS_PLOTS", help="by month as SVG")
    ] = False,
    checkpoint_every_n_months: Annotated[
        int, typer.Option(envvar="CHECKPOINT_EVERY_N_MONTHS", min=1, help="of models")
    ] = 24,
    minimal_logging: Annotated[
        bool, typer.Option(envvar="MINIMAL_LOGGING", help="a line a stage, not one a month")
    ] = True,
    open_vault: Annotated[
        str | None, typer.Option(help="the reason for looking into a sealed period")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="folder of the ledger; default .tiltwise")
    ] = None,
    config: options.Config = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Track a benchmark with a few funds, stage by stage; a run that was killed goes on.

    Data, period and --set are told to the first stage, and the others find them in its files.

    Example: tiltwise replicate --data funds.parquet --benchmark MTUM --folder replica
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import holdout, inputs
    from tiltwise.experiment import replication
    from tiltwise.ledger import Ledger
    from tiltwise.recipes.sparse_replication import SparseReplication
    from tiltwise.research.studies.replication import stages as steps
    from tiltwise.research.studies.replication.models import Bulk

    where = configuration.read(config, data=data, folder=ledger)
    bulk = Bulk(
        save_monthly_charts=save_monthly_charts,
        save_expected_returns_plots=save_expected_returns_plots,
        checkpoint_every_n_months=checkpoint_every_n_months,
        minimal_logging=minimal_logging,
    )
    job = replication.Job(
        folder,
        Ledger(where.folder),
        inputs.simulator(fill, delay, cost_bps, False),
        bulk,
        log=functools.partial(console.note, quiet=quiet),
        bars=functools.partial(console.progress, quiet=quiet),
    )
    stages = chosen_stages(stage)
    if stages[0] == "data":
        read = Companions(benchmark, macro, rates, calendar=calendar)
        market = read.market(where.data, quiet)
        holdout.admitted(where.folder, where.data, market, chosen.end, open_vault)
        known = market if chosen.end is None else market.asof(chosen.end)
        known = replication.closed(known, policies_of(gaps), job.log)
        settings = list(chosen.settings or ())
        assets = inputs.universe(SparseReplication, where.data, known, chosen.universe)
        strategy = inputs.strategy(SparseReplication, settings, universe=assets)
        label = inputs.label(where.data)
        replication.begin(job, known, strategy, settings, chosen.start, data=label)
    elif chosen != Chosen() or gaps:
        raise UsageError(
            f"--stage {stages[0]} takes strategy, assets, gaps and period from the stage data; "
            "give --set, --universe, --gaps, --start and --end there"
        )
    about = steps.about(folder)
    assets = tuple(about["universe"])
    strategy = inputs.strategy(SparseReplication, about["settings"], universe=assets)
    outcome = replication.run_stages(job, strategy, stages)
    console.emit(outcome, json, print_result)


def chosen_stages(one: str | None) -> tuple[str, ...]:
    """Return the stages to run."""
    from tiltwise.experiment.replication import STAGES

    if one is None:
        return STAGES
    if one not in STAGES:
        raise UsageError(f"--stage {one}: the stages are {', '.join(STAGES)}")
    return (one,)


def policies_of(texts: list[str] | None) -> dict[str, "Policy"]:
    """Return the policy of each field, from texts such as prices=forward:3."""
    from tiltwise.market.gaps import Policy

    policies = {}
    for text in texts or ():
        field, equals, how = text.partition("=")
        if not equals:
            raise UsageError(f"--gaps {text}: write field=how, as in prices=forward:3")
        policies[field] = Policy.parse(how)
    return policies


def print_result(outcome: dict[str, Any]) -> None:
    """Print the evidence, and where the files are."""
    if "text" in outcome:
        print(outcome["text"])
        print(f"\nrun {outcome['run_id']}\npage {outcome['page']}")
    print(f"files {outcome['folder']}")
