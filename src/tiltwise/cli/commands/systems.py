"""The command ``tiltwise systems``; `cli.systems` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, End, Json, Quiet, Seed, Start, Universe


@spelled_out
def systems(
    *,
    data: Data = None,
    start: Start = None,
    end: End = None,
    universe: Universe = None,
    beside: Companions,
    fills: Fills,
    full: Annotated[
        bool, typer.Option("--full", help="the recipes' own settings, however slow")
    ] = False,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Set all systems and simple rules side by side: same assets, dates, engine and costs.

    Example: tiltwise systems --data sample:factors
    """
    from tiltwise.cli import inputs
    from tiltwise.cli import systems as comparing
    from tiltwise.cli import vault as vaults

    where = place.where(data)
    market = beside.market(where.data, quiet)
    vaults.admitted(where.folder, where.data, market, end, None)
    asked = comparing.Asked(
        data=where.data,
        market=market,
        universe=universe,
        start=start,
        end=end,
        simulator=fills.simulator(),
        folder=where.folder,
        jobs=where.jobs,
        seed=seed,
        full=full,
    )
    found, page = comparing.execute(asked, quiet)
    if json:
        console.emit_json(comparing.told(found, page))
    else:
        comparing.print_result(found, page, inputs.label(where.data))
