"""The command ``tiltwise null``; `cli.null` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, Companions, Fills, spelled_out
from tiltwise.cli.options import (
    Config,
    CostBps,
    Data,
    End,
    Grid,
    Jobs,
    Json,
    Quiet,
    Recipe,
    Seed,
    Settings,
    Start,
    Universe,
)


@spelled_out
def null(
    recipe: Recipe,
    *,
    grid: Grid = None,
    data: Data = None,
    settings: Settings = None,
    worlds: Annotated[int, typer.Option(min=19, help="markets without skill")] = 200,
    skill: Annotated[bool, typer.Option("--skill", help="also: the smallest skill seen")] = False,
    start: Start = None,
    end: End = None,
    universe: Universe = None,
    beside: Companions,
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
    from tiltwise.cli import null as nothing

    where = configuration.read(config, data=data, jobs=jobs)
    asked = nothing.Asked.typed(
        recipe,
        where,
        beside.market(where.data),
        Chosen(settings, start, end, universe),
        Fills(cost_bps=cost_bps).simulator(),
        seed,
        grid=tuple(grid or ()),
        worlds=worlds,
        skill=skill,
    )
    done = nothing.execute(asked, quiet)
    if json:
        console.emit_json(done.summary)
    else:
        nothing.print_result(done)
