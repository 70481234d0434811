"""The command ``tiltwise replicate``, in five stages; `cli.replica` does the work."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, spelled_out
from tiltwise.cli.options import (
    Benchmark,
    Calendar,
    Config,
    Data,
    Delay,
    Fill,
    Json,
    Macro,
    Quiet,
    Rates,
)


@spelled_out
def replicate(
    folder: Annotated[Path, typer.Option(help="where the files go")],
    *,
    stage: Annotated[
        str | None,
        typer.Option(help="data, features, labels, model or portfolio alone; default: all"),
    ] = None,
    data: Data = None,
    chosen: Chosen,
    benchmark: Benchmark = None,
    macro: Macro = None,
    rates: Rates = None,
    calendar: Calendar = None,
    gaps: Annotated[
        list[str] | None,
        typer.Option(help="what stands for a missing value: prices=forward:3; default: nothing"),
    ] = None,
    fill: Fill = None,
    delay: Delay = None,
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
    config: Config = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Track a benchmark with a few funds, stage by stage; a run that was killed goes on.

    Data, period and --set are told to the first stage, and the others find them in its files.

    Example: tiltwise replicate --data funds.parquet --benchmark MTUM --folder replica
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import inputs, replica
    from tiltwise.research.studies.replication.models import Bulk

    where = configuration.read(config, data=data, folder=ledger)
    bulk = Bulk(
        save_monthly_charts=save_monthly_charts,
        save_expected_returns_plots=save_expected_returns_plots,
        checkpoint_every_n_months=checkpoint_every_n_months,
        minimal_logging=minimal_logging,
    )
    asked = replica.Asked(
        folder=folder,
        ledger=where.folder,
        simulator=inputs.simulator(fill, delay, cost_bps, False),
        bulk=bulk,
        quiet=quiet,
    )
    stages = replica.stages(stage)
    if stages[0] == "data":
        source: dict[str, Any] = {
            "benchmark": benchmark,
            "macro": macro,
            "rates": rates,
            "calendar": calendar,
        }
        period = (chosen.start, chosen.end)
        read = replica.Source(where.data, source, tuple(gaps or ()), chosen.universe, open_vault)
        replica.take(asked, read, tuple(chosen.settings or ()), period)
    elif chosen != Chosen() or gaps:
        replica.refuse(stages[0])
    told = replica.execute(asked, stages)
    if json:
        console.emit_json(told)
    else:
        replica.print_result(told)
