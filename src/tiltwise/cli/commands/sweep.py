"""``tiltwise sweep``: a grid of configurations, every one of them a recorded trial."""

import itertools
import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, Grid, Json, Quiet, Recipe, Seed

if TYPE_CHECKING:
    import pandas as pd

    from tiltwise.experiment.sweep import SweepResult
    from tiltwise.strategy import Strategy

SHARES = frozenset({"cagr", "ann_volatility", "max_drawdown", "cost_drag"})


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
    companions: Companions,
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
    from tiltwise.cli import choices, holdout, inputs
    from tiltwise.experiment.sweep import sweep_experiment
    from tiltwise.ledger import Ledger

    where = place.where(data)
    market = companions.market(where.data)
    holdout.admitted(where.folder, where.data, market, chosen.end, None)
    strategies = choices.grid_of(recipe, where.data, market, chosen, combinations(grid))
    if turnover is not None:
        strategies = limited(strategies, turnover)
    label = inputs.label(where.data)
    title = f"{strategies[0].name} on {label}: {len(strategies)} configurations"
    with console.progress(title, quiet) as bar:
        result = sweep_experiment(
            strategies,
            market,
            (chosen.start, chosen.end),
            fills.simulator(),
            ledger=Ledger(where.folder),
            capped=turnover is not None,
            data=label,
            seed=seed,
            jobs=where.jobs,
            progress=bar,
        )
    if json:
        console.emit_json(result.to_json())
    else:
        print_result(title, result)


def combinations(grid: list[str] | None) -> list[tuple[str, ...]]:
    """Return every combination of ``key=a,b`` texts as ``key=a`` texts."""
    axes = []
    for text in grid or ():
        key, equals, values = text.partition("=")
        if not equals or not values.strip(","):
            raise UsageError(f"--grid {text}: write it as key=value,value, as in factors=1,2,3")
        axes.append([f"{key}={value}" for value in values.split(",") if value])
    return list(itertools.product(*axes))


def limited(strategies: list["Strategy"], turnover: str) -> list["Strategy"]:
    """Return one strategy under each of the caps of a text such as ``none,0.16,0.08``."""
    from tiltwise.overlays import TurnoverLimit

    if len(strategies) > 1:
        raise UsageError("--turnover sweeps one configuration: give its settings with --set")
    try:
        caps = [math.inf if w == "none" else float(w) for w in turnover.split(",")]
    except ValueError:
        raise UsageError(f"--turnover {turnover}: write it as in none,0.16,0.08") from None
    return [TurnoverLimit(strategies[0], cap) for cap in caps]


def print_result(title: str, result: "SweepResult") -> None:
    """Print the trials, what choosing was worth, and the comparison with simple rules."""
    columns = console.side_by_side(list(result.trials.columns))
    rows = [
        [str(key)[:8], *(_cell(name, result.trials.loc[key, name]) for name in columns)]
        for key in result.trials.index
    ]
    console.table(title, ["run", *columns], rows)
    if result.limits is not None:
        print_limits(result.limits)
    best = result.best
    print(
        f"best of {best.trials} trials counted in this ledger: deflated Sharpe ratio "
        f"{console.number(best.dsr, 'probability')}, probability of overfitting "
        f"{console.number(best.pbo, 'probability')}; without skill the best would show "
        f"{best.noise_ceiling:.2f}"
    )
    if result.grid is not None:
        print_frame("chosen against average", result.grid.table())
    if len(result.against):
        print_frame("the best less a simple rule, a year, net of costs", result.against)
    console.notes(result.notes)


def print_limits(limits: "pd.DataFrame") -> None:
    """Print the curve of cost and benefit, a row for each cap."""
    head = ["cap, one-way", "realised a session", "cost a year", "Sharpe before costs"]
    rows = [
        [
            "none" if math.isinf(row["cap"]) else console.number(row["cap"], "share"),
            *(console.number(row[name], "share") for name in ("one_way", "cost_drag")),
            *(console.number(row[name]) for name in ("gross_sharpe", "sharpe", "low", "high")),
        ]
        for row in limits.to_dict("records")
    ]
    head += ["after costs", "low 5 %", "high 95 %"]
    console.table("what a limit on turnover costs and saves", head, rows)


def print_frame(title: str, frame: "pd.DataFrame") -> None:
    """Print a table of numbers by label."""
    rows = [
        [str(label), *(_cell(str(name), row[name]) for name in frame.columns)]
        for label, row in frame.iterrows()
    ]
    console.table(title, [str(frame.index.name or ""), *map(str, frame.columns)], rows)


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    number = float(value)
    if math.isinf(number):
        return "none" if name == "cap" else "never"
    return console.number(number, "share" if name in SHARES else "ratio")
