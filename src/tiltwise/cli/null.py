"""``tiltwise null``: what the whole search would have found where there is nothing to find."""

import dataclasses
from typing import Any

from tiltwise import recipes
from tiltwise.backtest.walk_forward import first_start
from tiltwise.cli import console, inputs
from tiltwise.cli.asked import Asked as Common
from tiltwise.cli.sweep import combinations
from tiltwise.research.robustness.minimum_detectable_sharpe import Plant, Power, smallest_skill
from tiltwise.research.robustness.null_market import BestSharpe, NullResult, null_test


@dataclasses.dataclass(frozen=True)
class Asked(Common):
    """What was typed, with the data already read; `grid` as in ``tiltwise sweep``."""

    grid: tuple[str, ...]
    worlds: int
    skill: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Done:
    """The real score among those of the null worlds, and the skill that would have been seen."""

    title: str
    null: NullResult
    power: Power | None

    @property
    def summary(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        told = {str(k): float(v) for k, v in self.null.table()["value"].items()}
        power = None if self.power is None else dataclasses.asdict(self.power)
        return {"title": self.title, "p_value": self.null.p_value, "table": told, "power": power}


def execute(asked: Asked, quiet: bool) -> Done:
    """Run every configuration on the real market and on worlds without skill."""
    recipe = recipes.load(asked.recipe)
    names = inputs.universe(recipe, asked.data, asked.market, asked.universe)
    strategies = tuple(
        inputs.strategy(recipe, [*asked.settings, *chosen], universe=names)
        for chosen in combinations(asked.grid)
    )
    market = asked.market.select(names)
    begin = asked.start or f"{max(first_start(s, market) for s in strategies):%Y-%m-%d}"
    pipeline = BestSharpe(strategies, begin, asked.end, asked.simulator)
    title = (
        f"{strategies[0].name} on {inputs.label(asked.data)}: best of {len(strategies)} in "
        f"{asked.worlds} worlds without skill"
    )
    with console.progress(title, quiet) as bar:
        null = null_test(pipeline, market, asked.worlds, asked.seed, asked.jobs, bar)
    if not asked.skill:
        return Done(title, null, None)
    plant = Plant(strategies[0], begin, asked.simulator)
    with console.progress("smallest skill that would be seen", quiet) as bar:
        power = smallest_skill(
            pipeline, market, plant, null, seed=asked.seed, jobs=asked.jobs, progress=bar
        )
    return Done(title, null, power)


def print_result(done: Done) -> None:
    """Print where the real score lies, and what would have been seen."""
    rows = [[str(k), console.number(float(v))] for k, v in done.null.table()["value"].items()]
    console.table(done.title, ["annual Sharpe ratio", "value"], rows)
    if done.power is not None:
        found = done.power
        print(
            f"skill worth a Sharpe ratio of {found.sharpe:.2f} a year before costs would be seen "
            f"with probability {found.wanted:.0%}; less would mostly be missed"
        )
