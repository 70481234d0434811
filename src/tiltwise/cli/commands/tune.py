"""The command ``tiltwise tune``; `cli.tune` does the work."""

from typing import Annotated

import typer

from tiltwise.cli import console
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, Json, Quiet, Recipe, Seed, Settings, Space, Start, Universe


@spelled_out
def tune(
    recipe: Recipe,
    *,
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
    beside: Companions,
    fills: Fills,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search for the best settings before a sealed period; each trial is counted.

    Example: tiltwise tune residual_momentum --space quantile=.1:.4 --space factors=1..4
    """
    from tiltwise.cli import tune as tuning

    where = place.where(data)
    asked = tuning.Asked.typed(
        recipe,
        where,
        beside.market(where.data),
        Chosen(settings, start, end, universe),
        fills.simulator(),
        seed,
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
        console.emit_json(done.summary)
    else:
        tuning.print_result(done)
