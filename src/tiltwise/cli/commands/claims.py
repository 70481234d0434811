"""The command ``tiltwise claims``; `cli.claims` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Companions, Place, spelled_out
from tiltwise.cli.options import Data, Json, Quiet


@spelled_out
def claims(
    system: Annotated[str | None, typer.Argument(help="one system; default: all")] = None,
    *,
    data: Data = None,
    full: Annotated[bool, typer.Option("--full", help="sweep costs and delays too")] = False,
    beside: Companions,
    place: Place,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Hold every published claim against the evidence and write the report: the main job.

    Example: tiltwise claims residual_momentum --data sample:stocks
    """
    from tiltwise.cli import claims as claiming

    where = place.where(data)
    market = beside.market(where.data, quiet)
    found = claiming.execute(system, where.data, market, where.folder, full, where.jobs, quiet)
    if json:
        console.emit_json(found)
    else:
        claiming.print_rows(found)
