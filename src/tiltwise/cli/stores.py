"""The commands of what is kept: data, the ledger and the vault."""

from pathlib import Path
from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, Companions, Fills, spelled_out
from tiltwise.cli.options import (
    Benchmark,
    Calendar,
    Config,
    Data,
    Folder,
    Json,
    Quiet,
    Recipe,
    Seed,
    Settings,
    Start,
    Universe,
)

data = typer.Typer(help="Look at data before using it.", no_args_is_help=True)
ledger = typer.Typer(help="The record of every result that was computed.", no_args_is_help=True)
vault = typer.Typer(help="A final period that nobody sees by accident.", no_args_is_help=True)


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


@data.command("pull")
def data_pull(
    source: Annotated[str, typer.Argument(help="french: the daily five factors")],
    folder: Annotated[Path, typer.Option(help="where downloads are kept")],
    url: Annotated[str | None, typer.Option(help="another daily archive of the library")] = None,
    refresh: Annotated[bool, typer.Option(help="download again what is kept")] = False,
    json: Json = False,
) -> None:
    """Download factor returns once, and write them as a file for --factors.

    Example: tiltwise data pull french --folder factors
    """
    from tiltwise.cli import pull

    told = pull.execute(source, folder, url, refresh)
    if json:
        console.emit_json(told)
    else:
        pull.print_result(told)


@data.command("revisions")
def data_revisions(
    macro: Annotated[str, typer.Option(help="every monthly vintage, and codes: FILE,FILE")],
    series: Annotated[str | None, typer.Option(help="which series, A,B; default: all")] = None,
    json: Json = False,
) -> None:
    """Compare first releases of macro series with their latest values.

    Example: tiltwise data revisions --macro vintages.parquet --series UNRATE,PAYEMS
    """
    from tiltwise.cli import revisions

    told = revisions.examine(macro, series)
    if json:
        console.emit_json(told)
    else:
        revisions.print_report(told)


@ledger.command("list")
def ledger_list(folder: Folder = None, json: Json = False) -> None:
    """List recorded runs.

    Example: tiltwise ledger list
    """
    from tiltwise.cli import config, records

    rows = records.rows(config.read(None, folder=folder).folder)
    if json:
        console.emit_json(rows)
    else:
        records.print_rows(rows)


@ledger.command("verify")
def ledger_verify(folder: Folder = None, json: Json = False) -> None:
    """Check that no record was edited, deleted or reordered; exit 4 if one was.

    Example: tiltwise ledger verify
    """
    from tiltwise.cli import config, records

    findings = records.verify(config.read(None, folder=folder).folder)
    passed = not any(finding["broken"] for finding in findings)
    if json:
        console.emit_json({"passed": passed, "findings": findings})
    else:
        records.print_findings(findings)
    if not passed:
        raise typer.Exit(4)


@vault.command("seal")
def vault_seal(
    start: Annotated[str, typer.Argument(help="first sealed day; it is never moved")],
    data: Data = None,
    config: Config = None,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Seal the end of a data set: runs that reach into it need --open-vault and a reason.

    Example: tiltwise vault seal 2020-01-01 --data sample:stocks
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import vault as vaults

    where = configuration.read(config, data=data, folder=folder)
    told = vaults.seal(where.folder, where.data, start)
    if json:
        console.emit_json(told)
    else:
        print(f"{told['data']} is sealed from {told['sealed_from']}")


@vault.command("score")
@spelled_out
def vault_score(
    recipe: Recipe,
    *,
    data: Data = None,
    settings: Settings = None,
    start: Start = None,
    end: Annotated[str | None, typer.Option(help="last session; default: before the seal")] = None,
    universe: Universe = None,
    benchmark: Benchmark = None,
    calendar: Calendar = None,
    fills: Fills,
    open_vault: Annotated[
        str | None, typer.Option(help="score the sealed period too; the reason")
    ] = None,
    config: Config = None,
    folder: Folder = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Score a strategy before the seal, by the engine that will score the sealed period.

    Example: tiltwise vault score residual_momentum --data sample:stocks
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import vault as vaults
    from tiltwise.cli.asked import Asked

    where = configuration.read(config, data=data, folder=folder)
    market = Companions(benchmark, calendar=calendar).market(where.data)
    chosen = Chosen(settings, start, end, universe)
    asked = Asked.typed(recipe, where, market, chosen, fills.simulator(), seed)
    rows = vaults.score(asked, open_vault, quiet)
    if json:
        console.emit_json(rows)
    else:
        vaults.print_scores(rows)


@vault.command("status")
def vault_status(config: Config = None, folder: Folder = None, json: Json = False) -> None:
    """Say what is sealed, how often it was opened and why.

    Example: tiltwise vault status
    """
    from tiltwise.cli import config as configuration
    from tiltwise.cli import vault as vaults

    rows = vaults.status(configuration.read(config, folder=folder).folder)
    if json:
        console.emit_json(rows)
    else:
        vaults.print_status(rows)
