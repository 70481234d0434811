"""The command ``tiltwise sweep``; `cli.sweep` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, Grid, Json, Quiet, Recipe, Seed


@spelled_out
def sweep(
    recipe: Recipe,
    *,
    grid: Grid = None,
    turnover: Annotated[
        str | None, typer.Option(help="caps instead of a grid: none,0.16,0.08,0.04,0.02")
    ] = None,
    data: Data = None,
    chosen: Chosen,
    beside: Companions,
    fills: Fills,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run every combination of settings; each is a counted trial.

    Example: tiltwise sweep residual_momentum --grid factors=1,2,3 --grid signal=momentum,reversion

    What a limit on turnover costs and saves: --turnover none,0.16,0.08,0.04,0.02
    """
    from tiltwise.cli import sweep as sweeping
    from tiltwise.cli import vault as vaults

    where = place.where(data)
    market = beside.market(where.data)
    vaults.admitted(where.folder, where.data, market, chosen.end, None)
    asked = sweeping.Asked.typed(
        recipe,
        where,
        market,
        chosen,
        fills.simulator(),
        seed,
        grid=tuple(grid or ()),
        turnover=turnover,
    )
    done = sweeping.execute(asked, quiet)
    if json:
        console.emit_json(done.summary)
    else:
        sweeping.print_result(done)
