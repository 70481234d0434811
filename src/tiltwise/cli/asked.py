"""What was typed, as the commands that backtest take it."""

import dataclasses
from pathlib import Path
from typing import Any, Self

from tiltwise.backtest.simulator import Simulator
from tiltwise.cli.config import Where
from tiltwise.cli.groups import Chosen
from tiltwise.market.market import Market


@dataclasses.dataclass(frozen=True)
class Asked:
    """What was typed, with the data already read.

    Attributes
    ----------
    recipe, settings, universe : the strategy; `settings` are texts such as ``factors=2``.
    data, market : what the data are called, and what they are.
    start, end : as typed; None for what the command takes by itself.
    simulator : fills, delay and costs.
    folder : where results go.
    jobs, seed : workers, and the seed of whatever is drawn at random.
    """

    recipe: str
    data: str
    market: Market
    settings: tuple[str, ...]
    universe: str | None
    start: str | None
    end: str | None
    simulator: Simulator
    folder: Path
    jobs: int | None
    seed: int

    @classmethod
    def typed(
        cls,
        recipe: str,
        where: Where,
        market: Market,
        chosen: Chosen,
        simulator: Simulator,
        seed: int,
        **own: Any,
    ) -> Self:
        """Return what was typed as one record; `own` are the fields of this command alone."""
        return cls(
            recipe=recipe,
            data=where.data,
            market=market,
            settings=tuple(chosen.settings or ()),
            universe=chosen.universe,
            start=chosen.start,
            end=chosen.end,
            simulator=simulator,
            folder=where.folder,
            jobs=where.jobs,
            seed=seed,
            **own,
        )
