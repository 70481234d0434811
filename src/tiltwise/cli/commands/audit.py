"""The command ``tiltwise audit``; `cli.audit` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Companions, spelled_out
from tiltwise.cli.options import Config, Data, Json, Quiet, Seed, Settings, Universe


@spelled_out
def audit(
    target: Annotated[str, typer.Argument(help="a recipe, or path/to/file.py:NAME")],
    *,
    data: Data = None,
    settings: Settings = None,
    universe: Universe = None,
    beside: Companions,
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

    where = configuration.read(config, data=data)
    report = auditing.examine(
        target,
        where.data,
        beside.market(where.data),
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
        console.emit_json(report.to_json())
    else:
        auditing.print_report(report, target)
    if not report.passed:
        raise typer.Exit(4)
