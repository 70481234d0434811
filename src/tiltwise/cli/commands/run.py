"""The command ``tiltwise run``; `cli.run` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, Json, Quiet, Recipe, Seed


@spelled_out
def run(
    recipe: Recipe,
    *,
    data: Data = None,
    variant: Annotated[
        str | None, typer.Option(help="of the claim card: first, readme, head, corrected")
    ] = None,
    chosen: Chosen,
    beside: Companions,
    fills: Fills,
    allow_lookahead: Annotated[
        bool, typer.Option(help="measure a leak; taints the report")
    ] = False,
    open_vault: Annotated[
        str | None, typer.Option(help="the reason for looking into a sealed period")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="also what another library would print: quantstats, ...")
    ] = None,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Backtest one strategy, record it, and write its report.

    Example: tiltwise run residual_momentum --data sample:stocks --set signal=reversion
    """
    from tiltwise.cli import dialect as dialects
    from tiltwise.cli import run as running
    from tiltwise.cli import vault as vaults

    name = dialects.known(dialect) if dialect else None
    where = place.where(data)
    market = beside.market(where.data)
    vaults.admitted(where.folder, where.data, market, chosen.end, open_vault)
    simulator = fills.simulator(allow_lookahead)
    asked = running.Asked.typed(recipe, where, market, chosen, simulator, seed)
    if variant:
        from tiltwise.cli import variant as variants

        own = fills == Fills() and not allow_lookahead
        done = variants.execute(asked, variant, None if own else simulator, quiet)
    else:
        done = running.execute(asked, quiet)
    told = dialects.rows(name, done.summary["run_id"], where.folder, market) if name else []
    if json:
        console.emit_json(done.summary | ({"dialect": told} if name else {}))
        return
    running.print_result(done)
    if name:
        dialects.print_rows(name, told)
