"""What was typed, as the commands that backtest take it."""

import dataclasses
from pathlib import Path

from tiltwise.backtest.simulator import Simulator
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
