"""``tiltwise tune``: the best settings over a validation period, and what choosing was worth."""

import dataclasses
import functools
import typing
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiltwise.cli import console
from tiltwise.cli.commands.sweep import print_frame
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.groups import Chosen, Companions, Fills, Place, spelled_out
from tiltwise.cli.options import Data, Json, Quiet, Recipe, Seed, Settings, Space, Start, Universe

if TYPE_CHECKING:
    import pandas as pd

    from tiltwise.research.search.axes import Axis
    from tiltwise.research.search.tuning_result import Tuned

SHOWN = 10  #: trials that are printed; the ledger and ``--json`` have all


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
    companions: Companions,
    fills: Fills,
    place: Place,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search for the best settings before a sealed period; each trial is counted.

    Example: tiltwise tune residual_momentum --space quantile=.1:.4 --space factors=1..4
    """
    from tiltwise import recipes
    from tiltwise.cli import choices, inputs
    from tiltwise.ledger import Ledger
    from tiltwise.research.search.sweep import against_rules
    from tiltwise.research.search.tune import tune as search

    where = place.where(data)
    market = companions.market(where.data)
    chosen = Chosen(settings, start, end, universe)
    strategy = choices.recipe_of(recipe, where.data, market, chosen)
    texts, simulator, label = tuple(space or ()), fills.simulator(), inputs.label(where.data)
    title = f"{strategy.name} on {label}: {', '.join(texts)}"
    with console.progress(title, quiet) as bar:
        result = search(
            strategy,
            market,
            space_of(recipes.load(recipe), texts),
            ledger=Ledger(where.folder),
            trials=trials,
            searcher=searcher,
            validation=(start, end),
            trained=trained,
            seal=seal,
            embargo=embargo,
            simulator=simulator,
            objective=objective,
            jobs=where.jobs,
            seed=seed,
            case=case,
            data=label,
            progress=bar,
        )
    known = market.asof(result.periods.end).select(strategy.universe)
    against, remarks = against_rules(result.run, known, simulator, seed=seed)
    if json:
        console.emit_json(to_json(result, against, remarks))
    else:
        print_result(title, result, against, remarks)


def to_json(result: "Tuned", against: "pd.DataFrame", remarks: tuple[str, ...]) -> dict[str, Any]:
    """Return the search and its best trial against simple rules as JSON values."""
    rows = result.trials.to_dict("index")
    value, low, high = result.ensemble.best
    return {
        "case": result.case,
        "searcher": result.searcher,
        "objective": result.objective,
        "periods": result.periods.describe(),
        "best": {
            "run": result.run.id,
            "strategy": result.strategy.describe(),
            "value": value,
            "low": low,
            "high": high,
            **dataclasses.asdict(result.selection),
        },
        "ensemble": result.ensemble.table().to_dict("index"),
        "trials": [{"trial": int(str(number)), **row} for number, row in rows.items()],
        "reused": result.reused,
        "against": against.to_dict("index"),
        "notes": [*result.notes, *remarks],
    }


def space_of(recipe: type[Any], texts: tuple[str, ...]) -> dict[str, "Axis"]:
    """Return the axes that ``field=axis`` texts describe, in the types of the recipe's fields."""
    from tiltwise.cli import inputs
    from tiltwise.research.search import axes

    hints = typing.get_type_hints(recipe)
    names = {field.name for field in dataclasses.fields(recipe)}
    axis_of: dict[str, Axis] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals or name not in names or name in axis_of:
            raise UsageError(
                f"--space {text}: write each field once, as in quantile=.1,.2 or factors=1..3 or "
                f"penalty=5:150:log; {recipe.__name__} has the fields {', '.join(sorted(names))}"
            )
        kinds = set(typing.get_args(hints[name])) or {hints[name]}
        whole = int in kinds and float not in kinds
        convert = functools.partial(inputs.typed, name, hint=hints[name])
        axis_of[name] = axes.parse(values, convert, whole)
    return axis_of


def print_result(
    title: str, result: "Tuned", against: "pd.DataFrame", remarks: tuple[str, ...]
) -> None:
    """Print the best trials, what choosing was worth, and the comparison with simple rules."""
    span = f"{result.periods.start:%Y-%m-%d} to {result.periods.end:%Y-%m-%d}"
    print(f"{title}\nvalidated {span}; {holdout_text(result)}")
    _print_trials(result)
    value, low, high = (console.number(x) for x in result.ensemble.best)
    counted = result.selection
    print(
        f"best {result.objective} {value}, 90 % interval {low} to {high}\n"
        f"best of {counted.trials} trials counted in this ledger: deflated Sharpe ratio "
        f"{console.number(counted.dsr, 'probability')}, probability of overfitting "
        f"{console.number(counted.pbo, 'probability')}; without skill the best would show "
        f"{console.number(counted.noise_ceiling)}"
    )
    print_frame(f"chosen against average, {result.objective}", result.ensemble.table())
    if len(against):
        print_frame("the best less a simple rule, a year", against)
    console.notes((*result.notes, *remarks))
    fields = result.trials.columns[: list(result.trials.columns).index("value")]
    chosen = result.trials.iloc[0]
    settings = " ".join(f"--set {name}={_cell(chosen[name])}" for name in fields)
    print(f"run {result.run.id}\nsettings {settings}")


def holdout_text(result: "Tuned") -> str:
    """Return what is held out, in words."""
    if result.periods.seal is None:
        return "nothing held out"
    return f"held out from {result.periods.seal:%Y-%m-%d}, unseen"


def _print_trials(result: "Tuned") -> None:
    table = result.trials
    hidden = [name for name in ("failed",) if not table[name].any()]
    hidden += ["value"] if result.objective == "sharpe" else []
    shown = table.drop(columns=hidden).head(SHOWN)
    rows = [
        [str(number), *(_cell(value, str(name)) for name, value in row.items())]
        for number, row in shown.to_dict("index").items()
    ]
    reused = f", {result.reused} of them on record before" if result.reused else ""
    title = f"{len(table)} trials, {result.searcher} search{reused}; the best {len(shown)}"
    console.table(title, ["trial", *map(str, shown.columns)], rows)


def _cell(value: Any, name: str = "") -> str:
    if name == "run":
        return str(value)[:8]
    if name in ("value", "sharpe", "gross_sharpe"):
        return console.number(float(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
