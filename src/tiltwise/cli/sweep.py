"""``tiltwise sweep``: a grid of configurations, every one of them a recorded trial."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from tiltwise import recipes
from tiltwise.cli import console, inputs
from tiltwise.cli.asked import Asked as Common
from tiltwise.cli.exit_codes import UsageError
from tiltwise.evaluate.returns import periods_in_year
from tiltwise.evaluate.significance.selection import Selection, selection
from tiltwise.ledger import Ledger, Run
from tiltwise.overlays import TurnoverLimit
from tiltwise.research.robustness.sensitivity import Grid
from tiltwise.research.search.sweep import against_rules, sweep
from tiltwise.strategy import Strategy

SHARES = frozenset({"cagr", "ann_volatility", "max_drawdown", "cost_drag"})


@dataclasses.dataclass(frozen=True)
class Asked(Common):
    """What was typed, with the data already read.

    `grid` holds texts such as ``factors=1,2,3``: every combination is one configuration. `turnover`
    holds caps such as ``none,0.16,0.08``, and stands instead of a grid.
    """

    grid: tuple[str, ...]
    turnover: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """What came out: the trials, what the best is worth, and how it compares with simple rules.

    `limits` is what each turnover cap costs and saves, where caps were asked for.
    """

    title: str
    trials: pd.DataFrame
    best: Selection
    grid: Grid | None
    against: pd.DataFrame
    limits: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        return {
            "trials": [{"run": k, **row} for k, row in self.trials.to_dict("index").items()],
            "best": {"run": self.trials.index[0], **dataclasses.asdict(self.best)},
            "grid": None if self.grid is None else self.grid.table().to_dict("index"),
            "against": self.against.to_dict("index"),
            "limits": None if self.limits is None else self.limits.to_dict("records"),
            "notes": list(self.notes),
        }


def execute(asked: Asked, quiet: bool) -> Done:
    """Run every configuration, record it, and set the best beside the rest and simple rules."""
    recipe = recipes.load(asked.recipe)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategies: list[Strategy] = [
        inputs.strategy(recipe, [*asked.settings, *chosen], universe=names)
        for chosen in combinations(asked.grid)
    ]
    if asked.turnover is not None:
        strategies = limited(strategies, asked.turnover)
    ledger = Ledger(asked.folder)
    label = inputs.label(asked.data)
    title = f"{strategies[0].name} on {label}: {len(strategies)} configurations"
    with console.progress(title, quiet) as bar:
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
    against, notes = against_rules(runs[0], market, asked.simulator, seed=asked.seed)
    limits = None if asked.turnover is None else limits_of(runs)
    return Done(title, trials, selection(runs[0], ledger), together, against, limits, notes)


def combinations(grid: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return every combination of ``key=a,b`` texts as ``key=a`` texts."""
    axes = []
    for text in grid:
        key, equals, values = text.partition("=")
        if not equals or not values.strip(","):
            raise UsageError(f"--grid {text}: write it as key=value,value, as in factors=1,2,3")
        axes.append([f"{key}={value}" for value in values.split(",") if value])
    return list(itertools.product(*axes))


def limited(strategies: list[Strategy], turnover: str) -> list[Strategy]:
    """Return one strategy under each of the caps of a text such as ``none,0.16,0.08``."""
    if len(strategies) > 1:
        raise UsageError("--turnover sweeps one configuration: give its settings with --set")
    try:
        caps = [math.inf if w == "none" else float(w) for w in turnover.split(",")]
    except ValueError:
        raise UsageError(f"--turnover {turnover}: write it as in none,0.16,0.08") from None
    return [TurnoverLimit(strategies[0], cap) for cap in caps]


def limits_of(runs: Sequence[Run]) -> pd.DataFrame:
    """Return what each cap costs and saves, the widest first.

    Turnover is one-way, a session, as realised; costs are a share of net asset value a year.
    """
    rows = [
        {
            "cap": float(run.strategy["cap"]),
            "one_way": run.metrics["turnover_one_way"]["value"]
            / periods_in_year(run.returns.index),
            **{name: run.metrics[name]["value"] for name in ("cost_drag", "gross_sharpe")},
            "sharpe": run.metrics["sharpe"]["value"],
            **{side: run.metrics["sharpe"][side] for side in ("low", "high")},
        }
        for run in runs
    ]
    return pd.DataFrame(rows).sort_values("cap", ascending=False, ignore_index=True)


def _told(trials: pd.DataFrame, row: int) -> str:
    fields = trials.columns[: list(trials.columns).index("sharpe")]
    return " ".join(f"{name}={trials[name].iloc[row]}" for name in fields)


def print_result(done: Done) -> None:
    """Print the trials, what choosing was worth, and the comparison with simple rules."""
    columns = console.side_by_side(list(done.trials.columns))
    rows = [
        [str(key)[:8], *(_cell(name, done.trials.loc[key, name]) for name in columns)]
        for key in done.trials.index
    ]
    console.table(done.title, ["run", *columns], rows)
    if done.limits is not None:
        print_limits(done.limits)
    best = done.best
    print(
        f"best of {best.trials} trials counted in this ledger: deflated Sharpe ratio "
        f"{console.number(best.dsr, 'probability')}, probability of overfitting "
        f"{console.number(best.pbo, 'probability')}; without skill the best would show "
        f"{best.noise_ceiling:.2f}"
    )
    if done.grid is not None:
        print_frame("chosen against average", done.grid.table())
    if len(done.against):
        print_frame("the best less a simple rule, a year, net of costs", done.against)
    for text in done.notes:
        print(f"note: {text}")


def print_limits(limits: pd.DataFrame) -> None:
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


def print_frame(title: str, frame: pd.DataFrame) -> None:
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
