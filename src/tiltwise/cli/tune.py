"""``tiltwise tune``: the best settings of a strategy over a validation period, and their worth."""

import dataclasses
import typing
from typing import Any

import pandas as pd

from tiltwise import recipes
from tiltwise.cli import console, inputs
from tiltwise.cli.asked import Asked as Common
from tiltwise.cli.exit_codes import UsageError
from tiltwise.cli.sweep import print_frame
from tiltwise.ledger import Ledger
from tiltwise.research.search import axes
from tiltwise.research.search.sweep import against_rules
from tiltwise.research.search.tune import tune
from tiltwise.research.search.tuning_result import Tuned

SHOWN = 10
"""Trials that are printed; the ledger and ``--json`` have all."""


@dataclasses.dataclass(frozen=True)
class Asked(Common):
    """What was typed, with the data read; `space` holds texts as in `research.search.axes`."""

    space: tuple[str, ...]
    trials: int = 50
    searcher: str = "optuna"
    objective: str = "sharpe"
    trained: str | None = None
    seal: str | None = None
    embargo: int = 21
    case: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """What came out: the search, and the best trial beside simple rules."""

    title: str
    found: Tuned
    against: pd.DataFrame
    remarks: tuple[str, ...] = ()

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        found, rows = self.found, self.found.trials.to_dict("index")
        value, low, high = found.ensemble.best
        return {
            "case": found.case,
            "searcher": found.searcher,
            "objective": found.objective,
            "periods": found.periods.describe(),
            "best": {
                "run": found.run.id,
                "strategy": found.strategy.describe(),
                "value": value,
                "low": low,
                "high": high,
                **dataclasses.asdict(found.selection),
            },
            "ensemble": found.ensemble.table().to_dict("index"),
            "trials": [{"trial": int(str(number)), **row} for number, row in rows.items()],
            "reused": found.reused,
            "against": self.against.to_dict("index"),
            "notes": [*found.notes, *self.remarks],
        }


def execute(asked: Asked, quiet: bool) -> Done:
    """Search, record every trial, and set the best beside the rest and simple rules."""
    recipe = recipes.load(asked.recipe)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategy = inputs.strategy(recipe, list(asked.settings), universe=names)
    space = space_of(recipe, asked.space)
    label = inputs.label(asked.data)
    title = f"{strategy.name} on {label}: {', '.join(asked.space)}"
    with console.progress(title, quiet) as bar:
        found = tune(
            strategy,
            asked.market,
            space,
            ledger=Ledger(asked.folder),
            trials=asked.trials,
            searcher=asked.searcher,
            validation=(asked.start, asked.end),
            trained=asked.trained,
            seal=asked.seal,
            embargo=asked.embargo,
            simulator=asked.simulator,
            objective=asked.objective,
            jobs=asked.jobs,
            seed=asked.seed,
            case=asked.case,
            data=label,
            progress=bar,
        )
    known = asked.market.asof(found.periods.end).select(names)
    against = against_rules(found.run, known, asked.simulator, seed=asked.seed)
    return Done(title, found, *against)


def space_of(recipe: type[Any], texts: tuple[str, ...]) -> dict[str, axes.Axis]:
    """Return the axes that ``field=axis`` texts describe, in the types of the recipe's fields."""
    hints = typing.get_type_hints(recipe)
    names = {field.name for field in dataclasses.fields(recipe)}
    found: dict[str, axes.Axis] = {}
    for text in texts:
        name, equals, told = text.partition("=")
        if not equals or name not in names or name in found:
            raise UsageError(
                f"--space {text}: write each field once, as in quantile=.1,.2 or factors=1..3 or "
                f"penalty=5:150:log; {recipe.__name__} has the fields {', '.join(sorted(names))}"
            )
        kinds = set(typing.get_args(hints[name])) or {hints[name]}
        whole = int in kinds and float not in kinds
        found[name] = axes.parse(told, _converter(name, hints[name]), whole)
    return found


def _converter(name: str, hint: Any) -> Any:
    return lambda word: inputs.typed(name, word, hint)


def print_result(done: Done) -> None:
    """Print the best trials, what choosing was worth, and the comparison with simple rules."""
    found = done.found
    span = f"{found.periods.start:%Y-%m-%d} to {found.periods.end:%Y-%m-%d}"
    print(f"{done.title}\nvalidated {span}; {told_holdout(found)}")
    _print_trials(found)
    value, low, high = (console.number(x) for x in found.ensemble.best)
    counted = found.selection
    print(
        f"best {found.objective} {value}, 90 % interval {low} to {high}\n"
        f"best of {counted.trials} trials counted in this ledger: deflated Sharpe ratio "
        f"{console.number(counted.dsr, 'probability')}, probability of overfitting "
        f"{console.number(counted.pbo, 'probability')}; without skill the best would show "
        f"{console.number(counted.noise_ceiling)}"
    )
    print_frame(f"chosen against average, {found.objective}", found.ensemble.table())
    if len(done.against):
        print_frame("the best less a simple rule, a year", done.against)
    for text in (*found.notes, *done.remarks):
        print(f"note: {text}")
    fields = found.trials.columns[: list(found.trials.columns).index("value")]
    chosen = found.trials.iloc[0]
    settings = " ".join(f"--set {name}={_cell(chosen[name])}" for name in fields)
    print(f"run {found.run.id}\nsettings {settings}")


def told_holdout(found: Tuned) -> str:
    """Return what is held out, in words."""
    if found.periods.seal is None:
        return "nothing held out"
    return f"held out from {found.periods.seal:%Y-%m-%d}, unseen"


def _print_trials(found: Tuned) -> None:
    table = found.trials
    hidden = [name for name in ("failed",) if not table[name].any()]
    hidden += ["value"] if found.objective == "sharpe" else []
    shown = table.drop(columns=hidden).head(SHOWN)
    rows = [
        [str(number), *(_cell(value, str(name)) for name, value in row.items())]
        for number, row in shown.to_dict("index").items()
    ]
    reused = f", {found.reused} of them on record before" if found.reused else ""
    title = f"{len(table)} trials, {found.searcher} search{reused}; the best {len(shown)}"
    console.table(title, ["trial", *map(str, shown.columns)], rows)


def _cell(value: Any, name: str = "") -> str:
    if name == "run":
        return str(value)[:8]
    if name in ("value", "sharpe", "gross_sharpe"):
        return console.number(float(value))
    return f"{value:g}" if isinstance(value, float) else str(value)
