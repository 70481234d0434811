"""``tiltwise null``: the whole search on markets without skill, and the rank of the real one."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from tiltwise.cli import console, options
from tiltwise.cli.groups import Chosen, Companions, Fills, spelled_out

if TYPE_CHECKING:
    from tiltwise.research.robustness.minimum_detectable_sharpe import Power
    from tiltwise.research.robustness.null_market import NullResult


@spelled_out
def null(
    recipe: options.Recipe,
    *,
    grid: options.Grid = None,
    data: options.Data = None,
    settings: options.Settings = None,
    worlds: Annotated[int, typer.Option(min=19, help="markets without skill")] = 200,
    skill: Annotated[bool, typer.Option("--skill", help="also: the smallest skill seen")] = False,
    start: options.Start = None,
    end: options.End = None,
    universe: options.Universe = None,
    companions: Companions,
    cost_bps: options.CostBps = None,
    config: options.Config = None,
    jobs: options.Jobs = None,
    seed: options.Seed = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Repeat the whole search where there is nothing to find; the p-value is the real one's rank.

    Example: tiltwise null residual_momentum --grid signal=momentum,reversion --worlds 99
    """
    from tiltwise.backtest.walk_forward import first_start
    from tiltwise.cli import choices, inputs
    from tiltwise.cli import config as configuration
    from tiltwise.cli.commands.sweep import combinations
    from tiltwise.research.robustness.minimum_detectable_sharpe import Plant, smallest_skill
    from tiltwise.research.robustness.null_market import BestSharpe, null_test

    where = configuration.read(config, data=data, jobs=jobs)
    market = companions.market(where.data)
    chosen = Chosen(settings, start, end, universe)
    strategies = tuple(choices.grid_of(recipe, where.data, market, chosen, combinations(grid)))
    market = market.select(strategies[0].universe)
    begin = start or f"{max(first_start(s, market) for s in strategies):%Y-%m-%d}"
    simulator = Fills(cost_bps=cost_bps).simulator()
    pipeline = BestSharpe(strategies, begin, end, simulator)
    title = (
        f"{strategies[0].name} on {inputs.label(where.data)}: best of {len(strategies)} in "
        f"{worlds} worlds without skill"
    )
    with console.progress(title, quiet) as bar:
        result = null_test(pipeline, market, worlds, seed, where.jobs, bar)
    power = None
    if skill:
        plant = Plant(strategies[0], begin, simulator)
        with console.progress("smallest skill that would be seen", quiet) as bar:
            power = smallest_skill(
                pipeline, market, plant, result, seed=seed, jobs=where.jobs, progress=bar
            )
    if not json:
        print_result(title, result, power)
        return
    table = {str(k): float(v) for k, v in result.table()["value"].items()}
    detectable = None if power is None else dataclasses.asdict(power)
    console.emit_json(
        {"title": title, "p_value": result.p_value, "table": table, "power": detectable}
    )


def print_result(title: str, result: "NullResult", power: "Power | None") -> None:
    """Print where the real score lies, and what would have been seen."""
    rows = [[str(k), console.number(float(v))] for k, v in result.table()["value"].items()]
    console.table(title, ["annual Sharpe ratio", "value"], rows)
    if power is not None:
        print(
            f"skill worth a Sharpe ratio of {power.sharpe:.2f} a year before costs would be seen "
            f"with probability {power.wanted:.0%}; less would mostly be missed"
        )
