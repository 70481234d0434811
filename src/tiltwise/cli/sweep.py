"""``tiltwise sweep``: a grid of configurations, every one of them a recorded trial."""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tiltwise import recipes
from tiltwise.backtest.simulator import Simulator
from tiltwise.cli import inputs, show
from tiltwise.cli.exits import UsageError
from tiltwise.evaluate.selection import Selection, selection
from tiltwise.ledger import Ledger
from tiltwise.market.market import Market
from tiltwise.research.doubt import Grid
from tiltwise.research.sweep import compare, sweep

SHARES = frozenset({"cagr", "ann_volatility", "max_drawdown", "cost_drag"})


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was typed, with the data already read.

    `grid` holds texts such as ``factors=1,2,3``: every combination is one configuration.
    """

    recipe: str
    data: str
    market: Market
    settings: tuple[str, ...]
    grid: tuple[str, ...]
    universe: str | None
    start: str | None
    end: str | None
    simulator: Simulator
    folder: Path
    jobs: int | None
    seed: int


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """What came out: the trials, what the best is worth, and how it compares with simple rules."""

    title: str
    trials: pd.DataFrame
    best: Selection
    grid: Grid | None
    against: pd.DataFrame

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        rules = self.against.droplevel("run").to_dict("index")
        return {
            "trials": [{"run": k, **row} for k, row in self.trials.to_dict("index").items()],
            "best": {"run": self.trials.index[0], **dataclasses.asdict(self.best)},
            "grid": None if self.grid is None else self.grid.table().to_dict("index"),
            "against": rules,
        }


def execute(asked: Asked, quiet: bool) -> Done:
    """Run every configuration, record it, and set the best beside the rest and simple rules."""
    recipe = recipes.load(asked.recipe)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategies = [
        inputs.strategy(recipe, [*asked.settings, *chosen], universe=names)
        for chosen in combinations(asked.grid)
    ]
    ledger = Ledger(asked.folder)
    label = inputs.label(asked.data)
    title = f"{strategies[0].name} on {label}: {len(strategies)} configurations"
    with show.progress(title, quiet) as bar:
        trials = sweep(
            strategies,
            asked.market,
            asked.start,
            asked.end,
            asked.simulator,
            ledger,
            asked.jobs,
            data=label,
            seed=asked.seed,
            progress=bar,
        )
    runs = [ledger.get(str(key)) for key in trials.index]
    together = None
    if len(runs) > 1:
        returns = np.column_stack([run.returns.to_numpy() for run in runs])
        together = Grid.of([_told(trials, i) for i in range(len(runs))], returns, asked.seed)
    market = asked.market.select(names)
    against = compare({"best": runs[0]}, market, asked.simulator, seed=asked.seed)
    return Done(title, trials, selection(runs[0], ledger), together, against)


def combinations(grid: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return every combination of ``key=a,b`` texts as ``key=a`` texts."""
    axes = []
    for text in grid:
        key, equals, values = text.partition("=")
        if not equals or not values.strip(","):
            raise UsageError(f"--grid {text}: write it as key=value,value, as in factors=1,2,3")
        axes.append([f"{key}={value}" for value in values.split(",") if value])
    return list(itertools.product(*axes))


def _told(trials: pd.DataFrame, row: int) -> str:
    fields = trials.columns[: list(trials.columns).index("sharpe")]
    return " ".join(f"{name}={trials[name].iloc[row]}" for name in fields)


def print_result(done: Done) -> None:
    """Print the trials, what choosing was worth, and the comparison with simple rules."""
    columns = list(done.trials.columns)
    rows = [
        [str(key)[:8], *(_cell(name, done.trials.loc[key, name]) for name in columns)]
        for key in done.trials.index
    ]
    show.table(done.title, ["run", *columns], rows)
    best = done.best
    print(
        f"best of {best.trials} trials counted in this ledger: deflated Sharpe ratio "
        f"{show.number(best.dsr, 'probability')}, probability of overfitting "
        f"{show.number(best.pbo, 'probability')}; without skill the best would show "
        f"{best.noise_ceiling:.2f}"
    )
    if done.grid is not None:
        print_frame("chosen against average", done.grid.table())
    print_frame("the best less a simple rule, a year", done.against.droplevel("run"))


def print_frame(title: str, frame: pd.DataFrame) -> None:
    """Print a table of numbers by label."""
    rows = [
        [str(label), *(_cell(str(name), row[name]) for name in frame.columns)]
        for label, row in frame.iterrows()
    ]
    show.table(title, [str(frame.index.name or ""), *map(str, frame.columns)], rows)


def _cell(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    number = float(value)
    if math.isinf(number):
        return "never"
    return show.number(number, "share" if name in SHARES else "ratio")
